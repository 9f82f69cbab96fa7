"""The machine of a Rehearsal: each row of its table, and what holds whatever comes in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions_on_pbxs import PBXS_BY_NAME
from softphone_operator.api.rehearsal import RehearsalStatus
from softphone_operator.decide import status
from softphone_operator.decide.status import ACCEPTED
from softphone_operator.rehearsals import machine, states, telling
from softphone_operator.rehearsals.actions import Action, Close, KeepBaseline, StartJob, Tell
from softphone_operator.rehearsals.desired import DesiredRehearsal, rehearsal
from softphone_operator.rehearsals.drill import Result
from softphone_operator.rehearsals.events import (
    Asked,
    Counted,
    Elapsed,
    Event,
    JobAbsent,
    JobRan,
    Looked,
    RecordLost,
)
from softphone_operator.rehearsals.states import State

START = datetime(2026, 11, 30, 2, 0, 0, tzinfo=UTC)
TEMPLATE = {"spec": {"containers": [{"name": "break", "image": "tools:1"}]}}
PBXS = ("vienna",)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def asked_at(seconds: float) -> Asked:
    return Asked(at(seconds).isoformat())


def planned(**spec: Any) -> DesiredRehearsal:
    made = rehearsal("demo", {"pbx": "vienna", "windowSeconds": 600, **spec}, PBXS_BY_NAME, jobs_allowed=True)
    assert isinstance(made, DesiredRehearsal), made
    return made


def with_job(**spec: Any) -> DesiredRehearsal:
    return planned(trigger="Job", job={"template": TEMPLATE}, **spec)


def looked(lost: int = 0, missing: Sequence[str] = (), *, over: bool = False, worst: float | None = None) -> Looked:
    outages = (worst,) if worst is not None else ()
    result = Result("vienna", 4, lost, 0, 4 - lost, tuple(missing), outages, {})
    first = at(20) if lost else None
    last = at(20 + (worst or 0)) if worst is not None else None
    return Looked(result, over, ("demo/anna", worst) if worst is not None else None, first, last)


def told(state: State, *events: tuple[float, Event]) -> tuple[State, list[Action]]:
    """The state after all of these, each at its second, and what the last one asks for."""
    actions: tuple[Action, ...] = ()
    for second, event in events:
        state, actions = machine.step(state, event, at(second), "monthly")
    return state, list(actions)


def phase(state: State) -> str | None:
    written = telling.told({}, state, ACCEPTED, 1, START)
    return state.run.phase if state.run else written.phase


def breaking(desired: DesiredRehearsal) -> State:
    state, _ = told(State(desired), (0, asked_at(0)), (1, Counted(4)))
    assert phase(state) == "Breaking"
    return state


def watching(desired: DesiredRehearsal, *before: tuple[float, Event]) -> State:
    state, _ = told(breaking(desired), *before, (20, looked(4, ["demo/anna"])))
    assert phase(state) == "Watching"
    return state


def kinds(actions: Sequence[Action]) -> list[str]:
    return [one.reason if isinstance(one, Tell) else type(one).__name__ for one in actions]


DAILY = {"schedule": "0 3 * * *"}


def waiting(**spec: Any) -> State:
    """One that is due at 03:00, an hour after START."""
    made = planned(**DAILY, **spec)
    return State(made, made.next_after(START))


ROWS: dict[str, tuple[State, float, Event, str, list[str]]] = {
    "somebody asks": (State(planned()), 0, asked_at(0), "Preparing", ["Began"]),
    "somebody asked long ago": (State(planned()), 400, asked_at(0), "Pending", ["NotBegun"]),
    "somebody asked, and said no time": (State(planned()), 0, Asked("now"), "Pending", ["NotBegun"]),
    "a time without a zone is none": (State(planned()), 0, Asked("2026-11-30T02:00:00"), "Pending", ["NotBegun"]),
    "somebody asks while it is suspended": (State(planned(suspend=True)), 0, asked_at(0), "Pending", ["NotBegun"]),
    "somebody asks while the spec is refused": (State(None), 0, asked_at(0), "Pending", ["NotBegun"]),
    "somebody asks while another runs": (
        State(planned()),
        0,
        Asked(START.isoformat(), "weekly"),
        "Pending",
        ["NotBegun"],
    ),
    "somebody asks while it runs": (breaking(planned()), 5, asked_at(5), "Breaking", ["NotBegun"]),
    "the same request again": (breaking(planned()), 5, asked_at(0), "Breaking", []),
    "not due yet": (waiting(), 3599, Elapsed(), "Waiting", []),
    "due": (waiting(), 3600, Elapsed(), "Preparing", ["Began"]),
    "due, and another one runs": (waiting(), 3700, Elapsed("weekly"), "Waiting", []),
    "due, and another one ran for too long": (waiting(), 3901, Elapsed("weekly"), "Waiting", ["Missed"]),
    "due while no operator ran": (waiting(), 7200, Elapsed(), "Waiting", ["Missed"]),
    "no schedule, so never due": (State(planned()), 10**6, Elapsed(), "Pending", []),
    "all agents heard": (
        told(State(planned()), (0, asked_at(0)))[0],
        1,
        Counted(4),
        "Breaking",
        ["KeepBaseline", "Breaking"],
    ),
    "something in the way": (
        told(State(planned()), (0, asked_at(0)))[0],
        1,
        Counted(0, ("no phone is registered at vienna",)),
        "Failed",
        ["Close", "Failed"],
    ),
    "never heard": (told(State(planned()), (0, asked_at(0)))[0], 600, Elapsed(), "Failed", ["Close", "Failed"]),
    "time passes before the agents are heard": (
        told(State(planned()), (0, asked_at(0)))[0],
        599,
        Elapsed(),
        "Preparing",
        [],
    ),
    "a look before the agents are heard": (
        told(State(planned()), (0, asked_at(0)))[0],
        1,
        looked(4),
        "Preparing",
        [],
    ),
    "heard twice": (breaking(planned()), 2, Counted(9), "Breaking", []),
    "the Job is to be made": (breaking(with_job()), 2, JobAbsent(), "Breaking", ["StartJob"]),
    "the Job runs": (breaking(with_job()), 3, JobRan("Running"), "Breaking", []),
    "nothing lost yet": (breaking(planned()), 3, looked(), "Breaking", []),
    "a phone has lost it": (breaking(planned()), 20, looked(1, ["demo/anna"]), "Watching", ["Watching"]),
    "all are back": (watching(planned()), 30, looked(4, over=True, worst=2.0), "Passed", ["Close", "Passed"]),
    "back, and the Job still mends": (
        watching(with_job(), (3, JobRan("Running"))),
        30,
        looked(4, over=True, worst=2.0),
        "Watching",
        [],
    ),
    "back, and the Job was not seen yet": (watching(with_job()), 30, looked(4, over=True, worst=2.0), "Watching", []),
    "back, and the Job is done": (
        watching(with_job(), (3, JobRan("Succeeded"))),
        30,
        looked(4, over=True, worst=2.0),
        "Passed",
        ["Close", "Passed"],
    ),
    "back, and the Job has failed": (
        watching(with_job(), (3, JobRan("Failed", "BackoffLimitExceeded"))),
        30,
        looked(4, over=True, worst=2.0),
        "Failed",
        ["Close", "Failed"],
    ),
    "the Job has failed and broken nothing": (
        told(breaking(with_job()), (3, JobRan("Failed", "no such host")))[0],
        4,
        looked(),
        "Failed",
        ["Close", "Failed"],
    ),
    "nobody broke it": (breaking(planned()), 600, looked(), "Expired", ["Close", "Expired"]),
    "not back in time": (watching(planned()), 600, looked(4, ["demo/anna"]), "Failed", ["Close", "Failed"]),
    "over at the end of the window": (
        watching(planned()),
        600,
        looked(4, over=False, worst=2.0),
        "Passed",
        ["Close", "Passed"],
    ),
    "too long an outage": (
        watching(planned(limits={"longestOutageSeconds": 1.5})),
        30,
        looked(4, over=True, worst=2.0),
        "Failed",
        ["Close", "Failed"],
    ),
    "the record is gone": (breaking(planned()), 5, RecordLost(), "Failed", ["Close", "Failed"]),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows(name: str) -> None:
    state, second, event, expected, actions = ROWS[name]
    after, wanted = machine.step(state, event, at(second), "monthly")
    assert (phase(after), kinds(wanted)) == (expected, actions)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([], "the Job was never seen to run"),
        ([(3.0, JobRan("Running"))], "the Job still runs at the end of the window"),
    ],
)
def test_a_job_that_has_not_ended_by_the_end_of_the_window(before: list[tuple[float, Event]], reason: str) -> None:
    state, _ = told(watching(with_job(), *before), (600, looked(4, over=True, worst=2.0)))
    assert state.history[0].reasons == (reason,)


def test_phones_that_moved_without_an_outage_pass() -> None:
    moved = Looked(Result("vienna", 4, 0, 4, 0, (), (), {}), over=True)
    state, (_, event) = told(breaking(planned()), (30, moved))
    assert phase(state) == "Passed"
    assert isinstance(event, Tell)
    assert event.message == "0 of 4 phones lost it"


def test_of_many_that_are_missing_some_are_named() -> None:
    names = [f"demo/load-{index}" for index in range(7)]
    state, _ = told(watching(planned()), (600, looked(4, names)))
    assert state.history[0].reasons == (
        "7 of 4 phones are not registered: demo/load-0, demo/load-1, demo/load-2, demo/load-3, demo/load-4 and 2 more",
    )


def test_of_many_outages_that_were_too_long_the_number_is_told() -> None:
    state = watching(planned(limits={"longestOutageSeconds": 1}))
    result = Result("vienna", 4, 4, 0, 0, (), (0.5, 2.0, 3.0), {})
    after, _ = told(state, (30, Looked(result, True, ("demo/anna", 3.0), at(20), at(23))))
    assert after.history[0].reasons == (
        "the longest outage took 3.00 s (demo/anna), allowed are 1 s; 2 outages were longer than that",
    )


def test_phones_that_an_operator_that_starts_does_not_know_are_no_pass() -> None:
    state = watching(planned())
    result = Result("vienna", 3, 3, 0, 0, (), (2.0,), {})
    after, _ = told(state, (30, Looked(result, True, ("demo/anna", 2.0), at(20), at(22))))
    assert after.history[0].phones == 4
    assert after.history[0].reasons == (
        "1 of 4 phones were not watched to the end: a restarted operator, a full record",
    )


def test_a_run_is_told_whole() -> None:
    state, (began,) = told(State(with_job(limits={"longestOutageSeconds": 5})), (0, asked_at(0)))
    assert state.run is not None
    assert state.run.model_dump(exclude_defaults=True) == {
        "phase": "Preparing",
        "began": "2026-11-30T02:00:00Z",
        "ends": "2026-11-30T02:10:00Z",
        "cause": "Request",
        "pbxs": ("vienna",),
        "trigger": "Job",
        "limits": {"longest_outage_seconds": 5.0},
        "record": "rehearsal-monthly-20261130-020000",
    }
    assert began == Tell("Normal", "Began", "somebody asked for it; vienna is to fail")


def test_a_result_is_told_whole() -> None:
    state = watching(planned(limits={"longestOutageSeconds": 1.5, "allBackWithinSeconds": 1}))
    after, (close, event) = told(state, (30, looked(4, over=True, worst=2.0)))
    assert after.history[0].model_dump(exclude_defaults=True) == {
        "verdict": "Failed",
        "began": "2026-11-30T02:00:00Z",
        "ended": "2026-11-30T02:00:30Z",
        "cause": "Request",
        "reasons": (
            "the longest outage took 2.00 s (demo/anna), allowed are 1.5 s",
            "the last phone was back 2.00 s after the first loss, allowed are 1 s",
        ),
        "phones": 4,
        "lost": 4,
        "longest_outage_seconds": 2.0,
        "all_back_seconds": 2.0,
        "record": "rehearsal-monthly-20261130-020000",
    }
    assert isinstance(close, Close)
    assert close.result == after.history[0]
    assert isinstance(event, Tell)
    assert event.type == "Warning"


def test_a_job_that_vanished_has_failed() -> None:
    state, actions = told(breaking(with_job()), (2, JobRan("Running")), (3, JobAbsent()))
    assert state.run is not None
    assert (state.run.job, state.run.job_message, actions) == ("Failed", "it is gone", [])


def test_a_job_that_the_spec_has_no_more_is_not_made() -> None:
    state, actions = told(replace(breaking(with_job()), desired=None), (3, JobAbsent()))
    assert state.run is not None
    assert (state.run.job, state.run.job_message, actions) == ("Failed", "the spec has none any more", [])


def test_the_history_is_bounded_and_remembers_when_one_passed_last() -> None:
    state = State(planned(historyLimit=2, limits={"longestOutageSeconds": 5}))
    for turn, outage in enumerate((2.0, 9.0, 9.0)):
        begun = 1000.0 * turn
        state, _ = told(
            state,
            (begun, asked_at(begun)),
            (begun + 1, Counted(4)),
            (begun + 20, looked(4, over=True, worst=outage)),
        )
    assert [one.verdict for one in state.history] == ["Failed", "Failed"]
    assert state.last_passed == "2026-11-30T02:00:20Z"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("monthly", "rehearsal-monthly-20261130-020000"),
        ("site.vienna", "rehearsal-site-vienna-20261130-020000"),
        ("m" * 253, None),
    ],
)
def test_the_name_of_a_job_leaves_room_for_that_of_its_pod(name: str, expected: str | None) -> None:
    made = machine.record_name(name, START)
    assert len(made) <= machine.MAX_NAME
    assert expected is None or made == expected


def test_an_operator_that_starts_goes_on_where_the_other_one_ended() -> None:
    state = watching(with_job(), (3, JobRan("Running")))
    written = status.dump(telling.told({}, state, ACCEPTED, 1, at(21)))
    again = states.resume(telling.read(written), state.desired, at(25), same_spec=True)
    assert again == state


def test_an_edited_schedule_is_reckoned_anew() -> None:
    status = RehearsalStatus(next_time="2026-12-24T00:00:00Z")
    due = states.resume(status, planned(**DAILY), START, same_spec=True).next
    assert due == datetime(2026, 12, 24, tzinfo=UTC)
    due = states.resume(status, planned(**DAILY), START, same_spec=False).next
    assert due == datetime(2026, 11, 30, 3, tzinfo=UTC)
    assert states.resume(status, planned(**DAILY, suspend=True), START, same_spec=True).next is None
    assert states.resume(status, planned(), START, same_spec=True).next is None


EVENTS = st.one_of(
    st.integers(0, 5000).map(asked_at),
    st.sampled_from(["", "weekly"]).map(Elapsed),
    st.builds(Counted, st.integers(0, 4), st.sampled_from([(), ("no",)])),
    st.builds(
        looked,
        st.integers(0, 4),
        st.sampled_from([(), ("demo/anna",)]),
        over=st.booleans(),
        worst=st.sampled_from([None, 2.0]),
    ),
    st.just(JobAbsent()),
    st.sampled_from([JobRan("Running"), JobRan("Succeeded"), JobRan("Failed", "no")]),
    st.just(RecordLost()),
)
DESIRED = st.sampled_from([planned(), with_job(), planned(**DAILY), with_job(**DAILY, historyLimit=1), None])


@given(DESIRED, st.lists(st.tuples(st.integers(0, 400), EVENTS), max_size=40))
def test_whatever_comes(made: DesiredRehearsal | None, events: list[tuple[int, Event]]) -> None:
    state, second = State(made, made.next_after(START) if made else None), 0
    jobs: dict[str, int] = {}
    for wait, event in events:
        second += wait
        before = state
        state, actions = machine.step(state, event, at(second), "monthly")
        closed = [one for one in actions if isinstance(one, Close)]
        assert bool(closed) == (before.run is not None and state.run is None), "each run is closed once"
        assert len(state.history) <= (made.spec.history_limit if made else machine.HISTORY)
        if closed:
            assert state.history[0] == closed[0].result
            assert (closed[0].result.verdict == "Passed") == (not closed[0].result.reasons)
        if any(isinstance(one, KeepBaseline) for one in actions):
            assert state.run is not None
            assert state.run.phase == "Breaking"
        for one in actions:
            if isinstance(one, StartJob):
                assert before.run is not None
                assert before.run.phase != "Preparing", "nothing is broken before it is known who is there"
                assert before.run.job is None
                jobs[before.run.record] = jobs.get(before.run.record, 0) + 1
        assert made is not None or state.run is None, "a refused spec begins nothing"
        read = telling.read(status.dump(telling.told({}, state, ACCEPTED, 1, at(second))))
        assert states.resume(read, made, at(second), same_spec=True).run == state.run
