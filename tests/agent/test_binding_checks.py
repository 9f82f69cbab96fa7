"""Binding checks: a PBX that has forgotten its phones is noticed by the real agent, and its phones register again."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from sip_responder import Responder, Start, digest, listing, reply, silence

pytestmark = pytest.mark.lab

ON: dict[str, Any] = {"expiresSeconds": 150, "pathCheckSeconds": 86400}
"""Binding checks every 10 s; no refresh and no path check within the test."""
NAMES = [f"phone{number}" for number in range(5)]


def forget(responder: Responder) -> None:
    """As a restart that is too quick for a ping to notice."""
    responder.granted.clear()


async def test_a_pbx_that_forgot_its_bindings_has_all_its_phones_again_before_their_refreshes(
    tmp_path: Path, start: Start
) -> None:
    master, other = await start(), await start()
    phones = [phone(name, pri="master", registration=ON) for name in NAMES]
    pbxs = [pbx("master", master.uri()), pbx("other", other.uri())]
    async with running(tmp_path, pbxs, [*phones, phone("bob", pri="other", registration=ON)]) as agent:
        for name in (*NAMES, "bob"):
            await agent.phone(name, registered=True)
        await master.fetched(1)
        assert master.registers == len(NAMES)
        forget(master)
        await master.count(2 * len(NAMES))
        assert {request.user for request in master.requests[len(NAMES) :]} == set(NAMES)
        assert other.registers == 1, "the phones of another PBX do nothing"
        assert agent.log_lines("pbx has forgotten its bindings")
        before = len(master.fetches)
        await master.fetched(before + 1)
        assert master.registers == 2 * len(NAMES), "and that was all"


async def test_one_that_forgets_before_it_was_asked_is_not_taken_for_one_that_lists_nothing(
    tmp_path: Path, start: Start
) -> None:
    """It restarts in a loop: that it lists bindings is known from the check of the phone's ways."""
    master = await start()
    often = {"expiresSeconds": 150, "pathCheckSeconds": 3}
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", registration=often)]) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: [path.result for path in agent.phones["alice"].paths] == ["Holds"])
        for times in range(2, 5):
            forget(master)
            await master.count(times, seconds=60.0)
        assert await agent.metric("softphone_outage_seconds_count") == 0


async def test_its_phones_come_in_the_pace_that_the_pbx_takes(tmp_path: Path, start: Start) -> None:
    master = await start()
    phones = [phone(name, pri="master", registration=ON) for name in NAMES]
    async with running(tmp_path, [pbx("master", master.uri(), registerRate=1)], phones) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True)
        await master.fetched(1)
        forget(master)
        times = []
        for number in range(len(NAMES) + 1, 2 * len(NAMES) + 1):
            await master.count(number)
            times.append(asyncio.get_running_loop().time())
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps[1:]) > 0.5, gaps
        assert all(agent.phones[name].registered for name in NAMES)


