"""When the agent takes a new UDP socket for a PBX, and for whom."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterator

import pytest

from recording_engine import RecordingEngine
from softphone_agent.contract.phone import Phone
from softphone_agent.dns.targets import Place, Target
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Register
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import Role
from softphone_agent.registration.states import Phase
from softphone_agent.sip.second_opinion import SecondOpinion
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.worker import dead_sockets
from softphone_agent.worker.loop import Worker
from softphone_agent.worker.running import RunningPhone

AOR = "sip:alice@pbx.test"
PBX, TCP = "sip:192.0.2.1:5060;transport=udp", "sip:192.0.2.1:5060;transport=tcp"
OTHER, NAME = "sip:192.0.2.2:5060;transport=udp", "sip:pbx.test:5060;transport=udp"


class Sockets:
    """A worker that has no network, and where another socket is answered, or is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, port: int = 0) -> None:
        self.reopened: list[str] = []
        self.answered = True
        outer = self

        class Opinion:
            def __init__(self, place: Place, aor: str, bind_address: str) -> None:
                if place.uri == OTHER:
                    raise OSError(101, "Network is unreachable")

            @property
            def answered(self) -> bool:
                return outer.answered

            def close(self) -> None:
                """Nothing to close."""

        engine = RecordingEngine(EngineSettings("test", port=port))
        monkeypatch.setattr(dead_sockets, "SecondOpinion", Opinion)
        monkeypatch.setattr(engine, "reopen_udp", self.reopened.append)
        ours, self._theirs = multiprocessing.Pipe()
        self.worker = Worker(engine, ours)
        self.worker._watched._list.aors.update(dict.fromkeys((PBX, TCP, OTHER), AOR))
        self.dead_sockets = self.worker._dead_sockets

    def pings(self, *answered: bool, at: float = 0.0, place: Place | None = None) -> list[str]:
        """Pings that are answered or not, 5 s apart; for which addresses new sockets were taken by that."""
        before = len(self.reopened)
        for number, alive in enumerate(answered):
            ended = self.dead_sockets.ping_answered if alive else self.dead_sockets.ping_unanswered
            ended(place or Place(PBX), at + 5.0 * number)
        return self.reopened[before:]


@pytest.mark.parametrize(
    ("pings", "reopened"),
    [([False], 0), ([False, False], 1), ([False, True, False], 0), ([False, True, False, False], 1)],
)
def test_a_socket_is_taken_anew_only_where_another_one_is_answered_and_ours_was_not_meanwhile(
    monkeypatch: pytest.MonkeyPatch, pings: list[bool], reopened: int
) -> None:
    """A PBX that came back, answered us and died again has nothing against our socket."""
    assert Sockets(monkeypatch).pings(*pings) == ["192.0.2.1"] * reopened


def test_a_pbx_that_answers_nobody_costs_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    sockets.answered = False
    assert sockets.pings(*[False] * 10) == []


@pytest.mark.parametrize(("uri", "port"), [(TCP, 0), (OTHER, 0), (NAME, 0), (PBX, 5060)])
def test_nobody_asks_from_elsewhere_over_tcp_without_a_way_without_an_aor_or_where_the_port_is_fixed(
    monkeypatch: pytest.MonkeyPatch, uri: str, port: int
) -> None:
    assert Sockets(monkeypatch, port=port).pings(*[False] * 4, place=Place(uri)) == []


def test_two_pbxes_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets, other = Sockets(monkeypatch), Place(PBX.replace("192.0.2.1", "192.0.2.3"))
    sockets.worker._watched._list.aors[other.uri] = AOR
    for place in (Place(PBX), other, Place(PBX), other):
        sockets.dead_sockets.ping_unanswered(place, 0.0)
    assert sockets.reopened == ["192.0.2.1", "192.0.2.3"]


