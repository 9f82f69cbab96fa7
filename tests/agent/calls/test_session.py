"""The media of a call, two ends against each other and alone: what goes out when, and what is measured."""

from __future__ import annotations

import pytest

from softphone_agent.calls import rtcp, rtp, tone
from softphone_agent.calls.g711 import FRAME, PCMA, PCMU
from softphone_agent.calls.sdp import Description, Direction
from softphone_agent.calls.session import Heard, Numbers, Session, Told

UNIX = 1_800_000_000.0


def described(direction: Direction = Direction.BOTH, codec: object = PCMA) -> Description:
    number = 8 if codec is PCMA else 0
    return Description("192.0.2.1", 4000, 4001, codec, number, direction, (), 0)  # type: ignore[arg-type]


def session(plays: int | None = tone.CALLEE, listens_for: int | None = tone.CALLER, source: int = 7) -> Session:
    return Session(Numbers(source, 100, 1000, "x"), plays, listens_for)


def talk(one: Session, other: Session, seconds: float, *, begin: float = 0.0, drop: int = 0) -> float:
    """Let both go on for so long, 50 ms on the way; each `drop`th packet of `one` is lost. Gives the time after."""
    way: list[tuple[float, Session, bool, bytes]] = []
    ticks = round(seconds / 0.01)
    count = 0
    for tick in range(ticks + 1):
        now = begin + tick * 0.01
        for each, peer in ((one, other), (other, one)):
            frames, reports = each.due(now, UNIX + now)
            for frame in frames:
                count += each is one
                if not (drop and each is one and count % drop == 0):
                    way.append((now + 0.05, peer, True, frame))
            way += [(now + 0.05, peer, False, report) for report in reports]
        for item in [item for item in way if item[0] <= now]:
            way.remove(item)
            at, to, is_rtp, data = item
            if is_rtp:
                to.rtp_came(data, at)
            else:
                to.rtcp_came(data, at, UNIX + at)
    return begin + seconds


def agreed(one: Session, now: float = 0.0, **description: object) -> Session:
    one.agreed(described(**description), now)  # type: ignore[arg-type]
    return one


def test_nothing_goes_out_before_media_is_agreed_upon_nor_after_its_end() -> None:
    one = session()
    assert (one.is_on, one.next_at, one.silent_since()) == (False, float("inf"), None)
    assert one.due(5.0, UNIX) == ([], [])
    one.rtp_came(b"\x80\x08" + bytes(170), 0.0)
    agreed(one)
    assert one.is_on
    one.stop()
    assert one.due(5.0, UNIX) == ([], [])
    one.stop()


def test_a_callee_with_a_tone_and_a_caller_with_another_hear_each_other() -> None:
    callee, caller = agreed(session()), agreed(session(tone.CALLER, tone.CALLEE, source=8))
    talk(callee, caller, 8.0)
    for each in (callee, caller):
        heard = each.heard()
        assert heard.sent == 401
        assert (heard.lost, heard.late, heard.silent, heard.tone_part) == (0, 0, False, 1.0)
        assert heard.packets > 390
        assert heard.jitter_seconds == pytest.approx(0, abs=1e-6)
        assert heard.told == Told(0.0, 0, 0.0, True)
        assert heard.round_trip_seconds == pytest.approx(0.1, abs=0.001)
        assert heard.trusted


def test_an_echo_sends_back_the_callers_tone() -> None:
    callee, caller = agreed(session(None)), agreed(session(tone.CALLER, tone.CALLER, source=8))
    talk(callee, caller, 3.0)
    assert caller.heard().tone_part == 1.0


def test_loss_is_measured_and_told() -> None:
    callee, caller = agreed(session()), agreed(session(tone.CALLER, tone.CALLEE, source=8))
    talk(callee, caller, 8.0, drop=10)
    heard = caller.heard()
    assert heard.lost / heard.expected == pytest.approx(0.1, abs=0.005)
    told = callee.heard().told
    assert told is not None
    assert told.part_lost == pytest.approx(0.1, abs=0.02)
    assert callee.heard().lost == 0


def test_a_held_call_sends_nothing_and_its_clock_goes_on() -> None:
    one = agreed(session())
    (first,), _ = one.due(0.0, UNIX)
    agreed(one, 0.01, direction=Direction.SEND)
    assert one.due(0.1, UNIX) == ([], [])
    agreed(one, 0.105, direction=Direction.BOTH)
    (after,), _ = one.due(0.12, UNIX)
    before, later = rtp.parse(first), rtp.parse(after)
    assert before is not None
    assert later is not None
    assert (later.sequence - before.sequence, later.timestamp - before.timestamp, later.marker) == (1, 6 * FRAME, True)


def test_an_end_that_only_hears_gives_receiver_reports() -> None:
    one = agreed(session(), direction=Direction.SEND)
    _, (report,) = one.due(2.5, UNIX)
    assert rtcp.parse(report) == rtcp.Report(7, None, ())


def test_the_codec_may_change_in_the_midst() -> None:
    one = agreed(session())
    one.due(0.0, UNIX)
    agreed(one, 0.01, codec=PCMU)
    (frame,), _ = one.due(0.02, UNIX)
    packet = rtp.parse(frame)
    assert packet is not None
    assert (packet.payload_type, packet.payload) == (0, tone.frame(tone.CALLEE, PCMU))


def test_packets_of_another_codec_and_what_is_no_rtp_are_not_heard() -> None:
    one = agreed(session())
    for number in range(5):
        one.rtp_came(rtp.HEADER.pack(0x80, 18, number, 0, 9) + bytes(20), 0.0)
        one.rtp_came(b"hello", 0.0)
    one.rtcp_came(b"hello", 0.0, UNIX)
    assert one.heard() == Heard(0, 0, 0, 0, 0, 0.0, True, 0.0, None, None, 0.0)


