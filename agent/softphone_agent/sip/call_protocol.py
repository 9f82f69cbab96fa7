"""What a worker asks of the engine for calls. What follows comes as CallOffered and CallSignal (happenings.py)."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

MARK = "X-Softphone-Check"
"""The header by which the two ends of a test call know each other; what stands in it the worker knows."""


class CallEngine(Protocol):
    """The calls of one engine, by number. Of a call that is gone nothing is asked: nothing happens then."""

    def answer(self, phones: Set[str], most: int) -> None:
        """From now on these phones answer calls, and no others; so many calls there may be at a time."""

    def host(self, phone: str) -> str:
        """Our own address for this phone's media, as others reach it. Raises OSError where it has no binding."""

    def ring(self, call: int) -> None:
        """Answer its INVITE with 180."""

    def accept(self, call: int, sdp: str, mark: str = "") -> None:
        """Answer its INVITE or re-INVITE with 200 and this description."""

    def refuse(self, call: int, code: int, *, last: bool = True) -> None:
        """Answer its INVITE or re-INVITE with this code; not `last`: ACKNOWLEDGED follows, and till then it is kept."""

    def answer_again(self, call: int) -> None:
        """Send the answer to its INVITE once more."""

    def invite(self, phone: str, to: str, sdp: str, mark: str = "", replaces: int = 0) -> int:
        """Call this URI by the PBX at which the phone is registered; returns the number of the call.

        A challenge of that PBX is answered with the phone's credentials. `replaces`: the call of ours whose place it is
        to take (RFC 3891), 0 for none.
        """

    def ask(self, call: int) -> None:
        """Send OPTIONS within it; ASK_ANSWERED follows."""

    def has_moved(self, call: int) -> bool:
        """Whether its phone is registered at another PBX than the one by which the call was made."""

    def acknowledge(self, call: int) -> None:
        """Send the ACK to the 2xx; each time it comes again, it is sent again."""

    def cancel(self, call: int) -> None:
        """Send CANCEL for its INVITE; REFUSED or ANSWERED follows."""

    def bye(self, call: int) -> None:
        """Send BYE; BYE_ANSWERED follows."""

    def forget(self, call: int) -> None:
        """It is over."""
