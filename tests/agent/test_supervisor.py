"""What the supervisor makes of what its workers say. The workers are pipes without a process."""

from __future__ import annotations

import asyncio
import multiprocessing
from pathlib import Path

import pytest

from softphone_agent.config import AgentConfig
from softphone_agent.messages import LookedUp, LookUp
from softphone_agent.resolver import Resolver
from softphone_agent.supervisor import Supervisor, _Worker


async def heard(supervisor: Supervisor, said: object) -> object:
    """What a worker is told that said this."""
    ours, theirs = multiprocessing.Pipe()
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(theirs.fileno(), there.set)
    with ours, theirs:
        theirs.send(said)
        supervisor._hear(_Worker(0, pipe=ours))
        async with asyncio.timeout(10):
            await there.wait()
        loop.remove_reader(theirs.fileno())
        return theirs.recv()


async def test_a_look_up_that_goes_wrong_is_answered_and_the_next_one_is_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    async def broken(self: Resolver, uri: str, seconds: float) -> None:
        asked.append(uri)
        raise ZeroDivisionError

    monkeypatch.setattr(Resolver, "servers", broken)
    supervisor = Supervisor(Path("agent.yaml"), AgentConfig(), "d", "1")
    for _ in range(2):
        answer = await heard(supervisor, LookUp("sip:pbx.test", 1.0))
        assert answer == LookedUp("sip:pbx.test", fault="the look-up failed, see the agent's log")
    assert asked == ["sip:pbx.test"] * 2
