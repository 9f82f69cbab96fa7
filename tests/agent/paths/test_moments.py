"""When ways and bindings are checked."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.contract.report import PathResult
from softphone_agent.paths.moments import (
    BINDINGS_LATEST,
    BINDINGS_SOONEST,
    REFUSED_SECONDS,
    SELDOM_SECONDS,
    binding_wait,
    forgotten_wait,
    next_check,
    soon,
    validity,
)
from softphone_agent.registration.pacing import fraction

FRACTIONS = st.floats(0, 1, exclude_max=True)
INTERVALS = st.floats(2, 86400)
TIMES = st.floats(0, 1e7)


@given(FRACTIONS, INTERVALS, TIMES)
def test_a_way_is_checked_again_after_half_an_interval_at_the_earliest_and_before_its_result_is_too_old(
    own: float, interval: float, now: float
) -> None:
    due = next_check("Holds", own, interval, now)
    assert now + interval / 2 - 1e-3 <= due <= now + interval * 1.5 + 1
    assert due <= now + validity("Holds", interval)


@given(FRACTIONS, st.integers(4, 86400), TIMES, st.floats(0, 0.9))
def test_from_then_on_it_is_checked_once_an_interval(own: float, interval: int, now: float, takes: float) -> None:
    first = next_check("Holds", own, interval, now)
    assert next_check("Holds", own, interval, first + takes) == pytest.approx(first + interval, abs=1)


def test_a_thousand_phones_that_registered_together_are_spread_over_the_interval_from_their_second_check_on() -> None:
    owns = [fraction(f"phone{number} paths", 0.0, 1.0) for number in range(1000)]
    first = Counter(soon(own, 300.0, 5000.0) for own in owns)
    second = Counter(next_check("Holds", own, 300.0, soon(own, 300.0, 5000.0)) for own in owns)
    assert len(first) == 10
    assert len(second) > 250
    assert max(second.values()) < 15, "about three in a second"


@pytest.mark.parametrize(
    ("result", "interval", "wait"),
    [
        ("Refused", 10.0, REFUSED_SECONDS),
        ("Refused", 1000.0, 1000.0),
        ("CheckNotSupported", 300.0, SELDOM_SECONDS),
        ("CheckNotSupported", 7200.0, 7200.0),
    ],
)
def test_who_refuses_or_has_no_use_for_checks_has_the_whole_wait(
    result: PathResult, interval: float, wait: float
) -> None:
    assert [next_check(result, own, interval, 100.0) for own in (0.0, 0.5, 0.999)] == [100.0 + wait] * 3


@given(FRACTIONS, st.floats(0, 1, exclude_min=True), st.floats(0, 1e6))
def test_an_interval_below_a_second_is_one_of_a_second(own: float, interval: float, now: float) -> None:
    assert now + 0.5 - 1e-3 <= next_check("Holds", own, interval, now) <= now + 2.5


@pytest.mark.parametrize(
    ("expires", "wait"),
    [(10, BINDINGS_SOONEST), (120, BINDINGS_SOONEST), (150, 10.0), (300, 20.0), (450, BINDINGS_LATEST), (86400, 30.0)],
)
def test_the_longer_the_expiry_the_longer_between_binding_checks_up_to_half_a_minute(
    expires: float, wait: float
) -> None:
    assert binding_wait(expires) == wait


def test_a_pbx_that_has_forgotten_is_asked_soon_and_one_that_restarts_in_a_loop_ever_less() -> None:
    assert [forgotten_wait(before) for before in range(13)] == [1] + [10] * 6 + [20, 40, 80, 160, 300, 300]
