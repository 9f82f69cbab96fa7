"""Phones that answer test calls only: known by their mark, whoever else calls is refused. The real agent."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from call_peer import Caller, calling
from call_proxy import Proxy
from sip_responder import Responder, Start, accept
from softphone_agent.calls.mark import Mark, read, written
from softphone_agent.contract.call_report import CallReport

pytestmark = pytest.mark.lab

TOKEN = "5e1f0c7a-0b5c"
CALLEE = {"phone": "alice", "check": "daily", "token": TOKEN, "callers": ["sip:bob@pbx.test"]}
CHECK = {
    "name": "daily",
    "caller": "bob",
    "to": "sip:alice@pbx.test",
    "callee": "alice",
    "token": TOKEN,
    "everySeconds": 5,
    "talkSeconds": 1,
    "expected": {"maxLossPercent": None},
}
PATIENT = {"attemptTimeoutSeconds": 4}


def a_mark(token: str = TOKEN, *, at: float = 0.0) -> str:
    """The header of a test call."""
    return f"X-Softphone-Check: {written(Mark('daily', 'c0ffee', int(at or time.time()), 'bob'), token)}"


@contextlib.asynccontextmanager
async def called(folder: Path, start: Start, **callee: Any) -> AsyncIterator[tuple[Agent, Caller, Responder]]:
    """A registered phone that a check names, and who is to call it by its Contact."""
    master = await start()
    master.register = accept()
    async with running(
        folder, [pbx("master", master.uri())], [phone("alice", pri="master")], callees=[CALLEE | callee]
    ) as agent:
        report = await agent.phone("alice", registered=True)
        found = re.search(r"<(.*)>", report.contact or "")
        async with calling(found[1] if found else report.contact or "") as caller:
            yield agent, caller, master


@contextlib.asynccontextmanager
async def both(folder: Path, callee: dict[str, Any], **check: Any) -> AsyncIterator[tuple[Agent, Agent, Proxy]]:
    """Bob in one agent calls alice in another, through a PBX."""
    proxy = await Proxy.start()
    (folder / "alice").mkdir()
    (folder / "bob").mkdir()
    at = [pbx("master", proxy.uri)]
    try:
        async with running(
            folder / "alice", at, [phone("alice", pri="master", registration=PATIENT)], callees=[CALLEE | callee]
        ) as hers:
            await hers.phone("alice", registered=True)
            async with running(
                folder / "bob", at, [phone("bob", pri="master", registration=PATIENT)], callChecks=[CHECK | check]
            ) as his:
                yield hers, his, proxy
    finally:
        proxy.close()


async def ended(agent: Agent, end: str) -> CallReport:
    """The report of the first test call that has ended."""
    await agent.until(lambda agent: any(one.end == end and one.state == "Ended" for one in agent.calls), "a test call")
    return next(one for one in agent.calls if one.end == end and one.state == "Ended")


async def test_both_ends_tell_of_a_test_call_and_know_that_it_is_one(tmp_path: Path) -> None:
    async with both(tmp_path, {}) as (hers, his, proxy):
        caller, callee = await ended(his, "Caller"), await ended(hers, "Callee")
        assert (caller.passed, caller.faults) == (True, ())
        assert (caller.heard, caller.heard_there, caller.answered_by) == ("Tone", True, "alice")
        assert callee.heard == "Tone"
        assert callee.call == caller.call != ""
        assert (callee.check, callee.phone, callee.peer) == ("daily", "alice", "sip:bob@pbx.test")
        states = [one.state for one in his.calls if one.call == caller.call]
        assert list(dict.fromkeys(states)) == ["Calling", "Talking", "Ended"]
        assert TOKEN not in "".join(proxy.passed), "the token itself is not sent"
        assert await his.metric("softphone_call_checks_total", check="daily", result="Passed") >= 1
        assert await his.metric("softphone_call_check_audio_total", check="daily", audio="Both") >= 1


async def test_a_pbx_that_drops_the_mark_does_not_make_a_stranger_of_the_caller(tmp_path: Path) -> None:
    async with both(tmp_path, {}) as (hers, his, proxy):
        proxy.drops = "X-Softphone-Check"
        callee = await ended(hers, "Callee")
        assert (callee.check, callee.peer, callee.call) == ("daily", "sip:bob@pbx.test", "")
        assert (await ended(his, "Caller")).passed


async def test_a_check_lets_the_phone_ring(tmp_path: Path) -> None:
    async with both(tmp_path, {"ringSeconds": 1}) as (_, his, proxy):
        caller = await ended(his, "Caller")
        assert caller.passed
        assert caller.ring_seconds is not None
        assert caller.answer_seconds is not None
        assert caller.answer_seconds > caller.ring_seconds
        assert proxy.through("SIP/2.0 180")


async def test_a_caller_that_does_not_wait_for_the_answer_is_told_487(tmp_path: Path) -> None:
    async with both(tmp_path, {"ringSeconds": 30}, answerTimeoutSeconds=1) as (hers, his, proxy):
        caller = await ended(his, "Caller")
        assert caller.faults == ("answer: 200 was expected, came: nothing in time",)
        callee = await ended(hers, "Callee")
        assert (callee.code, callee.heard) == (487, None)
        assert len(proxy.through("CANCEL ")) == 1


async def test_a_test_call_is_known_by_its_mark_and_the_answer_has_one_too(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start) as (_, caller, _):
        answer = await caller.invite(caller.offer(), a_mark())
        assert answer.code == 200
        mark = read(answer.header("X-Softphone-Check"), {"daily": TOKEN}, time.time())
        assert mark is not None
        assert (mark.call, mark.phone) == ("c0ffee", "alice")
        caller.ack(answer)
        assert (await caller.bye()).code == 200


STRANGERS = {
    "without a mark": [],
    "with a mark of another token": [a_mark("guessed")],
    "with a mark of yesterday": [a_mark(at=time.time() - 86400)],
    "with two marks": [a_mark("guessed"), a_mark()],
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS.keys())
async def test_a_call_of_a_stranger_is_busy(tmp_path: Path, start: Start, headers: list[str]) -> None:
    """`tester` is not among the callers, though it comes from the address of the PBX."""
    async with called(tmp_path, start) as (agent, caller, _):
        answer = await caller.invite(caller.offer(), *headers)
        assert (answer.code, answer.header("X-Softphone-Check")) == (486, "")
        assert (await agent.metric("softphone_call_audio_total", direction="In", heard="Audio")) == 0
        caller.to_tag = ""
        assert (await caller.invite(caller.offer(), *headers)).code == 486, "and again"


async def test_who_rings_and_cancels_over_and_over_takes_no_place_for_long(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start, ringSeconds=30) as (_, caller, _):
        for _ in range(40):
            async with calling(caller.uri) as one:
                one.send(one.request("INVITE", 1, one.offer(), a_mark(), branch="z9hG4bKone"))
                assert (await one.next(lambda came: came.code == 180, "ringing")).code == 180
                one.last_invite = one.request("INVITE", 1, one.offer(), a_mark(), branch="z9hG4bKone")
                assert (await one.cancel()).code == 200
                refusal = await one.next(lambda came: came.code == 487, "refusal")
                found = re.search(r";tag=(\S+)", refusal.header("To"))
                assert found
                one.to_tag = found[1]
                one.send(one.request("ACK", 1, branch="z9hG4bKone"))
            await asyncio.sleep(0.06)  # twenty calls a second are looked at


async def test_options_say_what_an_invite_would_get(tmp_path: Path, start: Start) -> None:
    async with called(tmp_path, start) as (_, caller, _):
        assert (await caller.ask("OPTIONS")).code == 200
        caller.uri = caller.uri.replace("alice", "nobody")
        assert (await caller.ask("OPTIONS")).code == 404
