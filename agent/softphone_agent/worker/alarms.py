"""What is to be done when, the earliest first. Pure: time is an argument, in seconds."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

What = TypeVar("What")

SLACK = 256
"""So few are never looked through."""


class Alarms(Generic[What]):
    """Alarms that others may overtake: those that count no more are cleared away where they outnumber the rest.

    `counts` tells whether an alarm still does. Those that do not are given out all the same when their time comes.
    """

    def __init__(self, counts: Callable[[What], bool]) -> None:
        self._counts = counts
        self._heap: list[tuple[float, int, What]] = []
        self._order = itertools.count()
        self._most = SLACK

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, at: float, what: What) -> None:
        """It is to be done then; of several at the same time the first comes first."""
        heapq.heappush(self._heap, (at, next(self._order), what))
        if len(self._heap) > self._most:
            self._heap = [alarm for alarm in self._heap if self._counts(alarm[2])]
            heapq.heapify(self._heap)
            self._most = max(SLACK, 4 * len(self._heap))

    @property
    def next(self) -> float | None:
        """When the first one is due."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[What]:
        """What is due by now, also what is set meanwhile; each is given out once."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]
