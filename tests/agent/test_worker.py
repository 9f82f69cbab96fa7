"""A worker on an engine that only records: what it keeps, what it asks for, what it tells."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection

import pytest

from recording_engine import RecordingEngine
from softphone_agent.contract.config import Sip
from softphone_agent.contract.phone import Pbx, Phone, Registration
from softphone_agent.contract.report import PhoneReport
from softphone_agent.dns.targets import Place, Server, Target
from softphone_agent.phone.directory import Directory
from softphone_agent.phone.observations import PingSeen
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Register
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import Reason, Role
from softphone_agent.registration.states import Phase
from softphone_agent.sip.happenings import Answer, FromStrangers, Pong, Refused
from softphone_agent.sip.request import RegisterRequest
from softphone_agent.worker import memory
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.loop import Worker
from softphone_agent.worker.messages import Configure, LookedUp, News, Stop
from softphone_agent.worker.moves import Moves
from softphone_agent.worker.outbox import ROUTINE_SECONDS, Outbox
from softphone_agent.worker.reachability import Verdict
from softphone_agent.worker.reports import Reports
from softphone_agent.worker.running import RunningPhone


class Accepting(RecordingEngine):
    """Every PBX takes every phone, and the supervisor stops the worker once one is registered."""

    def __init__(self, supervisor: Connection) -> None:
        super().__init__()
        self._supervisor = supervisor

    def register(self, phone: str, serial: int, request: RegisterRequest, *, unregister_old: bool = False) -> None:
        super().register(phone, serial, request, unregister_old=unregister_old)
        contact = f"sip:{phone}@192.0.2.9:5060"
        self.happenings.append(Answer(phone, serial, False, 200, "OK", request.expires, contact, "SIP/2.0 200 OK"))
        self._supervisor.send(Stop())

    def unregister(self, phone: str, serial: int) -> None:
        super().unregister(phone, serial)
        self.happenings.append(Answer(phone, serial, True, 200, "OK", 0, "", "SIP/2.0 200 OK"))


def test_a_worker_registers_its_phone_tells_of_it_and_un_registers_it_at_the_end() -> None:
    ours, theirs = multiprocessing.Pipe()
    engine = Accepting(theirs)
    alice = Phone(name="alice", aor="sip:alice@pbx.test", pri="master", registration=Registration(ping_seconds=0))
    theirs.send(Configure(Sip(), (Pbx(name="master", address="sip:192.0.2.1"),), (alice,)))
    Worker(engine, ours).run()
    (_, name, serial, request, unregister_old), (_, stopped, last) = engine.of("register", "refresh", "unregister")
    assert (name, request.registrar, request.aor) == ("alice", "sip:192.0.2.1:5060;transport=udp", alice.aor)
    assert not unregister_old
    assert (stopped, last > serial) == ("alice", True)
    states = []
    while theirs.poll():
        states += [report.state for report in theirs.recv().phones]
    assert states == ["Starting", "Registering", "Registered", "Unregistering", "Stopped"]


def test_nothing_is_kept_of_places_to_which_redirects_led_once() -> None:
    ours, _theirs = multiprocessing.Pipe()
    worker, now, target = Worker(RecordingEngine(), ours), time.monotonic(), Target("192.0.2.1", 5060)
    tidying, names, rates = worker._tidying, worker._names, worker._tidying._rates
    for number in range(100):
        uri = f"sip:host{number}.test:5060;transport=udp"
        rates.reserve(uri, now)
        worker._lookups.answered(LookedUp(uri, (Server((target,)),)), now)
        names.leave_alone(Place(uri, target), now + 5.0)
    tidying.forget_places(now)
    assert (len(rates._buckets), len(names._servers), len(names._not_before)) == (100, 0, 100)
    tidying.forget_places(now + 5.0)
    assert (rates._buckets, names._servers, names._not_before) == ({}, {}, {})


def test_the_pbxes_in_use_are_those_that_are_configured_and_those_where_phones_are() -> None:
    """They get more answers than strangers: also a PBX that lost its phones to another one, and asks for them still."""
    ours, _theirs = multiprocessing.Pipe()
    engine = RecordingEngine()
    worker, now = Worker(engine, ours), time.monotonic()
    addresses = {"a": "sip:192.0.2.1;transport=tcp", "b": "sip:[2001:DB8:0::2]:5070", "c": "sip:pbx.test"}
    pbxs = tuple(Pbx(name=name, address=address) for name, address in addresses.items())
    worker._watched._configured.directory = Directory.of(pbxs)
    servers = (Server((Target("192.0.2.3", 5060), Target("2001:db8::3", 5060))),)
    worker._lookups.answered(LookedUp("sip:pbx.test;transport=udp", servers), now)
    bob = Phone(name="bob", aor="sip:bob@pbx.test", pri="a")
    plan = Plan("sip:bob@pbx.test", pri=Registrar("sip:192.0.2.1:5060;transport=tcp"))
    running = RunningPhone(bob, None, machine.begin(plan, now))
    running.bound_at = Place("sip:elsewhere.test;transport=udp", Target("192.0.2.4", 5060))
    running.asked = Place("sip:192.0.2.5:5060;transport=udp")
    worker._phones.add(running, now)
    worker._watched.is_outdated = True
    worker._watched.update(now)
    expected = {"192.0.2.1", "2001:db8::2", "192.0.2.3", "2001:db8::3", "192.0.2.4", "192.0.2.5"}
    assert set(engine.unsolicited._pbxes) == expected


@pytest.mark.parametrize(("serial", "asked"), [(2, ["second"]), (1, [])], ids=["awaited", "given up"])
def test_the_next_server_of_a_name_is_asked_only_where_the_register_is_still_awaited(
    serial: int, asked: list[str]
) -> None:
    """A ping of the first server failed."""
    ours, _theirs = multiprocessing.Pipe()
    first, second = Target("192.0.2.1", 5060), Target("192.0.2.2", 5060)
    names = {first: "first", second: "second"}
    engine = RecordingEngine()
    worker, uri = Worker(engine, ours), "sip:pbx.test:5060;transport=udp"
    at, begun = Registrar(uri), machine.begin(Plan("sip:alice@pbx.test", pri=Registrar(uri)), 0.0)
    attempt = machine.Attempt(Entry.PRI, at, 0.0, 9.0, "sip:alice@pbx.test", "", "")
    state = replace(begun, phase=Phase.TRYING, serial=2, attempt=attempt)
    config = Phone(name="alice", aor="sip:alice@pbx.test", pri=uri)
    place = Place(uri, first)
    phone = RunningPhone(config, None, state, request=Register(serial, at), asked=place, other_servers=(second,))
    worker._phones.add(phone, time.monotonic())
    worker._names.answered(LookedUp(uri, (Server((first, second)),)), time.monotonic())
    worker._watched._judged(Verdict(place, alive=False, changed=True), time.monotonic())
    assert [names[request.target] for _, _, _, request, _ in engine.of("register")] == asked


def test_a_failure_has_the_time_of_the_last_transition_and_is_no_news_round_after_round() -> None:
    ours, _theirs = multiprocessing.Pipe()
    outbox, at = Outbox(ours, FromStrangers), Registrar("sip:192.0.2.1:5060;transport=udp")
    reports = Reports(Configured(4.0), outbox, Moves())
    begun = machine.begin(Plan("sip:alice@pbx.test", pri=at), 0.0)
    binding = machine.Binding(at, Entry.PRI, at, (), Role.UNKNOWN, "sip:alice@pbx.test", "", 0.0, 1.0, 2.0)
    config = Phone(name="alice", aor="sip:alice@pbx.test", pri="sip:192.0.2.1")
    phone = RunningPhone(config, None, begun)

    def told(phase: Phase, failed_at: float, bound: machine.Binding | None = None) -> tuple[int, float]:
        """How much news that makes, and when the failure was, in seconds."""
        failure = machine.Failure(Reason.UNREACHABLE, at, failed_at)
        phone.state = replace(begun, phase=phase, failure=failure, binding=bound, failed_rounds=1)
        before = len(outbox.news.phones)
        reports.report(phone)
        assert phone.reported is not None
        assert phone.reported.last_failure is not None
        when = datetime.fromisoformat(phone.reported.last_failure.time).timestamp()
        return len(outbox.news.phones) - before, round(when - time.time() + time.monotonic())

    assert told(Phase.WAITING, 100.0) == (1, 100)
    assert told(Phase.WAITING, 200.0) == (0, 100), "round after round"
    assert told(Phase.REGISTERED, 200.0, binding) == (1, 200)
    assert told(Phase.WAITING, 300.0) == (1, 300), "lost again, for the same reason"
    assert told(Phase.WAITING, 400.0) == (0, 300)


def test_what_moves_only_counters_is_told_together() -> None:
    ours, theirs = multiprocessing.Pipe()
    outbox = Outbox(ours, FromStrangers)
    report = PhoneReport(name="alice", state="Registered", registered=True, since="2026-01-01T00:00:00.000Z")

    def told(at: float) -> News | None:
        outbox.send(at)
        news: News | None = theirs.recv() if theirs.poll() else None
        return news

    assert told(1.0) is not None, "a sign of life"
    outbox.news.expiries["alice"] = 100.0
    outbox.news.observations.append(PingSeen("master", 0.001))
    assert told(1.0 + ROUTINE_SECONDS / 2) is None
    outbox.news.phones.append(report)
    news = told(1.0 + ROUTINE_SECONDS / 2)
    assert news is not None
    assert (news.phones, len(news.expiries), len(news.observations)) == ([report], 1, 1), "a phone's news do not wait"
    outbox.news.expiries["alice"] = 200.0
    assert told(1.0 + ROUTINE_SECONDS) is None
    assert told(1.0 + 2 * ROUTINE_SECONDS) is not None


def test_memory_is_given_back_once_more_when_a_burst_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transactions of its last requests live on when it is given back for the first time."""
    ours, _theirs = multiprocessing.Pipe()
    tidying, given = Worker(RecordingEngine(), ours)._tidying, []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(tidying._tidied_at))
    tidying._tidied_at, tidying._sending.last_at = 0.0, 29.0
    for at in (29.5, 30.0, 59.0, 60.0, 90.0, 120.0, 600.0):
        tidying.tidy(at)
    assert given == [30.0, 60.0, 90.0]


