"""What drills saw: a row for each, as a file in seen/. `page.py` makes docs/reliability.md of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "seen"
GROUPS = ("pbx", "platform", "load", "attackers")
Group = Literal["pbx", "platform", "load", "attackers"]


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


class Growth(BaseModel):
    """What a process held over a long time: medians of the first and the last third, and the slope of a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    process: str
    what: str
    first: float
    last: float
    slope_per_hour: float


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


def today() -> date:
    """The date, in UTC."""
    return datetime.now(UTC).date()


def rows(folder: Path = FOLDER) -> Iterator[Row]:
    """All rows, in the order of their groups and names."""
    for group in GROUPS:
        for file in sorted((folder / group).glob("*.json"), key=lambda file: file.stem):
            yield Row.model_validate_json(file.read_text())
