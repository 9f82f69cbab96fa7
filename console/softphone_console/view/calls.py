"""Test calls: whether people can call each other, by the CallChecks of a namespace. Pure."""

from __future__ import annotations

from typing import NamedTuple

from softphone_console.view.facts import CallCheck, CallFailure, Key
from softphone_console.view.lights import Light, Mood
from softphone_console.view.world import World

MOST_FAILURES = 100
"""Failures of the page, the newest."""


class Failed(NamedTuple):
    """A failure, and of which check it is."""

    check: Key
    failure: CallFailure


class CallsPage(NamedTuple):
    """The page: all checks by name, and the last failures of all."""

    checks: tuple[CallCheck, ...]
    failures: tuple[Failed, ...]


def mood(of: CallCheck) -> Mood:
    """How the calls of a check are; those of one that is suspended are not known."""
    if of.suspended or of.passing.status not in ("True", "False"):
        return Mood.UNKNOWN
    return Mood.GOOD if of.passing.status == "True" else Mood.BAD


def page(world: World) -> CallsPage:
    """What the page shows."""
    checks = tuple(check for _, check in sorted(world.call_checks.items()))
    failures = [Failed(check.key, failure) for check in checks for failure in check.failures]
    failures.sort(key=lambda one: one.failure.time, reverse=True)
    return CallsPage(checks, tuple(failures[:MOST_FAILURES]))


def light(world: World, namespace: str) -> Light | None:
    """Whether people of a namespace can call each other, by all its checks; None where there are none that run."""
    checks = [one for one in world.call_checks.values() if one.key.namespace == namespace and not one.suspended]
    if not checks:
        return None
    passed, pairs = sum(one.passed for one in checks), sum(one.pairs for one in checks)
    said = f"{passed} of {pairs} pairs of this namespace"
    failing = [one for one in checks if mood(one) is Mood.BAD]
    if failing:
        return Light("callable", Mood.BAD, f"{said}; {failing[0].passing.message or failing[0].passing.reason}")
    known = any(mood(one) is Mood.GOOD for one in checks)
    return Light("callable", Mood.GOOD if known else Mood.UNKNOWN, said)
