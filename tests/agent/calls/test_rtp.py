"""RTP: packets of all forms, numbers of a sender, and what a receiver makes of loss, disorder and strangers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import rtp
from softphone_agent.calls.rtp import Packet, Receiver, Sender

BARE = struct.pack("!BBHII", 0x80, 8, 1, 160, 7)


def with_bits(data: bytes, first: int, rest: bytes) -> bytes:
    return bytes([data[0] | first]) + data[1:12] + rest


PACKETS = {
    "bare": (BARE + b"abc", Packet(8, False, 1, 160, 7, b"abc")),
    "marked": (BARE[:1] + bytes([0x88]) + BARE[2:], Packet(8, True, 1, 160, 7, b"")),
    "two contributing sources": (with_bits(BARE, 2, bytes(8) + b"abc"), Packet(8, False, 1, 160, 7, b"abc")),
    "an extension": (
        with_bits(BARE, 0x10, b"\xbe\xde\x00\x01" + bytes(4) + b"abc"),
        Packet(8, False, 1, 160, 7, b"abc"),
    ),
    "padding": (with_bits(BARE, 0x20, b"abc\x00\x02"), Packet(8, False, 1, 160, 7, b"abc")),
    "too short": (BARE[:11], None),
    "too long": (BARE + bytes(1500), None),
    "another version": (b"\x40" + BARE[1:], None),
    "an extension that is cut off": (with_bits(BARE, 0x10, b"\xbe"), None),
    "an extension longer than the packet": (with_bits(BARE, 0x10, b"\xbe\xde\x00\x09"), None),
    "padding of nothing": (with_bits(BARE, 0x20, b"abc\x00"), None),
    "more padding than there is": (with_bits(BARE, 0x20, b"\x09"), None),
}


@pytest.mark.parametrize(("data", "expected"), PACKETS.values(), ids=PACKETS.keys())
def test_what_a_datagram_holds(data: bytes, expected: Packet | None) -> None:
    assert rtp.parse(data) == expected


@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda rest: b"\xb7\x08" + rest))
def test_whatever_comes_reading_it_is_safe(data: bytes) -> None:
    found = rtp.parse(data)
    assert found is None or len(found.payload) <= len(data) - 12


def test_a_sender_counts_on_and_marks_what_follows_a_pause() -> None:
    sender = Sender(source=7, sequence=0xFFFF, timestamp=0xFFFFFFFF)
    first, second = (rtp.parse(sender.packet(8, bytes(160))) for _ in range(2))
    sender.pass_over(320)
    third = rtp.parse(sender.packet(8, bytes(80)))
    assert first == Packet(8, True, 0xFFFF, 0xFFFFFFFF, 7, bytes(160))
    assert second == Packet(8, False, 0, 159, 7, bytes(160))
    assert third == Packet(8, True, 1, 639, 7, bytes(80))
    assert (sender.packets, sender.octets) == (3, 400)


def packet(number: int, *, source: int = 7, timestamp: int | None = None) -> Packet:
    return Packet(
        8, False, number & 0xFFFF, (160 * number if timestamp is None else timestamp) & 0xFFFFFFFF, source, b"x"
    )


def heard(*numbers: int, receiver: Receiver | None = None, source: int = 7) -> Receiver:
    """A receiver that these packets have come to, one each 20 ms of the sender's clock."""
    receiver = receiver or Receiver()
    for number in numbers:
        receiver.take(packet(number, source=source), 0.02 * number)
    return receiver


def test_a_source_counts_from_its_second_packet_in_sequence_on() -> None:
    receiver = Receiver()
    assert not receiver.take(packet(5), 0.0)
    assert not receiver.take(packet(9), 0.0), "not in sequence"
    assert receiver.take(packet(10), 0.0)
    assert receiver.take(packet(11), 0.0)
    assert (receiver.packets, receiver.lost, receiver.highest) == (2, 0, 11)


def test_nothing_was_heard() -> None:
    receiver = Receiver()
    assert (receiver.packets, receiver.lost, receiver.expected, receiver.highest) == (0, 0, 0, 0)
    assert receiver.last_at is None
    assert receiver.fraction_lost() == 0


def test_loss_late_and_double_packets() -> None:
    receiver = heard(1, 2, 3, 6, 4, 6, 7)
    assert (receiver.packets, receiver.late, receiver.expected, receiver.lost) == (6, 2, 6, 0)
    assert heard(1, 2, 3, 6, 7).lost == 2
    assert heard(1, 2, 2, 2).lost_of_source == -2


def test_loss_since_the_report_before() -> None:
    receiver = heard(1, 2, 3, 4, 5, 9)
    assert receiver.fraction_lost() == (3 << 8) // 8
    assert receiver.fraction_lost() == 0
    heard(10, 11, receiver=receiver)
    assert receiver.fraction_lost() == 0
    heard(14, receiver=receiver)
    assert receiver.fraction_lost() == (2 << 8) // 3


def test_the_numbers_go_round() -> None:
    receiver = heard(0xFFFE, 0xFFFF, 0x10000, 0x10001, 0x10003)
    assert (receiver.packets, receiver.lost, receiver.highest) == (4, 1, 0x10003)


def test_a_single_stranger_in_the_midst_changes_nothing() -> None:
    receiver = heard(1, 2, 3)
    assert not receiver.take(packet(9000, source=8), 0.1)
    assert not receiver.take(packet(20000, source=7), 0.1)
    heard(4, 5, receiver=receiver)
    assert (receiver.source, receiver.packets, receiver.lost) == (7, 4, 0)


def test_another_source_takes_over_and_the_sums_stay() -> None:
    receiver = heard(1, 2, 3, 5)
    heard(500, 501, 502, receiver=receiver, source=8)
    assert (receiver.source, receiver.packets, receiver.lost, receiver.highest) == (8, 5, 1, 502)
    assert receiver.lost_of_source == 0


def test_a_source_that_begins_again_is_heard_on() -> None:
    receiver = heard(1, 2, 3)
    heard(30000, 30001, 30002, receiver=receiver)
    assert (receiver.packets, receiver.lost) == (4, 0)


def test_even_packets_have_no_jitter_and_uneven_ones_have() -> None:
    even, uneven = Receiver(), Receiver()
    for number in range(200):
        even.take(packet(number), 0.02 * number)
        uneven.take(packet(number), 0.02 * number + 0.005 * (number % 2))
    assert even.jitter_seconds == pytest.approx(0, abs=1e-9)
    assert uneven.jitter_seconds == pytest.approx(0.005, rel=0.01)
    assert uneven.worst_jitter_seconds == pytest.approx(0.005, rel=0.01)
    assert even.last_at == pytest.approx(3.98)


def test_a_jump_of_the_senders_clock_is_no_jitter() -> None:
    receiver = heard(1, 2, 3)
    receiver.take(packet(4, timestamp=10**9), 0.08)
    assert receiver.jitter_seconds == pytest.approx(0, abs=1e-9)


@given(st.lists(st.booleans(), min_size=3, max_size=300), st.integers(0, 0xFFFF))
def test_all_that_a_source_sends_came_or_is_lost(arrives: list[bool], begin: int) -> None:
    arrives = [True, True, *arrives, True]
    receiver = Receiver()
    for number, came in enumerate(arrives):
        if came:
            receiver.take(packet(begin + number), 0.02 * number)
    assert receiver.expected == len(arrives) - 1, "the first one is on probation"
    assert receiver.lost == arrives.count(False)