async def test_an_outage_is_not_made_of_it_and_call_id_and_cseq_go_on(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = digest("pw")
    (tmp_path / "password").write_text("pw")
    alice = phone(pri="master", registration=ON, credentials={"passwordFile": str(tmp_path / "password")})
    async with running(tmp_path, [pbx("master", master.uri())], [alice]) as agent:
        await agent.phone(registered=True)
        await master.fetched(2)
        forget(master)
        await master.count(3)
        assert [request.header("CSeq") for request in master.requests] == ["1 REGISTER", "2 REGISTER", "3 REGISTER"]
        assert len({request.header("Call-ID") for request in master.requests}) == 1
        assert len({request.header("Call-ID") for request in master.fetches}) == 1
        assert master.fetches[0].header("Call-ID") != master.requests[0].header("Call-ID")
        assert await agent.metric("softphone_outage_seconds_count") == 0


@pytest.mark.parametrize(
    ("odd", "transport"),
    [
        (silence, "udp"),
        (silence, "tcp"),
        (reply(400), "udp"),
        (reply(403), "udp"),
        (listing(), "tcp"),
        (listing("<sip:alice@192.0.2.99:5060>;expires=100"), "udp"),
    ],
    ids=["silence", "silence over TCP", "400", "403", "no Contact", "another device's Contact"],
)
async def test_a_pbx_that_answers_it_in_an_odd_way_loses_no_phone_and_is_left_alone(
    tmp_path: Path, start: Start, odd: Any, transport: str
) -> None:
    """For longer than two checks: at most one more REGISTER, to see whether it was forgotten."""
    master = await start()
    master.fetch = odd
    brief = {"expiresSeconds": 10, "pathCheckSeconds": 86400}
    async with running(
        tmp_path, [pbx("master", master.uri(transport))], [phone(pri="master", registration=brief)]
    ) as agent:
        await agent.phone(registered=True)
        await master.count(4, seconds=60.0)
        assert len(master.fetches) <= 4, len(master.fetches)
        assert len({request.header("Call-ID") for request in master.requests}) == 1
        assert len({request.source for request in master.requests}) == 1, "no connection was closed for it"
        assert {report.registered for report in agent.history[3:]} <= {True}
        assert await agent.metric("softphone_outage_seconds_count") == 0


async def test_what_a_redirect_answers_says_nothing_of_the_binding(tmp_path: Path, start: Start) -> None:
    """A standby whose PBX is back: its phones go home with their refreshes, each at its own moment."""
    master, home = await start(), await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", registration=ON)]) as agent:
        await agent.phone(registered=True)
        master.fetch = reply(302, f"Contact: <{home.uri()}>")
        await master.fetched(2)
        assert (master.registers, home.registers) == (1, 0)


async def test_no_phone_that_checks_nothing_asks(tmp_path: Path, start: Start) -> None:
    master, other = await start(), await start()
    off = phone("off", pri="master", registration={"expiresSeconds": 3600, "pathCheckSeconds": 0})
    pbxs = [pbx("master", master.uri()), pbx("other", other.uri())]
    async with running(tmp_path, pbxs, [off, phone("on", pri="other", registration=ON)]) as agent:
        await agent.phone("off", registered=True)
        await other.fetched(2)
        assert (master.registers, master.fetches) == (1, [])
        assert agent.phones["off"].paths == ()


async def test_a_fleets_ways_are_checked_by_some_of_its_phones_and_its_bindings_for_all(
    tmp_path: Path, start: Start
) -> None:
    pri, sec = await start(), await start()
    registration = {"expiresSeconds": 3600, "pathCheckSeconds": 2, "pingSeconds": 0, "attemptTimeoutSeconds": 0.5}
    fleet = {
        "name": "load",
        "count": 6,
        "pathChecksOneIn": 4,
        "template": {"aor": "sip:load{index}@pbx.test", "pri": "pri", "sec": "sec", "registration": registration},
    }
    pbxs = [pbx("pri", pri.uri()), pbx("sec", sec.uri())]
    async with running(tmp_path, pbxs, [], fleets=[fleet], fleet="load") as agent:
        for index in range(6):
            await agent.phone(f"load-{index}", registered=True)
        await sec.fetched(4)
        assert {request.user for request in sec.fetches} == {"load0", "load4"}
        await agent.until(
            lambda agent: bool(agent.phones["load-4"].paths) and agent.phones["load-4"].paths[1].code == 200
        )
        assert [path.result for path in agent.phones["load-0"].paths] == ["Holds", "WouldKeep"]
        assert agent.phones["load-1"].paths == ()
        assert await agent.metric("softphone_path_ok", fleet="load", softphone="", via="sec") == 1
        assert "load-0" not in "".join(line for line in (await agent.metrics()).splitlines() if "path" in line)
        assert await agent.metric("softphone_paths", fleet="load", via="sec", result="WouldKeep") == 2
        status, text = await agent.get("/status?view=counts")
        assert status == 200
        assert '"WouldKeep": 2' in text
