"""The engine's part of calls, without a network: which messages go out for what comes, and to whom."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import Any, cast

import pytest

from softphone_agent.dns.targets import Place
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.call_requests import CallRequests
from softphone_agent.sip.callee import Callee
from softphone_agent.sip.calling import CALLS_PER_SECOND, Calling
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.digest import Challenge, Session
from softphone_agent.sip.happenings import CallNews, CallOffered, CallSignal, Happening
from softphone_agent.sip.request import RegisterRequest

URI = "sip:192.0.2.1:5060;transport=udp"
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS"
SUPPORTED = "Supported: replaces"


class Client:
    """Sends nothing; `fault` is why."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.responses: list[tuple[Any, ...]] = []
        self.replies: list[tuple[int, int]] = []
        self.cancelled: list[int] = []
        self.cancels: list[tuple[int, int]] = []
        self.fault = ""

    def send(self, *what: Any) -> str:
        names = "number method uri sender tag to call_id cseq headers address port name transport msec"
        self.sent.append(dict(zip(names.split(), what, strict=True)))
        return self.fault

    def send_cancel(self, number: int, invite: int, msec: int) -> str:
        self.cancels.append((number, invite))
        return ""

    def respond(self, *what: Any) -> None:
        self.responses.append(what)

    def reply(self, number: int, code: int) -> None:
        self.replies.append((number, code))

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)


class Engine:
    """Calls of alice, who is registered at 192.0.2.1 and answers, and of bob, who does not answer."""

    def __init__(self, uri: str = URI, password: str | None = "pw") -> None:
        self.client = Client()
        self.told: deque[Happening] = deque()
        request = RegisterRequest(uri, "sip:alice@pbx.test", "alice", password, 60)
        session = Session("alice", password) if password else None
        contact = '<sip:alice@192.0.2.9:{port}>;+sip.instance="x"'
        self.registration: Registration | None = Registration(request, Place(uri), contact, 3, session, 60, port="5080")
        self.calling = Calling(
            client := cast(SipClient, self.client),
            CallRequests(client, "test/1", lambda: 4.0),
            self.told,
            self._find,
            lambda phone: self.registration if phone == "alice" else None,
            lambda place: "192.0.2.9",
        )
        self.calling.answer({"alice"}, 2)

    def _find(self, uri: str) -> Callee | None:
        user = re.match(r"sip:(\w+)@", uri)
        name = user[1] if user else ""
        return Callee(name, self.registration) if name in ("alice", "bob") else None

    def take(self) -> list[Happening]:
        taken = list(self.told)
        self.told.clear()
        return taken

    def offered(self, number: int = 1, **changes: Any) -> int:
        """An INVITE came and was taken; the number of its call."""
        assert self.calling.invited(number, request("INVITE", **changes), 0.0) == 0
        (offer,) = self.take()
        assert isinstance(offer, CallOffered)
        return offer.call

    def talking(self) -> int:
        """The same, accepted and acknowledged."""
        call = self.offered()
        self.calling.accept(call, "v=0")
        assert self.calling.took(2, "ACK", request("ACK", to_tag=self.tag))
        self.take()
        return call

    @property
    def tag(self) -> str:
        """Ours, of the last answer."""
        return str(self.client.responses[-1][2])


def request(
    method: str,
    *,
    cseq: int = 1,
    user: str = "alice",
    to_tag: str = "",
    body: str = "v=0 theirs",
    call_id: str = "c1",
    from_tag: str = "b1",
    extra: str = "",
) -> str:
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} sip:{user}@192.0.2.9:5080 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
        f"From: <sip:bob@pbx.test>;tag={from_tag}\r\nTo: <sip:alice@pbx.test>{tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:bob@192.0.2.7:5070>\r\n{extra}\r\n{body}"
    )


