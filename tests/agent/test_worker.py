"""What a worker keeps, without an endpoint."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest

from softphone_agent.contract.phone import Phone
from softphone_agent.contract.report import PhoneReport
from softphone_agent.dns.targets import Place, Server, Target
from softphone_agent.phone.observations import PingSeen
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Register
from softphone_agent.registration.machine import Phase
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import Reason, Role
from softphone_agent.sip.engine import Engine, EngineSettings, Pong
from softphone_agent.worker import loop as module
from softphone_agent.worker import memory
from softphone_agent.worker.loop import Worker
from softphone_agent.worker.messages import LookedUp, News
from softphone_agent.worker.reachability import Verdict


def test_nothing_is_kept_of_places_to_which_redirects_led_once() -> None:
    ours, _theirs = multiprocessing.Pipe()
    worker, now, target = Worker(Engine(EngineSettings("test")), ours), time.monotonic(), Target("192.0.2.1", 5060)
    for number in range(100):
        uri = f"sip:host{number}.test:5060;transport=udp"
        worker._bucket(uri).reserve(now)
        worker._looked_up(LookedUp(uri, (Server((target,)),)), now)
        worker._not_before[Place(uri, target)] = now + 5.0
    worker._forget_places(now)
    assert (len(worker._buckets), len(worker._servers), len(worker._not_before)) == (100, 0, 100)
    worker._forget_places(now + 5.0)
    assert (worker._buckets, worker._servers, worker._not_before) == ({}, {}, {})


@pytest.mark.parametrize(("serial", "asked"), [(2, ["second"]), (1, [])], ids=["awaited", "given up"])
def test_the_next_server_of_a_name_is_asked_only_where_the_register_is_still_awaited(
    monkeypatch: pytest.MonkeyPatch, serial: int, asked: list[str]
) -> None:
    """A ping of the first server failed."""
    ours, _theirs = multiprocessing.Pipe()
    first, second = Target("192.0.2.1", 5060), Target("192.0.2.2", 5060)
    names = {first: "first", second: "second"}
    sent: list[str] = []
    engine = Engine(EngineSettings("test"))
    monkeypatch.setattr(engine, "register", lambda name, serial, wire, **_: sent.append(names[wire.target]))
    worker, uri = Worker(engine, ours), "sip:pbx.test:5060;transport=udp"
    at, begun = Registrar(uri), machine.begin(Plan("sip:alice@pbx.test", pri=Registrar(uri)), 0.0)
    attempt = machine.Attempt(Entry.PRI, at, 0.0, 9.0, "sip:alice@pbx.test", "", "")
    state = replace(begun, phase=Phase.TRYING, serial=2, attempt=attempt)
    config = Phone(name="alice", aor="sip:alice@pbx.test", pri=uri)
    place = Place(uri, first)
    worker._phones["alice"] = module._Phone(
        config, None, state, request=Register(serial, at), asked=place, others=(second,)
    )
    worker._servers[uri] = (Server((first, second)),)
    worker._judged(Verdict(place, alive=False, changed=True), time.monotonic())
    assert sent == asked


def test_a_failure_has_the_time_of_the_last_transition_and_is_no_news_round_after_round() -> None:
    ours, _theirs = multiprocessing.Pipe()
    worker, at = Worker(Engine(EngineSettings("test")), ours), Registrar("sip:192.0.2.1:5060;transport=udp")
    begun = machine.begin(Plan("sip:alice@pbx.test", pri=at), 0.0)
    binding = machine.Binding(at, Entry.PRI, at, (), Role.UNKNOWN, "sip:alice@pbx.test", "", 0.0, 1.0, 2.0)
    config = Phone(name="alice", aor="sip:alice@pbx.test", pri="sip:192.0.2.1")
    phone = worker._phones["alice"] = module._Phone(config, None, begun)

    def told(phase: Phase, failed_at: float, bound: machine.Binding | None = None) -> tuple[int, float]:
        """How much news that makes, and when the failure was, in seconds."""
        failure = machine.Failure(Reason.UNREACHABLE, at, failed_at)
        phone.state = replace(begun, phase=phase, failure=failure, binding=bound, failed_rounds=1)
        before = len(worker._news.phones)
        worker._report("alice")
        assert phone.reported is not None
        assert phone.reported.last_failure is not None
        when = datetime.fromisoformat(phone.reported.last_failure.time).timestamp()
        return len(worker._news.phones) - before, round(when - time.time() + time.monotonic())

    assert told(Phase.WAITING, 100.0) == (1, 100)
    assert told(Phase.WAITING, 200.0) == (0, 100), "round after round"
    assert told(Phase.REGISTERED, 200.0, binding) == (1, 200)
    assert told(Phase.WAITING, 300.0) == (1, 300), "lost again, for the same reason"
    assert told(Phase.WAITING, 400.0) == (0, 300)


@pytest.mark.parametrize(("seconds", "milliseconds"), [(-0.1, 0), (0.0, 0), (0.0004, 1), (0.0015, 2), (0.2, 200)])
def test_the_engine_waits_until_it_is_time_so_that_nobody_has_to_ask_it_again_and_again(
    monkeypatch: pytest.MonkeyPatch, seconds: float, milliseconds: int
) -> None:
    waits: list[int] = []
    engine = Engine(EngineSettings("test"))
    monkeypatch.setattr(engine, "_endpoint", SimpleNamespace(libHandleEvents=waits.append))
    assert not list(engine.poll(seconds))
    assert waits == [milliseconds]


def test_what_moves_only_counters_is_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = multiprocessing.Pipe()
    worker = Worker(Engine(EngineSettings("test")), ours)
    report = PhoneReport(name="alice", state="Registered", registered=True, since="2026-01-01T00:00:00.000Z")

    def told(at: float) -> News | None:
        worker._send_news(at)
        news: News | None = theirs.recv() if theirs.poll() else None
        return news

    assert told(1.0) is not None, "a sign of life"
    worker._news.expiries["alice"] = 100.0
    worker._news.observations.append(PingSeen("master", 0.001))
    assert told(1.0 + module.ROUTINE_SECONDS / 2) is None
    worker._news.phones.append(report)
    news = told(1.0 + module.ROUTINE_SECONDS / 2)
    assert news is not None
    assert (news.phones, len(news.expiries), len(news.observations)) == ([report], 1, 1), "a phone's news do not wait"
    worker._news.expiries["alice"] = 200.0
    assert told(1.0 + module.ROUTINE_SECONDS) is None
    assert told(1.0 + 2 * module.ROUTINE_SECONDS) is not None


def test_memory_is_given_back_once_more_when_a_burst_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transactions of its last requests live on when it is given back for the first time."""
    ours, _theirs = multiprocessing.Pipe()
    worker, given = Worker(Engine(EngineSettings("test")), ours), []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(worker._memory_at))
    worker._memory_at, worker._sent_at = 0.0, 29.0
    for at in (29.5, 30.0, 59.0, 60.0, 90.0, 120.0, 600.0):
        worker._give_memory_back(at)
    assert given == [30.0, 60.0, 90.0]


@pytest.mark.parametrize(
    ("pongs", "reopened"),
    [([False, False], 1), ([False, True, False], 0), ([False, True, False, False], 1)],
    ids=["none is answered", "one is answered between", "none is answered from then on"],
)
def test_sockets_are_taken_anew_only_where_another_one_is_answered_and_ours_was_not_meanwhile(
    monkeypatch: pytest.MonkeyPatch, pongs: list[bool], reopened: int
) -> None:
    """A PBX that came back, answered us and died again has nothing against our socket."""

    class Answered:
        answered = True

        def __init__(self, place: Place, aor: str, bind_address: str) -> None:
            self.place = place

        def close(self) -> None:
            pass

    ours, _theirs = multiprocessing.Pipe()
    place, engine, anew = Place("sip:192.0.2.1:5060;transport=udp"), Engine(EngineSettings("test")), []
    monkeypatch.setattr(module, "SecondOpinion", Answered)
    monkeypatch.setattr(engine, "reopen_udp", lambda: anew.append(True))
    worker = Worker(engine, ours)
    worker._ping_aors[place.uri] = "sip:alice@pbx.test"
    for alive in pongs:
        worker._happened(Pong(place, alive))
    assert len(anew) == reopened
