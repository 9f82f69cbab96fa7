"""Phones of ours call each other through a PBX, again and again, and judge what they hear. The real agent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from call_proxy import Proxy

pytestmark = pytest.mark.lab


@contextlib.asynccontextmanager
async def checking(folder: Path, answer: str = "Tone", **check: Any) -> AsyncIterator[tuple[Agent, Proxy]]:
    """Bob calls alice, who answers so, for a second each 5 seconds."""
    proxy = await Proxy.start()
    password = folder / "password"
    password.write_text("secret")
    one = {"name": "daily", "caller": "bob", "to": "sip:alice@pbx.test", "everySeconds": 5, "talkSeconds": 2} | check
    patient = {"attemptTimeoutSeconds": 4}
    phones = [
        phone("alice", pri="master", answer=answer, registration=patient),
        phone("bob", pri="master", credentials={"passwordFile": str(password)}, registration=patient),
    ]
    try:
        async with running(folder, [pbx("master", proxy.uri)], phones, callChecks=[one]) as agent:
            yield agent, proxy
    finally:
        proxy.close()


async def result(agent: Agent, *, code: str = "200") -> list[str]:
    """The faults of the first test call whose INVITE was answered so."""
    async with asyncio.timeout(30):
        while not await agent.metric("softphone_calls_total", direction="Out", code=code):
            await asyncio.sleep(0.1)
    faults: list[str] = agent.log_lines("call check")[-1]["faults"]
    return faults


async def test_a_test_call_through_a_pbx_hears_the_tone_at_both_ends(tmp_path: Path) -> None:
    async with checking(tmp_path, expected={"maxLossPercent": None}) as (agent, proxy):
        assert await result(agent) == []
        assert await agent.metric("softphone_call_checks_total", check="daily", result="Passed") == 1
        assert await agent.metric("softphone_call_audio_total", direction="In", heard="Audio") == 1
        assert await agent.metric("softphone_call_audio_total", direction="Out", heard="Audio") == 1
        assert await agent.metric("softphone_call_answer_seconds_count", check="daily", pbx="master") == 1
        (bye,) = proxy.through("BYE ")
        assert f"Route: <sip:127.0.0.1:{proxy.port};lr>" in bye, "the way back is the way there"
        assert len(proxy.through("ACK ")) == 1


async def test_an_echo_is_heard_too(tmp_path: Path) -> None:
    async with checking(tmp_path, "Echo", expected={"hears": "Echo", "maxLossPercent": None}) as (agent, _):
        assert await result(agent) == []


async def test_an_echo_where_a_tone_is_expected_is_told(tmp_path: Path) -> None:
    async with checking(tmp_path, "Echo", expected={"maxLossPercent": None}) as (agent, _):
        (fault,) = await result(agent)
        assert fault == "audio: the other end's tone was in 0% of what was heard"
        assert await agent.metric("softphone_call_checks_total", check="daily", result="Failed") == 1


async def test_a_pbx_that_wants_credentials_of_callers_gets_them(tmp_path: Path) -> None:
    async with checking(tmp_path, expected={"maxLossPercent": None}) as (agent, proxy):
        proxy.asks_callers = True
        assert await result(agent) == []
        (invite,) = proxy.through("INVITE ")
        assert 'realm="pbx.test"' in invite
        assert "secret" not in agent.log()


async def test_a_refusal_is_told_and_may_be_what_is_expected(tmp_path: Path) -> None:
    async with checking(tmp_path) as (agent, proxy):
        proxy.answers = 403
        assert await result(agent, code="403") == ["answer: 200 was expected, came: 403 So"]
    async with checking(tmp_path, expected={"code": 403}) as (agent, proxy):
        proxy.answers = 403
        assert await result(agent, code="403") == []


async def test_a_200_that_is_lost_comes_again_and_so_does_its_ack(tmp_path: Path) -> None:
    async with checking(tmp_path, expected={"maxLossPercent": None}) as (agent, proxy):
        lost: list[str] = []

        def loses(text: str) -> bool:
            """The first 200 to INVITE, and the first ACK."""
            begin = text.partition(" ")[0]
            counts = begin == "ACK" or (text.startswith("SIP/2.0 200") and " INVITE\r\n" in text)
            if not counts or begin in lost:
                return False
            lost.append(begin)
            return True

        proxy.loses = loses
        assert await result(agent) == []
        assert sorted(lost) == ["ACK", "SIP/2.0"]
        assert len(proxy.through("ACK ")) == 2


async def test_nobody_answers_and_the_call_is_cancelled(tmp_path: Path) -> None:
    async with checking(tmp_path, "Never", answerTimeoutSeconds=1, expected={"code": 480}) as (agent, _):
        assert await result(agent, code="480") == []


async def test_a_caller_that_is_not_registered_says_so(tmp_path: Path) -> None:
    async with checking(tmp_path, expected={"maxLossPercent": None}) as (agent, _):
        assert await result(agent) == []
        alice, bob = agent.config["phones"]
        agent.write({**agent.config, "phones": [alice, {**bob, "pri": "sip:127.0.0.1:9"}]})
        async with asyncio.timeout(20):
            while "the phone is not registered" not in agent.log():
                await asyncio.sleep(0.1)
