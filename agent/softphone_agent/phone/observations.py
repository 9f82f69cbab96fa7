"""What was seen of phones and PBXes, for the counters of /metrics."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.contract.report import PathResult, PathVia


@dataclass(frozen=True, slots=True)
class RegisterDone:
    """A REGISTER was answered, or not. `code` is the SIP status code as text, empty for no answer."""

    pbx: str
    outcome: str
    code: str
    seconds: float | None
    """From the first REGISTER to its final answer; None where another REGISTER followed the answer by itself."""


@dataclass(frozen=True, slots=True)
class RedirectSeen:
    """A PBX redirected a REGISTER."""

    pbx: str


@dataclass(frozen=True, slots=True)
class FailoverSeen:
    """A binding moved from one PBX to another."""

    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutageSeen:
    """A phone is registered again after so many seconds without."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PingSeen:
    """A PBX answered a ping."""

    pbx: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PathChecked:
    """The way from an entry PBX was walked to its end."""

    via: PathVia
    result: PathResult
    seconds: float


@dataclass(frozen=True, slots=True)
class RequestsSeen:
    """So many requests of others came. `code` is that of our answer as text, empty for none."""

    method: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """So many messages were thrown away, or connections closed, for this reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class CallDone:
    """A call has ended, or was refused. `code` is that of the final answer to INVITE as text, empty for none."""

    direction: str
    """In or Out."""
    code: str
    answer_seconds: float | None
    """From our INVITE to its 2xx; None where we were called, or nobody answered."""
    heard: str
    """Audio, Silence (packets without sound), or Nothing; empty where nobody answered."""


@dataclass(frozen=True, slots=True)
class CallChecked:
    """A test call has ended."""

    check: str
    passed: bool


Observation = (
    RegisterDone
    | RedirectSeen
    | FailoverSeen
    | OutageSeen
    | PingSeen
    | PathChecked
    | RequestsSeen
    | Discarded
    | CallDone
    | CallChecked
)
