"""RTCP: reports of both kinds, there and back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import rtcp
from softphone_agent.calls.rtcp import Block, Report

BLOCK = Block(9, 25, 100, 0x10005, 40, 0x12345678, 65536)
UNIX = 1_800_000_000.5


def test_a_sender_report_is_read_as_it_was_written() -> None:
    data = rtcp.sender_report(7, UNIX, 1234, 50, 8000, BLOCK, "phone@192.0.2.1")
    assert rtcp.parse(data) == Report(7, rtcp.middle(UNIX), (BLOCK,))
    ntp, timestamp, packets, octets = struct.unpack_from("!QIII", data, 8)
    assert ntp == int((UNIX + 2208988800) * 2**32)
    assert (timestamp, packets, octets) == (1234, 50, 8000)
    assert len(data) % 4 == 0
    assert b"phone@192.0.2.1\x00" in data


def test_a_receiver_report_without_anything_heard() -> None:
    data = rtcp.receiver_report(7, None, "x") + rtcp.goodbye(7)
    assert rtcp.parse(data) == Report(7, None, (), goodbye=True)


@pytest.mark.parametrize("lost", [-0x800000, -1, 0, 0x7FFFFF])
def test_more_may_have_come_than_was_sent(lost: int) -> None:
    block = Block(9, 0, lost, 1, 2)
    assert rtcp.parse(rtcp.receiver_report(7, block, "x")) == Report(7, None, (block,))


def test_numbers_that_do_not_fit_are_bounded() -> None:
    data = rtcp.sender_report(7, UNIX, 0, 2**32 + 1, 2**32 + 2, Block(9, 300, 2**40, 1, 2), "x" * 300)
    assert rtcp.parse(data) == Report(7, rtcp.middle(UNIX), (Block(9, 255, 0x7FFFFF, 1, 2),))


@pytest.mark.parametrize("length", range(5))
def test_a_name_of_any_length_ends_at_a_whole_word(length: int) -> None:
    data = rtcp.receiver_report(7, None, "x" * length)
    assert rtcp.parse(data + rtcp.goodbye(7)) == Report(7, None, (), goodbye=True)


BROKEN = {
    "nothing": b"",
    "another version": b"\x00" + rtcp.receiver_report(7, None, "x")[1:],
    "begins with a goodbye": rtcp.goodbye(7),
    "cut off": rtcp.receiver_report(7, BLOCK, "x")[:20],
    "fewer blocks than it says": b"\x9f" + rtcp.receiver_report(7, BLOCK, "x")[1:],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_report(data: bytes) -> None:
    assert rtcp.parse(data) is None


def test_no_more_parts_are_read_than_anybody_sends() -> None:
    data = rtcp.receiver_report(7, None, "x") + rtcp.receiver_report(7, None, "x") * 20 + rtcp.goodbye(7)
    assert rtcp.parse(data) == Report(7, None, ())


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda rest: b"\x81\xc9\x00\x07" + rest))
def test_whatever_comes_reading_it_is_safe(data: bytes) -> None:
    rtcp.parse(data)


def test_the_round_trip_is_what_was_not_spent_at_the_other_end() -> None:
    """The figures of RFC 3550, section 6.4.1: figure 2."""
    block = Block(1, 0, 0, 0, 0, last_report=0xB705_2000, delay=0x0005_4000)
    arrived = 0xB710_8000
    unix = arrived / 65536 - rtcp.NTP_EPOCH % 65536 + 65536
    assert rtcp.middle(unix) == arrived
    assert rtcp.round_trip(block, unix) == pytest.approx(6.125)


def test_no_round_trip_before_the_other_end_had_a_report_nor_of_a_lie() -> None:
    assert rtcp.round_trip(Block(1, 0, 0, 0, 0), UNIX) is None
    assert rtcp.round_trip(Block(1, 0, 0, 0, 0, rtcp.middle(UNIX), 65536), UNIX) is None
