"""Rehearsals: how the last ones went, and whether one is overdue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.objects import NOW, Object, pbx, rehearsal, run
from console.worlds import acme, world
from softphone_console.html import rehearsals as html
from softphone_console.view import of_objects, overview, rehearsals
from softphone_console.view.facts import Key, Rehearsal, RehearsalResult
from softphone_console.view.lights import Light, Mood
from softphone_console.view.rehearsals import RehearsalPage, Row

YESTERDAY = NOW - timedelta(days=1)
PASSED = RehearsalResult("Passed", YESTERDAY - timedelta(minutes=1), YESTERDAY, (), 10, 10, 0, 2.5, 4.0)


def test_a_rehearsal() -> None:
    spec = {"schedule": "0 3 1 * *", "timeZone": "Europe/Vienna", "everyDays": 35, "trigger": "Job"}
    obj = rehearsal("monthly", run(), {"verdict": "Failed"}, spec=spec, nextTime="2026-12-01T02:00:00Z")
    assert of_objects.rehearsal(obj) == Rehearsal(
        key=Key("demo", "monthly"),
        pbx="slave",
        system="",
        trigger="a Job",
        limits=(("longest outage allowed", 10.0), ("all must be back within", 60.0)),
        schedule="0 3 1 * * Europe/Vienna",
        every_days=35,
        phase="Pending",
        message="begins when asked to",
        made=NOW - timedelta(days=40),
        next=datetime(2026, 12, 1, 2, tzinfo=UTC),
        last_passed=None,
        history=(PASSED,),
    )


def test_a_row() -> None:
    (row,) = rehearsals.rows(world(rehearsal("monthly", run())), NOW)
    key = Key("demo", "monthly")
    said = ("PBX slave", "Pending", "begins when asked to")
    assert row == Row(key, *said, PASSED, None, None, False, Mood.GOOD)


DAYS = {"everyDays": 35}
FAILED = run("Failed", reasons=["anna was out for 12.0 s, and 10 s are allowed"])


@pytest.mark.parametrize(
    ("obj", "mood", "words"),
    [
        (rehearsal("r"), Mood.UNKNOWN, "r: none yet"),
        (rehearsal("r", run()), Mood.GOOD, "r: Passed, 2026-11-22"),
        (rehearsal("r", FAILED, run()), Mood.BAD, "r: Failed, 2026-11-22"),
        (rehearsal("r", run("Expired")), Mood.ATTENTION, "r: Expired, 2026-11-22"),
        (rehearsal("r", run("Astonishing")), Mood.UNKNOWN, "r: Astonishing, 2026-11-22"),
        (rehearsal("r", spec=DAYS), Mood.ATTENTION, "r: none has passed for too long"),
        (rehearsal("r", FAILED, spec=DAYS), Mood.BAD, "r: none has passed for too long"),
        (rehearsal("r", run(), spec=DAYS, lastPassed="2026-11-22T12:00:00Z"), Mood.GOOD, "r: Passed, 2026-11-22"),
        (rehearsal("r", run(), spec={"pbx": None, "system": "acme"}), Mood.GOOD, "r: Passed, 2026-11-22"),
    ],
)
def test_the_light_of_a_system(obj: Object, mood: Mood, words: str) -> None:
    (found,) = overview.systems(acme(obj), NOW)
    assert found.lights[-1] == Light("rehearsed", mood, words)


def test_the_worst_of_several_counts_and_others_have_no_light() -> None:
    elsewhere = rehearsal("elsewhere", spec={"pbx": "gone"})
    of = acme(rehearsal("a", run()), rehearsal("b", FAILED), elsewhere, pbx("west", "branch"))
    acme_, branch = overview.systems(of, NOW)
    assert acme_.lights[-1].words == "b: Failed, 2026-11-22"
    assert [light.about for light in branch.lights] == ["registered", "redundant", "reachable"]


def test_the_pages_tell_why_one_has_failed() -> None:
    of = world(
        rehearsal("monthly", FAILED, run(), spec=DAYS | {"schedule": "0 3 1 * *"}, nextTime="2026-12-01T03:00:00Z")
    )
    (row,) = rehearsals.rows(of, NOW)
    listed = html.page([row]).html
    assert "overdue" in listed
    page = html.one(RehearsalPage(row, of.rehearsals[row.key])).html
    assert "anna was out for 12.0 s, and 10 s are allowed" in page
    assert "35 days, and is overdue" in page
    assert "0 3 1 * * UTC" in page
    assert "kubectl softphone rehearsal report monthly -n demo -o html" in page


def test_where_there_are_none_the_page_says_what_they_are() -> None:
    assert "There are none" in html.page([]).html
    of = world({**rehearsal("new"), "status": {}})
    (row,) = rehearsals.rows(of, NOW)
    assert "Nothing is known yet." in html.one(RehearsalPage(row, of.rehearsals[row.key])).html
