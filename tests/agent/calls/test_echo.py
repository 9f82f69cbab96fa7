"""What an echo phone keeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls.echo import FILL, MOST, Echo
from softphone_agent.calls.g711 import FRAME, PCMA


def test_silence_until_there_is_enough_then_all_in_order() -> None:
    echo = Echo()
    assert echo.take(PCMA) == PCMA.silent(FRAME)
    echo.put(b"a" * FRAME)
    assert echo.take(PCMA) == PCMA.silent(FRAME), "one packet is too little to begin with"
    echo.put(b"b" * FRAME)
    assert [echo.take(PCMA) for _ in range(3)] == [b"a" * FRAME, b"b" * FRAME, PCMA.silent(FRAME)]


def test_packets_of_another_length() -> None:
    echo = Echo()
    echo.put(b"a" * 240)
    echo.put(b"b" * 240)
    assert [echo.take(PCMA) for _ in range(3)] == [b"a" * 160, b"a" * 80 + b"b" * 80, b"b" * 160]


def test_the_oldest_goes_where_too_much_is_there() -> None:
    echo = Echo()
    echo.put(b"a" * FRAME)
    echo.put(b"b" * MOST)
    assert echo.take(PCMA) == b"b" * FRAME


@given(st.lists(st.binary(max_size=2000) | st.none(), max_size=30))
def test_a_frame_is_always_there_and_never_much_is_kept(done: list[bytes | None]) -> None:
    echo = Echo()
    for payload in done:
        if payload is None:
            assert len(echo.take(PCMA)) == FRAME
        else:
            echo.put(payload)
    while echo.take(PCMA) != PCMA.silent(FRAME):
        pass
    assert FILL <= MOST
