"""The work queue: once at a time, at most once waiting, back-off, bounded concurrency."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from softphone_operator.reconcile import work
from softphone_operator.reconcile.work import WorkQueue


@asynccontextmanager
async def running(queue: WorkQueue[str]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def no_failure(key: str, error: Exception) -> None:
    raise AssertionError(f"{key} failed") from error


async def drained(queue: WorkQueue[str]) -> None:
    while len(queue):
        await asyncio.sleep(0.001)


async def test_a_key_that_waits_is_handled_once() -> None:
    handled = []

    async def handle(key: str) -> None:
        handled.append(key)

    queue = WorkQueue(handle, no_failure, concurrency=2)
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    async with running(queue):
        await drained(queue)
    assert sorted(handled) == ["a", "b"]


async def test_the_earlier_time_counts() -> None:
    done = asyncio.Event()

    async def handle(key: str) -> None:
        done.set()

    queue = WorkQueue(handle, no_failure, concurrency=1)
    async with running(queue):
        queue.add("a", 60)
        queue.add("a")
        await asyncio.wait_for(done.wait(), 5)
        done.clear()
        queue.add("b")
        queue.add("b", 60)
        await asyncio.wait_for(done.wait(), 5)


async def test_a_key_added_while_it_is_handled_is_handled_again_and_never_twice_at_a_time() -> None:
    now, most, times = 0, 0, 0
    go = asyncio.Event()

    async def handle(key: str) -> None:
        nonlocal now, most, times
        now += 1
        times += 1
        most = max(most, now)
        await go.wait()
        now -= 1

    queue = WorkQueue(handle, no_failure, concurrency=5)
    async with running(queue):
        queue.add("a")
        await asyncio.sleep(0.01)
        queue.add("a")
        queue.add("a")
        await asyncio.sleep(0.01)
        go.set()
        await drained(queue)
    assert (times, most) == (2, 1)


async def test_concurrency_is_bounded_and_used() -> None:
    now, most = 0, 0

    async def handle(key: str) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1

    queue = WorkQueue(handle, no_failure, concurrency=3)
    for number in range(20):
        queue.add(str(number))
    async with running(queue):
        await drained(queue)
    assert most == 3


async def test_what_is_due_later_does_not_wait_for_what_runs() -> None:
    seen = asyncio.Event()

    async def handle(key: str) -> None:
        if key == "slow":
            await asyncio.Event().wait()
        seen.set()

    queue = WorkQueue(handle, no_failure, concurrency=2)
    async with running(queue):
        queue.add("slow")
        await asyncio.sleep(0.005)
        queue.add("slow")
        queue.add("quick", 0.02)
        await asyncio.wait_for(seen.wait(), 5)


async def test_it_comes_again_when_it_asks_for_it() -> None:
    times = 0
    done = asyncio.Event()

    async def handle(key: str) -> float | None:
        nonlocal times
        times += 1
        if times == 3:
            done.set()
            return None
        return 0.001

    queue = WorkQueue(handle, no_failure, concurrency=1)
    queue.add("a")
    async with running(queue):
        await asyncio.wait_for(done.wait(), 5)
        await drained(queue)
    assert times == 3


async def test_failures_are_told_and_tried_again_with_a_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(work, "LONGEST_BACKOFF_SECONDS", 0.02)
    told: list[str] = []
    times: list[float] = []
    done = asyncio.Event()

    async def handle(key: str) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) < 4:
            raise RuntimeError(f"attempt {len(times)}")
        done.set()

    queue = WorkQueue(handle, lambda key, error: told.append(f"{key}: {error}"), concurrency=1)
    queue.add("a")
    async with running(queue):
        await asyncio.wait_for(done.wait(), 5)
    assert told == ["a: attempt 1", "a: attempt 2", "a: attempt 3"]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits[0] >= 0.01
    assert waits[1] >= 0.02
    assert waits[2] >= 0.02


async def test_what_is_urgent_is_handled_first_of_what_is_due() -> None:
    handled: list[str] = []

    async def handle(key: str) -> None:
        handled.append(key)

    queue = WorkQueue(handle, no_failure, concurrency=1, urgent=str.isupper)
    for key in ("a", "b", "A", "c"):
        queue.add(key)
    queue.add("B", 0.05)
    async with running(queue):
        await drained(queue)
    assert handled == ["A", "a", "b", "c", "B"]
