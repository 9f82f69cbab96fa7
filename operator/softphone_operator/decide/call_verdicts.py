"""What became of the last call of a pair, from what both of its ends report. Pure.

Each end tells its half. They are joined by the identity of the call, and where a PBX drops the header that carries it,
by caller, callee and time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from softphone_agent.contract.call_report import CallReport
from softphone_operator.decide.aors import canonical_aor
from softphone_operator.decide.desired_call_check import DesiredCallCheck, Pair

State = Literal["passing", "failing", "unknown"]

REASONS = (
    "NoAnswer",
    "UnexpectedCode",
    "WrongPhone",
    "NoAudio",
    "OneWayAudio",
    "CallFailed",
    "SlowSetUp",
    "MOSLow",
)
"""Why a pair fails, the worst first."""
NOT_CALLED, NO_CALLS_LATELY = "NotCalled", "NoCallsLately"

OTHER_HALF_SECONDS = 3.0
"""For so long the callee's half is waited for, after the caller has told of the end of a call."""
CLOCKS_SECONDS = 5.0
"""By so much the clocks of two nodes may differ."""
MISSED_CALLS = 3
"""After so many calls that should have been made, and of which nothing came, nothing is known any more."""


class Verdict(NamedTuple):
    """What is known of a pair by its last call. `time`: when that ended, RFC 3339; empty where there was none.

    `half`: the caller's, of which it is; None where there was no call.
    """

    state: State
    reason: str
    message: str
    time: str = ""
    half: CallReport | None = None


UNKNOWN = Verdict("unknown", NOT_CALLED, "no call yet")


@dataclass(frozen=True, slots=True)
class Halves:
    """The last halves of calls that ended, of all agents of a namespace; `heard`: phones whose agents are heard."""

    callers: dict[str, CallReport]
    callees: tuple[CallReport, ...]
    heard: frozenset[str]


def halves(reports: Iterable[CallReport], heard: Iterable[str]) -> Halves:
    """Sort the reports of agents by ends. Of two on the same entry, as while a phone moves, the later one counts."""
    callers: dict[str, CallReport] = {}
    callees = []
    for report in reports:
        if report.state != "Ended":
            continue
        if report.end == "Callee":
            callees.append(report)
        elif report.entry not in callers or (callers[report.entry].ended or "") < (report.ended or ""):
            callers[report.entry] = report
    return Halves(callers, tuple(callees), frozenset(heard))


def verdict(
    check: DesiredCallCheck, pair: Pair, of: Halves, last: Verdict, now: datetime
) -> tuple[Verdict, float | None]:
    """The verdict on a pair, and the seconds after which to look again, None for when something comes.

    `last` is the verdict until now: it stays until a call tells something else, or for too long none does.
    """
    caller = of.callers.get(pair.entry)
    told = caller if caller is not None and (caller.ended or "") >= last.time else last.half
    patience = _patience(check)
    if told is None:
        return (UNKNOWN if last.half is None else last), None
    ended = _time(told.ended)
    since = (now - ended).total_seconds() if ended else OTHER_HALF_SECONDS
    if since > patience and check.spec.times is None:
        if last.reason == NO_CALLS_LATELY:
            return last, None
        words = f"no call since {told.ended}: last known: {last.message if last.half else 'nothing'}"
        return last._replace(state="unknown", reason=NO_CALLS_LATELY, message=words, half=told), None
    again = patience - since + 1 if check.spec.times is None else None
    if last.half == told and last.state != "unknown":
        return last, again  # the halves of this call were judged
    callee = _other_half(check, pair, told, of.callees)
    if callee is None and _waits_for_half(pair, told, of) and since < OTHER_HALF_SECONDS:
        return last, OTHER_HALF_SECONDS - since
    made = _judged(check, pair, told, callee, of)
    # The words stay while it is the same: figures in them would be another status for each call.
    same = (made.state, made.reason) == (last.state, last.reason)
    return (made._replace(message=last.message) if same else made), again


def _patience(check: DesiredCallCheck) -> float:
    spec = check.spec
    return MISSED_CALLS * (spec.every_seconds + spec.hold_seconds + spec.ring_seconds) + 60.0


def _waits_for_half(pair: Pair, caller: CallReport, of: Halves) -> bool:
    """Whether the callee's agent is to tell its half, too."""
    return caller.code == 200 and pair.answers is not None and pair.answers.name in of.heard


