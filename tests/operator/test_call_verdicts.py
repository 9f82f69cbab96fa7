"""What became of a call, from what both of its ends tell: every fault that is told apart, and who told of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from call_world import NOW, anna_calls_berta, at, callee_half, caller_half
from softphone_agent.contract.call_report import CallReport
from softphone_operator.decide import call_verdicts
from softphone_operator.decide.call_verdicts import UNKNOWN, Halves, Verdict

CHECK, PAIR = anna_calls_berta()


def judged(*reports: CallReport, heard: str = "berta", last: Verdict = UNKNOWN, **spec: Any) -> Verdict:
    """The verdict on the pair after these reports, when `heard` says whose agents are heard."""
    check, pair = anna_calls_berta(**spec) if spec else (CHECK, PAIR)
    found, _ = call_verdicts.verdict(check, pair, call_verdicts.halves(reports, heard.split()), last, NOW)
    return found


def said(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.state, verdict.reason, verdict.message


GOOD = (caller_half(PAIR), callee_half(PAIR))
FAULTS: dict[str, tuple[list[CallReport], dict[str, Any], str, str]] = {
    "busy": (
        [caller_half(PAIR, code=486, reason="Busy Here", heard=None)],
        {},
        "UnexpectedCode",
        "berta: answered 486 Busy Here, expected 200",
    ),
    "answered, but busy was expected": (
        [*GOOD],
        {"expect": {"code": 486}},
        "UnexpectedCode",
        "berta: answered 200, expected 486",
    ),
    "nobody answers": (
        [caller_half(PAIR, code=0, heard=None, passed=False, faults=("answer: 200 was expected, came: nothing",))],
        {},
        "NoAnswer",
        "berta: answer: 200 was expected, came: nothing",
    ),
    "nobody answers, and nothing is said of it": (
        [caller_half(PAIR, code=0, heard=None, passed=False)],
        {},
        "NoAnswer",
        "berta: nobody answered in time",
    ),
    "another phone of ours says that it answered": (
        [caller_half(PAIR, answered_by="carla")],
        {},
        "WrongPhone",
        "berta: carla answered instead of berta",
    ),
    "another phone of ours got the call": (
        [caller_half(PAIR), callee_half(PAIR, phone="carla")],
        {},
        "WrongPhone",
        "berta: carla answered instead of berta",
    ),
    "somebody answered, who is none of ours": (
        [caller_half(PAIR)],
        {},
        "WrongPhone",
        "berta: somebody answered, and berta got no call",
    ),
    "the callee heard nothing": (
        [caller_half(PAIR), callee_half(PAIR, heard="Nothing")],
        {},
        "OneWayAudio",
        "berta: berta heard nothing of the other end",
    ),
    "the caller heard packets without sound": (
        [caller_half(PAIR, heard="Silence"), callee_half(PAIR)],
        {},
        "OneWayAudio",
        "berta: anna heard silence: packets came, without sound",
    ),
    "the caller heard music": (
        [caller_half(PAIR, heard="Audio"), callee_half(PAIR)],
        {},
        "OneWayAudio",
        "berta: anna heard something else than the other end's tone",
    ),
    "nobody heard anything": (
        [caller_half(PAIR, heard="Nothing"), callee_half(PAIR, heard="Nothing")],
        {},
        "NoAudio",
        "berta: answered, and neither end heard the other",
    ),
    "RTCP says that the callee hears nothing": (
        [caller_half(PAIR, answered_by="berta", heard_there=False)],
        {},
        "OneWayAudio",
        "berta: berta heard nothing of the other end",
    ),
    "the answer was late": (
        [caller_half(PAIR, passed=False, faults=("answer: came after 2.100 s, later than 1 s",)), callee_half(PAIR)],
        {"expect": {"setUpSecondsAtMost": 1}},
        "SlowSetUp",
        "berta: answer: came after 2.100 s, later than 1 s",
    ),
    "the caller's agent finds the quality low": (
        [caller_half(PAIR, passed=False, faults=("audio: MOS 3.10, less than 4",)), callee_half(PAIR)],
        {"expect": {"mosAtLeast": 4}},
        "MOSLow",
        "berta: audio: MOS 3.10, less than 4",
    ),
    "the quality was low at the callee's end": (
        [caller_half(PAIR, mos=4.4), callee_half(PAIR, mos=3.1)],
        {"expect": {"mosAtLeast": 4}},
        "MOSLow",
        "berta: MOS 3.10 at berta, less than 4",
    ),
    "the call ended before its time": (
        [caller_half(PAIR, passed=False, faults=("end: the other end hung up before it was time",)), callee_half(PAIR)],
        {},
        "CallFailed",
        "berta: end: the other end hung up before it was time",
    ),
    "the agent does not say what was wrong": (
        [caller_half(PAIR, passed=False), callee_half(PAIR)],
        {},
        "CallFailed",
        "berta: not as expected",
    ),
}


@pytest.mark.parametrize(("reports", "spec", "reason", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_told_apart(reports: list[CallReport], spec: dict[str, Any], reason: str, message: str) -> None:
    assert said(judged(*reports, **spec)) == ("failing", reason, message)


def test_the_reasons_are_ranked() -> None:
    assert {reason for _, _, reason, _ in FAULTS.values()} == set(call_verdicts.REASONS)


GOODS: dict[str, tuple[list[CallReport], dict[str, Any], str]] = {
    "both ends heard the other's tone": ([*GOOD], {}, "berta"),
    "the callee's agent is not heard": ([caller_half(PAIR)], {}, ""),
    "busy, as expected": ([caller_half(PAIR, code=486, heard=None)], {"expect": {"code": 486}}, "berta"),
    "the callee says that it answered, its agent tells nothing": (
        [caller_half(PAIR, answered_by="berta")],
        {},
        "berta",
    ),
    "silent, and audio is not looked at": (
        [caller_half(PAIR, heard="Nothing"), callee_half(PAIR, heard="Nothing")],
        {"expect": {"audio": "None"}},
        "berta",
    ),
    "the quality was measured by an agent that was late itself": (
        [caller_half(PAIR), callee_half(PAIR, mos=1.5, own_lateness=True)],
        {"expect": {"mosAtLeast": 4}},
        "berta",
    ),
    "nothing was measured at the callee's": ([caller_half(PAIR), callee_half(PAIR, heard=None)], {}, "berta"),
}


@pytest.mark.parametrize(("reports", "spec", "heard"), GOODS.values(), ids=GOODS.keys())
def test_what_is_as_expected(reports: list[CallReport], spec: dict[str, Any], heard: str) -> None:
    assert said(judged(*reports, heard=heard, **spec)) == ("passing", "Passing", "as expected")


def test_of_a_uri_audio_is_enough_whatever_it_is() -> None:
    spec: dict[str, Any] = {"to": {"uri": "sip:4711@acme.example"}}
    _, pair = anna_calls_berta(**spec)
    assert judged(caller_half(pair, heard="Audio"), **spec).state == "passing"
    assert said(judged(caller_half(pair, heard="Silence"), **spec))[1] == "OneWayAudio"


# The two halves.


def test_where_a_pbx_drops_the_header_the_halves_are_joined_by_caller_callee_and_time() -> None:
    deaf = callee_half(PAIR, call="", peer="<sips:anna@ACME.example>".strip("<>"), heard="Nothing")
    assert judged(caller_half(PAIR), deaf).reason == "OneWayAudio"
    for other in (
        {"peer": "sip:otto@acme.example"},
        {"phone": "carla"},
        {"began": at(60)},
        {"began": at(-60)},
        {"began": ""},
        {"call": "another"},
    ):
        assert judged(caller_half(PAIR), deaf.model_copy(update=other)).reason == "WrongPhone"


def test_the_callees_half_is_waited_for_a_moment() -> None:
    halves = call_verdicts.halves([caller_half(PAIR, ended=1)], ["berta"])
    assert call_verdicts.verdict(CHECK, PAIR, halves, UNKNOWN, NOW) == (UNKNOWN, 2.0)
    later = NOW + timedelta(seconds=2)
    verdict, _ = call_verdicts.verdict(CHECK, PAIR, halves, UNKNOWN, later)
    assert verdict.reason == "WrongPhone"
    both = call_verdicts.halves([caller_half(PAIR, ended=1), callee_half(PAIR, ended=1)], ["berta"])
    assert call_verdicts.verdict(CHECK, PAIR, both, UNKNOWN, NOW)[0].state == "passing"


def test_a_call_is_judged_once_and_its_callees_half_may_go() -> None:
    """The callee's agent keeps the last half only, and may be replaced."""
    first = judged(*GOOD)
    assert judged(GOOD[0], last=first) == first


