"""Whether a test call was as expected, and why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softphone_agent.calls import machine, verdict
from softphone_agent.calls.session import Heard, Told
from softphone_agent.calls.states import Ending, Limits, Phase, State
from softphone_agent.calls.verdict import Expected, Quality

GOOD_CALL = replace(
    machine.calls(Limits(), 100.0), phase=Phase.ENDED, code=200, answered_at=100.5, ending=Ending.HUNG_UP
)
GOOD_SOUND = Heard(500, 500, 500, 0, 0, 0.001, False, 1.0, 0.02, Told(0.0, 0, 0.001, True), 0.0)
UNANSWERED = replace(GOOD_CALL, code=0, answered_at=None)

CASES: dict[str, tuple[State, Heard, Expected, list[str]]] = {
    "all well": (GOOD_CALL, GOOD_SOUND, Expected(answer_seconds=1, mos=4.3), []),
    "still going on": (replace(GOOD_CALL, ending=None), GOOD_SOUND, Expected(), []),
    "refused as expected": (replace(UNANSWERED, code=486), GOOD_SOUND, Expected(code=486), []),
    "refused": (
        replace(UNANSWERED, code=403, reason="Forbidden"),
        GOOD_SOUND,
        Expected(),
        ["answer: 200 was expected, came: 403 Forbidden"],
    ),
    "answered, though it was to be refused": (
        GOOD_CALL,
        GOOD_SOUND,
        Expected(code=486),
        ["answer: 486 was expected, came: 200"],
    ),
    "nobody answered": (
        replace(UNANSWERED, ending=Ending.UNANSWERED),
        GOOD_SOUND,
        Expected(),
        ["answer: 200 was expected, came: nothing in time"],
    ),
    "nobody answered, and it was cancelled": (
        replace(UNANSWERED, code=487, reason="Request Terminated", ending=Ending.UNANSWERED),
        GOOD_SOUND,
        Expected(),
        ["answer: 200 was expected, came: nothing in time"],
    ),
    "nobody there": (
        replace(UNANSWERED, ending=Ending.UNREACHABLE),
        GOOD_SOUND,
        Expected(),
        ["answer: 200 was expected, came: nothing"],
    ),
    "slow": (
        GOOD_CALL,
        GOOD_SOUND,
        Expected(answer_seconds=0.2),
        ["answer: came after 0.500 s, later than 0.2 s"],
    ),
    "hung up by the other end": (
        replace(GOOD_CALL, ending=Ending.REMOTE),
        GOOD_SOUND,
        Expected(),
        ["end: the other end hung up before it was time"],
    ),
    "nobody answers our BYE": (
        replace(GOOD_CALL, bye_code=0),
        GOOD_SOUND,
        Expected(),
        ["end: BYE was not answered"],
    ),
    "fell silent on the way": (
        GOOD_CALL,
        replace(GOOD_SOUND, silent=True, tone_part=0.0, quiet_seconds=12.34),
        Expected(),
        ["audio: nothing came for the last 12.3 s"],
    ),
    "one-way": (
        GOOD_CALL,
        replace(GOOD_SOUND, packets=0, expected=0),
        Expected(),
        ["audio: nothing was heard, no packet came"],
    ),
    "another key": (
        GOOD_CALL,
        replace(GOOD_SOUND, packets=0, expected=0, undecipherable=250),
        Expected(),
        ["audio: 250 packets came, and none could be decrypted"],
    ),
    "one-way, the other way": (
        GOOD_CALL,
        replace(GOOD_SOUND, told=Told(0, 0, 0, False)),
        Expected(),
        ["audio: the other end reports that it hears nothing of us"],
    ),
    "silenced on the way": (
        GOOD_CALL,
        replace(GOOD_SOUND, silent=True, tone_part=0.0),
        Expected(),
        ["audio: packets came, and they were silent"],
    ),
    "crossed": (
        GOOD_CALL,
        replace(GOOD_SOUND, tone_part=0.04),
        Expected(),
        ["audio: the other end's tone was in 4% of what was heard"],
    ),
    "audio is not looked at": (GOOD_CALL, replace(GOOD_SOUND, packets=0, expected=0), Expected(audio=False), []),
    "no tone is expected": (GOOD_CALL, replace(GOOD_SOUND, tone_part=0.0), Expected(tone=False), []),
    "loss": (
        GOOD_CALL,
        replace(GOOD_SOUND, packets=450, lost=50),
        Expected(mos=4.0),
        ["audio: 10.0% of the packets were lost", "audio: MOS 1.48, less than 4"],
    ),
    "loss while this agent was late, by less than the kernel keeps": (
        GOOD_CALL,
        replace(GOOD_SOUND, packets=450, lost=50, own_lateness_seconds=0.3),
        Expected(),
        ["audio: 10.0% of the packets were lost"],
    ),
    "loss while this agent was very late": (
        GOOD_CALL,
        replace(GOOD_SOUND, packets=450, lost=50, own_lateness_seconds=1.1),
        Expected(mos=4.0),
        [],
    ),
    "any loss is well": (GOOD_CALL, replace(GOOD_SOUND, packets=450, lost=50), Expected(part_lost=None), []),
}


@pytest.mark.parametrize(("state", "heard", "expected", "faults"), CASES.values(), ids=CASES.keys())
def test_what_was_not_as_expected(state: State, heard: Heard, expected: Expected, faults: list[str]) -> None:
    assert verdict.faults(state, heard, expected) == faults


@pytest.mark.parametrize("ending", [Ending.NO_ACK, Ending.NO_MEDIA, Ending.SILENT, Ending.UNANSWERED])
def test_every_odd_end_is_told(ending: Ending) -> None:
    (fault,) = verdict.faults(replace(GOOD_CALL, ending=ending), GOOD_SOUND, Expected())
    assert fault.startswith("end: ")


def test_a_good_call_has_a_good_mos() -> None:
    found = verdict.quality(GOOD_SOUND)
    assert found == Quality(0.0, 0.001, 0.02, found.mos, True)
    assert found.mos == pytest.approx(4.41, abs=0.01)


def test_own_lateness_is_not_taken_for_delay_of_the_network() -> None:
    late = replace(GOOD_SOUND, round_trip_seconds=0.62, own_lateness_seconds=0.6)
    assert verdict.quality(late).mos == verdict.quality(GOOD_SOUND).mos
    assert verdict.quality(replace(late, round_trip_seconds=0.1)).mos == pytest.approx(4.41, abs=0.01)


@pytest.mark.parametrize(
    "changes",
    [{"expected": 49, "packets": 49}, {"round_trip_seconds": None}, {"own_lateness_seconds": 1.1}],
    ids=["too few packets", "no round trip was measured", "this agent was very late itself"],
)
def test_mos_is_absent_until_it_was_measured(changes: dict[str, float | None]) -> None:
    assert verdict.quality(replace(GOOD_SOUND, **changes)).mos is None  # type: ignore[arg-type]
