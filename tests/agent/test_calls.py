"""A registered phone is called: it answers, is heard, and hangs up. The real agent, a caller on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from call_peer import Caller, Message, calling
from sip_responder import Responder, Start, accept
from softphone_agent.calls import tone
from softphone_agent.calls.g711 import PCMA, PCMU

pytestmark = pytest.mark.lab

TONE = tone.frame(tone.CALLER, PCMA)
"""20 ms of the caller's tone."""


@contextlib.asynccontextmanager
async def called(
    folder: Path, start: Start, answer: str = "Echo", **settings: Any
) -> AsyncIterator[tuple[Agent, Caller, Responder]]:
    """A registered phone that answers so, and who is to call it by its Contact."""
    master = await start()
    master.register = accept()
    phones = [phone("alice", pri="master", answer=answer, trace=["App"]), phone("bob", pri="master")]
    async with running(folder, [pbx("master", master.uri())], phones, **settings) as agent:
        report = await agent.phone("alice", registered=True)
        await agent.phone("bob", registered=True)
        found = re.search(r"<(.*)>", report.contact or "")
        contact = found[1] if found else report.contact or ""
        async with calling(contact) as caller:
            yield agent, caller, master


def media_of(answer: Message) -> tuple[str, int]:
    """Where the phone takes RTP."""
    return answer.sdp_line("c=IN IP4 "), int(answer.sdp_line("m=audio ").split()[0])


async def test_an_echo_phone_sends_back_what_it_hears(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Echo") as (agent, caller, _):
        answer = await caller.invite(caller.offer())
        assert answer.code == 200
        assert "a=sendrecv" in answer.sdp
        assert answer.sdp_line("m=audio ").endswith("RTP/AVP 8")
        caller.ack(answer)
        await caller.media.play(TONE, media_of(answer), count=60)
        heard = await caller.media.hear(50)
        assert tone.part_heard(heard[20:], tone.CALLER, PCMA) > 0.9
        assert (await caller.bye()).code == 200
        await ended(agent, code="200", heard="Audio")


async def ended(agent: Agent, *, code: str, heard: str) -> None:
    """Wait until the metrics have one call that ended so."""
    await agent_counts(agent, "softphone_calls_total", direction="In", code=code)
    await agent_counts(agent, "softphone_call_audio_total", direction="In", heard=heard)


async def agent_counts(agent: Agent, name: str, **labels: str) -> None:
    """Wait until this has been counted."""
    async with asyncio.timeout(10):
        while not await agent.metric(name, **labels):
            await asyncio.sleep(0.05)


async def test_a_tone_phone_sends_its_own_tone(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (agent, caller, _):
        answer = await caller.invite(caller.offer(formats="0"))
        caller.ack(answer)
        heard = await caller.media.hear(25)
        assert tone.part_heard(heard, tone.CALLEE, PCMU) == 1.0
        assert (await caller.bye()).code == 200
        await ended(agent, code="200", heard="Nothing")