def test_a_call_that_goes_on_says_nothing_yet_and_what_is_known_stays() -> None:
    first = judged(*GOOD)
    assert judged(caller_half(PAIR, ended=1, state="Talking"), last=first) == first
    assert judged(last=first) == first
    assert judged() == UNKNOWN


def test_of_two_agents_with_the_same_entry_the_later_call_counts() -> None:
    """While a phone moves, both have it."""
    reports = [caller_half(PAIR, ended=50), caller_half(PAIR, code=486), callee_half(PAIR, ended=50)]
    for order in (reports, reports[::-1]):
        assert judged(*order).reason == "UnexpectedCode"


def test_an_older_report_changes_nothing() -> None:
    first = judged(*GOOD)
    assert judged(caller_half(PAIR, ended=100, code=486), last=first) == first


def test_the_words_stay_while_a_pair_fails_in_the_same_way() -> None:
    first = judged(caller_half(PAIR, ended=20, code=486, reason="Busy Here"))
    again = judged(caller_half(PAIR, code=486, reason="Busy Everywhere"), last=first)
    assert (again.message, again.time) == (first.message, at(10))


# No calls.


@pytest.mark.parametrize(("ended", "state"), [(254, "passing"), (256, "unknown")])
def test_after_three_calls_that_did_not_come_nothing_is_known_any_more(ended: float, state: str) -> None:
    """Every 60 s one of 5 s: three of them, and a minute."""
    first = judged(caller_half(PAIR, ended), callee_half(PAIR, ended))
    assert first.state == state
    if state == "unknown":
        assert said(first)[1:] == ("NoCallsLately", f"no call since {at(ended)}: last known: nothing")


