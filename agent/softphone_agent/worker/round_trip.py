"""How long to wait for an answer before it is overdue: by the round trips that were measured (RFC 6298). Pure."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = 1.0
"""Seconds to wait while nothing was measured (RFC 6298, 2.1)."""
SHORTEST = 0.1
"""RFC 6298 has a second here, for TCP. A ping that is sent too soon again costs but a datagram."""
LONGEST = 2.0
GRANULARITY = 0.01
"""Seconds by which our clock may be late: it is looked at between two waits for the network."""


@dataclass(slots=True)
class RoundTrip:
    """The round trips to one PBX, in seconds."""

    expected: float = UNKNOWN
    """An answer that takes longer is unusual: the time-out (RTO) without regard to what is overdue."""
    timeout: float = UNKNOWN
    """An answer that takes longer is overdue (RTO)."""
    _smoothed: float | None = None
    _variation: float = 0.0

    def measured(self, seconds: float) -> None:
        """A request that was sent once was answered after so many seconds (RFC 6298, 2.2 and 2.3).

        After several were sent nobody can tell which one was answered: that is no measurement (Karn's algorithm).
        """
        if self._smoothed is None:
            self._smoothed, self._variation = seconds, seconds / 2
        else:
            self._variation += (abs(self._smoothed - seconds) - self._variation) / 4
            self._smoothed += (seconds - self._smoothed) / 8
        self.timeout = self.expected = _bounded(self._smoothed + max(GRANULARITY, 4 * self._variation))

    def overdue(self) -> None:
        """An answer is overdue: wait twice as long, until the next measurement (RFC 6298, 5.5)."""
        self.timeout = _bounded(2 * self.timeout)


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)
