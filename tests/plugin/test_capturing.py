"""The SIP messages of a trace are packets of a capture file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.capture_file import Packet, read
from softphone_plugin.capturing import Capture, header, own_address, read_peer
from softphone_plugin.tracing import Signal, signal_of

OURS, THEIRS = "Via: SIP/2.0/TCP 10.0.0.7:41234;branch=z9", "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9"
REGISTER = f"REGISTER sip:acme.example SIP/2.0\r\n{OURS}\r\n\r\n"
OK = f"SIP/2.0 200 OK\r\nv : SIP / 2.0 / UDP 10.0.0.7;rport\r\n{THEIRS}\r\n\r\n"
OPTIONS = f"OPTIONS sip:anna@10.0.0.7:41300;transport=tcp SIP/2.0\r\n{THEIRS}\r\n\r\n"
ANSWER = f"SIP/2.0 200 OK\r\n{THEIRS}\r\n\r\n"


def signal(message: str, *, sent: bool, peer: str = "TCP 10.0.0.1:5060") -> Signal:
    return Signal("2026-11-30T12:00:01.250000Z", sent, peer, message)


def test_the_file_begins_as_wireshark_wants_it() -> None:
    assert header().hex() == "d4c3b2a1020004000000000000000000ffff000065000000"


def test_a_request_and_its_answer_go_between_the_phone_and_the_pbx() -> None:
    capture = Capture()
    there, back = (read(capture.packet(one)) for one in (signal(REGISTER, sent=True), signal(OK, sent=False)))
    assert there == Packet(
        1796040001250000, 28 + len(REGISTER), ("10.0.0.7", 41234), ("10.0.0.1", 5060), REGISTER.encode()
    )
    assert (back.source, back.target, back.payload) == (("10.0.0.1", 5060), ("10.0.0.7", 5060), OK.encode())


@pytest.mark.parametrize(
    ("message", "sent", "expected"),
    [
        (REGISTER, True, ("10.0.0.7", 41234)),
        (OK, False, ("10.0.0.7", 5060)),
        (OPTIONS, False, ("10.0.0.7", 41300)),
        (ANSWER, True, None),
        ("REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TLS [2001:db8::7]:5061;branch=z\r\n\r\n", True, ("2001:db8::7", 5061)),
        ("REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP phone.example\r\n\r\n", True, None),
        ("", True, None),
    ],
)
def test_the_phones_address_is_what_its_messages_say(
    message: str, sent: bool, expected: tuple[str, int] | None
) -> None:
    assert own_address(signal(message, sent=sent)) == expected


def test_what_a_message_does_not_say_is_as_before() -> None:
    capture = Capture()
    assert read(capture.packet(signal(ANSWER, sent=True))).source == ("0.0.0.0", 5060)
    capture.packet(signal(OPTIONS, sent=False))
    assert read(capture.packet(signal(ANSWER, sent=True))).source == ("10.0.0.7", 41300)


def test_a_pbx_of_ipv6_makes_packets_of_ipv6() -> None:
    record = read(Capture().packet(signal(REGISTER, sent=True, peer="[2001:db8::1]:5060")))
    assert record.target == ("2001:db8::1", 5060)
    assert record.source == ("::ffff:a00:7", 41234)
    assert record.payload == REGISTER.encode()


def test_a_message_that_no_packet_can_hold_is_cut_and_the_file_says_so() -> None:
    long = REGISTER + "x" * 70_000
    record = read(Capture().packet(signal(long, sent=True)))
    assert record.whole == 28 + len(long)
    assert record.payload == long.encode()[: 65535 - 28]


@given(st.text(), st.booleans(), st.text(), st.text(max_size=30))
def test_whatever_an_agent_logs_is_a_packet(message: str, sent: bool, peer: str, time: str) -> None:
    encodable = message.encode(errors="replace").decode()
    assert read(Capture().packet(Signal(time, sent, peer, encodable))).payload == encodable.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UDP 10.0.0.1:5060", ("10.0.0.1", 5060)),
        ("TLS6 [2001:db8::1]:5061", ("2001:db8::1", 5061)),
        ("10.0.0.1:5060", ("10.0.0.1", 5060)),
        ("", ("0.0.0.0", 5060)),
        ("10.0.0.1:99999", ("0.0.0.0", 5060)),
        ("pbx.example:5060", ("0.0.0.0", 5060)),
    ],
)
def test_the_peer_is_read_as_it_is_logged(text: str, expected: tuple[str, int]) -> None:
    assert read_peer(text) == expected


def test_only_lines_with_messages_are_signals() -> None:
    line = {"event": "SIP sent", "timestamp": "t", "peer": "p", "message": "m\r\n"}
    assert signal_of(json.dumps(line).encode()) == Signal("t", True, "p", "m\r\n")
    assert signal_of(json.dumps({**line, "event": "SIP received"}).encode()) == Signal("t", False, "p", "m\r\n")
    assert signal_of(b'{"event": "transition"}') is None
