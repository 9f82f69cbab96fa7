"""Path checks and binding checks in a worker on an engine that only records: what is sent, and what follows."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from typing import Any

import pytest

from recording_engine import RecordingEngine
from softphone_agent.contract.config import Sip
from softphone_agent.contract.phone import NEVER, Pbx, Phone
from softphone_agent.dns.targets import Place, Server, Target
from softphone_agent.phone.observations import PathChecked
from softphone_agent.registration.states import Phase
from softphone_agent.sip.happenings import Answer, Fetched, Happening, Refused
from softphone_agent.worker.loop import Worker
from softphone_agent.worker.messages import Configure, LookedUp

PRI, SEC = "sip:192.0.2.1:5060;transport=udp", "sip:192.0.2.2:5060;transport=udp"
NAMED = "sip:pbx.test:5060;transport=udp"
HEAD = "SIP/2.0 {} x\r\nVia: SIP/2.0/UDP 192.0.2.9:5060\r\n"


@dataclass
class Clock:
    """The clock of all."""

    now: float = 1000.3

    def __call__(self) -> float:
        return self.now


class Checking:
    """A worker whose phones are registered at the PBX that they name first, and its PBXes."""

    def __init__(self, clock: Clock, *pbxs: Pbx) -> None:
        self.clock = clock
        self.engine = RecordingEngine()
        ours, self._theirs = multiprocessing.Pipe()
        self.worker = Worker(self.engine, ours)
        self.pbxs = pbxs or (Pbx(name="pri", address=PRI), Pbx(name="sec", address=SEC))
        self.configured: tuple[Phone, ...] = ()

    def configure(self, *phones: Phone) -> None:
        self.configured = phones
        self.worker._orders._carry_out(Configure(Sip(), self.pbxs, phones))
        self.passes(0.0)

    def registers(self, *names: str, **fields: Any) -> Checking:
        """Phones of these names, and the PBX takes them."""
        self.configure(*(phone(name, **fields) for name in names))
        self.accept()
        return self

    def accept(self) -> None:
        """Whatever REGISTERs are awaited, the PBX takes them."""
        self.passes(0.5)
        for running in self.worker._phones.snapshot():
            if running.is_awaiting and running.request is not None:
                contact = f"sip:{running.name}@192.0.2.9:5060"
                self.happens(Answer(running.name, running.request.serial, False, 200, "OK", 3600, contact, HEAD))
        self.passes(0.0)

    def happens(self, happening: Happening) -> None:
        self.worker._happened(happening, self.clock.now)
        self.passes(0.0)

    def passes(self, seconds: float) -> None:
        """Time passes, and what is due is done as the worker's loop does it."""
        end = self.clock.now + seconds
        while True:
            now = self.clock.now
            self.worker._watched.update(now)
            self.worker._phones.wake(now)
            self.worker._check(now)
            if now >= end:
                return
            self.clock.now = min(end, now + 0.5)

    def fetches(self) -> list[tuple[str, int, str]]:
        """What was sent since this was last asked: phone, serial, registrar."""
        found = [(call[1], call[2], call[3].registrar) for call in self.engine.of("fetch")]
        self.engine.calls = [call for call in self.engine.calls if call[0] != "fetch"]
        return found

    def answer(self, sent: tuple[str, int, str], code: int, *headers: str, reason: str = "") -> None:
        message = HEAD.format(code) + "".join(f"{header}\r\n" for header in headers) if code else ""
        self.happens(Fetched(sent[0], sent[1], code, reason, message))

    def settles(self) -> Checking:
        """PBXes answer all checks as those that list the phone, until each way is known and a binding check is due."""
        for _ in range(11):
            self.passes(1.0)
            for sent in self.fetches():
                self.lists(sent)
        return self

    def lists(self, sent: tuple[str, int, str]) -> None:
        self.answer(sent, 200, f"Contact: <sip:{sent[0]}@192.0.2.9:5060>;expires=100")

    def results(self, name: str = "alice") -> dict[str, str]:
        running = self.worker._phones.get(name)
        return {path.via: path.result for path in running.paths} if running else {}

    def phase(self, name: str = "alice") -> Phase:
        running = self.worker._phones.get(name)
        assert running is not None
        return running.state.phase


def phone(name: str = "alice", **fields: Any) -> Phone:
    registration = {"pingSeconds": 0, "pathCheckSeconds": 300} | fields.pop("registration", {})
    given = {"name": name, "aor": f"sip:{name}@pbx.test", "pri": "pri", "sec": "sec", "registration": registration}
    return Phone.model_validate(given | fields)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def until(standing: Checking, registrar: str) -> tuple[str, int, str]:
    """The next request to this registrar; those to others are answered as by PBXes that list the phone."""
    for _ in range(60):
        sent = standing.fetches()
        wanted = next((one for one in sent if one[2] == registrar), None)
        for one in sent:
            if one is not wanted:
                standing.lists(one)
        if wanted is not None:
            return wanted
        standing.passes(1.0)
    raise AssertionError(f"nothing is sent to {registrar}")


