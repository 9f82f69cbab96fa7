"""What drills saw: a row for each, as a file in seen/. `page.py` makes docs/proof/reliability.md of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "seen"
FINDINGS = "findings"
GROUPS = ("pbx", "platform", "pools", "operator", "load", "attackers")
Group = Literal["pbx", "platform", "pools", "operator", "load", "attackers"]


class Machine(BaseModel):
    """Where it was seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: int
    memory_gigabytes: int
    busy: bool = False
    """Whether other work ran on it: BUSY=1 in the environment says so."""

    @classmethod
    def here(cls) -> Machine:
        """This machine."""
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(cores=os.cpu_count() or 1, memory_gigabytes=round(size / 2**30), busy=bool(os.environ.get("BUSY")))


ROOM: Mapping[str, tuple[float, float]] = {
    "MB": (0.03, 1.0),
    "MB of its own": (0.01, 0.5),  # a leak of 385 bytes a ping made 1 MB of it in half an hour of three PBXes
    "files": (0.0, 2.0),
    "threads": (0.0, 1.0),
}
"""What is measured -> the part, and the number, that the last third may be above the middle one."""


class Growth(BaseModel):
    """What a process held over a long time: medians of each third, the slope of a line, and some of the samples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    process: str
    what: str
    first: float
    middle: float | None = Field(default=None, description="None: seen before it was written down.")
    last: float
    slope_per_hour: float
    samples: list[float] = Field(default=[], description="Evenly spread in time, the first and the last among them.")

    @property
    def gain(self) -> float | None:
        """By how much the last third was above the middle one: by then a process has warmed up."""
        return None if self.middle is None else round(self.last - self.middle, 2)

    @property
    def grew(self) -> bool:
        """Whether it gained more than a process that only works."""
        part, flat = ROOM[self.what]
        return self.middle is not None and self.last > self.middle * (1 + part) + flat


class Row(BaseModel):
    """One fault and what it did to the phones. Seconds count from the fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Group
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    done: str = Field(description="What was done, in a sentence.")
    note: str = Field(default="", description="Where a figure is bad, and why.")
    date: date
    machine: Machine
    phones: int
    before: int
    lowest: int
    after: int
    longest_outage: float
    whole_after: float
    clean_after: float
    longest_second: float | None = Field(default=None, description="None: seen before it was measured.")
    duplicates: int
    orphans: int
    lost: list[str] = Field(default=[], description="Objects that are missing, changed or left over.")
    figures: dict[str, str] = Field(default={}, description="What else was measured.")
    growth: list[Growth] = []

    def write(self, folder: Path = FOLDER) -> None:
        """Renew the file of this row."""
        file = folder / self.group / f"{self.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.model_dump_json(indent=2, exclude_defaults=True) + "\n")


class Finding(BaseModel):
    """What was seen where no row fits: without phones to follow, or one figure beside many others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Group
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    done: str = Field(description="What was done, in a sentence.")
    date: date
    machine: Machine
    figures: dict[str, str]

    def write(self, folder: Path = FOLDER) -> None:
        """Renew the file of this finding."""
        file = folder / FINDINGS / f"{self.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.model_dump_json(indent=2, exclude_defaults=True) + "\n")


def found(group: Group, name: str, done: str, figures: dict[str, str]) -> None:
    """Write down a finding of today, here."""
    Finding(group=group, name=name, done=done, date=today(), machine=Machine.here(), figures=figures).write()


def today() -> date:
    """The date, in UTC."""
    return datetime.now(UTC).date()


def rows(folder: Path = FOLDER) -> Iterator[Row]:
    """All rows, in the order of their groups and names."""
    for group in GROUPS:
        for file in sorted((folder / group).glob("*.json"), key=lambda file: file.stem):
            yield Row.model_validate_json(file.read_text())


def findings(folder: Path = FOLDER) -> list[Finding]:
    """All findings, in the order of their names."""
    files = sorted((folder / FINDINGS).glob("*.json"), key=lambda file: file.stem)
    return [Finding.model_validate_json(file.read_text()) for file in files]
