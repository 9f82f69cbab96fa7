"""What happens to a call, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progressed:
    """A provisional answer to our INVITE came (RFC 3261, section 13.2.2.1)."""

    code: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A 2xx to our INVITE came."""

    code: int
    usable: bool
    """Whether its description makes a call of ours."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Another final answer to our INVITE came; `code` 0: none, and nobody will answer any more."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An ACK to our 200 came."""

    usable: bool = True
    """False where it had to bring a description (our 200 had the offer), and that makes no call of ours."""


@dataclass(frozen=True, slots=True)
class Reoffered:
    """A re-INVITE came: the other end holds the call, or moves its media."""

    usable: bool
    """Whether its description, where it has one, makes a call of ours."""


@dataclass(frozen=True, slots=True)
class CancelCame:
    """The caller has given up before we answered."""


@dataclass(frozen=True, slots=True)
class ByeCame:
    """The other end has hung up. The engine has answered it."""


@dataclass(frozen=True, slots=True)
class ByeAnswered:
    """Our BYE was answered, or will not be (`code` 0)."""

    code: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """Something on the way may have failed: the phone has lost its PBX, or found another one."""


@dataclass(frozen=True, slots=True)
class AskAnswered:
    """The OPTIONS within the call was answered, or will not be (`code` 0)."""

    code: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another call has taken the place of this one (RFC 3891)."""


@dataclass(frozen=True, slots=True)
class FellSilent:
    """Nothing was heard of the other end for as long as is waited, though it was to send."""


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """The call is to end now: the agent stops, or the phone is taken away."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """It is the time that `next_wakeup` gave, or later."""


Event = (
    Progressed
    | Answered
    | Refused
    | Acknowledged
    | Reoffered
    | CancelCame
    | ByeCame
    | ByeAnswered
    | Doubted
    | AskAnswered
    | Replaced
    | FellSilent
    | HangUpRequested
    | TimePassed
)
EVENTS: tuple[type[Event], ...] = (
    Progressed,
    Answered,
    Refused,
    Acknowledged,
    Reoffered,
    CancelCame,
    ByeCame,
    ByeAnswered,
    Doubted,
    AskAnswered,
    Replaced,
    FellSilent,
    HangUpRequested,
    TimePassed,
)