# Path checks


def test_both_ways_are_asked_reported_and_counted(clock: Clock) -> None:
    standing = Checking(clock).registers("alice")
    assert standing.results() == {"pri": "Unchecked", "sec": "Unchecked"}
    standing.answer(until(standing, SEC), 200)
    assert standing.results() == {"pri": "Holds", "sec": "WouldKeep"}
    counted = [one for one in standing.worker._outbox.news.observations if isinstance(one, PathChecked)]
    assert [(one.via, one.result) for one in counted] == [("pri", "Holds"), ("sec", "WouldKeep")]


def test_the_request_is_the_phones_own_with_its_location_and_never_a_register_of_it(clock: Clock) -> None:
    standing = Checking(clock).registers("alice", phys="vienna")
    registers = len(standing.engine.of("register"))
    standing.passes(30.0)
    (first, *_) = [call[3] for call in standing.engine.of("fetch")]
    assert ("X-Physical-Location", "vienna") in first.headers
    assert len(standing.engine.of("register", "refresh")) == registers


def test_a_redirect_of_a_check_is_followed(clock: Clock) -> None:
    standing = Checking(clock).registers("alice")
    standing.answer(until(standing, SEC), 302, f"Contact: <{PRI}>")
    (sent,) = standing.fetches()
    assert sent[2] == PRI
    standing.lists(sent)
    assert standing.results()["sec"] == "Holds"


def test_silence_to_a_check_takes_the_binding_from_nobody(clock: Clock) -> None:
    standing = Checking(clock).registers("alice", "bob", registration={"pingSeconds": 2})
    for name in ("pri", "sec"):
        sent = until(standing, {"pri": PRI, "sec": SEC}[name])
        standing.answer(sent, 0, reason="Request Timeout")
    assert {standing.phase("alice"), standing.phase("bob")} == {Phase.REGISTERED}


def test_what_one_phone_has_learned_of_a_pbx_no_other_phone_asks(clock: Clock) -> None:
    standing = Checking(clock).registers("alice")
    standing.answer(until(standing, SEC), 400)
    standing.registers("alice", "bob")
    for _ in range(30):
        for sent in standing.fetches():
            assert sent[2] == PRI, "it is not asked again"
            standing.lists(sent)
        standing.passes(1.0)
    assert standing.results("alice")["sec"] == standing.results("bob")["sec"] == "CheckNotSupported"


def test_a_pbx_that_is_silent_to_checks_and_answers_a_register_is_known_not_to_support_them(clock: Clock) -> None:
    standing = Checking(clock).registers("alice")
    standing.answer(until(standing, SEC), 0, reason="Request Timeout")
    assert standing.results()["sec"] == "Unreachable", "it may be dead"
    standing.configure(phone("alice"), phone("carol", pri="sec", sec=None))
    standing.passes(1.0)
    standing.accept()
    why = standing.worker._path_checks._support.why_not(SEC, clock.now)
    assert why == "it does not answer a REGISTER without Contact, and answers others"


def test_registers_that_cannot_wait_go_before(clock: Clock) -> None:
    slow = Pbx(name="sec", address=SEC, register_rate=1.0)
    standing = Checking(clock, Pbx(name="pri", address=PRI), slow).registers("alice")
    standing.worker._rates.reserve(SEC, clock.now)
    for _ in range(5):
        standing.worker._rates.reserve(SEC, clock.now)
        for sent in standing.fetches():
            assert sent[2] == PRI
            standing.lists(sent)
        standing.passes(1.0)
    until(standing, SEC)


def test_a_phone_that_loses_its_binding_drops_its_check(clock: Clock) -> None:
    standing = Checking(clock).registers("alice")
    until(standing, SEC)
    standing.configure(phone("alice", suspend=True))
    assert standing.engine.of("drop_fetch") == [("drop_fetch", "alice")]
    assert standing.results() == {"pri": "Holds", "sec": "Unchecked"}


@pytest.mark.parametrize("seconds", [0, NEVER], ids=["off", "of a fleet that has others for it"])
def test_a_phone_that_is_to_check_its_ways_no_more_forgets_them(clock: Clock, seconds: float) -> None:
    standing = Checking(clock).registers("alice")
    until(standing, SEC)
    config = phone("alice")
    off = config.registration.model_copy(update={"path_check_seconds": seconds})
    standing.configure(config.model_copy(update={"registration": off}))
    assert standing.results() == {}
    assert standing.worker._path_checks._checks == {}


def test_a_phone_that_is_gone_leaves_nothing_behind(clock: Clock) -> None:
    standing = Checking(clock).registers("alice")
    until(standing, SEC)
    standing.configure()
    serial = standing.engine.of("unregister")[0][2]
    standing.happens(Answer("alice", serial, True, 200, "OK", 0, "", ""))
    assert (standing.worker._path_checks._checks, standing.worker._fetching._asked) == ({}, {})