def answer(sent: dict[str, Any], code: int, *headers: str, tag: str = "a1", body: str = "v=0 theirs") -> str:
    """An answer of the other end to a request of ours."""
    lines = [
        f"SIP/2.0 {code} So",
        f"From: {sent['sender']};tag={sent['tag']}",
        f"To: {sent['to']};tag={tag}",
        f"Call-ID: {sent['call_id']}",
        f"CSeq: {sent['cseq']} {sent['method']}",
        *headers,
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


# Called


def test_an_invite_is_offered_and_its_answer_carries_our_contact() -> None:
    engine = Engine()
    assert engine.calling.invited(1, request("INVITE"), 0.0) == 0
    assert engine.take() == [CallOffered(1, "alice", "sip:bob@pbx.test", "v=0 theirs")]
    engine.calling.accept(1, "v=0 ours")
    number, code, tag, headers, last = engine.client.responses.pop()
    assert (number, code, last) == (1, 200, False)
    assert headers == f"{ALLOW}\n{SUPPORTED}\nContact: <sip:alice@192.0.2.9:5080>\n\nv=0 ours"
    assert len(tag) == 16


REFUSALS = {
    "nobody of ours": ({"user": "carol"}, 404),
    "one who does not answer": ({"user": "bob"}, 480),
    "a demand": ({"extra": "Require: 100rel\r\n"}, 420),
    "no dialog": ({"extra": "Record-Route: <tel:1>\r\n"}, 400),
}


@pytest.mark.parametrize(("changes", "code"), REFUSALS.values(), ids=REFUSALS.keys())
def test_who_is_refused(changes: dict[str, Any], code: int) -> None:
    engine = Engine()
    assert engine.calling.invited(1, request("INVITE", **changes), 0.0) == code
    assert engine.take() == []


def test_a_phone_that_is_not_registered_is_not_available() -> None:
    engine = Engine()
    engine.registration = None
    assert engine.calling.invited(1, request("INVITE"), 0.0) == 480
    with pytest.raises(OSError, match="not registered"):
        engine.calling.host("alice")


def test_there_are_so_many_calls_and_no_more_and_so_many_a_second() -> None:
    engine = Engine()
    first = engine.offered(call_id="c1")
    engine.offered(call_id="c2")
    assert engine.calling.invited(9, request("INVITE", call_id="c3"), 0.0) == 486
    engine.calling.forget(first)
    engine.calling.forget(first)
    engine.offered(call_id="c3")
    for number in range(int(CALLS_PER_SECOND)):
        engine.calling.invited(number, request("INVITE", user="carol"), 0.0)
    assert engine.calling.invited(9, request("INVITE", user="carol"), 0.0) == 486, "not even looked at"
    assert engine.calling.invited(9, request("INVITE", user="carol"), 0.0, from_pbx=True) == 404, "which a PBX's is"


def test_an_invite_that_comes_again_gets_its_answer_again() -> None:
    engine = Engine()
    call = engine.offered()
    assert engine.calling.took(2, "INVITE", request("INVITE")), "before there is an answer"
    assert engine.client.responses == []
    engine.calling.accept(call, "v=0")
    engine.calling.answer_again(call)
    assert engine.calling.took(3, "INVITE", request("INVITE"))
    assert len(set(engine.client.responses)) == 1
    assert len(engine.client.responses) == 3
    assert engine.client.replies == [(2, 0), (3, 0)]


def test_the_ack_ends_the_waiting_once() -> None:
    engine = Engine()
    call = engine.offered()
    engine.calling.accept(call, "v=0")
    assert engine.calling.took(2, "ACK", request("ACK", cseq=9, to_tag=engine.tag)), "another one's"
    assert engine.take() == []
    assert engine.calling.took(3, "ACK", request("ACK", to_tag=engine.tag))
    assert engine.calling.took(4, "ACK", request("ACK", to_tag=engine.tag))
    assert engine.take() == [CallSignal(call, CallNews.ACKNOWLEDGED, sdp="v=0 theirs")]
    before = len(engine.client.responses)
    engine.calling.answer_again(call)
    engine.calling.accept(call, "v=0")
    assert len(engine.client.responses) == before


def test_a_bye_is_answered_and_told() -> None:
    engine = Engine()
    call = engine.talking()
    assert engine.calling.took(5, "BYE", request("BYE", cseq=2, to_tag=engine.tag))
    assert engine.client.responses[-1][:2] == (5, 200)
    assert engine.take() == [CallSignal(call, CallNews.BYE_CAME)]


@pytest.mark.parametrize("changes", [{"to_tag": "guessed"}, {"from_tag": "guessed"}, {"call_id": "guessed"}])
def test_who_does_not_know_the_dialog_has_no_part_in_it(changes: dict[str, Any]) -> None:
    engine = Engine()
    engine.talking()
    known = {"to_tag": engine.tag} | changes
    assert not engine.calling.took(5, "BYE", request("BYE", cseq=2, **known))


def test_a_cancel_of_an_invite_comes_too_late() -> None:
    engine = Engine()
    call = engine.offered()
    engine.calling.accept(call, "v=0")
    tag = engine.tag
    assert engine.calling.took(2, "CANCEL", request("CANCEL"))
    assert engine.client.responses[-1][:3] == (2, 200, tag)
    assert engine.take() == []
    assert not engine.calling.took(3, "CANCEL", request("CANCEL", cseq=2))


def test_a_re_invite_is_offered_and_one_at_a_time() -> None:
    engine = Engine()
    call, tag = engine.talking(), engine.tag
    assert engine.calling.took(5, "INVITE", request("INVITE", cseq=3, to_tag=tag, body="v=0 hold"))
    assert engine.take() == [CallSignal(call, CallNews.REOFFERED, sdp="v=0 hold")]
    assert engine.calling.took(6, "INVITE", request("INVITE", cseq=4, to_tag=tag))
    assert engine.client.responses[-1][:2] == (6, 500)
    engine.calling.refuse(call, 488)
    assert engine.client.responses[-1][:2] == (5, 488)
    assert engine.calling.took(7, "INVITE", request("INVITE", cseq=2, to_tag=tag)), "older than the one before"
    assert engine.client.responses[-1][:2] == (7, 500)
    extra = "Require: timer, x\r\n"
    assert engine.calling.took(8, "INVITE", request("INVITE", cseq=5, to_tag=tag, extra=extra))
    assert engine.client.responses[-1] == (8, 420, "", "Unsupported: timer, x", True)


def test_other_methods_within_a_call() -> None:
    engine = Engine()
    engine.talking()
    tag = engine.tag
    for number, (method, code) in enumerate([("OPTIONS", 200), ("INFO", 405), ("UPDATE", 405), ("REFER", 405)]):
        assert engine.calling.took(number, method, request(method, cseq=number + 2, to_tag=tag))
        assert engine.client.responses[-1] == (number, code, "", ALLOW, True)


def test_our_bye_goes_to_the_others_contact_or_by_the_proxies() -> None:
    engine = Engine()
    engine.calling.bye(engine.talking())
    sent = engine.client.sent[-1]
    assert (sent["method"], sent["uri"], sent["address"], sent["port"]) == (
        "BYE",
        "sip:bob@192.0.2.7:5070",
        "192.0.2.7",
        5070,
    )
    assert (sent["sender"], sent["to"], sent["cseq"]) == ("<sip:alice@pbx.test>", "<sip:bob@pbx.test>;tag=b1", 1)
    assert sent["transport"] == 3
    engine.calling.bye(engine.offered(call_id="c2", extra="Record-Route: <sip:192.0.2.8;lr>\r\n"))
    sent = engine.client.sent[-1]
    assert (sent["address"], sent["port"]) == ("192.0.2.8", 5060)
    assert sent["headers"] == "Route: <sip:192.0.2.8;lr>\nUser-Agent: test/1"


@pytest.mark.parametrize("hop", ["sip:pbx.test;lr", "sip:192.0.2.8;transport=tcp;lr", "sip:[2001:db8::1];lr"])
def test_where_the_dialog_leads_to_nothing_that_we_reach_its_pbx_gets_it(hop: str) -> None:
    engine = Engine()
    engine.calling.bye(engine.offered(extra=f"Record-Route: <{hop}>\r\n"))
    assert (engine.client.sent[-1]["address"], engine.client.sent[-1]["port"]) == ("192.0.2.1", 5060)


def test_the_end_of_our_bye_is_told() -> None:
    engine = Engine()
    call = engine.talking()
    engine.calling.bye(call)
    engine.calling.answered(engine.client.sent[-1]["number"], 200, "OK", "")
    engine.calling.answered(engine.client.sent[-1]["number"], 200, "OK", "")
    engine.client.fault = "no way"
    engine.calling.bye(call)
    assert engine.take() == [
        CallSignal(call, CallNews.BYE_ANSWERED, 200),
        CallSignal(call, CallNews.BYE_ANSWERED, 0, "no way"),
    ]


def test_of_a_call_that_is_gone_nothing_is_asked() -> None:
    engine = Engine()
    call = engine.offered()
    engine.calling.forget(call)
    assert engine.client.replies == [(1, 0)]
    for ask in (engine.calling.answer_again, engine.calling.acknowledge, engine.calling.cancel, engine.calling.bye):
        ask(call)
    engine.calling.accept(call, "v=0")
    engine.calling.refuse(call, 480)
    assert (engine.client.sent, engine.client.responses) == ([], [])
    assert engine.calling.phone_of("c1") is None


# Calling


def invited(engine: Engine) -> tuple[int, dict[str, Any]]:
    """A call of ours, and its INVITE."""
    call = engine.calling.invite("alice", "sip:bob@pbx.test", "v=0 ours")
    return call, engine.client.sent[-1]


def test_our_invite_goes_to_the_pbx_of_the_phone() -> None:
    engine = Engine()
    call, sent = invited(engine)
    assert (sent["method"], sent["uri"], sent["to"]) == ("INVITE", "sip:bob@pbx.test", "<sip:bob@pbx.test>")
    assert (sent["address"], sent["port"], sent["transport"], sent["name"]) == ("192.0.2.1", 5060, 3, "")
    assert (
        sent["headers"]
        == f"User-Agent: test/1\nContact: <sip:alice@192.0.2.9:{{port}}>\n{ALLOW}\n{SUPPORTED}\n\nv=0 ours"
    )
    assert engine.calling.phone_of(sent["call_id"]) == "alice"
    engine.calling.progressed(sent["number"], 180)
    engine.calling.progressed(4711, 180)
    text = answer(sent, 200, "Contact: <sip:bob@192.0.2.7:5070>", "Record-Route: <sip:192.0.2.1;lr>")
    engine.calling.answered(sent["number"], 200, "OK", text)
    assert engine.take() == [
        CallSignal(call, CallNews.PROGRESSED, 180),
        CallSignal(call, CallNews.ANSWERED, 200, sdp="v=0 theirs"),
    ]
    engine.calling.acknowledge(call)
    ack = engine.client.sent[-1]
    assert (ack["method"], ack["uri"], ack["to"], ack["cseq"]) == (
        "ACK",
        "sip:bob@192.0.2.7:5070",
        "<sip:bob@pbx.test>;tag=a1",
        1,
    )
    assert ack["headers"] == "Route: <sip:192.0.2.1;lr>"
    assert engine.calling.came_late(text)
    assert engine.client.sent[-1] == ack
    assert not engine.calling.came_late(text.replace("tag=a1", "tag=a2")), "another branch"
    assert not engine.calling.came_late(text.replace("CSeq: 1", "CSeq: 2"))
    assert not engine.calling.came_late("SIP/2.0 200 OK\r\n\r\n")


def test_over_tls_the_certificate_must_have_the_name_of_the_pbx() -> None:
    engine = Engine("sips:pbx.test:5061")
    assert invited(engine)[1]["name"] == "pbx.test"


def test_a_challenge_of_the_pbx_is_answered_once() -> None:
    engine = Engine()
    call, sent = invited(engine)
    header = 'Proxy-Authenticate: Digest realm="pbx", nonce="n", qop="auth"'
    engine.calling.answered(sent["number"], 407, "So", answer(sent, 407, header))
    again = engine.client.sent[-1]
    assert again["cseq"] == 2
    assert 'Proxy-Authorization: Digest username="alice", realm="pbx"' in again["headers"]
    engine.calling.answered(again["number"], 407, "So", answer(again, 407, header))
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 407, "So")]


