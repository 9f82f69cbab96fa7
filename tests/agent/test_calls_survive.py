"""Calls and PBXes that fail: how soon phones can be called again, and what becomes of the calls that were up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from call_proxy import Proxy
from softphone_agent.contract.call_report import CallReport

pytestmark = pytest.mark.lab

TOKEN = "5e1f0c7a-0b5c"
QUICK = {"pingSeconds": 0.5, "attemptTimeoutSeconds": 1, "expiresSeconds": 10}


@contextlib.asynccontextmanager
async def checking(folder: Path, *, workers: int = 1, **check: Any) -> AsyncIterator[tuple[Agent, Proxy, Proxy]]:
    """Bob calls alice, both by the primary PBX; there is a secondary one. One call an hour."""
    primary, secondary = await Proxy.start(), await Proxy.start()
    one = {
        "name": "daily",
        "caller": "bob",
        "to": "sip:alice@pbx.test",
        "callee": "alice",
        "token": TOKEN,
        "everySeconds": 3600,
        "talkSeconds": 2,
        "expected": {"maxLossPercent": None},
    }
    phones = [phone(name, pri="first", sec="second", registration=QUICK) for name in ("alice", "bob")]
    try:
        async with running(
            folder,
            [pbx("first", primary.uri), pbx("second", secondary.uri)],
            phones,
            callChecks=[one | check],
            callees=[{"phone": "alice", "check": "daily", "token": TOKEN}],
            workers={"phonesPerWorker": 2 // workers},
        ) as agent:
            await agent.phone("alice", registered=True)
            await agent.phone("bob", registered=True)
            yield agent, primary, secondary
    finally:
        primary.close()
        secondary.close()


async def ended(agent: Agent, **wanted: Any) -> CallReport:
    """The report of the first call that has ended like this, as its caller tells it."""

    def found(agent: Agent) -> list[CallReport]:
        callers = [one for one in agent.calls if one.end == "Caller" and one.state == "Ended"]
        return [one for one in callers if all(getattr(one, field) == value for field, value in wanted.items())]

    await agent.until(lambda agent: bool(found(agent)), f"a call with {wanted}", seconds=40)
    return found(agent)[0]


async def talking(agent: Agent) -> str:
    """Wait for audio both ways; the identity of the call."""

    def found(agent: Agent) -> list[CallReport]:
        return [one for one in agent.calls if one.end == "Caller" and one.heard == "Tone" and one.heard_there]

    await agent.until(lambda agent: bool(found(agent)), "audio both ways")
    return found(agent)[0].call


@pytest.mark.parametrize("workers", [1, 2], ids=["one process", "two processes"])
async def test_after_the_pbx_has_died_it_is_told_when_the_first_call_had_audio_both_ways(
    tmp_path: Path, workers: int
) -> None:
    async with checking(tmp_path, workers=workers, afterFailOver=True) as (agent, primary, _):
        await ended(agent, passed=True)
        primary.close()
        report = await ended(agent, after_fail_over=True, passed=True)
        assert report.pbx == "second"
        assert report.callable_seconds is not None
        outages = await agent.metric("softphone_outage_seconds_sum")
        assert report.callable_seconds > outages / 2 - 0.5, "it begins with the loss of the binding"
        assert await agent.metric("softphone_time_to_callable_seconds_count", check="daily", pbx="second") == 1
        assert agent.log_lines("callable again")


LONG = {"talkSeconds": 12, "rescue": True}


async def test_a_call_whose_pbx_has_died_is_made_anew_by_the_other_one(tmp_path: Path) -> None:
    async with checking(tmp_path, **LONG) as (agent, primary, secondary):
        call = await talking(agent)
        primary.close()
        report = await ended(agent, survived="Rescued")
        assert (report.passed, report.call, report.pbx) == (True, call, "second"), report.faults
        (invite,) = secondary.through("INVITE ")
        assert "Require: replaces" in invite
        assert await agent.metric("softphone_calls_survived_total", check="daily", how="Rescued") == 1
        assert await agent.metric("softphone_call_checks_total", check="daily", result="Passed") == 1, "it is one call"


async def test_a_call_whose_pbx_has_died_is_lost_where_the_other_one_does_not_rescue_it(tmp_path: Path) -> None:
    """Audio goes on from end to end, but nobody can hang up: the BYE goes to the dead PBX."""
    async with checking(tmp_path, **LONG | {"talkSeconds": 8}) as (agent, primary, secondary):
        secondary.answers = 403
        await talking(agent)
        primary.close()
        report = await ended(agent, survived="Lost")
        assert report.heard == "Tone", "RTP lies"
        assert report.hang_up_seconds is None


async def test_a_call_goes_on_untouched_where_its_pbx_only_takes_no_registrations(tmp_path: Path) -> None:
    async with checking(tmp_path, **LONG) as (agent, primary, secondary):
        await talking(agent)
        primary.turns_away = True
        await agent.phone("bob", pbx="second")
        report = await ended(agent, survived="Untouched")
        assert report.passed, report.faults
        assert primary.through("OPTIONS "), "the other end was asked"
        assert not secondary.through("INVITE ")