def test_a_place_where_nobody_listens_ends_the_check_without_its_time(clock: Clock) -> None:
    standing = Checking(clock).registers("alice", registration={"pingSeconds": 2})
    until(standing, SEC)
    for _ in range(2):
        standing.happens(Refused("192.0.2.2", 5060))
        standing.clock.now += 0.3
    assert standing.results()["sec"] == "Unreachable"


# Names


def named(clock: Clock) -> tuple[Checking, tuple[Target, ...]]:
    standing = Checking(clock, Pbx(name="pri", address=PRI), Pbx(name="sec", address=NAMED)).registers("alice")
    for _ in range(15):
        for sent in standing.fetches():
            standing.lists(sent)
        standing.passes(1.0)
    return standing, (Target("192.0.2.2", 5060), Target("192.0.2.3", 5060))


def test_the_servers_of_a_name_are_asked_one_after_the_other(clock: Clock) -> None:
    standing, targets = named(clock)
    assert standing.fetches() == [], "DNS is asked first"
    answer = LookedUp(NAMED, (Server(targets[:1], priority=1), Server(targets[1:], priority=2)))
    standing.worker._orders._carry_out(answer)
    for target, code in zip(targets, (0, 200), strict=True):
        call = standing.engine.of("fetch")[-1]
        assert (call[3].registrar, call[3].target) == (NAMED, target)
        standing.answer((call[1], call[2], NAMED), code)
    assert standing.results()["sec"] == "WouldKeep"


def test_a_name_that_leads_nowhere_is_an_end_with_the_words_of_dns(clock: Clock) -> None:
    standing, _ = named(clock)
    standing.worker._orders._carry_out(LookedUp(NAMED, fault="pbx.test does not exist"))
    running = standing.worker._phones.get("alice")
    assert running is not None
    assert (running.paths[1].result, running.paths[1].message) == ("Unreachable", "pbx.test does not exist")


# Binding checks


def test_one_phone_asks_for_all_and_a_pbx_that_forgot_has_them_ask_again(clock: Clock) -> None:
    never = {"pathCheckSeconds": 86400}
    standing = Checking(clock).registers("alice", "bob", "carol", sec=None, registration=never).settles()
    standing.answer(until(standing, PRI), 200)
    standing.passes(2.0)
    again = {call[1] for call in standing.engine.of("refresh")}
    assert again == {"alice", "bob", "carol"}
    standing.accept()
    assert {standing.phase(name) for name in again} == {Phase.REGISTERED}


def test_a_pbx_that_restarts_again_and_again_is_not_taken_for_one_that_lists_no_bindings(clock: Clock) -> None:
    """It has listed one before. Its phones come each time."""
    never = {"pathCheckSeconds": 86400}
    standing = Checking(clock).registers("alice", "bob", sec=None, registration=never).settles()
    standing.lists(until(standing, PRI))
    waits, asked_at = [], clock.now
    for _ in range(4):
        standing.answer(until(standing, PRI), 200)
        waits.append(round(clock.now - asked_at))
        asked_at = clock.now
        standing.passes(1.5)
        standing.accept()
        assert {standing.phase(name) for name in ("alice", "bob")} == {Phase.REGISTERED}
    assert waits[1] < waits[2] == waits[3], "soon after the first time, and then as often as always"
    standing.lists(until(standing, PRI))
    (checked,) = standing.worker._binding_checks._places.values()
    assert (checked.missed, checked.missed_at) == (0, None)


def test_a_refresh_drops_a_binding_check(clock: Clock) -> None:
    standing = Checking(clock).registers("alice", sec=None, registration={"pathCheckSeconds": 86400}).settles()
    until(standing, PRI)
    (name,) = standing.worker._binding_checks._in_flight
    standing.configure(phone("alice", sec=None, suspend=True, registration={"pathCheckSeconds": 86400}))
    assert standing.worker._binding_checks._in_flight == {}
    assert ("drop_fetch", name) in standing.engine.calls


def test_each_server_of_a_name_is_asked_for_its_own_phones(clock: Clock) -> None:
    checking = Checking(clock, Pbx(name="pri", address=NAMED), Pbx(name="sec", address=SEC))
    checking.configure(*(phone(name, sec=None, registration={"pathCheckSeconds": 86400}) for name in ("alice", "bob")))
    checking.passes(0.5)
    targets = (Target("192.0.2.2", 5060), Target("192.0.2.3", 5060))
    for name, target in zip(("alice", "bob"), targets, strict=True):
        running = checking.worker._phones.get(name)
        assert running is not None
        checking.worker._phones.ask_servers(running, (target,), clock.now)
    checking.accept()
    asked = checking.worker._phones.snapshot()
    assert [one.bound_at for one in asked] == [Place(NAMED, target) for target in targets]
    places = set()
    for _ in range(21):
        checking.worker._orders._carry_out(LookedUp(NAMED, (Server(targets[:1]),)))
        in_flight = checking.worker._binding_checks._in_flight
        places |= {call[3].target for call in checking.engine.of("fetch") if call[1] in in_flight}
        for sent in checking.fetches():
            checking.lists(sent)
        checking.passes(1.0)
    assert places == set(targets)