def test_another_realm_than_that_of_the_registration_gets_no_credentials() -> None:
    """Who is called could ask for a digest of the password, to try passwords on it at leisure."""
    engine = Engine()
    assert engine.registration
    assert engine.registration.session
    engine.registration.session.learn(Challenge(False, "pbx", "n", "", "", None, False))
    call, sent = invited(engine)
    header = 'WWW-Authenticate: Digest realm="evil", nonce="n"'
    engine.calling.answered(sent["number"], 401, "So", answer(sent, 401, header))
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 401, "So")]
    assert len(engine.client.sent) == 1


def test_a_challenge_within_a_call_gets_no_credentials() -> None:
    engine = Engine()
    call = engine.talking()
    engine.calling.bye(call)
    sent = engine.client.sent[-1]
    engine.calling.answered(
        sent["number"], 401, "So", answer(sent, 401, 'WWW-Authenticate: Digest realm="x", nonce="n"')
    )
    assert engine.take() == [CallSignal(call, CallNews.BYE_ANSWERED, 401)]
    assert engine.client.sent[-1] == sent


def test_refusals_and_what_cannot_be_sent() -> None:
    engine = Engine(password=None)
    call, sent = invited(engine)
    engine.calling.answered(sent["number"], 486, "Busy Here", answer(sent, 486))
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 486, "Busy Here")]
    call, sent = invited(engine)
    engine.calling.answered(sent["number"], 200, "OK", answer(sent, 200))
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 200, "there is no Contact with a SIP URI")]
    engine.client.fault = "no way"
    call, _ = invited(engine)
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 0, "no way")]
    call = engine.calling.invite("bob", "sip:x@y", "v=0")
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 0, "the phone is not registered")]


