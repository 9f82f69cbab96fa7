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
    phones = [phone("alice", pri="master", answer=answer, trace=["App", "Signaling"]), phone("bob", pri="master")]
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
        playing = asyncio.create_task(caller.media.play(TONE, media_of(answer), count=1000))
        await caller.media.hear_tone(tone.CALLER, PCMA)
        assert (await caller.bye()).code == 200
        playing.cancel()
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


async def test_who_has_no_offer_gets_ours_and_answers_it_in_the_ack(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (_, caller, _):
        answer = await caller.invite()
        assert answer.sdp_line("m=audio ").endswith("RTP/AVP 8 0")
        caller.ack(answer, caller.offer(formats="0"))
        assert tone.part_heard(await caller.media.hear(25), tone.CALLEE, PCMU) == 1.0
        assert (await caller.bye()).code == 200


async def test_an_ack_whose_description_does_not_fit_ends_the_call(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (_, caller, _):
        answer = await caller.invite()
        caller.ack(answer)
        await caller.requested("BYE")


async def test_a_held_call_is_silent_and_is_taken_back(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (_, caller, _):
        caller.ack(await caller.invite(caller.offer()))
        await caller.media.hear(5)
        held = await caller.invite(caller.offer("sendonly"))
        assert (held.code, "a=recvonly" in held.sdp) == (200, True)
        caller.ack(held)
        await caller.media.quiet()
        taken_back = await caller.invite(caller.offer())
        caller.ack(taken_back)
        assert tone.part_heard(await caller.media.hear(25), tone.CALLEE, PCMA) == 1.0
        assert (await caller.bye()).code == 200


async def test_a_change_that_does_not_fit_leaves_the_call_as_it_is(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (_, caller, _):
        caller.ack(await caller.invite(caller.offer()))
        assert (await caller.invite(caller.offer(formats="18"))).code == 488
        await caller.media.hear(5)
        assert (await caller.bye()).code == 200
        assert (await caller.ask("BYE")).code == 481, "it is gone"


async def test_a_200_is_sent_again_until_its_ack_comes(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (_, caller, _):
        answer = await caller.invite(caller.offer())
        again = await caller.next(lambda came: came.code == 200, "second 200")
        assert again.text == answer.text
        caller.send(caller.last_invite)  # as if the answer was lost
        assert (await caller.next(lambda came: came.code == 200, "third 200")).text == answer.text
        caller.ack(again)
        await caller.media.hear(5)
        caller.ack(again)  # twice does no harm
        assert (await caller.bye()).code == 200


async def test_a_cancel_comes_too_late_for_a_phone_that_answers_at_once(tmp_path: Path, start: Start) -> None:
    """RFC 3261, section 9.2: it has no effect on an INVITE that was answered."""
    async with called(tmp_path, start, "Tone") as (_, caller, _):
        answer = await caller.invite(caller.offer())
        assert (await caller.cancel()).code == 200
        caller.ack(answer)
        await caller.media.hear(5)
        assert (await caller.bye()).code == 200


REFUSED: dict[str, tuple[int, str, str, tuple[str, ...]]] = {
    "an unknown user": (404, "offer", "nobody", ()),
    "a phone that answers no calls": (480, "offer", "bob", ()),
    "what we do not have is demanded": (420, "offer", "", ("Require: 100rel",)),
    "no G.711": (488, "wideband", "", ()),
    "no description at all": (488, "hello", "", ()),
    "encrypted media": (488, "secret", "", ()),
    "a Record-Route that leads nowhere": (400, "offer", "", ("Record-Route: <tel:1>",)),
}


@pytest.mark.parametrize(("code", "body", "user", "headers"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_and_how(
    tmp_path: Path, start: Start, code: int, body: str, user: str, headers: tuple[str, ...]
) -> None:
    async with called(tmp_path, start) as (_, caller, _):
        bodies = {
            "offer": caller.offer(),
            "wideband": caller.offer(formats="9"),
            "hello": "hello",
            "secret": caller.offer().replace("RTP/AVP", "RTP/SAVP"),
        }
        uri = re.sub(r"sip:alice", f"sip:{user}", caller.uri) if user else ""
        assert (await caller.invite(bodies[body], *headers, uri=uri)).code == code
        async with calling(caller.uri) as another:
            answer = await another.invite(another.offer())
            assert answer.code == 200, "and the next one is served"
            another.ack(answer)
            assert (await another.bye()).code == 200


async def test_there_are_no_more_calls_than_is_allowed(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, workers={"maxCalls": 1}) as (_, caller, _):
        caller.ack(await caller.invite(caller.offer()))
        async with calling(caller.uri) as another:
            assert (await another.invite(another.offer())).code == 486
        assert (await caller.bye()).code == 200


async def test_nobody_else_can_end_a_call_or_be_heard_in_it(tmp_path: Path, start: Start) -> None:
    """Who does not know the tags is told that there is no such call; audio from another address is not echoed."""
    async with called(tmp_path, start, "Echo") as (agent, caller, _), calling(caller.uri) as stranger:
        answer = await caller.invite(caller.offer())
        caller.ack(answer)
        stranger.call_id, stranger.to_tag = caller.call_id, "guessed"
        assert (await stranger.bye()).code == 481
        stranger.to_tag = caller.to_tag
        assert (await stranger.bye()).code == 481, "its own tag is the wrong one"
        await stranger.media.play(TONE, media_of(answer), count=30)
        heard = await caller.media.hear(25)
        assert tone.is_silent(heard, PCMA)
        assert (await caller.bye()).code == 200
        await ended(agent, code="200", heard="Nothing")


async def test_an_agent_that_stops_hangs_up_before_it_un_registers(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start) as (agent, caller, master):
        caller.ack(await caller.invite(caller.offer()))
        await caller.media.hear(1)
        stopping = asyncio.create_task(agent.stop())
        await caller.requested("BYE")
        assert await stopping == 0
        assert master.requests[-1].expires == 0


@pytest.mark.parametrize("change", ["suspend", "answer", "gone"])
async def test_a_phone_that_is_taken_away_hangs_up(tmp_path: Path, start: Start, change: str) -> None:
    async with called(tmp_path, start) as (agent, caller, _):
        caller.ack(await caller.invite(caller.offer()))
        await caller.media.hear(1)
        alice, bob = agent.config["phones"]
        changed = {
            "suspend": [{**alice, "suspend": True}, bob],
            "answer": [{**alice, "answer": "Never"}, bob],
            "gone": [bob],
        }
        agent.write({**agent.config, "phones": changed[change]})
        await caller.requested("BYE")


async def test_a_call_outlives_a_refresh_of_its_phone(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, "Tone") as (agent, caller, master):
        caller.ack(await caller.invite(caller.offer()))
        alice, bob = agent.config["phones"]
        before = master.registers
        agent.write({**agent.config, "phones": [{**alice, "phys": "london"}, bob]})  # another REGISTER
        await master.count(before + 1)
        await caller.media.hear(25)
        assert (await caller.bye()).code == 200
