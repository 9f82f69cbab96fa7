"""What happened. `serial` names the Register or Unregister that is answered; answers to older ones are ignored."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.registration.plan import Plan, Registrar


@dataclass(frozen=True, slots=True)
class Registered:
    """A 200 that has this phone's binding in it."""

    serial: int
    expires: float
    """Granted expiry, in seconds, more than 0."""


@dataclass(frozen=True, slots=True)
class Redirected:
    """A 3xx. `targets` are its usable Contacts, best first; empty where there was none."""

    serial: int
    code: int
    targets: tuple[Registrar, ...]
    message: str = ""
    """Why Contacts of it are of no use."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Any other final answer (4xx, 5xx, 6xx)."""

    serial: int
    code: int
    message: str = ""
    retry_after: float | None = None
    """Seconds of Retry-After (RFC 3261, section 20.33)."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer, or no connection."""

    serial: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The un-REGISTER is over, with whatever answer."""

    serial: int


@dataclass(frozen=True, slots=True)
class Delayed:
    """The REGISTER or un-REGISTER waits for its turn (herd control), `seconds` longer than was thought."""

    serial: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PingFailed:
    """A PBX that used to answer OPTIONS does not any more."""

    registrar: Registrar
    since: float
    """When the first ping was sent that was not answered."""
    elsewhere: bool = False
    """Only the server is silent at which the phone is registered; the PBX's name has others that may answer."""


@dataclass(frozen=True, slots=True)
class PingAnswered:
    """A PBX answers OPTIONS (again)."""

    registrar: Registrar


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """The TCP or TLS connection to a PBX was closed."""

    registrar: Registrar
    since: float | None = None
    """When; None: now."""
    refused: bool = False
    """Whether another phone has asked that PBX since then, and it does not answer."""


@dataclass(frozen=True, slots=True)
class BindingForgotten:
    """The PBX does not list a binding that it has granted: it was restarted, or lost its memory."""

    registrar: Registrar
    within: float = 0.0
    """Seconds within which its phones ask it again, each at its own moment."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The phone has another plan."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The phone is to end for good."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The time of `next_wakeup` has come."""


Event = (
    Registered
    | Redirected
    | Rejected
    | Unreachable
    | Unregistered
    | Delayed
    | PingFailed
    | PingAnswered
    | TransportClosed
    | BindingForgotten
    | Reconfigured
    | StopRequested
    | TimePassed
)