def test_a_cancel_goes_out_when_something_was_heard_of_the_invite() -> None:
    """RFC 3261, section 9.1."""
    engine = Engine()
    call, sent = invited(engine)
    engine.calling.cancel(call)
    assert engine.client.cancelled == [sent["number"]]
    assert engine.take() == [CallSignal(call, CallNews.REFUSED, 0, "given up")]
    call, sent = invited(engine)
    engine.calling.progressed(sent["number"], 180)
    engine.calling.cancel(call)
    ((number, invite),) = engine.client.cancels
    assert invite == sent["number"]
    engine.calling.answered(number, 200, "OK", "")
    engine.calling.answered(sent["number"], 487, "Gone", answer(sent, 487))
    assert engine.take()[1:] == [CallSignal(call, CallNews.REFUSED, 487, "Gone")]
    engine.calling.forget(call)


def test_what_is_forgotten_waits_for_no_answer() -> None:
    engine = Engine()
    call, sent = invited(engine)
    engine.calling.forget(call)
    assert engine.client.cancelled == [sent["number"]]
    engine.calling.answered(sent["number"], 200, "OK", answer(sent, 200))
    assert engine.take() == []


# Test calls: marks, ringing, questions, and calls that replace others


def test_a_mark_goes_with_the_invite_and_with_its_answer() -> None:
    engine = Engine()
    engine.calling.invite("alice", "sip:bob@pbx.test", "v=0", "check=x")
    sent = engine.client.sent[-1]
    assert "\nX-Softphone-Check: check=x\n" in sent["headers"]
    contact = "Contact: <sip:bob@192.0.2.7:5070>"
    text = answer(sent, 200, contact, "X-Softphone-Check: check=y")
    engine.calling.answered(sent["number"], 200, "OK", text)
    assert engine.take() == [CallSignal(1, CallNews.ANSWERED, 200, sdp="v=0 theirs", mark="check=y")]
    extra = "X-Softphone-Check: check=z\r\n"
    assert engine.calling.invited(9, request("INVITE", extra=extra), 0.0, from_pbx=True) == 0
    assert engine.take() == [CallOffered(2, "alice", "sip:bob@pbx.test", "v=0 theirs", "check=z", from_pbx=True)]
    engine.calling.accept(2, "v=0", "check=w")
    assert "X-Softphone-Check: check=w" in engine.client.responses[-1][3]


