"""What is known of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

T1_SECONDS, T2_SECONDS = 0.5, 4.0
"""RFC 3261, section 17.1.1.1 and appendix A: the first wait before something is sent again, and the longest."""
ACK_SECONDS = 64 * T1_SECONDS
"""For so long an ACK is waited for (RFC 3261, section 13.3.1.4)."""
CANCEL_SECONDS = 64 * T1_SECONDS
"""For so long the end of a cancelled INVITE is waited for (RFC 3261, section 9.1)."""


class Phase(Enum):
    """Where a call stands."""

    CALLING = "Calling"
    RINGING = "Ringing"
    CANCELLING = "Cancelling"
    ALERTING = "Alerting"
    REFUSING = "Refusing"
    ANSWERING = "Answering"
    TALKING = "Talking"
    ENDING = "Ending"
    ENDED = "Ended"


class Ending(StrEnum):
    """Why a call ended."""

    HUNG_UP = "HungUp"
    """By us: it has lasted as long as it was to last, or was to end."""
    REMOTE = "Remote"
    """By the other end."""
    REFUSED = "Refused"
    """A final answer that is no 2xx."""
    UNANSWERED = "Unanswered"
    """Nobody answered within the time for it: cancelled."""
    UNREACHABLE = "Unreachable"
    """No answer at all."""
    CANCELLED = "Cancelled"
    """By the caller, before we answered."""
    NO_ACK = "NoAck"
    """We answered, and no ACK came."""
    NO_MEDIA = "NoMedia"
    """The descriptions of the two ends do not fit."""
    SILENT = "Silent"
    """Nothing was heard any more, though the other end was to send."""
    GONE = "Gone"
    """The other end, or a PBX between, knows no such call any more."""
    REPLACED = "Replaced"
    """Another call has taken its place."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may take, in seconds."""

    answer: float = 20.0
    """From INVITE to 2xx; then it is cancelled."""
    talk: float = 3600.0
    """From 2xx to our BYE, unless the other end hangs up before."""
    bye: float = 4.0
    """From BYE to its answer."""
    ring: float = 0.0
    """For so long it rings here before it is answered."""
    ask: float = 0.0
    """From one OPTIONS within the call to the next; 0: none are sent."""


@dataclass(frozen=True, slots=True)
class Repeating:
    """A final answer of ours that waits for its ACK."""

    at: float
    """When it is sent again."""
    wait: float
    """Seconds before that; twice as long the next time, T2_SECONDS at most."""
    until: float
    """Then it is given up."""


@dataclass(frozen=True, slots=True)
class State:
    """One call. Times are those of the caller's clock, in seconds."""

    phase: Phase
    limits: Limits
    deadline: float
    """When the phase is given up, or the talk is over."""
    began_at: float
    rang_at: float | None = None
    answered_at: float | None = None
    """When the 2xx came, or went."""
    ended_at: float | None = None
    repeating: Repeating | None = None
    code: int = 0
    """Of the final answer to INVITE; 0 for none yet, or none at all."""
    reason: str = ""
    """Its words, where it is no 2xx."""
    ending: Ending | None = None
    """Why it ends."""
    bye_code: int | None = None
    """Of the answer to our BYE; 0 where none came, None where we sent none."""
    bye_at: float | None = None
    """When we sent it."""
    ask_at: float | None = None
    """When the next OPTIONS goes out; None while one waits for its answer, and where none are sent."""
    broken_at: float | None = None
    """When the first OPTIONS got no answer of the other end."""
    is_broken: bool = False
    """Whether that is so still."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows any more."""
        return self.phase is Phase.ENDED