def test_what_was_known_before_is_told_when_no_calls_come_any_more() -> None:
    first = judged(*GOOD)
    halves = call_verdicts.halves(GOOD, ["berta"])
    verdict, wait = call_verdicts.verdict(CHECK, PAIR, halves, first, NOW)
    assert (verdict, wait) == (first, 255 - 10 + 1)
    assert wait is not None
    late, never = call_verdicts.verdict(CHECK, PAIR, halves, first, NOW + timedelta(seconds=wait))
    assert (late.state, late.reason, never) == ("unknown", "NoCallsLately", None)
    assert late.message == f"no call since {at(10)}: last known: as expected"
    same, _ = call_verdicts.verdict(CHECK, PAIR, halves, late, NOW + timedelta(seconds=wait + 100))
    assert same == late


def test_where_only_some_calls_are_made_the_last_one_counts_for_ever() -> None:
    check, pair = anna_calls_berta(times=1)
    halves = call_verdicts.halves([caller_half(pair), callee_half(pair)], ["berta"])
    far = NOW + timedelta(days=1)
    verdict, wait = call_verdicts.verdict(check, pair, halves, UNKNOWN, far)
    assert (verdict.state, wait) == ("passing", None)


@pytest.mark.parametrize("text", ["", "yesterday"])
def test_times_that_are_none_hurt_nobody(text: str) -> None:
    times = {"began": text, "ended": text or None}
    halves = caller_half(PAIR).model_copy(update=times), callee_half(PAIR, call="").model_copy(update=times)
    assert judged(*halves).reason == "WrongPhone"


@given(
    st.builds(
        caller_half,
        st.just(PAIR),
        code=st.sampled_from([0, 200, 302, 404, 486]),
        heard=st.sampled_from([None, "Tone", "Audio", "Silence", "Nothing"]),
        passed=st.sampled_from([None, True, False]),
        faults=st.sampled_from([(), ("end: it was lost",), ("audio: MOS 1.00, less than 4",)]),
        answered_by=st.sampled_from(["", "berta", "carla"]),
        heard_there=st.sampled_from([None, True, False]),
        mos=st.sampled_from([None, 1.0, 4.4]),
    ),
    st.none()
    | st.builds(
        callee_half,
        st.just(PAIR),
        phone=st.sampled_from(["berta", "carla"]),
        heard=st.sampled_from([None, "Tone", "Nothing"]),
        call=st.sampled_from(["call-10", "", "x"]),
    ),
    st.sampled_from(["", "berta"]),
    st.sampled_from(["Both", "None"]),
)
def test_whatever_comes_a_pair_that_passes_had_its_code_and_its_audio(
    caller: CallReport, callee: CallReport | None, heard: str, audio: str
) -> None:
    verdict = judged(*filter(None, [caller, callee]), heard=heard, expect={"audio": audio, "mosAtLeast": 4})
    assert verdict.state == "passing" or verdict.reason in call_verdicts.REASONS
    if verdict.state == "passing":
        assert caller.code == 200
        assert caller.passed is not False
        assert audio == "None" or caller.heard in (None, "Tone")
        assert caller.answered_by != "carla"


def test_a_half_is_only_of_a_call_that_has_ended() -> None:
    talking = caller_half(PAIR, state="Talking")
    assert call_verdicts.halves([talking, callee_half(PAIR, state="Ringing")], []) == Halves({}, (), frozenset())