def test_who_expects_no_tone_is_told_nothing_of_one() -> None:
    assert agreed(session(listens_for=None)).heard().tone_part is None
    assert session().heard().tone_part == 0.0


def test_one_who_hears_nobody_says_so() -> None:
    one = agreed(session())
    one.rtcp_came(rtcp.receiver_report(9, rtcp.Block(0, 0, 0, 0, 0), "x"), 1.0, UNIX)
    assert one.heard().told == Told(0.0, 0, 0.0, False)
    one.rtcp_came(rtcp.receiver_report(9, rtcp.Block(4711, 0, 0, 0, 0), "x"), 1.0, UNIX)
    assert one.heard().told == Told(0.0, 0, 0.0, False), "a report on somebody else"


def test_a_report_on_nobody_comes_of_one_who_hears_nobody() -> None:
    """Only once something was sent to him."""
    one = agreed(session())
    one.rtcp_came(rtcp.receiver_report(9, None, "x"), 1.0, UNIX)
    assert one.heard().told is None
    one.due(1.0, UNIX)
    one.rtcp_came(rtcp.receiver_report(9, None, "x"), 1.0, UNIX)
    assert one.heard().told == Told(0.0, 0, 0.0, False)
    one.rtcp_came(rtcp.receiver_report(9, rtcp.Block(7, 0, 0, 0, 0), "x"), 1.0, UNIX)
    assert one.heard().told == Told(0.0, 0, 0.0, True)


def test_one_way_audio_is_known_at_both_ends() -> None:
    callee, caller = agreed(session()), agreed(session(tone.CALLER, tone.CALLEE, source=8))
    talk(caller, callee, 5.0, drop=1)
    assert callee.heard().packets == 0
    told = caller.heard().told
    assert told is not None
    assert (told.hears_us, caller.heard().tone_part) == (False, 1.0)


def test_a_call_of_four_seconds_knows_its_round_trip() -> None:
    callee, caller = agreed(session()), agreed(session(tone.CALLER, tone.CALLEE, source=8))
    talk(callee, caller, 4.0)
    assert caller.heard().round_trip_seconds == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize(("last", "part"), [(8.5, 1.0), (7.9, 0.0)])
def test_what_was_heard_long_before_the_end_is_not_heard_at_the_end(last: float, part: float) -> None:
    callee, caller = agreed(session()), agreed(session(tone.CALLER, tone.CALLEE, source=8))
    talk(callee, caller, last)
    caller.farewell(9.0, UNIX)
    caller.stop()
    heard = caller.heard()
    assert heard.quiet_seconds == pytest.approx(9.0 - last, abs=0.08)
    assert (heard.tone_part, heard.silent) == (part, part == 0.0)


def test_who_is_on_hold_is_not_missed_at_the_end() -> None:
    one = agreed(session(), direction=Direction.RECEIVE)
    one.farewell(20.0, UNIX)
    assert one.heard().quiet_seconds == 0.0


def test_that_it_hears_the_other_end_is_said_at_once_and_again_at_the_usual_time() -> None:
    """So it is known after a fifth of a second that audio flows both ways."""
    for seconds, told in ((0.15, None), (0.25, Told(0.0, 0, 0.0, True))):
        callee, caller = agreed(session()), agreed(session(tone.CALLER, tone.CALLEE, source=8))
        talk(callee, caller, seconds)
        assert caller.heard().told == told, "five packets must have come, and the report"
    sent = [len(callee.due(tick / 100, UNIX)[1]) for tick in range(26, 251)]
    assert sent == [0] * 224 + [1]


def test_own_lateness_is_measured_and_caught_up_with() -> None:
    one = agreed(session())
    assert len(one.due(0.0, UNIX)[0]) == 1
    assert len(one.due(0.11, UNIX)[0]) == 5
    assert one.heard().own_lateness_seconds == pytest.approx(0.09)
    assert not one.heard().trusted


def test_who_was_away_for_long_does_not_flood() -> None:
    one = agreed(session())
    one.due(0.0, UNIX)
    frames, _ = one.due(10.0, UNIX)
    assert len(frames) == 10
    packets = [rtp.parse(frame) for frame in frames]
    assert all(packets)
    assert packets[0].marker  # type: ignore[union-attr]
    assert packets[-1].timestamp == 1000 + FRAME * 500  # type: ignore[union-attr]


def test_since_when_the_other_end_is_silent() -> None:
    one = agreed(session(), 5.0)
    assert one.silent_since() == 5.0
    for number in range(3):
        one.rtp_came(rtp.HEADER.pack(0x80, 8, number, 0, 9) + bytes(20), 6.0 + number)
    assert one.silent_since() == 8.0
    agreed(one, 9.0, direction=Direction.RECEIVE)
    assert one.silent_since() is None, "it is not to send"
    agreed(one, 20.0)
    assert one.silent_since() == 20.0


def test_the_farewell_is_a_report_and_a_goodbye() -> None:
    one = agreed(session())
    one.due(0.0, UNIX)
    report = rtcp.parse(one.farewell(1.0, UNIX + 1))
    assert report == rtcp.Report(7, rtcp.middle(UNIX + 1), (), goodbye=True)


def test_all_calls_have_their_turn_at_the_same_time() -> None:
    """One wake of the process serves all."""
    assert [agreed(session(), begin).next_at for begin in (3.001, 3.0075, 3.0199)] == [pytest.approx(3.02)] * 3
