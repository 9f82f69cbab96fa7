"""What becomes of the bindings of phones, for those who make calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lost:
    """The phone has lost its binding."""

    phone: str
    since: float
    """When the first request was sent that was not answered, in monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Back:
    """The phone is registered again after a loss, or at another PBX."""

    phone: str
    since: float
    """When its binding was lost; where it was not: when it moved."""


Move = Lost | Back


class Moves:
    """Collected until somebody asks."""

    def __init__(self) -> None:
        self._moves: list[Move] = []

    def add(self, move: Move) -> None:
        """This has happened."""
        self._moves.append(move)

    def take(self) -> list[Move]:
        """What has happened since this was last asked."""
        taken, self._moves = self._moves, []
        return taken