def _other_half(
    check: DesiredCallCheck, pair: Pair, caller: CallReport, callees: Sequence[CallReport]
) -> CallReport | None:
    """The callee's half of a call, whoever answered; None where none fits."""
    if caller.call:
        for one in callees:
            if one.call == caller.call:
                return one
    began = _time(caller.began)
    aor = canonical_aor(pair.caller.aor)
    for one in callees:
        if one.call or began is None or (pair.answers is not None and one.phone != pair.answers.name):
            continue
        at = _time(one.began)
        if at is None or canonical_aor(one.peer) != aor:
            continue
        window = timedelta(seconds=CLOCKS_SECONDS + check.spec.ring_seconds)
        if began - timedelta(seconds=CLOCKS_SECONDS) <= at <= began + window:
            return one
    return None


def _judged(check: DesiredCallCheck, pair: Pair, caller: CallReport, callee: CallReport | None, of: Halves) -> Verdict:
    found = _fault(check, pair, caller, callee, of)
    time = caller.ended or caller.began
    if found is None:
        return Verdict("passing", "Passing", "as expected", time, caller)
    return Verdict("failing", found[0], found[1], time, caller)


def _fault(
    check: DesiredCallCheck, pair: Pair, caller: CallReport, callee: CallReport | None, of: Halves
) -> tuple[str, str] | None:
    """What was not as expected: a reason of REASONS and words; None where all was."""
    expect = check.spec.expect
    if caller.code != expect.code:
        said = f"{caller.code} {caller.reason}".strip() if caller.code else ""
        if not caller.code:
            why = caller.faults[0] if caller.faults else "nobody answered in time"
            return "NoAnswer", f"{pair.called}: {why}"
        return "UnexpectedCode", f"{pair.called}: answered {said}, expected {expect.code}"
    if caller.code >= 300:
        return None
    if wrong := _wrong_phone(pair, caller, callee, of):
        return "WrongPhone", wrong
    if expect.audio == "Both" and (silent := _silent(pair, caller, callee)):
        return silent
    if caller.passed is False:
        return _of_agent(caller, pair)
    for half, name in ((caller, pair.caller.name), (callee, pair.called)):
        mos = half.mos if half is not None and not half.own_lateness else None
        if expect.mos_at_least is not None and mos is not None and mos < expect.mos_at_least:
            return "MOSLow", f"{pair.called}: MOS {mos:.2f} at {name}, less than {expect.mos_at_least:g}"
    return None


def _wrong_phone(pair: Pair, caller: CallReport, callee: CallReport | None, of: Halves) -> str | None:
    if pair.answers is None:
        return None
    who = caller.answered_by or (callee.phone if callee else "")
    if who == pair.answers.name:
        return None
    if who:
        return f"{pair.called}: {who} answered instead of {pair.answers.name}"
    if callee is None and pair.answers.name in of.heard:
        return f"{pair.called}: somebody answered, and {pair.answers.name} got no call"
    return None


def _silent(pair: Pair, caller: CallReport, callee: CallReport | None) -> tuple[str, str] | None:
    """Who heard nothing, or not the other end's tone."""
    deaf = [
        name for half, name in ((caller, pair.caller.name), (callee, pair.called)) if half and not _hears(pair, half)
    ]
    if callee is None and caller.heard_there is False:
        deaf.append(pair.called)
    if len(deaf) == 2:
        return "NoAudio", f"{pair.called}: answered, and neither end heard the other"
    if deaf:
        half = caller if deaf[0] == pair.caller.name else callee
        return "OneWayAudio", f"{pair.called}: {deaf[0]} heard {_words(half)}"
    return None


def _hears(pair: Pair, half: CallReport) -> bool:
    if half.heard is None:
        return True  # it was not measured
    return half.heard == "Tone" or (half.heard == "Audio" and pair.answers is None)


def _words(half: CallReport | None) -> str:
    return {
        "Silence": "silence: packets came, without sound",
        "Audio": "something else than the other end's tone",
    }.get((half.heard if half else None) or "", "nothing of the other end")


def _of_agent(caller: CallReport, pair: Pair) -> tuple[str, str]:
    """What the caller's agent itself found."""
    fault = caller.faults[0] if caller.faults else "not as expected"
    kind = "MOSLow" if "MOS" in fault else "SlowSetUp" if fault.startswith("answer: came after") else "CallFailed"
    return kind, f"{pair.called}: {fault}"


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
