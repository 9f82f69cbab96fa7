"""What the console keeps of each object: what pages show, and nothing else. `of_objects.py` makes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Key(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str


class Condition(NamedTuple):
    """A condition of an object: what it says, and since when."""

    status: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


NONE = Condition()
"""A condition that an object does not have."""


@dataclass(frozen=True, slots=True)
class Pbx:
    """A PBX object."""

    key: Key
    address: str
    registrar: str
    """Its canonical address, by which it is found where it is named by a SIP URI; empty where it has none."""
    system: str
    location: str
    no_physical_location: bool
    reachable: bool | None
    registered: int
    home: int
    standby: int
    users: int
    """Softphones and fleets that name it."""
    certificate_ends: datetime | None
    accepted: Condition
    consistent: Condition
    redundant: Condition

    @property
    def tls(self) -> bool:
        """Whether phones speak TLS with it."""
        return self.registrar.startswith("sips:") or "transport=tls" in self.registrar


class Hop(NamedTuple):
    """A PBX that redirected, and with which code."""

    pbx: str
    code: int


@dataclass(frozen=True, slots=True)
class Way:
    """The way from an entry PBX to its end, as the last path check found it."""

    via: str
    result: str
    pbx: str
    hops: tuple[Hop, ...]
    code: int
    message: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Failure:
    """The last thing that went wrong."""

    reason: str
    pbx: str
    code: int
    message: str
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the spec of a phone, or of all phones of a fleet, asks for."""

    aor: str
    mode: str
    entries: tuple[tuple[str, str], ...]
    """Its entry PBXes as the spec names them, by via: pri and sec, or cur."""
    home: str
    phys: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class Phone:
    """A Softphone."""

    key: Key
    asked: Asked
    agent: str
    pool: str
    state: str
    pbx: str
    """The PBX that holds its registration; empty for none."""
    registrar: str
    via: str
    role: str
    hops: tuple[Hop, ...]
    location: str
    contact: str
    since: datetime | None
    failure: Failure | None
    ways: tuple[Way, ...]
    registered: Condition
    ready: Condition
    redundant: Condition


@dataclass(frozen=True, slots=True)
class Fleet:
    """A SoftphoneFleet or a SoftphonePool: many phones, of which it has sums."""

    key: Key
    pool: bool
    asked: Asked | None
    """None of a pool, whose phones are all different."""
    first_index: int
    phones: int
    registered: int
    standby: int
    per_agent: int
    agents: int
    agents_ready: int
    failures: tuple[tuple[str, int], ...]
    ready: Condition
    redundant: Condition


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """A rehearsal that is over. Durations in seconds, None where nothing was lost or not all came back."""

    verdict: str
    began: datetime
    ended: datetime
    reasons: tuple[str, ...]
    phones: int
    lost: int
    missing: int
    longest: float | None
    all_back: float | None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A Rehearsal: the PBX or the system that is to fail, and how it went, the last one first."""

    key: Key
    pbx: str
    system: str
    trigger: str
    limits: tuple[tuple[str, float], ...]
    schedule: str
    every_days: int
    phase: str
    message: str
    made: datetime | None
    next: datetime | None
    last_passed: datetime | None
    history: tuple[RehearsalResult, ...]


@dataclass(frozen=True, slots=True)
class CallFailure:
    """A test call that was not as expected."""

    time: datetime
    caller: str
    callee: str
    from_site: str
    to_site: str
    words: str
    pbx: str


@dataclass(frozen=True, slots=True)
class CallCheck:
    """A CallCheck: test calls, and how the last one of each pair was."""

    key: Key
    suspended: bool
    pairs: int
    passed: int
    failed: int
    passing: Condition
    failures: tuple[CallFailure, ...]
    callable_after: float | None
    """Seconds from the last loss of a registration until a call was answered with audio both ways; None for none."""
    callable_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about one of our objects."""

    kind: str
    about: Key
    warning: bool
    reason: str
    message: str
    time: datetime
    """When it happened last."""
    count: int
