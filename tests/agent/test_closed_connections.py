"""A PBX that closes its connections because it is restarted, and is back soon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent_process import pbx, phone, running
from sip_responder import Start

pytestmark = pytest.mark.lab
NAMES = [f"p{number}" for number in range(20)]


@pytest.mark.proves("W1")
@pytest.mark.parametrize("ping_seconds", [0, 0.5])
async def test_a_pbx_that_is_restarted_keeps_its_phones(tmp_path: Path, start: Start, ping_seconds: float) -> None:
    primary, secondary = await start(), await start()
    pbxs = [pbx("primary", primary.uri("tcp")), pbx("secondary", secondary.uri("tcp"))]
    patient = {"closedConnectionWaitSeconds": 10, "pingSeconds": ping_seconds, "expiresSeconds": 3600}
    phones = [phone(name, pri="primary", sec="secondary", registration=patient) for name in NAMES]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="primary")
        if ping_seconds:
            await agent.until(lambda agent: agent.pbxs["primary"].reachable is True, "primary answers")
        await primary.close()
        await agent.until(
            lambda agent: any(report.last_failure is not None for report in agent.phones.values()), "a loss"
        )
        if ping_seconds:
            await agent.until(lambda agent: agent.pbxs["primary"].reachable is False, "primary is dead")
        again = await start("127.0.0.1", primary.port)
        await again.count(len(NAMES))
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="primary")
        assert again.bindings() == set(NAMES)
        assert secondary.registers == 0
        assert await agent.metric("softphone_failovers_total") == 0


@pytest.mark.proves("W1")
async def test_a_pbx_that_stays_away_is_left_when_the_wait_is_over(tmp_path: Path, start: Start) -> None:
    primary, secondary = await start(), await start()
    pbxs = [pbx("primary", primary.uri("tcp")), pbx("secondary", secondary.uri("tcp"))]
    patient = {"closedConnectionWaitSeconds": 1, "pingSeconds": 0.5, "expiresSeconds": 3600}
    phones = [phone(name, pri="primary", sec="secondary", registration=patient) for name in NAMES]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="primary")
        await agent.until(lambda agent: agent.pbxs["primary"].reachable is True, "primary answers")
        began = asyncio.get_running_loop().time()
        await primary.close()
        await secondary.count(1)
        assert asyncio.get_running_loop().time() - began >= 1, "it was waited for"
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="secondary")
        asked = await agent.metric("softphone_register_requests_total", pbx="primary", outcome="unreachable")
        assert asked <= 6, "one phone asks for all"