# Places where nobody listens


class Standing:
    """A worker with phones that are registered or ask, at one PBX, and without a network."""

    uri = "sip:192.0.2.1:5060;transport=udp"
    place = Place(uri)

    def __init__(self, **registration: float) -> None:
        self.engine = RecordingEngine()
        ours, self._theirs = multiprocessing.Pipe()
        self.worker, self.now = Worker(self.engine, ours), time.monotonic()
        given = {"name": "alice", "aor": "sip:alice@pbx.test", "pri": self.uri, "registration": registration}
        config, at = Phone.model_validate(given), Registrar(self.uri)
        self.phone = RunningPhone(config, None, machine.begin(Plan(config.aor, pri=at), self.now))
        self.worker._phones.add(self.phone, self.now)
        self.worker._phones.wake(self.now)
        self.worker._watched.is_outdated = True
        self.worker._watched.update(self.now)
        self.passes(0.0)

    def passes(self, seconds: float) -> int:
        """Time passes in steps as the worker's loop makes them; how many pings went out."""
        before, end = len(self.engine.of("ping")), self.now + seconds
        while True:
            self.worker._watched.ping(self.now)
            if self.now >= end:
                return len(self.engine.of("ping")) - before
            self.now = min(end, self.now + 0.1)

    def happens(self, happening: Pong | Refused) -> bool | None:
        """Something does; whether the PBX is alive then."""
        self.worker._happened(happening, self.now)
        return self.worker._watched.is_alive(self.uri)


