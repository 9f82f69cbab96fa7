"""What is read from the headers of answers, and what is left out where messages are shown."""

from __future__ import annotations

import pytest

from softphone_agent.sip import sip_message

VIA = "Via: SIP/2.0/UDP 10.0.0.1:5062"


def message(*headers: str, code: str = "200 OK") -> str:
    return "\r\n".join([f"SIP/2.0 {code}", *headers, "", ""])


OURS = sip_message.OwnBinding("sip:alice@10.0.0.1:5062", "urn:uuid:11")
INSTANCE = '+sip.instance="<urn:uuid:11>"'
OTHER_DEVICE = "Contact: <sip:alice@192.0.2.9:5060>;expires=3000"
SEEN = f"{VIA};rport=40000;received=198.51.100.7"


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        (["Contact: <sip:alice@10.0.0.1:5062>;expires=60"], 60),
        (["m: <sip:alice@10.0.0.1:5062>", "Expires: 30"], 30),
        (["Contact: <sip:alice@10.0.0.1:5062>"], 120),
        (["Contact: <sip:alice@10.0.0.1:5062>;expires=0"], 0),
        (["Contact: <sip:alice@10.0.0.1:5062>; Expires = 00"], 0),
        (["Contact: <sip:alice@10.0.0.1:5062>", "Expires: 0"], 0),
        (["Contact: *"], 0),
        (["m:*", "Expires: 60"], 0),
        (["Contact: *", "Contact: <sip:alice@10.0.0.1:5062>;expires=60"], 60),
        (["Expires: 60"], 0),
        ([], 0),
        ([OTHER_DEVICE], 0),
        ([OTHER_DEVICE, "Contact: <sip:alice@10.0.0.1:5062>;expires=0"], 0),
        ([OTHER_DEVICE, "Contact: <sip:alice@10.0.0.1:5062>;expires=60"], 60),
        ([f"{OTHER_DEVICE}, sip:alice@10.0.0.1:5062;expires=60"], 60),
        (["Contact: <sip:%61lice@10.0.0.1:5062;transport=udp;ob>;q=0.5;expires=60"], 60),
        # one was asked for and one is there: ours, whatever became of the port and of capitals
        (["Contact: <sip:Alice@10.0.0.1:5062>;expires=60"], 60),
        (["Contact: <sip:alice@10.0.0.1>;expires=60"], 60),
        ([f"Contact: <sip:alice@10.0.0.1:1>;{INSTANCE.replace('1', '2')};expires=60"], 0),
        (["Contact: <sip:bob@10.0.0.1:5062>;expires=60"], 0),
        ([OTHER_DEVICE, "Contact: <sip:Alice@10.0.0.1:5062>;expires=60"], 0),
        ([SEEN, "Contact: <sip:alice@198.51.100.7:40000>;expires=60"], 60),
        ([SEEN, "Contact: <sip:alice@198.51.100.7:40001>;expires=60"], 60),
        ([f"Contact: <sip:alice@sbc.test>;{INSTANCE};expires=60"], 60),
        ([f"Contact: <sip:alice@sbc.test>;{INSTANCE.upper()};expires=60"], 60),
        ([f"Contact: <sip:alice@10.0.0.9:1>;{INSTANCE};expires=7, <sip:alice@10.0.0.1:5062>;expires=60"], 60),
        (['Contact: <sip:alice@10.0.0.1:5062>;+sip.instance="<urn:uuid:22>";expires=60'], 0),
        # without <> around the URI (RFC 3261, section 20.10)
        ([f"Contact: sip:alice@10.0.0.1:5062;{INSTANCE};expires=60"], 60),
        ([f"Contact: sip:alice@sbc.test;expires=60;{INSTANCE}"], 60),
        ([f"{OTHER_DEVICE}, sip:alice@10.0.0.1:5062;{INSTANCE};expires=60"], 60),
        ([f"Contact: sip:alice@192.0.2.9;x=<;expires=9, sip:alice@10.0.0.1:5062;{INSTANCE};expires=60"], 60),
        (['Contact: sip:alice@10.0.0.1:5062;+sip.instance="<urn:uuid:22>";expires=60'], 0),
        # with headers or a password in the URI (RFC 3261, section 19.1.1)
        (["Contact: <sip:alice@10.0.0.1:5062?X=y>;expires=60"], 60),
    ],
)
def test_only_a_contact_of_ours_with_an_expiry_is_a_binding(headers: list[str], granted: int) -> None:
    found = sip_message.granted(message(*headers), OURS, 120)
    assert (found.expires if found else 0) == granted