def test_where_a_new_socket_did_not_help_the_next_one_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    assert sockets.pings(False, False) == ["192.0.2.1"]
    assert sockets.pings(*[False] * 5, at=10.0) == [], "30 s have not passed"
    assert sockets.pings(False, False, at=35.0) == ["192.0.2.1"]
    assert sockets.pings(*[False] * 12, at=45.0 - 5.0) == [], "nor has a minute"


def standing(name: str, uri: str, *, bound: bool = True, target: Target | None = None) -> RunningPhone:
    """A phone that is registered there, or that asks there."""
    at = Registrar(uri)
    config = Phone(name=name, aor=AOR, pri=uri)
    state = machine.begin(Plan(AOR, pri=at), 0.0)
    phone = RunningPhone(config, None, state)
    later = time.monotonic() + 1000.0
    if bound:
        binding = machine.Binding(at, Entry.PRI, at, (), Role.UNKNOWN, AOR, "", 0.0, later, later)
        phone.state = machine.State(state.plan, Phase.REGISTERED, binding=binding)
        phone.bound_at = Place(uri, target)
    else:
        attempt = machine.Attempt(Entry.PRI, at, 0.0, later, AOR, "", "")
        phone.state = machine.State(state.plan, Phase.TRYING, attempt=attempt)
        phone.request, phone.asked = Register(phone.state.serial, at), Place(uri, target)
    return phone


def test_only_the_phones_of_that_pbx_register_from_the_new_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch)
    phones = [
        standing("here", PBX),
        standing("by-name", NAME, target=Target("192.0.2.1", 5060)),
        standing("asks", PBX, bound=False),
        standing("elsewhere", OTHER),
        standing("tcp", TCP),
    ]
    answered = standing("answered", PBX, bound=False)
    answered.request = None
    for phone in (*phones, answered):
        sockets.worker._phones.add(phone, 0.0)
    sockets.pings(False, False)
    moved = {phone.name for phone in (*phones, answered) if phone.sockets}
    assert moved == {"here", "by-name", "asks"}
    assert {phone.name for phone in phones if phone.state.phase is Phase.UNREGISTERING} == {"here", "by-name"}


# What counts as an answer to the other socket


@pytest.fixture
def pbx() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5.0)
        yield sock


def answer(line: str, request: bytes) -> bytes:
    return line.encode() + b"\r\n" + request.partition(b"\r\n")[2]


@pytest.mark.parametrize(
    ("lines", "answered"),
    [
        (["SIP/2.0 200 OK"], True),
        (["SIP/2.0 100 Trying", "SIP/2.0 404 Not Found"], True),
        (["SIP/2.0 503 Service Unavailable"], True),
        ([], False),
        (["SIP/2.0 100 Trying"], False),
        (["SIP/2.0 183 Session Progress"] * 3, False),
        (["SIP/2.0 OK"], False),
        (["HTTP/1.1 200 OK"], False),
        (["OPTIONS sip:pbx.test SIP/2.0"], False),
    ],
)
def test_only_a_final_answer_is_a_second_opinion(pbx: socket.socket, lines: list[str], answered: bool) -> None:
    opinion = SecondOpinion(Place(f"sip:127.0.0.1:{pbx.getsockname()[1]};transport=udp"), AOR, "127.0.0.1")
    request, peer = pbx.recvfrom(2000)
    for line in lines:
        pbx.sendto(answer(line, request), peer)
    assert opinion.answered is answered
    assert opinion.answered is answered, "however often it is looked at"
    opinion.close()


def test_a_final_answer_to_somebody_else_is_none(pbx: socket.socket) -> None:
    opinion = SecondOpinion(Place(f"sip:127.0.0.1:{pbx.getsockname()[1]};transport=udp"), AOR, "")
    _, peer = pbx.recvfrom(2000)
    pbx.sendto(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother\r\n\r\n", peer)
    assert not opinion.answered
    opinion.close()


def test_where_nobody_listens_there_is_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    opinion = SecondOpinion(Place(f"sip:127.0.0.1:{port};transport=udp"), AOR, "127.0.0.1")
    assert not opinion.answered
    opinion.close()
