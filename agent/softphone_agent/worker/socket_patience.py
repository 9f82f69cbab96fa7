"""How often new UDP sockets are taken for one PBX: seldom, and ever more seldom where they are of no use. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT = 30.0
LONGEST_WAIT = 3600.0


@dataclass(slots=True)
class _Taken:
    at: float
    wait: float
    served_until: float
    """When a ping from the new socket was answered last."""


class SocketPatience:
    """By IP address of the PBX. Times are in seconds."""

    def __init__(self) -> None:
        self._taken: dict[str, _Taken] = {}

    def allows(self, address: str, now: float) -> bool:
        """Whether a new socket may be taken for this PBX."""
        taken = self._taken.get(address)
        return taken is None or now - taken.at >= taken.wait

    def took(self, address: str, now: float) -> None:
        """A new socket was taken. The next one has to wait twice as long, unless the one before served for its time."""
        before, wait = self._taken.get(address), FIRST_WAIT
        if before is not None and before.served_until - before.at < before.wait:
            wait = min(2 * before.wait, LONGEST_WAIT)
        self._taken = {other: taken for other, taken in self._taken.items() if now - taken.at < 2 * LONGEST_WAIT}
        self._taken[address] = _Taken(now, wait, now)

    def served(self, address: str, now: float) -> None:
        """A ping of this PBX was answered."""
        taken = self._taken.get(address)
        if taken is not None:
            taken.served_until = now
