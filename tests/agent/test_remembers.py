"""A running agent remembers what happened to its phones, and tells it at /history."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from sip_responder import Start, accept, listing, reply, silence
from softphone_agent.contract.history import History, HistoryEntry

pytestmark = pytest.mark.lab
OFTEN = {"pingSeconds": 0.5, "expiresSeconds": 3600, "pathCheckSeconds": 1}


async def history(agent: Agent, name: str) -> list[HistoryEntry]:
    """What the agent remembers of a phone."""
    async with agent.session.get(f"{agent.http}/history", params={"phone": name}) as response:
        assert response.status == 200
        return list(History.model_validate(await response.json()).entries)


async def test_a_fail_over_and_a_way_that_was_lost_are_remembered(tmp_path: Path, start: Start) -> None:
    primary, secondary = await start(), await start()
    primary.fetch = secondary.fetch = listing()
    pbxs = [pbx("primary", primary.uri()), pbx("secondary", secondary.uri())]
    phones = [phone("alice", pri="primary", sec="secondary", registration=OFTEN)]
    async with running(tmp_path, pbxs, phones) as agent:
        await agent.phone("alice", registered=True, pbx="primary")
        await agent.until(lambda agent: agent.pbxs["primary"].reachable is True, "primary answers")
        assert await history(agent, "alice") == []
        primary.register = primary.options = primary.fetch = silence
        await agent.phone("alice", registered=True, pbx="secondary")
        out, moved, *_ = await history(agent, "alice")
        assert (out.kind, out.from_pbx, out.to_pbx) == ("Outage", "primary", "secondary")
        assert out.seconds is not None
        assert out.seconds > 0
        assert (moved.kind, moved.from_pbx, moved.to_pbx, moved.reason) == (
            "FailOver",
            "primary",
            "secondary",
            out.reason,
        )

        def lost(agent: Agent) -> bool:
            return any((way.via, way.result) == ("pri", "Unreachable") for way in agent.phones["alice"].paths)

        await agent.until(lost, "the way from the primary PBX is known to be lost")
        way = (await history(agent, "alice"))[-1]
        assert (way.kind, way.via, way.to_pbx, way.reason) == ("PathLost", "pri", "primary", "Unreachable")
        primary.register, primary.options, primary.fetch = accept(), reply(200), listing()
        await agent.until(lambda agent: not lost(agent), "it holds again")
        way = (await history(agent, "alice"))[-1]
        assert (way.kind, way.via) == ("PathBack", "pri")
        assert way.seconds is not None
        assert await history(agent, "nobody") == []
