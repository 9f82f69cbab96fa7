"""Dialogs of calls: what an INVITE and its 2xx make known, in all the forms that headers have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.sip import dialog
from softphone_agent.sip.dialog import Dialog, DialogError

INVITE = (
    "INVITE sip:alice@192.0.2.9:5060;line=1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    "Record-Route: <sip:192.0.2.2;lr>, <sip:192.0.2.3;lr=on;ftag=a==;did=1.b>\r\n"
    "Record-Route: <sip:192.0.2.4;lr>\r\n"
    'From: "Bob; tag=none" <sip:bob@pbx.test>;tag=b1;x=y\r\n'
    "To: <sip:alice@pbx.test>\r\n"
    "Call-ID: c1@192.0.2.5\r\n"
    "CSeq: 7 INVITE\r\n"
    "Contact: <sip:bob@192.0.2.5:5070;transport=udp>\r\n"
    "Content-Type: application/sdp\r\n"
    "\r\n"
    "v=0\r\nTo: nobody;tag=evil\r\n"
)
ANSWER = (
    "SIP/2.0 200 OK\r\n"
    "v: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
    "Record-Route: <sip:192.0.2.2;lr>,\r\n  <sip:192.0.2.3;lr>\r\n"
    "f: <sip:bob@pbx.test>;tag=b1\r\n"
    "t: sip:alice@pbx.test;tag=a1\r\n"
    "i: c1\r\n"
    "CSeq: 3 INVITE\r\n"
    "m: <sip:alice@192.0.2.9>\r\n"
    "\r\n"
)
OURS = Dialog("c1", "<sip:bob@pbx.test>", "b1", "<sip:alice@pbx.test>", "", "sip:alice@pbx.test", (), 3)


def test_what_an_invite_makes_known() -> None:
    made = dialog.of_invite(INVITE, "ours")
    assert made == Dialog(
        call_id="c1@192.0.2.5",
        local="<sip:alice@pbx.test>",
        local_tag="ours",
        remote='"Bob; tag=none" <sip:bob@pbx.test>',
        remote_tag="b1",
        target="sip:bob@192.0.2.5:5070;transport=udp",
        routes=("<sip:192.0.2.2;lr>", "<sip:192.0.2.3;lr=on;ftag=a==;did=1.b>", "<sip:192.0.2.4;lr>"),
        local_cseq=0,
        remote_cseq=7,
    )
    assert (made.next_hop, made.request_uri) == ("sip:192.0.2.2;lr", "sip:bob@192.0.2.5:5070;transport=udp")
    assert made.route_headers() == [("Route", route) for route in made.routes]
    assert dialog.body(INVITE).startswith("v=0")
    assert dialog.request_uri(INVITE) == "sip:alice@192.0.2.9:5060;line=1"


def test_what_a_200_to_our_invite_makes_known() -> None:
    """The routes the other way round (RFC 3261, section 12.1.2)."""
    made = dialog.answered(OURS, ANSWER)
    assert made == Dialog(
        "c1",
        "<sip:bob@pbx.test>",
        "b1",
        "<sip:alice@pbx.test>",
        "a1",
        "sip:alice@192.0.2.9",
        ("<sip:192.0.2.3;lr>", "<sip:192.0.2.2;lr>"),
        3,
    )


def test_a_strict_router_stands_in_the_request_uri() -> None:
    """RFC 3261, section 12.2.1.1."""
    made = dialog.answered(OURS, ANSWER.replace("192.0.2.3;lr", "192.0.2.3"))
    assert made.request_uri == "sip:192.0.2.3"
    assert made.route_headers() == [("Route", "<sip:192.0.2.2;lr>"), ("Route", "<sip:alice@192.0.2.9>")]


def test_without_proxies_requests_go_to_the_other_end() -> None:
    assert (OURS.next_hop, OURS.request_uri, OURS.route_headers()) == ("sip:alice@pbx.test", "sip:alice@pbx.test", [])


FAULTY = {
    "no From": ("From:", "X:", "From, To or Call-ID is missing"),
    "no Call-ID": ("Call-ID:", "X:", "From, To or Call-ID is missing"),
    "another method": ("7 INVITE", "7 BYE", "the CSeq is not of an INVITE"),
    "no CSeq": ("CSeq:", "X:", "the CSeq is not of an INVITE"),
    "no Contact": ("Contact:", "X:", "there is no Contact with a SIP URI"),
    "a Contact that is no SIP URI": ("<sip:bob@192.0.2.5:5070", "<tel:+1", "there is no Contact with a SIP URI"),
    "a Record-Route that is none": ("<sip:192.0.2.4;lr>", "<tel:+1>", "there is a Record-Route without a SIP URI"),
    "too many proxies": (
        "<sip:192.0.2.4;lr>",
        ", ".join(["<sip:192.0.2.4;lr>"] * 15),
        "there are 17 Record-Routes, more than 16",
    ),
}


@pytest.mark.parametrize(("old", "new", "fault"), FAULTY.values(), ids=FAULTY.keys())
def test_what_makes_no_dialog(old: str, new: str, fault: str) -> None:
    with pytest.raises(DialogError) as caught:
        dialog.of_invite(INVITE.replace(old, new), "ours")
    assert str(caught.value) == fault


def test_an_answer_without_a_tag_makes_none() -> None:
    with pytest.raises(DialogError, match="no tag in To"):
        dialog.answered(OURS, ANSWER.replace(";tag=a1", ""))


def test_a_re_invite_may_bring_another_contact_and_a_bad_one_changes_nothing() -> None:
    made = dialog.of_invite(INVITE, "ours")
    dialog.retarget(made, INVITE.replace("bob@192.0.2.5:5070", "bob@192.0.2.6"))
    assert made.target == "sip:bob@192.0.2.6;transport=udp"
    dialog.retarget(made, INVITE.replace("<sip:bob@192.0.2.5:5070", "<tel:1"))
    assert made.target == "sip:bob@192.0.2.6;transport=udp"


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:192.0.2.2;lr", ("192.0.2.2", 5060, "udp")),
        ("sip:a@[2001:DB8::1]:5070;transport=TCP", ("2001:db8::1", 5070, "tcp")),
        ("sip:a@pbx.test;transport=tls;lr", ("pbx.test", 5061, "tls")),
        ("sips:a@192.0.2.2", ("192.0.2.2", 5061, "tls")),
        ("tel:1", ("", 0, "")),
    ],
)
def test_where_a_uri_leads(uri: str, hop: tuple[str, int, str]) -> None:
    assert dialog.hop_of(uri) == hop


def test_what_is_not_there() -> None:
    assert dialog.header("INVITE x SIP/2.0\r\n\r\n", "From") is None
    assert dialog.cseq_of("SIP/2.0 200 OK\r\nCSeq: x\r\n\r\n") == (0, "")
    assert dialog.request_uri("SIP/2.0 200 OK\r\n") == ""
    assert dialog.tag_of(None) == ""


@given(st.text(max_size=300) | st.text(alphabet='sip:@<>;,"\\tag=lr\r\nCFTo:/ 129', max_size=300))
def test_whatever_comes_reading_it_is_safe(text: str) -> None:
    for message in (text, INVITE.replace("<sip:bob@192.0.2.5:5070;transport=udp>", text)):
        try:
            made = dialog.of_invite(message, "ours")
        except DialogError:
            continue
        for line in (made.target, made.request_uri, *(value for _, value in made.route_headers())):
            assert "\n" not in line
            assert "\r" not in line
