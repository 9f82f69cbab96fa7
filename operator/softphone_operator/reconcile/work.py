"""A work queue with keys: each key waits at most once, is worked on once at a time, and backs off on errors."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0


class WorkQueue(Generic[Key]):
    """Calls `handle(key)` for every key added, at most `concurrency` at a time.

    A key that is added while it waits is handled once, at the earlier of the two times; one that is added while it is
    handled is handled again afterwards. `handle` returns the seconds after which it wants to be called again, or None.
    Where it raises, `failed(key, error)` is called and the key comes again after a back-off. Of keys that are due those
    that are `urgent` are handled first.
    """

    def __init__(
        self,
        handle: Callable[[Key], Awaitable[float | None]],
        failed: Callable[[Key, Exception], None],
        *,
        concurrency: int,
        urgent: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._handle = handle
        self._failed = failed
        self._concurrency = concurrency
        self._urgent = urgent
        self._due: dict[Key, float] = {}
        self._first: list[tuple[float, int, Key]] = []
        self._then: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Have `key` handled after `delay` seconds, or earlier where that was asked for before."""
        when = asyncio.get_running_loop().time() + delay
        if key in self._due and self._due[key] <= when:
            return
        self._due[key] = when
        heap = self._first if self._urgent(key) else self._then
        heapq.heappush(heap, (when, next(self._order), key))
        self._changed.set()

    def __len__(self) -> int:
        return len(self._due) + len(self._running)

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._changed.clear()
                self._start_due(loop.time())
                heads = [] if self._is_full else [heap[0][0] for heap in (self._first, self._then) if heap]
                wait = min(heads) - loop.time() if heads else None
                # Not wait_for(): before Python 3.12 it can swallow the cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _is_full(self) -> bool:
        return len(self._running) >= self._concurrency

    def _start_due(self, now: float) -> None:
        for heap in (self._first, self._then):
            while heap and heap[0][0] <= now and not self._is_full:
                when, _, key = heapq.heappop(heap)
                if self._due.get(key) != when:
                    continue
                del self._due[key]
                if key in self._running:
                    self._again.add(key)
                else:
                    self._running[key] = asyncio.create_task(self._work(key), name=f"work on {key}")

    async def _work(self, key: Key) -> None:
        try:
            again = await self._handle(key)
        except Exception as error:  # noqa: BLE001 - the top of the loop: told to `failed`, tried again later
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            again = min(FIRST_BACKOFF_SECONDS * 2 ** (failures - 1), LONGEST_BACKOFF_SECONDS)
            self._failed(key, error)
        else:
            self._failures.pop(key, None)
        finally:
            del self._running[key]
            self._changed.set()
        if key in self._again:
            self._again.discard(key)
            again = 0.0
        if again is not None:
            self.add(key, again)
