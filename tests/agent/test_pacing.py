"""Herd control: the token bucket of a registrar, and the spread of phones."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.registration.pacing import Rests, TokenBucket, begin_times, fraction


def test_a_burst_of_one_seconds_worth_goes_at_once_then_one_by_one() -> None:
    bucket = TokenBucket(10.0)
    assert [bucket.reserve(0.0) for _ in range(10)] == [0.0] * 10
    assert [bucket.reserve(0.0) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_new_phones_begin_in_the_pace_of_their_own_pbx() -> None:
    phones = [("a", "slow", 2.0), ("b", "fast", 100.0), ("c", "slow", 2.0), ("d", "fast", 100.0), ("e", "slow", 2.0)]
    assert begin_times(phones, 7.0) == {"a": 7.0, "b": 7.0, "c": 7.5, "d": 7.01, "e": 8.0}


def test_a_slow_pbx_gets_one_and_then_waits() -> None:
    bucket = TokenBucket(0.5)
    assert bucket.reserve(0.0) == 0.0
    assert bucket.reserve(0.0) == pytest.approx(2.0)


def test_quiet_time_refills_the_bucket_to_one_burst_and_no_more() -> None:
    bucket = TokenBucket(10.0)
    for _ in range(10):
        bucket.reserve(0.0)
    assert [bucket.reserve(100.0) for _ in range(10)] == [0.0] * 10
    assert bucket.reserve(100.0) == pytest.approx(0.1)


@given(st.floats(0.5, 50), st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_never_more_than_the_rate_and_a_burst_in_any_stretch_of_time(rate: float, gaps: list[float]) -> None:
    bucket, now, sends = TokenBucket(rate), 0.0, []
    for gap in gaps:
        now += gap
        sends.append(now + bucket.reserve(now))
    sends.sort()
    for first in range(len(sends)):
        for last in range(first, len(sends)):
            allowed = max(1.0, rate) + (sends[last] - sends[first]) * rate
            assert last - first + 1 <= allowed + 1 + 1e-6


@given(st.text(max_size=40), st.floats(0, 1), st.floats(1, 2))
def test_a_phones_fraction_is_stable_and_within_its_bounds(identity: str, low: float, high: float) -> None:
    drawn = fraction(identity, low, high)
    assert low <= drawn <= high
    assert drawn == fraction(identity, low, high)


def test_a_thousand_phones_are_spread_evenly() -> None:
    drawn = sorted(fraction(f"phone-{number}", 0.0, 1.0) for number in range(1000))
    assert max(later - earlier for earlier, later in itertools.pairwise(drawn)) < 0.02


def test_a_bucket_is_as_good_as_a_new_one_once_it_is_full() -> None:
    bucket = TokenBucket(2.0)
    assert bucket.is_full(0.0)
    for _ in range(5):
        bucket.reserve(0.0)
    assert [bucket.is_full(at) for at in (0.0, 2.4, 2.5)] == [False, False, True]


def test_changes_that_press_are_taken_less_and_less_often() -> None:
    rests, now, taken = Rests(1.0, 8.0), 0.0, []
    while now < 60.0:  # there is always another one
        taken.append(now)
        now += rests.after(now) + 0.1
    assert taken == pytest.approx([0.0, 1.1, 3.2, 7.3, 15.4, 23.5, 31.6, 39.7, 47.8, 55.9])


def test_a_change_after_some_quiet_is_the_first_again() -> None:
    rests = Rests(1.0, 8.0)
    assert [rests.after(at) for at in (0.0, 1.2, 3.4)] == [1.0, 2.0, 4.0]
    assert rests.after(8.5) == 1.0
