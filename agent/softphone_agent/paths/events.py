"""What happened to a phone or to its check. `serial` names the Ask that is answered; older answers are ignored."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.paths.plan import CheckPlan, Holding
from softphone_agent.registration.plan import Registrar


@dataclass(frozen=True, slots=True)
class Held:
    """The phone has a valid binding, and no REGISTER in flight."""

    holding: Holding


@dataclass(frozen=True, slots=True)
class Refreshing:
    """The phone has a valid binding, and asks for another one: a refresh, or a return to its primary PBX."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The phone has no binding."""


@dataclass(frozen=True, slots=True)
class Found:
    """A 200: the PBX is the end of the way."""

    serial: int
    lists: bool
    """Whether the phone's own Contact is among the bindings that it lists (RFC 3261, section 10.3, step 8)."""


@dataclass(frozen=True, slots=True)
class Redirected:
    """A 3xx. `targets` are its usable Contacts, best first; empty where there was none."""

    serial: int
    code: int
    targets: tuple[Registrar, ...]
    message: str = ""
    """Why Contacts of it are of no use."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Any other final answer (4xx, 5xx, 6xx)."""

    serial: int
    code: int
    message: str = ""
    retry_after: float | None = None
    """Seconds of Retry-After (RFC 3261, section 20.33)."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer, no connection, or no server of the PBX's name."""

    serial: int
    message: str = ""
    was_sent: bool = True
    """Whether the request went out: False where no connection came about, or no server is known."""


@dataclass(frozen=True, slots=True)
class NotSupported:
    """The PBX was not asked: it is known not to answer a REGISTER without Contact as RFC 3261 has it."""

    serial: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Postponed:
    """The request was not sent: REGISTERs of phones that need them go before (registerRate)."""

    serial: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """Something became known of a PBX: ways over it may be others now."""

    registrar: Registrar


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The phone has another plan, or another interval."""

    plan: CheckPlan


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The time of `next_wakeup` has come."""


Event = (
    Held
    | Refreshing
    | Lost
    | Found
    | Redirected
    | Refused
    | Silent
    | NotSupported
    | Postponed
    | Doubted
    | Reconfigured
    | TimePassed
)
