"""Traffic lights: what counts as good, what wants attention, and what is bad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console import objects
from softphone_console.view import lights, of_objects
from softphone_console.view.facts import NONE, Condition, Pbx
from softphone_console.view.lights import Light, Mood, Sum

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("of", "mood", "words"),
    [
        (Sum(), Mood.UNKNOWN, "no phones"),
        (Sum(4, 4), Mood.GOOD, "4 of 4"),
        (Sum(4, 4, 1), Mood.ATTENTION, "4 of 4, 1 on standby"),
        (Sum(4, 3), Mood.ATTENTION, "3 of 4"),
        (Sum(4, 2, 2), Mood.BAD, "2 of 4"),
        (Sum(1, 0), Mood.BAD, "0 of 1"),
    ],
)
def test_registered(of: Sum, mood: Mood, words: str) -> None:
    assert lights.registered(of) == Light("registered", mood, words)


YES = Condition("True", "Redundant")
LOST = Condition("False", "Unreachable", "sec: standby does not answer")
MUTE = Condition("False", "NotRedundant")
UNKNOWN = Condition("Unknown", "Unchecked")
CHOSEN = [Condition("False", "OneWay"), Condition("Unknown", "ChecksOff"), Condition("Unknown", "Suspended")]


@pytest.mark.parametrize(
    ("conditions", "mood", "words"),
    [
        ([], Mood.UNKNOWN, "nobody checks"),
        ([NONE, *CHOSEN], Mood.UNKNOWN, "nobody checks"),
        ([UNKNOWN, NONE], Mood.UNKNOWN, "not known yet"),
        ([YES, UNKNOWN, *CHOSEN], Mood.GOOD, "each way that is checked would hold"),
        ([YES, LOST], Mood.BAD, "sec: standby does not answer"),
        ([MUTE], Mood.BAD, "NotRedundant"),
    ],
)
def test_redundant(conditions: list[Condition], mood: Mood, words: str) -> None:
    assert lights.redundant(conditions) == Light("redundant", mood, words)


def pbx(name: str, reachable: bool | None = True, *, tls: bool = False, days: float | None = None) -> Pbx:
    ends = {} if days is None else {"certificateExpires": f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"}
    return of_objects.pbx(objects.pbx(name, tls=tls, reachable=reachable, **ends))


@pytest.mark.parametrize(
    ("pbxs", "mood", "words"),
    [
        ([], Mood.UNKNOWN, "no agent knows"),
        ([pbx("a", None)], Mood.UNKNOWN, "no agent knows"),
        ([pbx("a"), pbx("b", None)], Mood.GOOD, "1 of 2"),
        ([pbx("a"), pbx("c", False), pbx("b", False)], Mood.ATTENTION, "no agent reaches b, c"),
        ([pbx("a", False)], Mood.BAD, "no agent reaches a"),
    ],
)
def test_reachable(pbxs: list[Pbx], mood: Mood, words: str) -> None:
    assert lights.reachable(pbxs) == Light("reachable", mood, words)


@pytest.mark.parametrize(
    ("pbxs", "expected"),
    [
        ([pbx("a")], None),
        ([pbx("a", tls=True)], (Mood.UNKNOWN, "no agent has seen it")),
        ([pbx("a", tls=True, days=21), pbx("b")], (Mood.GOOD, "a: until 2026-12-14")),
        ([pbx("a", tls=True, days=90), pbx("b", tls=True, days=20)], (Mood.ATTENTION, "b: until 2026-12-13")),
        ([pbx("a", tls=True, days=2)], (Mood.BAD, "a: until 2026-11-25")),
        ([pbx("a", tls=True, days=0)], (Mood.BAD, "a: ended 2026-11-23")),
    ],
)
def test_certificate(pbxs: list[Pbx], expected: tuple[Mood, str] | None) -> None:
    assert lights.certificate(pbxs, NOW) == (expected and Light("certificate", *expected))


@pytest.mark.parametrize(
    ("moods", "worst"),
    [
        ([], Mood.UNKNOWN),
        ([Mood.UNKNOWN, Mood.GOOD], Mood.GOOD),
        ([Mood.GOOD, Mood.ATTENTION, Mood.UNKNOWN], Mood.ATTENTION),
        ([Mood.BAD, Mood.ATTENTION], Mood.BAD),
    ],
)
def test_the_worst_light_counts(moods: list[Mood], worst: Mood) -> None:
    assert lights.worst(Light("x", mood, "") for mood in moods) is worst