def test_it_rings_and_a_cancel_counts_until_it_is_answered() -> None:
    engine = Engine()
    call = engine.offered()
    engine.calling.ring(call)
    assert engine.client.responses[-1][:2] == (1, 180)
    tag = engine.tag
    assert engine.calling.took(2, "INVITE", request("INVITE"))
    assert engine.client.responses[-1][:3] == (1, 180, tag), "the INVITE comes again, and so does the ringing"
    assert engine.calling.took(3, "ACK", request("ACK", to_tag=tag)), "which means nothing yet"
    assert engine.calling.took(4, "CANCEL", request("CANCEL"))
    assert engine.take() == [CallSignal(call, CallNews.CANCELLED)]
    engine.calling.refuse(call, 487, last=False)
    engine.calling.answer_again(call)
    assert [one[:3] for one in engine.client.responses[-2:]] == [(1, 487, tag)] * 2
    assert engine.calling.took(5, "CANCEL", request("CANCEL"))
    assert engine.take() == [], "once"
    assert engine.calling.took(6, "ACK", request("ACK", to_tag=tag))
    assert engine.take() == [CallSignal(call, CallNews.ACKNOWLEDGED, sdp="v=0 theirs")]


def test_the_other_end_is_asked_within_the_call() -> None:
    engine = Engine()
    call = engine.talking()
    engine.calling.ask(call)
    sent = engine.client.sent[-1]
    assert (sent["method"], sent["uri"], sent["cseq"]) == ("OPTIONS", "sip:bob@192.0.2.7:5070", 1)
    engine.calling.answered(sent["number"], 481, "Gone", "")
    engine.client.fault = "no way"
    engine.calling.ask(call)
    engine.calling.ask(4711)
    assert engine.take() == [
        CallSignal(call, CallNews.ASK_ANSWERED, 481),
        CallSignal(call, CallNews.ASK_ANSWERED, 0, "no way"),
    ]


