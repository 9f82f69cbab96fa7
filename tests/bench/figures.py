"""What the benches of phones measured: a file for each part in seen/. `page.py` makes a page of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import linear_regression, median
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from drills.seen import Machine, today

FOLDER = Path(__file__).parent / "seen"
SIZES = (1, 100, 1000)
Fault = Literal["killed", "silent"]


class Figure(BaseModel):
    """Of one client with so many phones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client: str
    phones: int


class Failover(Figure):
    """Seconds from the fault of the primary until phones were on the standby, by the standby's log."""

    transport: str
    fault: Fault
    moved: int = Field(description="How many phones were on the standby when the watching ended.")
    watched: float = Field(description="For how many seconds it was watched at most.")
    first: float | None = None
    median: float | None = None
    p99: float | None = None
    last: float | None = None
    cpu: float = Field(description="Seconds of CPU from the fault until the last phone had moved.")

    @classmethod
    def of(cls, times: Sequence[float], **known: object) -> Self:
        """From the times of the phones that moved; those that did not have none."""
        found = sorted(times)
        if not found:
            return cls.model_validate({**known, "moved": 0})
        at = {"first": found[0], "median": median(found), "p99": percentile(found, 99), "last": found[-1]}
        return cls.model_validate({**known, "moved": len(found), **at})


class Start(Figure):
    """Seconds from the start of the process until phones were registered, by the primary's log."""

    transport: str
    first: float
    last: float
    registered: int

    @property
    def rate(self) -> float:
        """Registrations a second, from the first to the last."""
        return (self.registered - 1) / (self.last - self.first) if self.registered > 1 else math.nan


class Cost(Figure):
    """What the processes of a client hold and use at rest."""

    processes: int
    megabytes: float = Field(description="As `lab.measuring.alone` counts it.")
    cores: float = Field(description="CPU, in cores.")


class Checks(Figure):
    """What an agent's phones send a second to both of their PBXes while they rest; `client` is what they check."""

    processes: int
    seconds: float = Field(description="For how long it was watched.")
    refreshes: float = Field(description="REGISTERs with Contact a second.")
    path_checks: float = Field(description="REGISTERs without Contact a second, but for the next.")
    binding_checks: float = Field(description="REGISTERs without Contact a second of phones that ask for all others.")
    busiest: int = Field(description="The most REGISTERs without Contact of any second.")
    challenged: float = Field(description="The share of them that was answered by 401.")
    megabytes: float = Field(description="As `lab.measuring.alone` counts it.")
    cores: float = Field(description="CPU of the agent, in cores.")
    pbx_cores: float = Field(description="CPU of both PBXes, in cores.")

    @property
    def share(self) -> float:
        """Checks : refreshes."""
        return (self.path_checks + self.binding_checks) / self.refreshes if self.refreshes else math.nan


class CallCost(Figure):
    """What an agent holds and uses while its phones are called; `client` is what is measured."""

    calls: int = Field(description="At a time; one each in the last row.")
    a_second: float | None = Field(default=None, description="Calls that were answered a second.")
    megabytes: float = Field(description="As `lab.measuring.alone` counts it.")
    cores: float = Field(description="CPU of the agent, in cores.")


class Clean(BaseModel):
    """Test calls with nothing wrong on the way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int
    seconds: float = Field(description="How long each lasted.")
    at_once: int
    failed: int
    faults: list[str] = Field(description="What those said that failed.")
    measured: int = Field(description="How many knew a MOS.")
    lowest_mos: float | None
    median_answer_seconds: float


class Part(BaseModel):
    """One part of the benches, from one run on one machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: date
    machine: Machine
    versions: dict[str, str]
    failover: list[Failover] = []
    start: list[Start] = []
    cost: list[Cost] = []
    checks: list[Checks] = []
    calls: list[CallCost] = []
    clean: Clean | None = None

    @classmethod
    def now(cls, versions: dict[str, str], **found: object) -> Self:
        """Measured today on this machine."""
        return cls.model_validate({"date": today(), "machine": Machine.here(), "versions": versions, **found})

    def write(self, name: str, folder: Path = FOLDER) -> None:
        """Renew the file of this part."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(self.model_dump_json(indent=1, exclude_defaults=True) + "\n")


def parts(folder: Path = FOLDER) -> dict[str, Part]:
    """All parts that were measured, by name."""
    return {file.stem: Part.model_validate_json(file.read_text()) for file in sorted(folder.glob("*.json"))}


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The k of the y = c·x^k that fits best (least squares of the logarithms): 1 is linear, 0 does not grow."""
    return linear_regression([math.log(x) for x, _ in points], [math.log(y) for _, y in points]).slope
