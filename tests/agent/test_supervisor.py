"""What the supervisor makes of what its workers say. The workers are pipes without a process."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from softphone_agent.contract.call_report import MAX_CALL_REPORTS, CallReport
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.report import CallChanged, PathReport, PbxChanged, PbxReport, PhoneReport
from softphone_agent.dns.resolver import Resolver
from softphone_agent.dns.targets import Server
from softphone_agent.phone.observations import PingSeen
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.supervisor.processes import WorkerProcess
from softphone_agent.supervisor.showing import Versions
from softphone_agent.supervisor.supervisor import Supervisor
from softphone_agent.worker.messages import LookedUp, LookUp, Moved, News
from softphone_agent.worker.moves import Back

VERSIONS = Versions("1", "2.17")


def work(pipe: Connection, settings: EngineSettings) -> None:
    raise AssertionError("no process is started here")


async def heard(supervisor: Supervisor, said: object) -> object:
    """What a worker is told that said this."""
    ours, theirs = multiprocessing.Pipe()
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(theirs.fileno(), there.set)
    with ours, theirs:
        theirs.send(said)
        supervisor._workers.receive(WorkerProcess(0, pipe=ours))
        async with asyncio.timeout(10):
            await there.wait()
        loop.remove_reader(theirs.fileno())
        return theirs.recv()


async def test_a_look_up_that_goes_wrong_is_answered_and_the_next_one_is_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    async def broken(self: Resolver, uri: str, seconds: float) -> None:
        asked.append(uri)
        raise ZeroDivisionError

    monkeypatch.setattr(Resolver, "servers", broken)
    supervisor = Supervisor(Path("agent.yaml"), AgentConfig(), "d", VERSIONS, work)
    for _ in range(2):
        answer = await heard(supervisor, LookUp("sip:pbx.test", 1.0))
        assert answer == LookedUp("sip:pbx.test", fault="the look-up failed, see the agent's log")
    assert asked == ["sip:pbx.test"] * 2


@pytest.mark.parametrize(
    ("written", "looked_up"),
    [
        ("sip:PBX.test.", "sip:pbx.test.;transport=udp"),
        ("sip:pbx.test", "sip:pbx.test;transport=udp"),
        ("sip:pbx.test.;transport=tcp", "sip:pbx.test;transport=udp"),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
async def test_a_pbx_with_a_dot_at_the_end_of_its_name_is_looked_up_with_it(
    monkeypatch: pytest.MonkeyPatch, written: str, looked_up: str, by_name: bool
) -> None:
    asked = []

    async def noted(self: Resolver, uri: str, seconds: float) -> tuple[Server, ...]:
        asked.append(uri)
        return ()

    monkeypatch.setattr(Resolver, "servers", noted)
    pbxs = [{"name": "master", "address": written}] if by_name else []
    phones = [{"name": "alice", "aor": "sip:alice@pbx.test", "pri": "master" if by_name else written}]
    config = AgentConfig.model_validate({"pbxs": pbxs, "phones": phones})
    supervisor = Supervisor(Path("agent.yaml"), config, "d", VERSIONS, work)
    answer = await heard(supervisor, LookUp("sip:pbx.test;transport=udp", 1.0))
    assert answer == LookedUp("sip:pbx.test;transport=udp", ())
    assert asked == [looked_up]


class Staged:
    """A supervisor with workers that are but pipes, and what its status stream says."""

    def __init__(self, workers: int, config: AgentConfig | None = None) -> None:
        self.supervisor = Supervisor(Path("agent.yaml"), config or AgentConfig(), "d", VERSIONS, work)
        self.stream = self.supervisor._showing.watchers.join()
        self._pipes = {}
        for number in range(workers):
            ours, self._pipes[number] = multiprocessing.Pipe()
            self.supervisor._workers.all.append(WorkerProcess(number, pipe=ours))

    def says(self, number: int, news: News) -> None:
        """A worker sends news."""
        self._pipes[number].send(news)
        self.supervisor._workers.receive(self.supervisor._workers.all[number])

    def hears(self, number: int) -> list[object]:
        """What a worker was told."""
        told = []
        while self._pipes[number].poll():
            told.append(self._pipes[number].recv())
        return told

    def dies(self, number: int) -> None:
        """A worker ends."""
        self._pipes[number].close()
        self.supervisor._workers.receive(self.supervisor._workers.all[number])

    @property
    def pbxs(self) -> dict[str, bool | None]:
        """What `/status` tells of PBXes, which its counts and the metrics tell too."""
        told = {pbx.name: pbx.reachable for pbx in self.supervisor._showing.snapshot().pbxs}
        assert {pbx.name: pbx.reachable for pbx in self.supervisor._showing.counts().pbxs} == told
        page = self.supervisor._showing.metrics.exposition().decode()
        series = dict(re.findall(r'^softphone_pbx_reachable\{pbx="(.*)"\} (\S+)$', page, re.MULTILINE))
        assert {name: value == "1.0" for name, value in series.items()} == {
            name: reachable for name, reachable in told.items() if reachable is not None
        }
        return told

    def pinged(self) -> set[str]:
        """The PBXes of which the metrics tell how long a ping took."""
        page = self.supervisor._showing.metrics.exposition().decode()
        return set(re.findall(r'^softphone_pbx_ping_seconds\{pbx="(.*)"\}', page, re.MULTILINE))

    def last_line(self) -> object:
        """What the status stream said last."""
        said: object = None
        while not self.stream.empty():
            said = self.stream.get_nowait()
        return said


def reachable(**pbxs: bool) -> list[PbxReport]:
    return [PbxReport(name=name, reachable=alive) for name, alive in pbxs.items()]


async def test_a_pbx_with_which_no_worker_has_to_do_any_more_is_told_of_no_more() -> None:
    agent = Staged(2)
    agent.says(0, News(pbxs=reachable(master=True, gone=True), observations=[PingSeen("gone", 0.1)]))
    agent.says(0, News(pbxs=reachable(gone=False)))
    agent.says(1, News(pbxs=reachable(gone=False)))
    assert agent.pbxs == {"master": True, "gone": False}
    agent.says(0, News(pbxs=reachable(gone=False), unwatched=["gone"]))
    assert agent.pbxs == {"master": True, "gone": False}, "the other worker still has to do with it"
    assert agent.pinged() == {"gone"}
    agent.says(1, News(unwatched=["gone"]))
    assert agent.pbxs == {"master": True}
    assert agent.pinged() == set()
    assert agent.last_line() == PbxChanged(pbx=PbxReport(name="gone"))


async def test_what_workers_know_of_a_pbx_is_put_together() -> None:
    agent = Staged(2)
    agent.says(0, News(pbxs=[PbxReport(name="master", reachable=True, answers_options=False)]))
    agent.says(1, News(pbxs=[PbxReport(name="master", certificate_expires="2027-01-01T00:00:00.000Z")]))
    known = PbxReport(
        name="master", reachable=True, answers_options=False, certificate_expires="2027-01-01T00:00:00.000Z"
    )
    assert agent.last_line() == PbxChanged(pbx=known)
    newer = PbxReport(name="master", answers_options=True, certificate_expires="2028-01-01T00:00:00.000Z")
    agent.says(0, News(pbxs=[newer]))
    assert agent.last_line() == PbxChanged(pbx=newer)


async def test_what_was_known_of_ways_is_not_forgotten_with_a_worker_that_dies() -> None:
    agent = Staged(1)
    lost = PathReport(via="sec", result="Unreachable", since="2026-11-29T12:00:00.000Z")
    alice = PhoneReport(name="alice", state="Registered", registered=True, since="2026", paths=(lost,))
    agent.says(0, News(phones=[alice]))
    agent.supervisor._showing.phones_down(["alice"])
    (report,) = agent.supervisor._showing.snapshot().phones
    assert (report.registered, report.paths) == (False, (lost,))


async def test_what_a_worker_saw_ends_with_it() -> None:
    agent = Staged(2)
    agent.says(0, News(pbxs=reachable(master=True)))
    agent.says(1, News(pbxs=reachable(master=False, foreign=False)))
    agent.dies(1)
    assert agent.pbxs == {"master": True}


async def test_what_a_worker_saw_ends_with_its_last_phone() -> None:
    agent = Staged(2)
    agent.says(1, News(pbxs=reachable(foreign=False)))
    agent.supervisor._workers.all[1].retired = True
    agent.dies(1)
    assert agent.pbxs == {}


# Test calls

TESTED = AgentConfig.model_validate(
    {
        "pbxs": [{"name": "master", "address": "sip:192.0.2.1"}],
        "phones": [{"name": name, "aor": f"sip:{name}@pbx.test", "pri": "master"} for name in ("alice", "bob")],
        "callChecks": [{"name": "daily", "caller": "bob", "to": "sip:alice@pbx.test", "callee": "alice"}],
        "callees": [{"phone": "alice", "check": "daily"}],
    }
)


def call(state: str = "Ended", **fields: object) -> CallReport:
    known = {"end": "Caller", "check": "daily", "entry": "daily", "phone": "bob", "began": "2026"}
    return CallReport.model_validate(known | {"state": state} | fields)


def answered(state: str = "Ended") -> CallReport:
    return call(state, end="Callee", entry="", phone="alice", peer="sip:bob@pbx.test")


async def test_the_last_of_each_test_call_and_end_is_shown() -> None:
    agent = Staged(2, TESTED)
    agent.says(0, News(calls=[call("Calling"), call("Talking"), call(code=200)]))
    agent.says(1, News(calls=[answered()]))
    showing = agent.supervisor._showing
    assert agent.last_line() == CallChanged(call=answered())
    assert showing.snapshot().calls == showing.counts().calls == (answered(), call(code=200))


async def test_what_is_configured_no_more_is_shown_no_more() -> None:
    agent = Staged(1, TESTED)
    agent.says(0, News(calls=[call(), answered(), call(entry="former"), answered().model_copy(update={"phone": "x"})]))
    agent.supervisor._showing.configured()
    assert agent.supervisor._showing.snapshot().calls == (answered(), call())


async def test_there_are_so_many_reports_and_no_more() -> None:
    agent = Staged(1, TESTED)
    for number in range(MAX_CALL_REPORTS + 1):
        agent.says(0, News(calls=[call(entry=f"e{number}")]))
    shown = {report.entry for report in agent.supervisor._showing.snapshot().calls}
    assert len(shown) == MAX_CALL_REPORTS
    assert "e0" not in shown, "the oldest goes"


async def test_the_calls_of_a_worker_that_dies_are_over() -> None:
    agent = Staged(1, TESTED)
    agent.says(0, News(calls=[call("Talking"), answered("Talking")]))
    agent.supervisor._showing.phones_down(["bob"])
    theirs, ours = agent.supervisor._showing.snapshot().calls
    assert (ours.state, ours.passed, ours.faults) == ("Ended", False, ("the process that had the call died",))
    assert theirs == answered("Talking"), "which another process has"
    agent.supervisor._showing.phones_down(["alice"])
    assert agent.last_line() == CallChanged(call=agent.supervisor._showing.snapshot().calls[0])
    assert agent.supervisor._showing.snapshot().calls[0].passed is None


async def test_who_calls_in_another_process_is_told_that_the_callee_has_moved() -> None:
    agent = Staged(3, TESTED)
    for number, name in enumerate(("alice", "bob", "carol")):
        agent.supervisor._workers.all[number].names.add(name)
    agent.says(0, News(moves=[Back("alice", 10.0), Back("carol", 10.0)]))
    assert [agent.hears(number) for number in range(3)] == [[], [Moved(Back("alice", 10.0))], []]
