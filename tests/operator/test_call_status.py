"""What the status of a CallCheck says of its pairs: the worst one in words, counts, and the last failures."""

from __future__ import annotations

from typing import Any

import pytest

from call_world import NOW, anna_calls_berta, at, caller_half, check, found, phone
from softphone_operator.api.call_checks import CallCheckStatus, CallFailure, TimeToCallable
from softphone_operator.decide import call_status, event_rules, status
from softphone_operator.decide.call_verdicts import UNKNOWN, Verdict
from softphone_operator.decide.desired_call_check import DesiredCallCheck, Pair
from softphone_operator.decide.event_rules import Event
from softphone_operator.decide.facts import Statement

ACCEPTED = Statement("True", "Accepted", "the spec is accepted")
SITES = check(
    {"mode": "Mesh", "from": {"selector": "probe"}},
    found(selected={"probe": (phone("anna", "vienna"), phone("berta", "graz"), phone("carla", "linz"))}),
)


def passing(pair: Pair, ended: float = 10, **half: Any) -> Verdict:
    return Verdict("passing", "Passing", "as expected", at(ended), caller_half(pair, ended, **half))


def failing(pair: Pair, reason: str = "OneWayAudio", ended: float = 10, **half: Any) -> Verdict:
    told = f"{pair.called}: {reason} it is"
    return Verdict("failing", reason, told, at(ended), caller_half(pair, ended, **half))


def made(
    verdicts: dict[int, Verdict],
    previous: Any = None,
    decided: DesiredCallCheck | None = SITES,
    accepted: Statement = ACCEPTED,
    **more: Any,
) -> CallCheckStatus:
    """The status where the pairs with these numbers have these verdicts, and the others pass."""
    judged = [(pair, verdicts.get(n, passing(pair))) for n, pair in enumerate(decided.pairs if decided else ())]
    return call_status.call_check(
        previous or {}, generation=3, accepted=accepted, decided=decided, judged=judged, now=NOW, **more
    )


def said(of: CallCheckStatus, kind: str = "Passing") -> tuple[str, str, str]:
    (found_one,) = [c for c in of.conditions if c.type == kind]
    return found_one.status, found_one.reason, found_one.message


def test_all_pairs_pass() -> None:
    status_now = made({})
    assert said(status_now) == ("True", "Passing", "all 6 pairs pass")
    assert said(status_now, "Ready") == ("True", "Accepted", "the spec is accepted")
    assert status.dump(status_now)["pairs"] == {"total": 6, "passing": 6, "failing": 0, "unknown": 0}
    assert [c.type for c in status_now.conditions] == ["Accepted", "Passing", "Ready"]


def test_the_worst_pair_is_told_in_words() -> None:
    pairs = SITES.pairs
    verdicts = {0: failing(pairs[0], "MOSLow"), 3: failing(pairs[3], "NoAnswer"), 4: failing(pairs[4], "WrongPhone")}
    caller, callee = pairs[3].caller.name, pairs[3].called
    sites = f"({pairs[3].from_site} to {pairs[3].to_site})"
    told = f"3 of 6 pairs fail; the worst: {caller} {sites} called {callee}: NoAnswer it is"
    assert said(made(verdicts)) == ("False", "NoAnswer", told)


def test_of_one_pair_nothing_is_counted_in_words() -> None:
    one, pair = anna_calls_berta()
    assert said(made({0: failing(pair)}, decided=one))[2] == "anna (vienna to graz) called berta: OneWayAudio it is"
    assert said(made({}, decided=one))[2] == "anna (vienna to graz) called berta: as expected"


def test_pairs_of_which_nothing_is_known_are_told_where_none_fails() -> None:
    pairs = SITES.pairs
    told = f"5 of 6 pairs pass; {call_status.words(pairs[2])} {pairs[2].called}: no call yet"
    assert said(made({2: UNKNOWN})) == ("Unknown", "NotCalled", told)
    assert said(made({2: UNKNOWN, 1: failing(pairs[1])}))[:2] == ("False", "OneWayAudio")


@pytest.mark.parametrize(
    ("decided", "accepted", "reason", "progress"),
    [
        (None, Statement("False", "PhoneNotFound", "no"), "NotAccepted", "Reconciling"),
        (None, Statement("False", "InvalidSpec", "no"), "NotAccepted", "Stalled"),
        (anna_calls_berta(suspend=True)[0], ACCEPTED, "Suspended", None),
    ],
)
def test_where_no_calls_are_made(decided: Any, accepted: Statement, reason: str, progress: str | None) -> None:
    judged_none = call_status.call_check({}, generation=1, accepted=accepted, decided=decided, judged=[], now=NOW)
    assert said(judged_none)[:2] == ("Unknown", reason)
    assert {c.type for c in judged_none.conditions} == {"Accepted", "Passing", "Ready"} | ({progress} - {None})


