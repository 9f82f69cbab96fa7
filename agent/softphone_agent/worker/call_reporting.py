"""From a test call to what is reported of it. Pure.

`wall` turns the machine's monotonic seconds into Unix time.
"""

from __future__ import annotations

from softphone_agent.calls import verdict
from softphone_agent.calls.session import Heard
from softphone_agent.calls.states import Phase, State
from softphone_agent.calls.survival import Survival
from softphone_agent.calls.tone import HEARD
from softphone_agent.contract.call_report import MAX_FAULTS, CallReport, CallState, HeardSound
from softphone_agent.worker.reporting import Wall, rfc3339
from softphone_agent.worker.running_call import OfCheck

_STATES: dict[Phase, CallState] = {
    Phase.CALLING: "Calling",
    Phase.RINGING: "Ringing",
    Phase.ALERTING: "Ringing",
    Phase.REFUSING: "Ringing",
    Phase.CANCELLING: "Calling",
    Phase.ANSWERING: "Talking",
    Phase.TALKING: "Talking",
    Phase.ENDING: "Talking",
    Phase.ENDED: "Ended",
}


def state_of(state: State) -> CallState:
    """What people call the phase."""
    return _STATES[state.phase]


def sound_of(heard: Heard) -> HeardSound:
    """What this end has heard."""
    if not heard.packets:
        return "Nothing"
    if heard.silent:
        return "Silence"
    return "Tone" if heard.tone_part is not None and heard.tone_part >= HEARD else "Audio"


def report_of(
    phone: str,
    of: OfCheck,
    state: State,
    heard: Heard,
    wall: Wall,
    faults: list[str] | None = None,
    passed: bool | None = None,
    survived: Survival | None = None,
) -> CallReport:
    """The report. `faults`: what was not as expected, once it is over; `passed`: where it was judged."""
    quality = verdict.quality(heard)
    was_answered, began = state.answered_at is not None, state.began_at
    first = state.rang_at if state.rang_at is not None else state.answered_at
    talk_end = state.bye_at if state.bye_at is not None else state.ended_at
    hung_up = state.bye_at is not None and state.ended_at is not None and 200 <= (state.bye_code or 0) < 300
    return CallReport(
        end=of.end,
        check=of.check,
        entry=of.entry,
        call=of.call,
        phone=phone,
        peer=of.peer[:512],
        state=state_of(state),
        began=rfc3339(of.began),
        ended=None if state.ended_at is None else rfc3339(wall(state.ended_at)),
        pbx=of.pbx,
        passed=passed,
        faults=tuple(fault[:256] for fault in (faults or ())[:MAX_FAULTS]),
        code=state.code,
        reason=state.reason[:256],
        answered_by=of.answered_by,
        ring_seconds=_rounded(None if first is None else first - began),
        answer_seconds=_rounded(None if state.answered_at is None else state.answered_at - began),
        talk_seconds=_rounded(
            None if state.answered_at is None or talk_end is None else talk_end - state.answered_at, 1
        ),
        hang_up_seconds=_rounded(
            state.ended_at - state.bye_at if hung_up and state.ended_at and state.bye_at else None
        ),
        heard=sound_of(heard) if was_answered else None,
        heard_there=heard.told.hears_us if heard.told is not None else None,
        own_lateness=not heard.trusted,
        lost_percent=_rounded(None if quality.part_lost is None else 100 * quality.part_lost, 2),
        jitter_seconds=_rounded(quality.jitter_seconds),
        round_trip_seconds=_rounded(quality.round_trip_seconds),
        mos=_rounded(quality.mos, 2),
        survived=None if survived is None else survived.value,
        after_fail_over=of.after_fail_over,
        callable_seconds=_rounded(of.callable_seconds),
    )


def _rounded(seconds: float | None, digits: int = 4) -> float | None:
    return None if seconds is None else round(seconds, digits)