def test_a_pbx_that_is_refused_once_is_asked_again_and_dead_when_it_is_refused_again() -> None:
    standing = Standing()
    assert standing.happens(Pong(standing.place, True)) is True
    assert standing.happens(Refused("192.0.2.1", 5060)) is True
    assert standing.happens(Refused("192.0.2.1", 5060)) is True, "told twice of the same"
    assert standing.passes(0.19) == 0
    assert standing.passes(0.02) == 1, "asked again, long before its turn"
    assert standing.happens(Refused("192.0.2.1", 5060)) is False


@pytest.mark.parametrize("elsewhere", [("192.0.2.1", 5070), ("192.0.2.2", 5060)])
def test_a_refusal_from_another_place_says_nothing(elsewhere: tuple[str, int]) -> None:
    standing = Standing()
    standing.happens(Pong(standing.place, True))
    for _ in range(3):
        assert standing.happens(Refused(*elsewhere)) is True
        assert standing.passes(0.3) == 0


def test_a_pbx_that_is_started_again_within_a_moment_keeps_its_phones() -> None:
    standing = Standing()
    standing.happens(Pong(standing.place, True))
    standing.happens(Refused("192.0.2.1", 5060))
    assert standing.passes(0.25) == 1
    assert standing.happens(Pong(standing.place, True)) is True
    assert standing.happens(Refused("192.0.2.1", 5060)) is True, "another restart, or a forged message"


@pytest.mark.parametrize("seconds", [2.0, 0.0], ids=["with pings", "without pings"])
def test_a_register_to_a_place_where_nobody_listens_fails_without_waiting_for_its_time(seconds: float) -> None:
    standing = Standing(ping_seconds=seconds)
    assert standing.phone.is_awaiting
    standing.happens(Refused("192.0.2.1", 5060))
    standing.passes(0.3)
    assert standing.phone.is_awaiting, "once is not enough"
    standing.happens(Refused("192.0.2.1", 5060))
    assert standing.phone.state.phase is Phase.WAITING
    assert standing.phone.state.failure is not None
    assert standing.phone.state.failure.reason in (Reason.UNREACHABLE, Reason.PING_FAILED)


def test_a_register_that_is_not_answered_makes_the_next_ping_go_at_once() -> None:
    standing = Standing()
    standing.happens(Pong(standing.place, True))
    standing.worker._watched.register_answered(standing.place, standing.now - 0.01, standing.now)
    standing.worker._phones._sending.send(standing.phone, Register(9, Registrar(standing.uri)), standing.now)
    assert standing.passes(0.15) == 1


def test_what_was_not_read_while_the_process_was_held_up_counts_against_nobody() -> None:
    standing = Standing()
    standing.happens(Pong(standing.place, True))
    standing.passes(2.1)
    standing.now += 5.0
    standing.worker._watched.ping(standing.now)
    assert standing.worker._watched.is_alive(standing.uri) is True
    standing.passes(1.1)
    assert standing.worker._watched.is_alive(standing.uri) is False
