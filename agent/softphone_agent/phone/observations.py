"""What was seen of phones and PBXes, for the counters of /metrics."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.contract.call_report import CallReport
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
    heard: str
    """Audio, Silence (packets without sound), or Nothing; empty where nobody answered."""


@dataclass(frozen=True, slots=True)
class CallTested:
    """A test call has ended, as one of its ends saw it."""

    report: CallReport
    from_site: str
    to_site: str


@dataclass(frozen=True, slots=True)
class CallableAgain:
    """After a fail-over a test call was answered with audio both ways, so long after the loss of the binding."""

    check: str
    pbx: str
    seconds: float


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
    | CallTested
    | CallableAgain
)
