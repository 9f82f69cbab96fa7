"""What a Rehearsal may ask for, what is refused in which words, and when it is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions_on_pbxs import PBXS_BY_NAME
from softphone_operator.api.rehearsal import MAX_TEMPLATE_BYTES
from softphone_operator.decide.decisions import Refusal
from softphone_operator.rehearsals import schedule
from softphone_operator.rehearsals.desired import DesiredRehearsal, rehearsal

TEMPLATE = {"spec": {"containers": [{"name": "break", "image": "tools:1"}]}}
NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "neither PBX nor system": ({}, "InvalidSpec", "pbx: just one of pbx and system must be given, none is given"),
    "both": (
        {"pbx": "vienna", "system": "acme"},
        "InvalidSpec",
        'pbx: just one of pbx and system must be given, "vienna" and "acme" are both given',
    ),
    "an address": (
        {"pbx": "sip:10.0.0.11"},
        "InvalidSpec",
        'pbx: "sip:10.0.0.11" must be the name of a PBX object',
    ),
    "no such PBX": ({"pbx": "paris"}, "PBXNotFound", 'pbx: there is no PBX "paris" in the namespace demo'),
    "no such system": (
        {"system": "other"},
        "PBXNotFound",
        'system: no accepted PBX of the namespace demo has the system "other"',
    ),
    "trigger Job without a Job": (
        {"pbx": "vienna", "trigger": "Job"},
        "InvalidSpec",
        "job: must be given with trigger Job, and only then; none is given",
    ),
    "a Job without the trigger": (
        {"pbx": "vienna", "job": {"template": TEMPLATE}},
        "InvalidSpec",
        "job: must be given with trigger Job, and only then; trigger is Manual",
    ),
    "a template without containers": (
        {"pbx": "vienna", "trigger": "Job", "job": {"template": {"spec": {"containers": []}}}},
        "InvalidSpec",
        "job.template.spec.containers: must hold a container",
    ),
    "a template without a spec": (
        {"pbx": "vienna", "trigger": "Job", "job": {"template": {"spec": "x"}}},
        "InvalidSpec",
        "job.template.spec.containers: must hold a container",
    ),
    "a container without an image": (
        {"pbx": "vienna", "trigger": "Job", "job": {"template": {"spec": {"containers": [{"name": "a"}]}}}},
        "InvalidSpec",
        "job.template.spec.containers: each must have a name and an image",
    ),
    "a time zone without a schedule": (
        {"pbx": "vienna", "timeZone": "Europe/Vienna"},
        "InvalidSpec",
        'timeZone: "Europe/Vienna" is given without a schedule',
    ),
    "no such time zone": (
        {"pbx": "vienna", "schedule": "0 3 * * *", "timeZone": "Europe/Wien"},
        "InvalidSpec",
        'timeZone: "Europe/Wien" is no time zone, such as Europe/Vienna',
    ),
    "a path as a time zone": (
        {"pbx": "vienna", "schedule": "0 3 * * *", "timeZone": "../etc/passwd"},
        "InvalidSpec",
        'timeZone: "../etc/passwd" is no time zone, such as Europe/Vienna',
    ),
    "words as a schedule": (
        {"pbx": "vienna", "schedule": "every day"},
        "InvalidSpec",
        'schedule: "every day" must have five fields: minute, hour, day of month, month, day of week',
    ),
    "six fields": (
        {"pbx": "vienna", "schedule": "0 0 3 * * *"},
        "InvalidSpec",
        'schedule: "0 0 3 * * *" must have five fields: minute, hour, day of month, month, day of week',
    ),
    "a minute that there is not": (
        {"pbx": "vienna", "schedule": "61 3 * * *"},
        "InvalidSpec",
        'schedule: "61 3 * * *" is no schedule: Bad minute',
    ),
    "a day that never comes": (
        {"pbx": "vienna", "schedule": "0 3 30 2 *"},
        "InvalidSpec",
        'schedule: "0 3 30 2 *" is no schedule: Bad day-of-month',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    spec, reason, message = REFUSED[name]
    assert rehearsal("demo", spec, PBXS_BY_NAME, jobs_allowed=True) == Refusal(reason, message)


def test_a_template_may_not_be_endless() -> None:
    long = {"spec": {"containers": [{"name": "a", "image": "b", "args": ["x" * MAX_TEMPLATE_BYTES]}]}}
    made = rehearsal(
        "demo", {"pbx": "vienna", "trigger": "Job", "job": {"template": long}}, PBXS_BY_NAME, jobs_allowed=True
    )
    assert isinstance(made, Refusal)
    assert made.message.startswith("job.template: has 65")


def test_a_pbx_that_is_refused_itself() -> None:
    made = rehearsal("demo", {"pbx": "broken"}, PBXS_BY_NAME, jobs_allowed=False)
    assert isinstance(made, Refusal)
    assert made.reason == "PBXInvalid"


def test_jobs_only_where_the_operator_may_make_them() -> None:
    spec = {"pbx": "vienna", "trigger": "Job", "job": {"template": TEMPLATE}}
    assert rehearsal("demo", spec, PBXS_BY_NAME, jobs_allowed=False) == Refusal(
        "JobsNotAllowed", "trigger: this operator may make no Jobs; the chart's rehearsals.jobs allows it"
    )
    assert isinstance(rehearsal("demo", spec, PBXS_BY_NAME, jobs_allowed=True), DesiredRehearsal)


@pytest.mark.parametrize(("spec", "pbxs"), [({"pbx": "vienna"}, ("vienna",)), ({"system": "acme"}, ("graz", "vienna"))])
def test_the_pbxes_that_are_meant(spec: dict[str, Any], pbxs: tuple[str, ...]) -> None:
    made = rehearsal("demo", spec, PBXS_BY_NAME, jobs_allowed=False)
    assert isinstance(made, DesiredRehearsal)
    assert made.pbxs == pbxs


DUE = [
    ("0 3 1 * *", None, "2026-04-01T03:00:00+00:00"),
    ("0 3 1 * *", "Europe/Vienna", "2026-04-01T01:00:00+00:00"),
    # In the night to 2026-03-29 there is no 02:30 in Vienna; in that to 2026-10-25 it is there twice.
    ("30 2 * * *", "Europe/Vienna", "2026-03-29T01:00:00+00:00"),
    ("0 22 * * 5", "America/New_York", "2026-04-04T02:00:00+00:00"),
    ("*/15 * * * *", None, "2026-03-28T12:15:00+00:00"),
]


@pytest.mark.parametrize(("text", "zone", "expected"), DUE)
def test_when_it_is_due(text: str, zone: str | None, expected: str) -> None:
    found = schedule.next_after(text, zone, NOON)
    assert found.isoformat() == expected


def test_a_time_that_never_comes_is_no_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "CronSim", lambda *_: iter(()))
    with pytest.raises(schedule.ScheduleError, match=r'^"0 3 1 1 \*" never comes$'):
        schedule.next_after("0 3 1 1 *", None, NOON)


def test_a_value_of_the_wrong_kind_is_told_with_its_field() -> None:
    made = rehearsal("demo", {"pbx": "vienna", "windowSeconds": 1}, PBXS_BY_NAME, jobs_allowed=False)
    assert isinstance(made, Refusal)
    assert made.message.startswith("windowSeconds: ")


def test_a_time_that_comes_twice_is_taken_once() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    first = schedule.next_after("30 2 * * *", "Europe/Vienna", before)
    second = schedule.next_after("30 2 * * *", "Europe/Vienna", first)
    assert (second - first).total_seconds() > 12 * 3600


def test_a_suspended_one_is_never_due() -> None:
    made = rehearsal(
        "demo", {"pbx": "vienna", "schedule": "0 3 * * *", "suspend": True}, PBXS_BY_NAME, jobs_allowed=False
    )
    assert isinstance(made, DesiredRehearsal)
    assert made.next_after(NOON) is None


@given(st.integers(0, 59), st.integers(0, 23), st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))
def test_the_next_time_is_always_later(minute: int, hour: int, now: datetime) -> None:
    there = now.replace(tzinfo=UTC)
    found = schedule.next_after(f"{minute} {hour} * * *", "Europe/Vienna", there)
    assert there < found
    assert (found - there).total_seconds() <= 2 * 86400
