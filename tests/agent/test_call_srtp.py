"""Encrypted calls between phones of ours, through a PBX and a relay that listens. The real agent."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from call_proxy import Proxy
from media_relay import Relay
from softphone_agent.calls import tone
from softphone_agent.calls.g711 import PCMA

pytestmark = pytest.mark.lab

TONES = {tone.frame(hertz, PCMA) for hertz in (tone.CALLER, tone.CALLEE)}


@contextlib.asynccontextmanager
async def calling(
    folder: Path, caller: str, callee: str, **expected: int
) -> AsyncIterator[tuple[Agent, Proxy, Relay, list[bytes]]]:
    """Bob, whose media is encrypted so, calls alice, whose is so; and what a listener on the way gets of RTP."""
    proxy, relay = await Proxy.start(), await Relay.start()
    listened: list[bytes] = []

    def listens(packet: bytes) -> bytes:
        listened.append(packet)
        return packet

    def alters(text: str) -> str:
        return relay.through(text, "there" if text.startswith("INVITE ") else "back")

    relay.changes = {"there": listens, "back": listens}
    proxy.alters = alters
    patient = {"attemptTimeoutSeconds": 4}
    phones = [
        phone("alice", pri="master", answer="Tone", mediaEncryption=callee, registration=patient),
        phone("bob", pri="master", mediaEncryption=caller, registration=patient, trace=["App", "Signaling"]),
    ]
    check = {"name": "daily", "caller": "bob", "to": "sip:alice@pbx.test", "everySeconds": 5, "talkSeconds": 2}
    try:
        async with running(folder, [pbx("master", proxy.uri)], phones) as agent:
            await agent.phone("alice", registered=True)
            await agent.phone("bob", registered=True)
            agent.write({**agent.config, "callChecks": [check | {"expected": expected | {"maxLossPercent": None}}]})
            yield agent, proxy, relay, listened
    finally:
        relay.close()
        proxy.close()


async def judged(agent: Agent) -> list[str]:
    """What the first test call found."""
    async with asyncio.timeout(40):
        while not (lines := agent.log_lines("call check")):
            await asyncio.sleep(0.1)
    faults: list[str] = lines[0]["faults"]
    return faults


def keys(proxy: Proxy) -> list[str]:
    """All keys that went through the PBX."""
    return re.findall(r"inline:(\S+)", "".join(proxy.passed))


@pytest.mark.parametrize(
    ("caller", "callee", "protocol"),
    [("Required", "Required", "RTP/SAVP"), ("Required", "Offered", "RTP/SAVP"), ("Offered", "Offered", "RTP/AVP")],
)
async def test_both_hear_each_other_and_nobody_else_hears_them(
    tmp_path: Path, caller: str, callee: str, protocol: str
) -> None:
    async with calling(tmp_path, caller, callee) as (agent, proxy, _, listened):
        assert await judged(agent) == []
        (invite,) = proxy.through("INVITE ")[:1]
        assert f" {protocol} " in invite
        assert len(keys(proxy)) >= 3, "two are offered, one is answered"
        assert len(listened) > 50
        assert {len(packet) for packet in listened} == {12 + 160 + 10}, "with a signature of 80 bits"
        assert not any(packet[12:172] in TONES for packet in listened)
        assert [line for line in agent.log_lines("SIP sent") if "inline:…\r\n" in line["message"]], (
            "the trace has the line"
        )
        assert not [key for key in keys(proxy) if key in agent.log()], "a key is in the log"


@pytest.mark.parametrize(("caller", "callee"), [("Offered", "Never"), ("Never", "Offered")])
async def test_a_call_is_plain_where_one_end_does_not_encrypt(tmp_path: Path, caller: str, callee: str) -> None:
    async with calling(tmp_path, caller, callee) as (agent, _, _, listened):
        assert await judged(agent) == []
        assert {packet[12:] for packet in listened} == TONES


@pytest.mark.parametrize(("caller", "callee"), [("Required", "Never"), ("Never", "Required")])
async def test_there_is_no_call_where_one_end_demands_what_the_other_does_not_have(
    tmp_path: Path, caller: str, callee: str
) -> None:
    async with calling(tmp_path, caller, callee) as (agent, _, _, listened):
        (fault,) = await judged(agent)
        assert fault.startswith("answer: 200 was expected, came: 488")
        assert not listened


async def test_a_key_that_was_changed_on_the_way_is_told(tmp_path: Path) -> None:
    async with calling(tmp_path, "Required", "Required") as (agent, proxy, relay, _):

        def alters(text: str) -> str:
            if text.startswith("INVITE "):
                return relay.through(text, "there")
            return re.sub(r"inline:\S{4}", "inline:AAAA", relay.through(text, "back"))

        proxy.alters = alters
        (fault,) = await judged(agent)
        assert re.fullmatch(r"audio: \d+ packets came, and none could be decrypted", fault)
