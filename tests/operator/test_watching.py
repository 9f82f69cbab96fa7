"""Which watches count as deaf: by their age, and only while the API server answers."""

from __future__ import annotations

import pytest

from softphone_operator.kubernetes.watching import Watches, lifetime


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watches(clock: Clock) -> Watches:
    """Watches that last 120 s."""
    made = Watches(120, clock)
    made.expect("Pod", None)
    made.expect("PBX", None)
    return made


def test_a_watch_that_begins_anew_in_time_is_alive(watches: Watches, clock: Clock) -> None:
    for _ in range(5):
        clock.now += 150
        assert watches.overdue() == []
        watches.began("Pod", None)
        watches.began("PBX", None)


def test_a_watch_that_does_not_begin_anew_is_deaf_while_the_server_answers(watches: Watches, clock: Clock) -> None:
    clock.now += 150
    watches.began("PBX", None)
    clock.now += 10
    assert watches.overdue() == [("Pod", "")]
    watches.server_answers(True)
    assert watches.deaf() is None, "it has some time from when the server answers"
    clock.now += 30
    watches.server_answers(True)
    assert watches.deaf() == ("deaf: the API server answers, but watches have not begun anew: Pod for 190 s")
    watches.began("Pod", None)
    assert watches.deaf() is None


def test_a_server_that_is_away_makes_nothing_deaf(watches: Watches, clock: Clock) -> None:
    clock.now += 3600
    watches.server_answers(False)
    assert watches.deaf() is None
    watches.server_answers(True)
    clock.now += 29
    assert watches.deaf() is None
    watches.server_answers(False)
    watches.server_answers(True)
    clock.now += 29
    assert watches.deaf() is None


def test_what_was_told_makes_the_age_but_not_the_health(watches: Watches, clock: Clock) -> None:
    clock.now += 100
    watches.told("Pod", "demo")
    clock.now += 10
    assert watches.ages() == {"Pod": 10, "PBX": 110}
    clock.now += 120
    clock.now += 20
    watches.told("Pod", "demo")
    assert watches.overdue() == [("PBX", ""), ("Pod", "")]


def test_of_several_namespaces_the_worst_counts(clock: Clock) -> None:
    watches = Watches(120, clock)
    for namespace in ("vienna", "graz"):
        watches.expect("Pod", namespace)
    clock.now += 50
    watches.told("Pod", "vienna")
    watches.told("Pod", "nowhere")
    assert watches.ages() == {"Pod": 50}
    clock.now += 250
    watches.began("Pod", "vienna")
    watches.server_answers(True)
    clock.now += 40
    assert watches.deaf() == "deaf: the API server answers, but watches have not begun anew: Pod in graz for 340 s"


def test_a_watch_outlives_every_normal_silence() -> None:
    assert [lifetime(seconds) > seconds for seconds in (1, 120, 3600)] == [True] * 3
