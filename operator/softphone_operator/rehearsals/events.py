"""What happens to a Rehearsal: events in the past tense. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from softphone_operator.api.rehearsal import JobOutcome
from softphone_operator.rehearsals.calls import Call
from softphone_operator.rehearsals.drill import Result


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked to begin. `request` tells one time from another, `busy` as in Elapsed."""

    request: str
    busy: str = ""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Time went by. `busy`: the name of another Rehearsal of the namespace that runs, empty for none."""

    busy: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """All agents that run were heard, or their time is over: how many phones are at the PBX, and what is in the way."""

    phones: int
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """How the fail-over stands. `over`: everybody was touched and is back, or nothing moves any more.

    `first_loss` and `last_back` are the agents' times, None where there are none.
    """

    result: Result
    over: bool
    worst: tuple[str, float] | None = None
    """Who had the longest outage, and its seconds."""
    first_loss: datetime | None = None
    last_back: datetime | None = None
    slowest_call: Call | None = None
    """The first call of a pair that took longest, None where no test call told its time."""


@dataclass(frozen=True, slots=True)
class JobAbsent:
    """There is no Job of this run, and the status says since before that it is to be made."""


@dataclass(frozen=True, slots=True)
class JobRan:
    """The Job runs, or has ended."""

    outcome: JobOutcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class RecordLost:
    """The record of the run is gone, which an operator that has just started needs to go on."""


Event = Asked | Elapsed | Counted | Looked | JobAbsent | JobRan | RecordLost
