"""What is known about the ways of one phone, and the check that is under way. Data, and no rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from softphone_agent.contract.report import UNKNOWN_PATHS, PathResult
from softphone_agent.paths.actions import Action
from softphone_agent.paths.plan import CheckPlan, Holding
from softphone_agent.registration.plan import Entry, Registrar
from softphone_agent.registration.states import Hop

NEVER = float("inf")


class Phase(Enum):
    """What the checks of a phone are doing. The head of `machine` describes each."""

    RESTING = "Resting"
    WAITING = "Waiting"
    PAUSED = "Paused"
    CHECKING = "Checking"


@dataclass(frozen=True, slots=True)
class Way:
    """The way from one entry PBX to its end, as it was found last. Times as `now`, in seconds."""

    entry: Entry
    start: Registrar
    due: float = NEVER
    """When it is checked next."""
    result: PathResult = "Unchecked"
    end: Registrar | None = None
    """Where it ended, good or not."""
    hops: tuple[Hop, ...] = ()
    code: int = 0
    message: str = ""
    since: float | None = None
    """Since when this is the result."""
    checked_at: float | None = None
    """When its last check ended."""
    seconds: float | None = None
    """How long that took."""
    overlaps: int = 0
    """How often in a row a PBX on it said that another REGISTER of the phone was under way."""

    @property
    def may_hurry(self) -> bool:
        """Whether it may be checked before its time. Who refuses, or has no use for it, is not asked often."""
        return self.result not in UNKNOWN_PATHS | {"Refused"}

    def leads_over(self, at: Registrar) -> bool:
        """Whether this PBX is on the way."""
        return at in (self.start, self.end, *(hop.target for hop in self.hops))


@dataclass(frozen=True, slots=True)
class Walk:
    """A check under way: the PBX that is asked now, and how it was reached. Times as `now`, in seconds."""

    entry: Entry
    target: Registrar
    began_at: float
    deadline: float
    hops: tuple[Hop, ...] = ()
    others: tuple[Registrar, ...] = ()
    """The last redirect's other Contacts, best first: asked where the target cannot serve (RFC 3261, 8.1.3.4)."""
    passed: tuple[Registrar, ...] = ()
    """Targets of redirects that could not serve, so that another Contact was asked."""

    @property
    def visited(self) -> tuple[Registrar, ...]:
        """Every PBX asked so far."""
        return (*(hop.source for hop in self.hops), *self.passed, self.target)

    @property
    def redirects(self) -> int:
        """How many targets of redirects were chosen so far: what `max_redirects` of the plan limits."""
        return len(self.hops) + len(self.passed)


@dataclass(frozen=True, slots=True)
class State:
    """All there is to know about the ways of one phone. `machine.begin` makes the first one."""

    plan: CheckPlan
    ways: tuple[Way, ...]
    phase: Phase = Phase.RESTING
    serial: int = 0
    """Of the last request. Answers to others are ignored."""
    holding: Holding | None = None
    """The phone's binding; None while Resting."""
    busy: bool = False
    """Whether the phone has a REGISTER in flight."""
    walk: Walk | None = None
    """While Checking."""

    @property
    def held(self) -> Holding:
        """The binding, in phases that have one."""
        assert self.holding is not None
        return self.holding

    @property
    def walking(self) -> Walk:
        """The check under way, in the phase that has one."""
        assert self.walk is not None
        return self.walk

    @property
    def checked(self) -> Way:
        """The way that is being checked."""
        return next(way for way in self.ways if way.entry is self.walking.entry)


Step = tuple[State, tuple[Action, ...]]
"""The next state, and what is to be done."""
