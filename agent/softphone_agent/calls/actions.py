"""What a call's machine asks for, in the imperative."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ring:
    """Answer the INVITE with 180."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer the INVITE or re-INVITE with 200 and our description."""


@dataclass(frozen=True, slots=True)
class AcceptAgain:
    """Send that 200 once more: no ACK has come (RFC 3261, section 13.3.1.4)."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the INVITE with this code, to be sent again until its ACK comes."""

    code: int


@dataclass(frozen=True, slots=True)
class RefuseAgain:
    """Send that once more."""


@dataclass(frozen=True, slots=True)
class RefuseChange:
    """Answer the re-INVITE with this code: the call stays as it is (RFC 3261, section 14.2)."""

    code: int


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Send the ACK to the 2xx."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Send CANCEL for our INVITE."""


@dataclass(frozen=True, slots=True)
class Bye:
    """Send BYE."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Send and hear media from now on, as the two ends have agreed last."""


@dataclass(frozen=True, slots=True)
class FallSilent:
    """Send and hear no media any more."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send OPTIONS within the call, to see whether the other end still knows it, and whether the way there holds."""


Action = (
    Ring
    | Accept
    | AcceptAgain
    | Refuse
    | RefuseAgain
    | RefuseChange
    | Acknowledge
    | Cancel
    | Bye
    | Talk
    | FallSilent
    | Ask
)
