"""Which answer belongs to which request: the client is a list that notes what it is asked."""

from __future__ import annotations

from typing import Any, cast

from softphone_agent.dns.targets import Place, Target
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.chain import Chain
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.outgoing import Outgoing, Pinging, Registering
from softphone_agent.sip.request import RegisterRequest, TlsFiles

URI = "sip:192.0.2.1:5060;transport=udp"


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


def outgoing() -> tuple[Outgoing, Client]:
    client = Client()
    return Outgoing(cast(SipClient, client), "test/1", "OPTIONS", 4.0), client


def registering(phone: str = "anna", uri: str = URI, **fields: Any) -> Registering:
    request = RegisterRequest(uri, f"sip:{phone}@pbx.test", phone, None, 60, **fields)
    registration = Registration(request, Place(uri, request.target), "<sip:anna@192.0.2.9>", 1, None, 60)
    return Registering(phone, 7, registration, Chain(60, None))


def test_an_answer_belongs_to_the_request_of_its_number_once() -> None:
    out, client = outgoing()
    anna, bert = registering("anna"), registering("bert")
    assert (out.register(anna), out.register(bert)) == ("", "")
    numbers = [sent[0] for sent in client.sent]
    assert len(set(numbers)) == 2
    assert out.take(numbers[0]) is anna
    assert out.take(numbers[0]) is None
    assert list(out) == [bert]


def test_a_register_that_was_given_up_has_no_answer_any_more() -> None:
    out, client = outgoing()
    out.register(registering("anna"))
    (number,) = [sent[0] for sent in client.sent]
    out.cancel("anna")
    out.cancel("anna")
    assert (client.cancelled, out.take(number)) == ([number], None)


def test_an_unregister_that_nobody_waits_for_is_not_cancelled_with_the_phone() -> None:
    out, client = outgoing()
    left = registering("")
    out.register(left)
    out.register(registering("anna"))
    out.cancel("anna")
    assert list(out) == [left]
    assert len(client.cancelled) == 1


def test_what_cannot_be_sent_waits_for_nothing() -> None:
    out, client = outgoing()
    client.fault = "no such transport"
    assert out.register(registering()) == "no such transport"
    assert list(out) == []
    assert out.register(registering(uri="sip:pbx.test")) == "no server of pbx.test is known"
    assert len(client.sent) == 1


def test_each_register_of_a_chain_counts_on() -> None:
    out, client = outgoing()
    one = registering()
    for _ in range(2):
        out.register(one)
    assert [sent[7] for sent in client.sent] == [1, 2]
    assert len({sent[6] for sent in client.sent}) == 1, "the Call-ID"


def test_where_a_register_goes_and_what_stands_in_it() -> None:
    out, client = outgoing()
    tls = TlsFiles(server_name="PBX.test")
    fields: dict[str, Any] = {"target": Target("192.0.2.7", 5071), "tls": tls, "request_uri": "sip:acme.test"}
    out.register(registering(uri="sips:pbx.acme.test", **fields))
    _, method, uri, sender, _, to, _, cseq, headers, *where = client.sent[0]
    assert (method, uri, sender, to, cseq) == (
        "REGISTER",
        "sip:acme.test",
        "<sip:anna@pbx.test>",
        "<sip:anna@pbx.test>",
        1,
    )
    assert headers.splitlines() == [
        "Contact: <sip:anna@192.0.2.9>",
        "Expires: 60",
        "Allow: OPTIONS",
        "User-Agent: test/1",
    ]
    assert tuple(where) == ("192.0.2.7", 5071, "pbx.test", 1, 4000)


def test_a_ping_is_from_and_to_a_phone_that_the_pbx_knows() -> None:
    out, client = outgoing()
    assert out.ping(Place(URI), "sip:anna@pbx.test", None, 3) == ""
    number, method, uri, sender, _, to, *_ = client.sent[0]
    assert (method, uri, sender, to) == ("OPTIONS", URI, "<sip:anna@pbx.test>", "<sip:anna@pbx.test>")
    assert out.take(number) == Pinging(Place(URI), 3)
