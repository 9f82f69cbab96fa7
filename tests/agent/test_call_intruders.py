"""Strangers who call: floods of INVITEs, broken messages, media in another's name. No phone suffers, nothing grows."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from call_peer import Caller, calling
from intruder import Size
from sip_responder import Responder, Start, accept
from softphone_agent.calls import rtp, tone
from softphone_agent.calls.g711 import PCMA

pytestmark = pytest.mark.lab

MORE_MEMORY = 48 * 1024 * 1024
"""pjsip keeps a request in 64 KB until it is answered, and one turn of a busy process takes as many as have come."""
MOST = 4


@contextlib.asynccontextmanager
async def attacked(folder: Path, start: Start, **settings: int) -> AsyncIterator[tuple[Agent, Caller, Responder]]:
    """A phone that answers with a tone, in an agent that takes few calls."""
    master = await start()
    master.register = accept(expires=4)
    one = phone("alice", pri="master", answer="Tone")
    async with running(folder, [pbx("master", master.uri())], [one], workers={"maxCalls": MOST} | settings) as agent:
        contact = (await agent.phone("alice", registered=True)).contact or ""
        async with calling(contact) as caller:
            yield agent, caller, master


async def unharmed(agent: Agent, master: Responder, before: Size) -> None:
    """The phone refreshes on, and never was anything but registered; nothing has grown."""
    await master.count(master.registers + 1)
    assert agent.phones["alice"].registered
    assert not [report for report in agent.history[1:] if report.state == "Waiting"]
    after = Size.of(agent.workers()[0])
    assert after.memory < before.memory + MORE_MEMORY, (before, after)


async def test_a_flood_of_invites_takes_the_places_and_no_more(tmp_path: Path, start: Start) -> None:
    """Nobody acknowledges: so no media is sent to whom the offer names. Registrations go on."""
    async with attacked(tmp_path, start) as (agent, caller, master):
        before = Size.of(agent.workers()[0])
        offer, codes = caller.offer(), Counter[int]()
        for number in range(500):
            text = caller.request("INVITE", 1, offer).replace(caller.call_id, f"flood{number}")
            caller.send(text)
            if number % 20 == 0:
                await asyncio.sleep(0.01)
        while not codes[486]:
            codes[(await caller.next(lambda came: came.code > 0, "answer")).code] += 1
        assert 0 < codes[200] <= MOST * 3, "each 200 may come again"
        await caller.media.quiet()
        await unharmed(agent, master, before)


def broken(text: str, draw: random.Random) -> str:
    """The message with some of it changed, doubled or taken away."""
    for _ in range(draw.randrange(1, 6)):
        at, length = draw.randrange(len(text)), draw.randrange(1, 40)
        match draw.randrange(4):
            case 0:
                text = text[:at] + chr(draw.randrange(1, 127)) + text[at + 1 :]
            case 1:
                text = text[:at] + text[at + length :]
            case 2:
                text = text[:at] + text[at : at + length] * 2 + text[at + length :]
            case _:
                text = (
                    text[:at] + draw.choice(["\r\n", "\0", ";", "<", ",", "99999999999", "a=", "\r\n\r\n"]) + text[at:]
                )
    return text


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_broken_messages_of_callers(tmp_path: Path, start: Start, seed: int) -> None:
    draw = random.Random(seed)
    async with attacked(tmp_path, start, maxCalls=200) as (agent, caller, master):
        before = Size.of(agent.workers()[0])
        caller.ack(await caller.invite(caller.offer()))
        for number in range(400):
            method = draw.choice(["INVITE", "INVITE", "INVITE", "ACK", "CANCEL", "INFO", "UPDATE", "OPTIONS"])
            text = caller.request(method, 100 + number, caller.offer())
            if draw.random() < 0.5:
                text = text.replace(f";tag={caller.to_tag}", "").replace(caller.call_id, f"fuzz{seed}-{number}")
            caller.send(broken(text, draw))
            await asyncio.sleep(0.003)
        await caller.media.hear(5)
        await unharmed(agent, master, before)


async def test_broken_media(tmp_path: Path, start: Start) -> None:
    draw = random.Random(1)
    async with attacked(tmp_path, start) as (agent, caller, master):
        before = Size.of(agent.workers()[0])
        answer = await caller.invite(caller.offer())
        caller.ack(answer)
        port = int(answer.sdp_line("m=audio ").split()[0])
        for number in range(3000):
            data = draw.randbytes(draw.randrange(1, 300))
            if number % 2:
                data = b"\x80\x08" + data
            caller.media.transport.sendto(data, ("127.0.0.1", port + draw.randrange(2)))
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        await caller.media.hear_tone(tone.CALLEE, PCMA)
        assert (await caller.bye()).code == 200
        await unharmed(agent, master, before)


async def test_an_offer_of_nowhere_leaves_the_agent_as_it_is(tmp_path: Path, start: Start) -> None:
    """Media to an address to which there is no way, to a port where nobody listens, to broadcast."""
    async with attacked(tmp_path, start) as (agent, caller, master):
        before = Size.of(agent.workers()[0])
        for address in ("255.255.255.255", "127.0.0.7", "240.0.0.1", "0.0.0.0"):
            offer = re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {address}", caller.offer(port=9))
            async with calling(caller.uri) as one:
                answer = await one.invite(offer)
                assert answer.code == 200
                one.ack(answer)
                await asyncio.sleep(0.1)  # some packets' worth
                assert (await one.bye()).code == 200
        await unharmed(agent, master, before)


CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_broken_descriptions(tmp_path: Path, start: Start, seed: int) -> None:
    """Each INVITE is whole but for its description, and gets a final answer: 200, or 488 for what makes no call."""
    draw = random.Random(seed)
    async with attacked(tmp_path, start, maxCalls=2) as (agent, caller, master):
        before, codes = Size.of(agent.workers()[0]), Counter[int]()
        for number in range(150):
            offer = caller.offer() + CRYPTO * draw.randrange(2)
            if draw.random() < 0.3:
                offer = offer.replace("RTP/AVP", "RTP/SAVP")
            async with calling(caller.uri) as one:
                answer = await one.invite(broken(offer, draw))
                codes[answer.code] += 1
                if answer.code == 200:
                    one.ack(answer)
                    assert (await one.bye()).code == 200
            if number % 15 == 14:
                await asyncio.sleep(1)  # no more than the calls a second that are looked at
        assert codes[488] > 10
        assert codes.keys() <= {200, 486, 488}
        await unharmed(agent, master, before)


async def test_a_flood_of_media_from_strangers_is_not_heard(tmp_path: Path, start: Start) -> None:
    """Good RTP with the right payload type, from any other port, at both ports of the call: the kernel drops it."""
    async with attacked(tmp_path, start) as (agent, caller, master):
        before = Size.of(agent.workers()[0])
        answer = await caller.invite(caller.offer())
        caller.ack(answer)
        port = int(answer.sdp_line("m=audio ").split()[0])
        async with calling(caller.uri) as stranger:
            for number in range(5000):
                packet = rtp.HEADER.pack(0x80, 8, number & 0xFFFF, 160 * number, 4711) + bytes(160)
                stranger.media.transport.sendto(packet, ("127.0.0.1", port + number % 2))
                if number % 50 == 0:
                    await asyncio.sleep(0.01)
        await caller.media.hear_tone(tone.CALLEE, PCMA)
        assert (await caller.bye()).code == 200
        async with asyncio.timeout(10):
            while not await agent.metric("softphone_call_audio_total", direction="In", heard="Nothing"):
                await asyncio.sleep(0.05)
        await unharmed(agent, master, before)
