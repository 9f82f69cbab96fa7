"""Following agents: a real HTTP server says good and bad things, and goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.counting import count
from softphone_agent.contract.report import (
    CallChanged,
    ConfigChanged,
    ConfigReport,
    Counts,
    Heartbeat,
    PathReport,
    PbxChanged,
    PbxCounts,
    PbxReport,
    PhoneChanged,
    PhoneRemoved,
    PhoneReport,
    Snapshot,
    WatchLine,
    to_line,
)
from softphone_operator.observe import agents
from softphone_operator.observe.agents import Change, Followers, Lost, View, follow

CONFIG = ConfigReport(digest="0" * 16)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def phone(name: str = "anna", pbx: str | None = "slave", role: Any = "Home") -> PhoneReport:
    return PhoneReport(
        name=name,
        state="Registered" if pbx else "Waiting",
        registered=pbx is not None,
        pbx=pbx,
        role=role if pbx else None,
        since="2026-01-02T03:04:05Z",
    )


def snapshot(*phones: PhoneReport, **pbxs: bool | None) -> Snapshot:
    reports = tuple(PbxReport(name=name, reachable=reachable) for name, reachable in pbxs.items())
    return Snapshot(version="1", config=CONFIG, phones=phones, pbxs=reports)


@asynccontextmanager
async def agent(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/status", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def says(*parts: bytes, stay: bool = False) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.query["watch"] == "1"
        response = web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if stay:
            await asyncio.Event().wait()
        return response

    return handler


async def first(url: str, count: int) -> list[WatchLine | Lost]:
    reported = []
    async with aiohttp.ClientSession() as session, aclosing(follow(session, url, jitter=lambda: 0.0)) as lines:
        async for line in lines:
            reported.append(line)
            if len(reported) == count:
                break
    return reported


async def test_lines_are_heard_however_they_are_cut() -> None:
    lines = to_line(snapshot(phone())) + to_line(Heartbeat())
    parts = [lines[:10], lines[10:60], lines[60:]]
    async with agent(says(*parts, stay=True)) as url:
        assert await first(url, 2) == [snapshot(phone()), Heartbeat()]


async def test_what_no_status_could_hold_is_cut_off_at_the_door() -> None:
    too_long = phone().model_copy(update={"physical_location": "x" * 64, "since": "yesterday"})
    fits = phone().model_copy(update={"physical_location": "x" * 63, "since": ""})
    async with agent(says(to_line(snapshot(too_long)), stay=True)) as url:
        assert await first(url, 1) == [snapshot(fits)]


async def test_a_long_line_is_heard() -> None:
    long = snapshot(*(phone(f"phone-{number}") for number in range(5000)))
    async with agent(says(to_line(long), stay=True)) as url:
        assert await first(url, 1) == [long]


async def test_after_an_end_it_is_heard_again() -> None:
    async with agent(says(to_line(snapshot()))) as url:
        assert await first(url, 3) == [snapshot(), Lost("it ended its status stream"), snapshot()]


async def test_nobody_there() -> None:
    async with agent(says()) as url:
        pass
    (lost,) = await first(url, 1)
    assert isinstance(lost, Lost)
    assert "Connect" in lost.why


async def test_an_error_is_told() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503, reason="Starting")

    async with agent(handler) as url:
        assert await first(url, 1) == [Lost("it answered 503 Starting")]


async def test_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "SILENCE_SECONDS", 0.05)
    async with agent(says(to_line(Heartbeat()), stay=True)) as url:
        assert await first(url, 2) == [Heartbeat(), Lost("it was silent for 0.05 s")]


async def test_nonsense_is_no_status_stream() -> None:
    async with agent(says(b'{"type": "gossip"}\n', stay=True)) as url:
        (lost,) = await first(url, 1)
    assert isinstance(lost, Lost)
    assert lost.why.startswith("it sent a line that is not understood")


async def test_an_endless_line_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "MAX_LINE_BYTES", 100)
    async with agent(says(b"x" * 200, stay=True)) as url:
        assert await first(url, 1) == [Lost("it sent a line longer than 100 bytes")]


def view(*lines: WatchLine | Lost) -> View:
    made = View(0.0)
    for line in lines:
        made.apply(line, 0.0)
    return made


START = snapshot(phone("anna"), phone("bob", "standby", "Standby"), slave=True, standby=None)
CHANGES: list[tuple[str, WatchLine | Lost, Change]] = [
    ("heartbeat", Heartbeat(), Change()),
    ("same place", PhoneChanged(phone=phone("anna")), Change(phones=frozenset({"anna"}))),
    (
        "moved",
        PhoneChanged(phone=phone("anna", "standby", "Standby")),
        Change(phones=frozenset({"anna"}), pbxs=frozenset({"slave", "standby"})),
    ),
    (
        "lost",
        PhoneChanged(phone=phone("anna", None)),
        Change(phones=frozenset({"anna"}), pbxs=frozenset({"slave"})),
    ),
    (
        "new phone",
        PhoneChanged(phone=phone("carol")),
        Change(phones=frozenset({"carol"}), pbxs=frozenset({"slave"}), begun=True),
    ),
    (
        "a way was checked",
        PhoneChanged(phone=phone("anna").model_copy(update={"paths": (PathReport(via="pri", result="Holds"),)})),
        Change(phones=frozenset({"anna"})),
    ),
    ("removed", PhoneRemoved(name="bob"), Change(phones=frozenset({"bob"}), pbxs=frozenset({"standby"}))),
    ("pbx", PbxChanged(pbx=PbxReport(name="slave", reachable=False)), Change(pbxs=frozenset({"slave"}))),
    ("pbx forgotten", PbxChanged(pbx=PbxReport(name="slave")), Change(pbxs=frozenset({"slave"}))),
    ("configuration", ConfigChanged(config=CONFIG), Change(everything=True)),
    ("silence", Lost("silent"), Change(pbxs=frozenset({"slave", "standby"}), everything=True)),
    ("start anew", snapshot(), Change(pbxs=frozenset({"slave", "standby"}), everything=True)),
]


@pytest.mark.parametrize(("line", "change"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_a_line_changes(line: WatchLine | Lost, change: Change) -> None:
    assert view(START).apply(line, 1.0) == change


def test_the_view_holds_what_was_said_last() -> None:
    made = view(START, PhoneRemoved(name="bob"), PbxChanged(pbx=PbxReport(name="standby", reachable=True)))
    assert set(made.phones) == {"anna"}
    assert made.pbxs == {"slave": True, "standby": True}
    assert made.reported("anna", 0.0).phone == phone("anna")
    assert made.reported("bob", 0.0).phone is None


def test_a_pbx_that_an_agent_has_nothing_to_do_with_any_more_is_forgotten() -> None:
    made = view(snapshot(slave=False, standby=True), PbxChanged(pbx=PbxReport(name="slave")))
    assert made.pbxs == {"standby": True}
    assert view(snapshot(), PbxChanged(pbx=PbxReport(name="slave"))).pbxs == {}


def test_when_certificates_end_is_known_of_pbxes_that_have_shown_one() -> None:
    ends, later = "2026-12-24T00:00:00Z", "2027-01-01T00:00:00Z"
    slave, standby = PbxReport(name="slave", certificate_expires=ends), PbxReport(name="standby", reachable=True)
    shown = Snapshot(version="1", config=CONFIG, pbxs=(slave, standby))
    assert view(shown).certificates == {"slave": ends}
    renewed = PbxChanged(pbx=PbxReport(name="slave", reachable=True, certificate_expires=later))
    assert view(shown, renewed).certificates == {"slave": later}
    assert view(shown, PbxChanged(pbx=PbxReport(name="slave"))).certificates == {}
    counts = Counts(version="1", config=CONFIG, phones=1, pbxs=(PbxCounts(name="slave", certificate_expires=ends),))
    assert view(counts).certificates == {"slave": ends}


def half(entry: str = "daily.1", began: str = "2026-01-02T03:04:05Z", **more: Any) -> CallReport:
    said: dict[str, Any] = {"end": "Caller", "check": "daily", "phone": "anna", "state": "Ended", "ended": began}
    return CallReport(entry=entry, began=began, **(said | more))


def test_the_last_call_of_each_kind_that_has_ended_is_kept_and_its_check_is_told() -> None:
    made = view(snapshot())
    assert made.apply(CallChanged(call=half()), 1.0) == Change(checks=frozenset({"daily"}))
    assert made.apply(CallChanged(call=half()), 1.0) == Change()
    assert made.apply(CallChanged(call=half(state="Talking", ended=None)), 1.0) == Change()
    good = half(began="2026-01-02T03:04:06Z", after_fail_over=True, passed=True, callable_seconds=1.0)
    made.apply(CallChanged(call=good), 1.0)
    hung_up = half(began="2026-01-02T03:04:05Z", ended="2026-01-02T03:04:07Z", after_fail_over=True, code=487)
    assert made.apply(CallChanged(call=hung_up), 1.0) == Change()
    assert list(made.calls.values()) == [good]
    counts = count("1", ConfigReport(digest="d"), [], []).model_copy(
        update={"calls": (half("other.1", check="other"),)}
    )
    assert made.apply(counts, 1.0).checks == {"other"}
    assert len(made.calls) == 2


def test_silence_counts_after_a_moment() -> None:
    made = view(START)
    made.apply(Lost("silent"), 100.0)
    made.apply(Lost("still silent"), 104.0)
    assert made.reported("anna", 104.9).stream == "connecting"
    late = made.reported("anna", 105.0)
    assert (late.stream, late.why, late.phone) == ("lost", "still silent", None)


async def test_followers_follow_what_they_are_pointed_at() -> None:
    seen: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()
    key = ("demo", "softphone-anna")
    async with (
        agent(says(to_line(snapshot(phone("one"))), stay=True)) as one,
        agent(says(to_line(snapshot(phone("two"))), stay=True)) as two,
        aiohttp.ClientSession() as session,
    ):
        followers = Followers(session, lambda k, change, line: seen.put_nowait((k, line)), jitter=lambda: 0.0)
        followers.point(key, one, "pod-1")
        assert await seen.get() == (key, snapshot(phone("one")))
        followers.point(key, one, "pod-1")
        followers.point(key, two, "pod-2")
        assert await seen.get() == (key, snapshot(phone("two")))
        found = followers.view(key)
        assert found is not None
        assert set(found.phones) == {"two"}
        assert followers.views("demo") == [found]
        assert followers.views("other") == []
        followers.point(key, None, "")
        assert followers.view(key) is None
        await followers.close()
        assert seen.empty()
