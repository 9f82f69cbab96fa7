"""Events of phones, one after the other: what follows from an event is taken when the step before it is finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

E = TypeVar("E")


class EventQueue(Generic[E]):
    """`take` carries out an event of the phone of this name. What it feeds meanwhile waits until it has returned."""

    def __init__(self, take: Callable[[str, E], None]) -> None:
        self._take = take
        self._waiting: deque[tuple[str, E]] = deque()
        self._is_draining = False

    @property
    def next_name(self) -> str | None:
        """The phone whose event is taken next; None where none waits."""
        return self._waiting[0][0] if self._waiting else None

    def feed(self, name: str, event: E) -> None:
        """Take this event and all that follows from it before this returns; within `take` it only joins the queue."""
        self._waiting.append((name, event))
        if self._is_draining:
            return
        self._is_draining = True
        try:
            while self._waiting:
                self._take(*self._waiting.popleft())
        finally:
            self._is_draining = False
