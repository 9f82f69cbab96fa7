"""Test calls: whether people of a namespace can call each other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.objects import NOW, Object, call_check, call_failure, condition
from console.worlds import acme, world
from softphone_console.html import calls as html
from softphone_console.view import calls, of_objects, overview
from softphone_console.view.calls import CallsPage, Failed
from softphone_console.view.facts import CallCheck, CallFailure, Condition, Key
from softphone_console.view.lights import Light, Mood

FAILURE = CallFailure(
    NOW - timedelta(minutes=1), "anna", "ben", "vienna", "graz", "NoAudio: 200 nothing was heard", "slave"
)
SUSPENDED = {**call_check(), "spec": {"suspend": True}}


def test_a_call_check() -> None:
    took = {"seconds": 2.5, "time": "2026-11-23T11:00:00Z", "caller": "anna", "callee": "ben"}
    obj = call_check("sites", "False", failures=[call_failure(), {"reason": "NoTime"}], callable=took)
    hour_ago = NOW - timedelta(hours=1)
    assert of_objects.call_check(obj) == CallCheck(
        key=Key("demo", "sites"),
        suspended=False,
        pairs=12,
        passed=11,
        failed=1,
        passing=Condition("False", "NoAudio", "anna to ben: NoAudio, nothing was heard", hour_ago),
        failures=(FAILURE,),
        callable_after=2.5,
        callable_at=hour_ago,
    )


@pytest.mark.parametrize(
    ("checks", "light"),
    [
        ([call_check()], Light("callable", Mood.GOOD, "12 of 12 pairs of this namespace")),
        (
            [call_check("a"), call_check("b", "False")],
            Light(
                "callable",
                Mood.BAD,
                "23 of 24 pairs of this namespace; anna to ben: NoAudio, nothing was heard",
            ),
        ),
        (
            [call_check(conditions=[condition("Passing", "Unknown", "NoCalls")], pairs={"total": 12})],
            Light("callable", Mood.UNKNOWN, "0 of 12 pairs of this namespace"),
        ),
    ],
)
def test_the_light_of_a_system(checks: list[Object], light: Light) -> None:
    (found,) = overview.systems(acme(*checks), NOW)
    assert found.lights[-1] == light


def test_without_a_check_that_runs_there_is_no_light() -> None:
    (found,) = overview.systems(acme(SUSPENDED), NOW)
    assert "callable" not in [light.about for light in found.lights]


def test_the_page_has_all_checks_and_the_last_failures() -> None:
    of = world(call_check("b", failures=[call_failure(3600)]), call_check("a", "False", failures=[call_failure()]))
    page = calls.page(of)
    assert [check.key.name for check in page.checks] == ["a", "b"]
    assert page.failures[0] == Failed(Key("demo", "a"), FAILURE)
    assert [one.check.name for one in page.failures] == ["a", "b"]
    shown = html.page(page).html
    assert "NoAudio: 200 nothing was heard" in shown
    assert "<bdi>anna</bdi> at vienna" in shown


def test_a_suspended_check_says_so_and_none_says_what_they_are() -> None:
    assert "suspended" in html.page(calls.page(world(SUSPENDED))).html
    empty = html.page(CallsPage((), ())).html
    assert html.NONE in empty
    assert html.WELL in empty
