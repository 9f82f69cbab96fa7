"""REGISTERs without Contact as they are sent: Call-ID, CSeq and nonce, connections of their own, and their end."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

import pytest

from softphone_agent.dns.targets import Place
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.fetches import ANEW_SECONDS, MOST_PLACES, Fetches
from softphone_agent.sip.happenings import Fetched, Happening, SentAgain
from softphone_agent.sip.outgoing import Fetching, Outgoing
from softphone_agent.sip.request import RegisterRequest, TlsFiles
from softphone_agent.sip.transports import Transports

UDP, TLS = "sip:192.0.2.1:5060;transport=udp", "sip:192.0.2.1:5061;transport=tls"
CHALLENGE = 'SIP/2.0 401 x\r\nWWW-Authenticate: Digest realm="r", nonce="{}"\r\n\r\n'


class Client:
    """Sends nothing; `fault` is why."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.cancelled: list[int] = []
        self.fault = ""

    def send(self, *what: Any) -> str:
        self.sent.append(what)
        return self.fault

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)


class Ways:
    """Transports: 1 for all, and each one of its own has the next number. `fault` is why there is none."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.fault: OSError | None = None

    def for_place(self, place: Place, tls: TlsFiles | None) -> int:
        if self.fault:
            raise self.fault
        return 1

    def open_once(self, place: Place, tls: TlsFiles | None) -> int:
        self.opened.append(100 + len(self.opened))
        return self.opened[-1]

    def close_once(self, number: int) -> None:
        self.closed.append(number)


class Staged:
    """Fetches, and what they have to do with."""

    def __init__(self) -> None:
        self.client, self.ways = Client(), Ways()
        self.happenings: deque[Happening] = deque()
        self.outgoing = Outgoing(cast(SipClient, self.client), "test/1", "OPTIONS", 4.0)
        self.fetches = Fetches(self.outgoing, cast(Transports, self.ways), self.happenings)

    def fetch(self, registrar: str = UDP, serial: int = 7, now: float = 0.0, *, anew: bool = False) -> None:
        tls = TlsFiles() if registrar == TLS else None
        request = RegisterRequest(registrar, "sip:anna@pbx.test", "anna", "secret", 60, (("X-Site", "hq"),), tls=tls)
        self.fetches.fetch("anna", serial, request, now, anew=anew)

    def answer(self, code: int, message: str = "", *, was_sent: bool = True) -> None:
        one = self.outgoing.take(self.client.sent[-1][0])
        assert isinstance(one, Fetching)
        self.fetches.answered(one, code, "words" if code else "", message, was_sent=was_sent)

    def sent(self) -> list[tuple[str, int, str, int]]:
        """Call-ID, CSeq, headers and transport of each."""
        return [(one[6], one[7], one[8], one[12]) for one in self.client.sent]


def test_it_has_no_contact_and_no_expiry_and_what_a_pbx_decides_by() -> None:
    staged = Staged()
    staged.fetch()
    ((call_id, cseq, headers, transport),) = staged.sent()
    assert headers == "User-Agent: test/1\nX-Site: hq"
    assert (bool(call_id), cseq, transport, staged.client.sent[0][1]) == (True, 1, 1, "REGISTER")


def test_each_place_has_one_call_id_and_its_nonce_is_used_again() -> None:
    staged = Staged()
    staged.fetch()
    staged.answer(401, CHALLENGE.format("n"))
    staged.answer(200, "SIP/2.0 200 OK\r\n\r\n")
    staged.fetch(serial=8)
    (first, _, plain, _), (second, _, answered, _), (third, cseq, unasked, _) = staged.sent()
    assert (first == second == third, cseq) == (True, 3)
    assert ("Authorization" in plain, 'nonce="n"' in answered, 'nonce="n"' in unasked) == (False, True, True)
    assert list(staged.happenings) == [
        SentAgain(Place(UDP)),
        Fetched("anna", 7, 200, "words", "SIP/2.0 200 OK\r\n\r\n"),
    ]
    staged.fetch("sip:192.0.2.9:5060;transport=udp")
    assert staged.sent()[-1][0] != first


def test_refused_credentials_are_not_sent_again() -> None:
    staged = Staged()
    staged.fetch()
    for nonce in ("a", "b"):
        staged.answer(401, CHALLENGE.format(nonce))
    assert len(staged.client.sent) == 2
    assert staged.happenings[-1] == Fetched("anna", 7, 401, "words", CHALLENGE.format("b"))


def test_of_ever_new_places_the_last_ones_are_kept() -> None:
    staged = Staged()
    for number in range(1, MOST_PLACES + 2):
        staged.fetch(f"sip:192.0.2.{number}:5060;transport=udp")
    kept = staged.fetches._kept["anna"]
    assert [place.uri for place in kept] == [f"sip:192.0.2.{number}:5060;transport=udp" for number in range(2, 6)]
    staged.fetches.forget("anna")
    assert (staged.fetches._kept, list(staged.outgoing)) == ({}, [])


def test_another_one_takes_the_place_of_the_one_before() -> None:
    staged = Staged()
    staged.fetch(serial=7)
    staged.fetch(serial=8)
    assert staged.client.cancelled == [1]
    staged.fetches.drop("anna")
    staged.fetches.drop("anna")
    assert staged.client.cancelled == [1, 2]
    assert (list(staged.outgoing), list(staged.happenings)) == ([], [])


@pytest.mark.parametrize("was_sent", [True, False])
def test_no_answer_is_told_and_whether_it_went_out(was_sent: bool) -> None:
    staged = Staged()
    staged.fetch()
    staged.answer(0, was_sent=was_sent)
    assert list(staged.happenings) == [Fetched("anna", 7, 0, "no answer", "", was_sent)]


def test_what_cannot_be_sent_has_its_end_at_once() -> None:
    staged = Staged()
    staged.client.fault = "no route"
    staged.fetch()
    staged.ways.fault = OSError("no TLS")
    staged.fetch(serial=8)
    assert list(staged.happenings) == [
        Fetched("anna", 7, 0, "no route", "", was_sent=False),
        Fetched("anna", 8, 0, "no TLS", "", was_sent=False),
    ]


# TLS


def test_over_tls_it_makes_a_connection_of_its_own_now_and_then() -> None:
    staged = Staged()
    for now in (0.0, ANEW_SECONDS - 1, ANEW_SECONDS):
        staged.fetch(TLS, now=now, anew=True)
        staged.answer(200)
    assert [one[3] for one in staged.sent()] == [100, 1, 101]
    assert staged.ways.closed == [100, 101]


@pytest.mark.parametrize(("registrar", "anew"), [(UDP, True), (TLS, False)])
def test_elsewhere_and_for_bindings_it_goes_where_the_registration_goes(registrar: str, anew: bool) -> None:
    staged = Staged()
    staged.fetch(registrar, anew=anew)
    assert (staged.sent()[0][3], staged.ways.opened) == (1, [])


def test_a_challenge_is_answered_over_the_same_connection_and_its_nonce_outlives_it() -> None:
    staged = Staged()
    staged.fetch(TLS, anew=True)
    staged.answer(401, CHALLENGE.format("n"))
    assert ([one[3] for one in staged.sent()], staged.ways.closed) == ([100, 100], [])
    staged.answer(200)
    staged.fetch(TLS, now=1.0, anew=True)
    assert 'nonce="n"' in staged.sent()[-1][2]


def test_one_that_is_dropped_closes_its_connection() -> None:
    staged = Staged()
    staged.fetch(TLS, anew=True)
    staged.fetches.drop("anna")
    assert staged.ways.closed == [100]


def test_of_ever_new_places_no_time_is_kept_for_long() -> None:
    staged = Staged()
    staged.fetch(TLS, now=0.0, anew=True)
    staged.fetch(TLS.replace("192.0.2.1", "192.0.2.2"), now=1.0, anew=True)
    staged.fetch(TLS, now=2 * ANEW_SECONDS, anew=True)
    assert list(staged.fetches._anew_at.values()) == [2 * ANEW_SECONDS]
