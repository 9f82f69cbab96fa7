"""Which UDP places are gone: the kernel was told twice (by ICMP) that nobody listens there. Pure.

Once is not enough: a PBX that is started again is back in the next moment.
"""

from __future__ import annotations

CONFIRM_SECONDS = 0.2
"""The second refusal comes at least so long after the first one."""
FORGET_SECONDS = 5.0
"""A refusal that is older says nothing of a new one."""

Peer = tuple[str, int]
"""IP address, IPv6 without brackets, and port."""


class Refusals:
    """The refusals since a place was last heard. Times are in seconds."""

    def __init__(self) -> None:
        self._first_at: dict[Peer, float] = {}

    def refused(self, peer: Peer, now: float) -> bool | None:
        """Nobody listens there. True where that is certain now, None where it is new, False where it was known."""
        if now - self._first_at.get(peer, float("-inf")) > FORGET_SECONDS:
            self._first_at = {other: at for other, at in self._first_at.items() if now - at <= FORGET_SECONDS}
            self._first_at[peer] = now
            return None
        if now - self._first_at[peer] < CONFIRM_SECONDS:
            return False
        self._first_at[peer] = now
        return True

    def heard(self, peer: Peer) -> None:
        """Somebody answered from there."""
        self._first_at.pop(peer, None)

    def __len__(self) -> int:
        return len(self._first_at)