def test_a_check_for_which_there_is_no_room_says_so() -> None:
    none = check(
        {"from": {"softphone": "anna"}, "to": {"softphone": "berta"}}, found(phone("anna"), phone("berta")), room=0
    )
    caution = Statement("True", none.cautions[0].reason, none.cautions[0].message)
    status_now = made({}, decided=none, accepted=caution)
    assert said(status_now)[:2] == ("Unknown", "NotCalled")
    assert said(status_now, "Ready")[:2] == ("True", "Accepted")


# Failures.


def noted(pair: Pair, last: Verdict, now: Verdict, previous: Any = None) -> CallFailure | None:
    return call_status.noted(previous or {}, pair, last, now)


def test_a_pair_that_begins_to_fail_is_noted_once_and_again_when_it_fails_otherwise() -> None:
    _, pair = anna_calls_berta()
    first = failing(pair, ended=90, code=486)
    assert noted(pair, passing(pair, 150), first) == CallFailure(
        time=at(90),
        caller="anna",
        callee="berta",
        from_site="vienna",
        to_site="graz",
        reason="OneWayAudio",
        message="berta: OneWayAudio it is",
        code=486,
        pbx="master",
    )
    assert noted(pair, first, failing(pair, ended=30)) is None
    assert noted(pair, first, failing(pair, "NoAnswer", ended=30)) is not None
    assert noted(pair, first, passing(pair)) is None
    assert noted(pair, UNKNOWN, UNKNOWN) is None


def test_an_operator_that_begins_notes_no_failure_again_that_goes_on() -> None:
    _, pair = anna_calls_berta()
    kept = noted(pair, UNKNOWN, failing(pair, ended=900))
    assert kept is not None
    stored = {"failures": [kept.model_dump(by_alias=True, exclude_none=True), {"time": "of another version"}]}
    was_failing = stored | {"conditions": [{"type": "Passing", "status": "False"}]}
    assert noted(pair, UNKNOWN, failing(pair), was_failing) is None
    assert noted(pair, UNKNOWN, failing(pair), stored) is not None
    assert noted(pair, UNKNOWN, failing(pair, "NoAnswer"), was_failing) is not None


def test_the_last_failures_stand_first_each_once_and_ten_of_them() -> None:
    _, pair = anna_calls_berta()
    many = [one for n in range(12) if (one := noted(pair, UNKNOWN, failing(pair, ended=100 - n)))]
    stored = {"failures": [one.model_dump(by_alias=True, exclude_none=True) for one in many[:6]]}
    kept = made({}, stored, failures=many[3:]).failures
    assert [one.time for one in kept] == [at(100 - n) for n in range(11, 1, -1)]


# Time to callable.


def test_the_last_time_to_callable_stays() -> None:
    one, pair = anna_calls_berta()
    after = passing(pair, callable_seconds=2.34567, after_fail_over=True)
    known = made({0: after}, decided=one).callable
    assert known == TimeToCallable(time=at(10), caller="anna", callee="berta", seconds=2.346)
    stored = {"callable": known.model_dump(by_alias=True)} if known else {}
    assert made({}, stored, decided=one).callable == known
    assert made({}, {"callable": {"seconds": "?"}}, decided=one).callable is None


# Events, and how soon a status is written.


def test_events_tell_of_the_first_failure_of_its_end_and_of_the_time_to_callable() -> None:
    one, pair = anna_calls_berta()
    good, bad = made({}, decided=one), made({0: failing(pair)}, decided=one)
    worse = made({0: failing(pair, "NoAnswer")}, decided=one)
    told = "anna (vienna to graz) called berta: OneWayAudio it is"
    assert call_status.events({}, good) == []
    assert call_status.events(status.dump(good), bad) == [Event("Warning", "CallFailing", told)]
    assert call_status.events(status.dump(bad), bad) == []
    assert [event.reason for event in call_status.events(status.dump(bad), worse)] == ["CallFailing"]
    (back,) = call_status.events(status.dump(bad), good)
    assert back == Event("Normal", "CallPassing", "anna (vienna to graz) called berta: as expected")
    again = made({0: passing(pair, callable_seconds=2.34)}, decided=one)
    (callable_again,) = call_status.events(status.dump(good), again)
    assert callable_again == Event(
        "Normal", "CallableAgain", "anna called berta: answered with audio both ways 2.3 s after the loss"
    )


def test_a_pair_that_fails_is_written_at_once_and_each_further_call_as_before_is_nothing_new() -> None:
    one, pair = anna_calls_berta()
    good, bad = status.dump(made({}, decided=one)), status.dump(made({0: failing(pair)}, decided=one))
    assert event_rules.is_urgent(good, bad)
    assert good == status.dump(made({0: passing(pair, 1)}, decided=one))
