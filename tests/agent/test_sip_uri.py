"""SIP URIs: what is understood, and that nothing breaks the reader."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softphone_agent.contract import sip_uri
from softphone_agent.contract.sip_uri import SipUriError, parse, parse_aor


@pytest.mark.parametrize(
    ("text", "registrar", "secure"),
    [
        ("sip:pbx.example", "sip:pbx.example;transport=udp", False),
        ("sip:PBX.Example:5060", "sip:pbx.example:5060;transport=udp", False),
        ("sip:pbx.example.", "sip:pbx.example;transport=udp", False),
        ("SIP:alice@192.0.2.1", "sip:192.0.2.1:5060;transport=udp", False),
        ("sip:192.0.2.1;transport=TCP", "sip:192.0.2.1:5060;transport=tcp", False),
        ("sip:192.0.2.1;transport=tls", "sip:192.0.2.1:5061;transport=tls", True),
        ("sips:192.0.2.1", "sips:192.0.2.1:5061", True),
        ("sips:192.0.2.1:5061;transport=tls", "sips:192.0.2.1:5061", True),
        ("sip:[2001:DB8::0:1]", "sip:[2001:db8::1]:5060;transport=udp", False),
        ("sip:[2001:db8::1]:5070;transport=tcp", "sip:[2001:db8::1]:5070;transport=tcp", False),
        ("sip:192.0.2.1;lr;maddr=192.0.2.2", "sip:192.0.2.1:5060;transport=udp", False),
    ],
)
def test_equal_registrars_have_one_canonical_form(text: str, registrar: str, secure: bool) -> None:
    uri = parse(text)
    assert str(uri.registrar()) == registrar
    assert uri.secure is secure
    assert uri.registrar().registrar() == uri.registrar()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", 'must begin with "sip:" or "sips:"'),
        ("tel:+4970317300", 'must begin with "sip:" or "sips:"'),
        ("*", 'must begin with "sip:" or "sips:"'),
        ("sip:", "has no host"),
        ("sip:@pbx", "has no valid user part before the @"),
        ("sip:alice:secret@pbx", "must not carry a password"),
        ("sip:pbx ", "contains white space or control characters"),
        ("sip:pbx\r\nVia: x", "contains white space or control characters"),
        ("sip:pbx:0", 'has an invalid port "0"; it must be 1 to 65535'),
        ("sip:pbx:65536", 'has an invalid port "65536"; it must be 1 to 65535'),
        ("sip:pbx:", 'has an invalid port ""; it must be 1 to 65535'),
        ("sip:pbx:٥٠٦٠", 'has an invalid port "٥٠٦٠"; it must be 1 to 65535'),
        ("sip:192.0.2.256", 'has an invalid IPv4 address "192.0.2.256"'),
        ("sip:[2001:db8::g]", 'has an invalid IPv6 address "2001:db8::g"'),
        ("sip:[2001:db8::1", "has an unfinished IPv6 address"),
        ("sip:[::1]x", "has an unfinished IPv6 address"),
        ("sip:2001:db8::1", "has an IPv6 address without brackets"),
        ("sip:-pbx", 'has an invalid host "-pbx"'),
        ("sip:pbx?Subject=x", 'must not carry headers ("?")'),
        ("sip:pbx;transport=ws", 'has the transport "ws"; it must be one of udp, tcp, tls'),
        ("sip:pbx;=x", 'has an invalid parameter "=x"'),
        ("sips:pbx;transport=udp", "asks for TLS (sips:) over udp, which does not exist"),
        ("sip:" + "a" * 600, "is longer than 512 characters"),
    ],
)
def test_what_is_no_sip_uri_is_refused_with_the_reason(text: str, fault: str) -> None:
    with pytest.raises(SipUriError) as refused:
        parse(text)
    assert str(refused.value) == fault


def test_an_address_of_record_has_a_user() -> None:
    assert parse_aor("sip:alice@pbx.test").user == "alice"
    with pytest.raises(SipUriError, match="has no user part"):
        parse_aor("sip:pbx.test")


def test_people_see_host_and_port_with_ipv6_in_brackets() -> None:
    assert parse("sip:192.0.2.1").host_port == "192.0.2.1:5060"
    assert parse("sips:pbx").host_port == "pbx:5061"
    assert parse("sip:[::1]:5070").host_port == "[::1]:5070"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sip:alice:secret@pbx", "sip:alice:…@pbx"),
        ("alice:secret@pbx", "alice:…@pbx"),
        ('"sips:alice:se:cret@pbx"', '"sips:alice:…@pbx"'),
        ("sip:alice@pbx", "sip:alice@pbx"),
        ("sip:pbx:5060", "sip:pbx:5060"),
    ],
)
def test_messages_never_show_a_password(text: str, shown: str) -> None:
    assert sip_uri.without_password(text) == shown


SIP_LIKE = st.text(alphabet=st.sampled_from('sip:tel@[]<>"\\;,=?*.0123456789 \t\r\nq٣x-_%&transportudc'), max_size=120)


@given(st.one_of(st.text(max_size=80), SIP_LIKE, SIP_LIKE.map(lambda text: f"sip:{text}")))
@example("sip:a@[::1%eth0]")
@example("sip:[::ffff:1.2.3.4]")
def test_whatever_the_text_parsing_gives_a_uri_or_a_sip_uri_error(text: str) -> None:
    try:
        uri = parse(text)
    except SipUriError:
        return
    assert parse(str(uri)) == uri
    registrar = uri.registrar()
    assert parse(str(registrar)) == registrar
    assert registrar.registrar() == registrar
    assert registrar.secure == uri.secure


@given(st.text(max_size=300))
def test_a_text_without_its_password_is_a_text(text: str) -> None:
    assert isinstance(sip_uri.without_password(text), str)
