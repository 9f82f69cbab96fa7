"""Whether a PBX's silence to pings means that it is dead. Pure.

A PBX may drop OPTIONS, always or above some rate, and still take every REGISTER.
"""

from __future__ import annotations

from dataclasses import dataclass

DOUBTED = 3
"""Pings in a row to be answered by one that was alive while it was thought dead. One that came back answers them."""
CAUGHT = 10
"""The same for one that leaves pings without an answer while it lives; each further time twice as many."""
MOST = 640
"""With a ping every 2 s: 21 min. Who answers so many in a row is as good as new."""


@dataclass(slots=True)
class Trust:
    """Trust in one PBX."""

    _needed: int = 1
    _in_a_row: int = 0
    _on_probation: bool = False
    """Whether it is to show that it had come back when it answered a REGISTER."""

    @property
    def holds(self) -> bool:
        """Whether silence is the silence of a dead PBX."""
        return self._in_a_row >= self._needed

    def answered(self) -> None:
        """A ping was answered."""
        self._in_a_row = min(self._in_a_row + 1, MOST)
        self._on_probation = self._on_probation and not self.holds
        if self._in_a_row == MOST:
            self._needed = 1

    def unanswered(self) -> None:
        """A ping was not answered. Where there is trust, that is death and no reason to lose it."""
        if self._on_probation:
            self.caught()
        elif not self.holds:
            self._in_a_row = 0

    def contradicted(self) -> None:
        """A REGISTER was answered by a PBX that was silent to pings for so long that it was thought dead."""
        self._needed, self._in_a_row, self._on_probation = max(self._needed, DOUBTED), 0, True

    def flapped(self) -> None:
        """It was thought dead for a moment only."""
        if self._needed < DOUBTED:
            self._needed, self._in_a_row = DOUBTED, 0
        else:
            self.caught()

    def caught(self) -> None:
        """A ping was not answered while REGISTERs were."""
        self._needed, self._in_a_row, self._on_probation = min(max(2 * self._needed, CAUGHT), MOST), 0, False
