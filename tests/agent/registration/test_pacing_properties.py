"""Herd control, whatever comes: bounds of the token bucket and of a phone's fraction."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.registration.pacing import TokenBucket, fraction


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