def test_a_phone_that_is_registered_elsewhere_has_moved() -> None:
    engine = Engine()
    call = engine.talking()
    assert not engine.calling.has_moved(call)
    assert engine.registration
    before, engine.registration = engine.registration, None
    assert not engine.calling.has_moved(call), "it is registered nowhere"
    engine.registration = replace(before, place=Place("sip:192.0.2.2:5060;transport=udp"))
    assert engine.calling.has_moved(call)
    assert not engine.calling.has_moved(4711)


def test_our_invite_that_replaces_a_call_names_its_tags_as_the_other_end_knows_them() -> None:
    """RFC 3891, section 4."""
    engine = Engine()
    old, sent = invited(engine)
    text = answer(sent, 200, "Contact: <sip:bob@192.0.2.7:5070>")
    engine.calling.answered(sent["number"], 200, "OK", text)
    engine.calling.invite("alice", "sip:bob@pbx.test", "v=0", "", old)
    headers = engine.client.sent[-1]["headers"].splitlines()
    assert "Require: replaces" in headers
    assert f"Replaces: {sent['call_id']};to-tag=a1;from-tag={sent['tag']}" in headers


def replacing(engine: Engine, **changes: str) -> str:
    """An INVITE that is to replace the call of `Engine.talking`."""
    given = {"call_id": "c1", "to-tag": engine.tag, "from-tag": "b1"} | changes
    tags = ";".join(f"{name}={value}" for name, value in given.items() if name.endswith("tag"))
    extra = f"Require: replaces\r\nReplaces: {given['call_id']};{tags}{given.get('more', '')}\r\n"
    return request("INVITE", call_id="c2", from_tag="b2", extra=extra)


def test_an_invite_may_replace_a_call_also_where_there_is_no_place_for_another_one() -> None:
    engine = Engine()
    call = engine.talking()
    engine.calling.answer({"alice"}, 1)
    assert engine.calling.invited(9, replacing(engine), 0.0) == 0
    (offer,) = engine.take()
    assert isinstance(offer, CallOffered)
    assert offer.replaces == call


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"call_id": "c9"}, 481),
        ({"to-tag": "guessed"}, 481),
        ({"from-tag": "guessed"}, 481),
        ({"more": ";early-only"}, 481),
        ({"from-tag": ""}, 400),
        ({"call_id": ""}, 400),
    ],
    ids=str,
)
def test_who_does_not_know_a_call_cannot_replace_it(changes: dict[str, str], code: int) -> None:
    engine = Engine()
    engine.talking()
    assert engine.calling.invited(9, replacing(engine, **changes), 0.0) == code
    assert engine.take() == []
