"""A registration as it goes over the wire."""

from __future__ import annotations

import pytest

from softphone_agent.dns.targets import Place
from softphone_agent.sip import binding, sip_message
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.digest import Challenge
from softphone_agent.sip.request import RegisterRequest

INSTANCE = ("+sip.instance", '"<urn:uuid:00000000-0000-4000-8000-000000000001>"')


def request(registrar: str = "sip:192.0.2.1:5060;transport=udp", **fields: object) -> RegisterRequest:
    given = {"aor": "sip:4711@pbx.test", "username": "4711", "password": "secret", "expires": 60} | fields
    return RegisterRequest(registrar, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("registrar", "host", "port", "line", "contact"),
    [
        ("sip:192.0.2.1:5060;transport=udp", "10.0.0.9", 5070, "", "<sip:4711@10.0.0.9:5070>"),
        ("sip:192.0.2.1:5060;transport=tcp", "10.0.0.9", None, "", "<sip:4711@10.0.0.9:{port};transport=tcp>"),
        ("sips:192.0.2.1:5061", "2001:db8::9", None, "", "<sips:4711@[2001:db8::9]:{port}>"),
        ("sip:192.0.2.1:5060;transport=udp", "10.0.0.9", 5070, "a b", "<sip:4711@10.0.0.9:5070;line=a%20b>"),
    ],
)
def test_the_contact(registrar: str, host: str, port: int | None, line: str, contact: str) -> None:
    made = binding.contact(request(registrar, contact_parameters=(INSTANCE,)), host, port, line)
    assert made == f"{contact};{INSTANCE[0]}={INSTANCE[1]}"


def test_the_headers_of_a_register_and_of_one_that_answers_a_challenge() -> None:
    one = request(headers=(("X-Location", "house-a"),))
    contact = binding.contact(one, "10.0.0.9", 5070, "")
    registration = Registration(one, Place(one.registrar), contact, 1, binding.new_session(one), 60)
    plain = [
        ("Contact", "<sip:4711@10.0.0.9:5070>"),
        ("Expires", "60"),
        ("Allow", "OPTIONS"),
        ("User-Agent", "test/1"),
        ("X-Location", "house-a"),
    ]
    assert binding.headers(registration, 60, "test/1", "OPTIONS") == plain
    assert registration.session is not None
    registration.session.learn(Challenge(False, "pbx", "n", "", "", None, False))
    *same, (name, value) = binding.headers(registration, 0, "test/1", "OPTIONS")
    assert same == [plain[0], ("Expires", "0"), *plain[2:]]
    assert name == "Authorization"
    assert f'uri="{one.registrar}"' in value


def test_the_request_uri_is_the_registrar_or_what_the_pbx_wants_it_to_be() -> None:
    """RFC 3261, section 10.2: the domain; most PBXes take their address as well."""
    assert binding.request_uri(request()) == "sip:192.0.2.1:5060;transport=udp"
    assert binding.request_uri(request(request_uri="sip:pbx.test")) == "sip:pbx.test"


def test_without_a_password_there_is_nothing_to_answer_with() -> None:
    one = request(password=None)
    registration = Registration(one, Place(one.registrar), "<sip:4711@10.0.0.9>", 1, binding.new_session(one), 60)
    assert all(name != "Authorization" for name, _ in binding.headers(registration, 60, "test/1", "OPTIONS"))


def test_two_registrations_share_nothing_that_a_pbx_knows_them_by() -> None:
    one, other = (Registration(request(), Place("sip:192.0.2.1"), "<sip:a@b>", 1, None, 60) for _ in range(2))
    assert one.call_id != other.call_id
    assert one.tag != other.tag


def test_the_own_binding_has_the_port_of_the_connection() -> None:
    contact = binding.contact(request("sip:192.0.2.1;transport=tcp"), "10.0.0.9", None, "")
    registration = Registration(request(), Place("sip:192.0.2.1"), contact, 1, None, 60, port="40001")
    assert registration.own_binding.contact == "sip:4711@10.0.0.9:40001;transport=tcp"


def test_the_own_binding_is_known_by_contact_and_instance() -> None:
    contact = binding.contact(request(contact_parameters=(INSTANCE,)), "10.0.0.9", 5070, "")
    registration = Registration(request(), Place("sip:192.0.2.1"), contact, 1, None, 60)
    own = sip_message.OwnBinding("sip:4711@10.0.0.9:5070", "urn:uuid:00000000-0000-4000-8000-000000000001")
    assert registration.own_binding == own
