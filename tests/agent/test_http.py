"""The agent's HTTP side: status, its stream with heartbeats, probes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from softphone_agent.contract.history import History, HistoryEntry
from softphone_agent.contract.report import (
    ConfigReport,
    Counts,
    Heartbeat,
    PbxChanged,
    PbxReport,
    PhoneChanged,
    PhoneRemoved,
    PhoneReport,
    Snapshot,
    WatchLine,
    parse_line,
    to_line,
)
from softphone_agent.http import endpoints

SNAPSHOT = Snapshot(version="1", config=ConfigReport(digest="abc"), pbxs=(PbxReport(name="master"),))
COUNTS = Counts(version="1", config=ConfigReport(digest="abc"), phones=1000)
ALICE = PhoneReport(name="alice", state="Registering", registered=False, since="2026")


ENTRIES = tuple(HistoryEntry(time="2026-01-02T03:04:05Z", phone=name, kind="Outage") for name in ("anna", "bob"))


class Agent:
    """What an agent shows, for the tests to change."""

    def __init__(self) -> None:
        self.watchers = endpoints.Watchers()
        self.ill: str | None = None
        self.unready: str | None = None
        self.counts = COUNTS
        self.url = ""

    def sources(self) -> endpoints.Sources:
        return endpoints.Sources(
            lambda: b"metric 1\n",
            lambda: SNAPSHOT,
            lambda: self.ill,
            lambda: self.unready,
            self.watchers,
            lambda: self.counts,
            lambda phone: History(version="1", entries=tuple(e for e in ENTRIES if phone in (None, e.phone))),
        )


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    one = Agent()
    runner, port = await endpoints.serve(endpoints.application(one.sources()), "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{port}"
    yield one
    one.watchers.close()
    await runner.cleanup()


async def get(agent: Agent, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(agent.url + path) as response:
        return response.status, await response.text()


@contextlib.asynccontextmanager
async def watching(agent: Agent, view: str = "") -> AsyncIterator[aiohttp.StreamReader]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{agent.url}/status?watch=1&view={view}") as response,
    ):
        assert response.content_type == "application/x-ndjson"
        yield response.content


async def test_the_status_is_a_snapshot(agent: Agent) -> None:
    code, text = await get(agent, "/status")
    assert code == 200
    assert parse_line(text) == SNAPSHOT
    assert (await get(agent, "/status?watch=0"))[1] == text


async def test_probes_say_what_is_wrong(agent: Agent) -> None:
    assert await get(agent, "/healthz") == (200, "ok\n")
    agent.ill, agent.unready = "worker 0 was not heard for 30 s", "2 phones not begun"
    assert await get(agent, "/healthz") == (503, "worker 0 was not heard for 30 s\n")
    assert await get(agent, "/readyz") == (503, "2 phones not begun\n")


async def test_metrics_are_served_as_text(agent: Agent) -> None:
    assert await get(agent, "/metrics") == (200, "metric 1\n")


async def test_a_watcher_gets_the_snapshot_and_then_every_change_in_order(agent: Agent) -> None:
    async with watching(agent) as lines:
        assert parse_line(await lines.readline()) == SNAPSHOT
        sent: list[WatchLine] = [PhoneChanged(phone=ALICE), PbxChanged(pbx=PbxReport(name="master", reachable=False))]
        for line in sent:
            agent.watchers.publish(line)
        agent.watchers.publish(PhoneRemoved(name="alice"))
        assert [parse_line(await lines.readline()) for _ in range(3)] == [*sent, PhoneRemoved(name="alice")]


async def test_a_quiet_stream_has_a_heartbeat(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "HEARTBEAT_SECONDS", 0.05)
    async with watching(agent) as lines:
        await lines.readline()
        assert parse_line(await lines.readline()) == Heartbeat()


async def test_streams_end_with_the_agent(agent: Agent) -> None:
    async with watching(agent) as lines:
        await lines.readline()
        agent.watchers.close()
        assert await lines.readline() == b""


async def test_a_watcher_that_does_not_read_is_cut_off_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "QUEUE_LINES", 3)
    watchers = endpoints.Watchers()
    slow, quick = watchers.join(), watchers.join()
    for _ in range(5):
        watchers.publish(Heartbeat())
        assert await quick.get() == Heartbeat()
    assert [slow.get_nowait() for _ in range(4)] == [Heartbeat()] * 3 + [None]


async def test_a_watcher_that_left_is_forgotten(agent: Agent) -> None:
    async with watching(agent) as lines:
        await lines.readline()
    async with asyncio.timeout(5):
        while agent.watchers._queues:
            agent.watchers.publish(Heartbeat())
            await asyncio.sleep(0)


async def test_who_asks_for_counts_gets_them_whole_and_few(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_line((await get(agent, "/status?view=counts"))[1]) == COUNTS
    async with watching(agent, "counts") as lines:
        assert parse_line(await lines.readline()) == COUNTS
        for registered in range(1, 1001):
            agent.counts = COUNTS.model_copy(update={"registered": registered})
            agent.watchers.publish(PhoneChanged(phone=ALICE))
        assert parse_line(await lines.readline()) == agent.counts, "a thousand changes are one line"


async def test_changes_that_no_count_shows_are_no_line(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(endpoints, "COUNTS_SECONDS", 0.0)
    async with watching(agent, "counts") as lines:
        await lines.readline()
        agent.watchers.publish(PhoneChanged(phone=ALICE))
        assert parse_line(await lines.readline()) == Heartbeat()


async def test_streams_of_counts_end_with_the_agent(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "COUNTS_SECONDS", 0.0)
    async with watching(agent, "counts") as lines:
        await lines.readline()
        agent.watchers.close()
        assert await lines.readline() == b""


@pytest.mark.parametrize(
    "line",
    [SNAPSHOT, COUNTS, PhoneChanged(phone=ALICE), PbxChanged(pbx=PbxReport(name="a")), Heartbeat()],
    ids=lambda x: x.type,
)
def test_every_line_can_be_read_back(line: Snapshot) -> None:
    assert to_line(line).count(b"\n") == 1
    assert parse_line(to_line(line)) == line


async def test_the_history_of_one_phone_and_of_all(agent: Agent) -> None:
    async with aiohttp.ClientSession() as session:
        for query, names in (("", ["anna", "bob"]), ("?phone=bob", ["bob"]), ("?phone=nobody", [])):
            async with session.get(f"{agent.url}/history{query}") as response:
                assert response.status == 200
                told = History.model_validate(await response.json())
                assert [entry.phone for entry in told.entries] == names
