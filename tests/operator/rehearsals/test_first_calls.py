"""Calls after the fail-over of a rehearsal: which tell, how long they are waited for, what the verdict says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from softphone_agent.contract.call_report import CallReport
from softphone_operator.api.rehearsal import RehearsalLimits, RehearsalRun
from softphone_operator.rehearsals import calls as subject
from softphone_operator.rehearsals import verdict
from softphone_operator.rehearsals.calls import SETTLED_SECONDS, Call, Calls
from softphone_operator.rehearsals.drill import Result
from softphone_operator.rehearsals.events import Looked

SINCE = datetime(2026, 11, 30, 2, tzinfo=UTC)
NO_CALL = "no call was answered with audio both ways after the fail-over (CallChecks with after: [FailedOver])"
RESULT = Result("vienna", 2, 2, 0, 0, (), (1.0, 2.0), {"graz": 2})


def report(seconds: float | None = 3.5, **more: Any) -> CallReport:
    fields: dict[str, Any] = {
        "end": "Caller",
        "phone": "anna",
        "peer": "bert",
        "state": "Ended",
        "began": "2026-11-30T02:00:10.000Z",
        "callable_seconds": seconds,
        **more,
    }
    return CallReport.model_validate(fields, by_name=True)


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        (report(), True),
        (report(None), False),
        (report(end="Callee"), False),
        (report(began="2026-11-30T01:59:59.000Z"), False),
    ],
    ids=["the first with audio both ways", "one in vain", "the other end of one", "one before the run"],
)
def test_which_calls_tell(told: CallReport, counts: bool) -> None:
    calls = Calls(SINCE)
    assert calls.told("demo/anna", told, 1.0) is counts
    assert len(calls.all) == counts


def test_a_call_that_is_told_twice_counts_once() -> None:
    calls = Calls(SINCE)
    assert calls.told("demo/anna", report(), 1.0)
    assert not calls.told("demo/anna", report(), 2.0)
    assert calls.told("demo/anna", report(4.0, peer="carl"), 3.0)
    assert [call.seconds for call in calls.all] == [4.0, 3.5]


def test_calls_are_waited_for_some_seconds_after_the_last_phone_or_call() -> None:
    calls = Calls(SINCE)
    assert not calls.settled(100.0, 100.0 + SETTLED_SECONDS / 2)
    assert calls.settled(100.0, 100.0 + SETTLED_SECONDS)
    calls.told("demo/anna", report(), 105.0)
    assert not calls.settled(100.0, 100.0 + SETTLED_SECONDS)
    assert calls.settled(100.0, 105.0 + SETTLED_SECONDS)


def test_an_operator_that_starts_knows_those_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST", 1)
    kept = [Call(seconds, "demo/anna", "bert", f"2026-11-30T02:00:1{seconds:g}Z") for seconds in (2.0, 3.0)]
    assert Calls(SINCE, kept).all == (kept[1],)


@pytest.mark.parametrize(
    ("limit", "slowest", "expected"),
    [
        (None, None, ("Passed", ())),
        (5.0, Call(3.5, "demo/anna", "bert", "x"), ("Passed", ())),
        (
            3.0,
            Call(3.5, "demo/anna", "bert", "x"),
            ("Failed", ("demo/anna called bert: audio both ways 3.50 s after the loss, allowed are 3 s",)),
        ),
        (
            3.0,
            None,
            (
                "Failed",
                (NO_CALL,),
            ),
        ),
    ],
)
def test_the_limit(limit: float | None, slowest: Call | None, expected: tuple[str, tuple[str, ...]]) -> None:
    run = RehearsalRun(
        phase="Watching",
        began="2026-11-30T02:00:00Z",
        ends="2026-11-30T02:10:00Z",
        cause="Request",
        pbxs=("vienna",),
        limits=RehearsalLimits(callable_within_seconds=limit),
        record="r",
    )
    assert verdict.judge(run, Looked(RESULT, True, ("demo/anna", 2.0), slowest_call=slowest), 600) == expected
