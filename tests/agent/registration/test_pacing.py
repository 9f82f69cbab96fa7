"""Herd control: the token bucket of a registrar, and the spread of phones."""

from __future__ import annotations

import itertools

import pytest

from softphone_agent.registration.pacing import Rests, TokenBucket, begin_times, fraction


def test_a_burst_of_one_seconds_worth_goes_at_once_then_one_by_one() -> None:
    bucket = TokenBucket(10.0)
    assert [bucket.reserve(0.0) for _ in range(10)] == [0.0] * 10
    assert [bucket.reserve(0.0) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_new_phones_begin_in_the_pace_of_their_own_pbx() -> None:
    phones = [("a", "slow", 2.0), ("b", "fast", 100.0), ("c", "slow", 2.0), ("d", "fast", 100.0), ("e", "slow", 2.0)]
    assert begin_times(phones, 7.0) == {"a": 7.0, "b": 7.0, "c": 7.5, "d": 7.01, "e": 8.0}


def test_a_place_is_taken_only_where_one_is_free() -> None:
    bucket = TokenBucket(2.0)
    assert [bucket.take(0.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(0.5), bucket.take(0.5)] == [True, False], "who was sent away has not used up a place"


def test_what_can_wait_leaves_half_of_the_places_to_what_cannot() -> None:
    bucket = TokenBucket(10.0)
    assert [bucket.spare(0.0) for _ in range(7)] == [True] * 6 + [False]
    assert [bucket.reserve(0.0) for _ in range(4)] == [0.0] * 4
    assert [bucket.spare(0.39), bucket.spare(0.4), bucket.spare(0.5)] == [False, False, True]


def test_at_a_slow_pbx_it_waits_until_nothing_else_does() -> None:
    bucket = TokenBucket(0.5)
    assert bucket.spare(0.0)
    assert [bucket.spare(1.9), bucket.spare(2.0)] == [False, True]


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


def test_a_thousand_phones_are_spread_evenly() -> None:
    drawn = sorted(fraction(f"phone-{number}", 0.0, 1.0) for number in range(1000))
    assert max(later - earlier for earlier, later in itertools.pairwise(drawn)) < 0.02


def test_a_thousand_phones_fill_the_range_that_is_asked_for() -> None:
    drawn = sorted(fraction(f"phone-{number}", 0.5, 0.9) for number in range(1000))
    assert 0.5 <= drawn[0] < 0.51
    assert 0.89 < drawn[-1] < 0.9


def test_a_phones_fraction_outlives_its_process() -> None:
    """An agent that is replaced does not move all its phones' refreshes."""
    assert fraction("alice", 0.0, 1.0) == pytest.approx(0.1712650529798836)


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
