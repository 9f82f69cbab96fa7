"""Whether a PBX's silence to pings means that it is dead. Pure.

A PBX may drop OPTIONS, always or above some rate, and still take every REGISTER.
"""

from __future__ import annotations

from dataclasses import dataclass

DOUBTED = 3
"""Pings in a row to be answered by a PBX that answered a REGISTER while it was thought dead.

An honest one, which had come back, answers them.
"""
CAUGHT = 10
"""The same for one that left a ping without an answer while it answered REGISTERs; each further time twice as many."""
MOST = 640
"""With a ping every 2 s: 21 min."""


@dataclass(slots=True)
class Trust:
    """Trust in one PBX."""

    _needed: int = 1
    _in_a_row: int = 0

    @property
    def holds(self) -> bool:
        """Whether silence is the silence of a dead PBX."""
        return self._in_a_row >= self._needed

    def answered(self) -> None:
        """A ping was answered."""
        self._in_a_row = min(self._in_a_row + 1, MOST)

    def unanswered(self) -> None:
        """A ping was not answered. Where there is trust, that is death and no reason to lose it."""
        if not self.holds:
            self._in_a_row = 0

    def contradicted(self) -> None:
        """A REGISTER was answered by a PBX that was silent to pings for so long that it was thought dead."""
        self._needed, self._in_a_row = max(self._needed, DOUBTED), 0

    def caught(self) -> None:
        """A ping was not answered while REGISTERs were."""
        self._needed, self._in_a_row = min(max(2 * self._needed, CAUGHT), MOST), 0
