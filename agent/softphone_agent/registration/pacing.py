"""Herd control: how many REGISTERs per second go to one registrar, when each phone begins, how often all change."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class TokenBucket:
    """Grants `rate` sends per second with a burst of one second's worth. Time is an argument, in seconds."""

    rate: float
    _tokens: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        self._tokens = self._burst

    @property
    def _burst(self) -> float:
        return max(1.0, self.rate)

    def reserve(self, now: float) -> float:
        """Take the next free place; returns how many seconds to wait for it, 0 for none."""
        self._fill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate)

    def take(self, now: float) -> bool:
        """Take a place if one is free now."""
        self._fill(now)
        free = self._tokens >= 1
        self._tokens -= free
        return free

    def spare(self, now: float) -> bool:
        """Take a place while at least half of them are free: what can wait leaves room for what cannot."""
        self._fill(now)
        is_spare = self._tokens >= max(1.0, self._burst / 2)
        self._tokens -= is_spare
        return is_spare

    def is_full(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        self._fill(now)
        return self._tokens >= self._burst

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate)
        self._at = now


def begin_times(phones: Iterable[tuple[str, str, float]], now: float) -> dict[str, float]:
    """When new phones begin, each given with its entry PBX and the REGISTERs a second that this one takes.

    The first at each PBX begins at once, the others one after another in its pace.
    """
    before: Counter[str] = Counter()
    times = {}
    for name, entry, rate in phones:
        times[name] = now + before[entry] / rate
        before[entry] += 1
    return times


@dataclass
class Rests:
    """How long to rest after a change before the next is taken: longer and longer while one presses upon the other.

    Times in seconds. The first of many changes is taken at once, and so is one that comes after a time of quiet.
    """

    shortest: float
    longest: float
    _rest: float = 0.0
    _over: float = float("-inf")

    def after(self, now: float) -> float:
        """The rest after a change that is taken now."""
        presses = now - self._over < self.shortest
        self._rest = min(2 * self._rest, self.longest) if presses else self.shortest
        self._over = now + self._rest
        return self._rest


def fraction(identity: str, low: float, high: float) -> float:
    """A number in [low, high) that is always the same for one identity and spread evenly over many."""
    drawn = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8]) / 2**64
    return low + drawn * (high - low)