def test_the_binding_is_shown_as_the_registrar_has_it() -> None:
    found = sip_message.granted(
        message(OTHER_DEVICE, f"Contact: <sip:alice@sbc.test>;{INSTANCE};expires=60"), OURS, 120
    )
    assert found == sip_message.Granted("sip:alice@sbc.test", 60)


def test_what_we_ask_for_is_read_from_our_register() -> None:
    register = message(f"Contact: <sip:alice@10.0.0.1:5062;ob>;{INSTANCE};expires=120")
    assert sip_message.own_binding(register) == sip_message.OwnBinding("sip:alice@10.0.0.1:5062;ob", "urn:uuid:11")
    assert sip_message.own_binding(message()) == sip_message.NOBODY
    assert sip_message.granted(message("Contact: <sip:a@b>;expires=60"), sip_message.NOBODY, 120) is None


@pytest.mark.parametrize(
    ("via", "observed"),
    [
        (f"{VIA};branch=z9;rport=5062;received=10.0.0.1", None),
        (f"{VIA};branch=z9", None),
        (f"{VIA};rport=40000;received=198.51.100.7", "198.51.100.7:40000"),
        (f"{VIA};received=198.51.100.7", "198.51.100.7:5062"),
        (f"{VIA};rport=40000", "10.0.0.1:40000"),
        ("v: SIP/2.0/TCP [2001:db8::1]:5062;received=2001:db8::2;rport=5062", "[2001:db8::2]:5062"),
        ("Via: SIP/2.0/UDP [::1]:5062;received=::1", None),
        ("Via: SIP/2.0/UDP phone.test;received=10.0.0.9", "10.0.0.9:5060"),
    ],
)
def test_the_address_that_the_pbx_saw_is_shown_where_it_is_not_ours(via: str, observed: str | None) -> None:
    assert sip_message.observed_address(message(via, "Via: SIP/2.0/UDP 1.2.3.4;rport=1")) == observed


def test_an_answer_without_via_shows_no_address() -> None:
    assert sip_message.observed_address(message("X-Via: SIP/2.0/UDP 1.2.3.4;rport=1")) is None


def test_credentials_are_left_out_of_messages() -> None:
    headers = [
        'Authorization: Digest username="a", response="1234567890abcdef"',
        'proxy-authorization : Digest username="a",\r\n response="1234567890abcdef"',
        'Authentication-Info: rspauth="1234567890abcdef", nc=1',
        "Contact: <sip:a@b>",
    ]
    shown = sip_message.redacted(message(*headers))
    assert "1234567890abcdef" not in shown
    assert "Authorization: Digest …\r\n" in shown
    assert "Contact: <sip:a@b>" in shown


def test_keys_of_media_are_left_out_of_messages() -> None:
    lines = [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0;inline:c2VjcmV0|2^20",
        "A=crypto: 2 x\tinline:c2VjcmV0",
        "a=ptime:20",
    ]
    shown = sip_message.redacted(message() + "\r\n".join(lines) + "\r\n")
    assert "c2VjcmV0" not in shown
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…\r\n" in shown
    assert shown.endswith("a=ptime:20\r\n")


def test_a_registration_is_known_by_its_call_id() -> None:
    assert sip_message.call_id(message("X-Call-ID: 1", "Call-ID: 2@host", "i: 3")) == "2@host"
    assert sip_message.call_id(message("i :3")) == "3"
    assert sip_message.call_id(message()) == ""


def test_the_reason_phrase() -> None:
    assert sip_message.reason_phrase(message(code="403 Not today")) == "Not today"
    assert sip_message.reason_phrase("garbage") == ""


@pytest.mark.parametrize(
    ("headers", "branch"),
    [
        ([f"{VIA};branch=z9hG4bK1;rport"], "z9hG4bK1"),
        ([f"v: SIP/2.0/UDP a ;rport; BRANCH = z9hG4bK1, {VIA[5:]};branch=other"], "z9hG4bK1"),
        ([f"{VIA}\r\n ;branch=z9hG4bK1", f"{VIA};branch=other"], "z9hG4bK1"),
        ([VIA], ""),
        ([], ""),
    ],
)
def test_the_branch_of_the_topmost_via(headers: list[str], branch: str) -> None:
    assert sip_message.branch(message(*headers)) == branch
