"""Where a SIP message ends in a stream, and what can never become one."""

from __future__ import annotations

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.lab

MAX_BYTES = 64 * 1024
"""PJSIP_MAX_PKT_LEN of our build (images/pjsua2/config_site.h)."""


class Frame(enum.Enum):
    """As the client judges (images/pjsua2/client.h)."""

    PARTIAL = 0
    WHOLE = 1
    HOPELESS = 2
    TOO_LONG = 3


def judge(data: bytes) -> Frame:
    import pjsua2

    return Frame(pjsua2.judge_frame(data))


HEAD = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.0.2.1\r\n"
GOOD = HEAD + b"Content-Length: 4\r\n\r\nbody"


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        (GOOD, Frame.WHOLE),
        (GOOD + GOOD, Frame.WHOLE),
        (GOOD[:-1], Frame.PARTIAL),
        (b"O", Frame.PARTIAL),
        (b"OPTIONS sip:a@b SIP/2.0\r\nl : 0\r\n\r\n", Frame.WHOLE),
        (b"SIP/2.0 200\r\nContent-Length:0\r\n\r\n", Frame.WHOLE),
        (HEAD + b"\r\n", Frame.HOPELESS),
        (HEAD + b"Content-Length: -1\r\n\r\n", Frame.HOPELESS),
        (HEAD + b"Content-Length: 12345678901\r\n\r\n", Frame.HOPELESS),
        (HEAD + b"Content-Length: 2000000\r\n\r\n", Frame.TOO_LONG),
        (HEAD + b"X: " + b"x" * MAX_BYTES, Frame.TOO_LONG),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Frame.HOPELESS),
        (b"\x16\x03\x01\x02\x00\n\x01", Frame.HOPELESS),
        (b"x" * MAX_BYTES, Frame.TOO_LONG),
    ],
)
def test_what_a_stream_brings(data: bytes, frame: Frame) -> None:
    assert judge(data) is frame


@given(st.integers(0, len(GOOD)), st.binary(max_size=100))
def test_a_message_may_come_in_any_pieces(cut: int, more: bytes) -> None:
    assert judge(GOOD[:cut]) is (Frame.WHOLE if cut == len(GOOD) else Frame.PARTIAL)
    assert judge(GOOD + more) is Frame.WHOLE


@given(st.binary(max_size=2 * MAX_BYTES))
def test_nothing_is_waited_for_without_end(data: bytes) -> None:
    if judge(data) is Frame.PARTIAL:
        assert len(data) < MAX_BYTES
