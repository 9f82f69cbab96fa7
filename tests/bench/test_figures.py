"""How figures of benches are summed up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Failover, exponent, percentile

KNOWN = {"client": "agent", "phones": 3, "transport": "udp", "fault": "killed", "watched": 100, "cpu": 0.1}


@given(st.floats(-2, 3), st.floats(0.01, 100))
def test_the_exponent_of_a_power_law_is_found(k: float, c: float) -> None:
    assert exponent([(n, c * n**k) for n in (1, 100, 1000)]) == pytest.approx(k, abs=1e-6)


def test_a_percentile_is_a_value_that_was_seen() -> None:
    ordered = [float(n) for n in range(1, 1001)]
    assert [percentile(ordered, p) for p in (50, 99, 100)] == [500, 990, 1000]
    assert percentile([7.0], 99) == 7.0


def test_times_are_told_in_order_of_the_phones_that_moved() -> None:
    row = Failover.of([3.0, 1.0, 2.0], **KNOWN)
    assert (row.moved, row.first, row.median, row.p99, row.last) == (3, 1.0, 2.0, 3.0, 3.0)


def test_phones_that_never_moved_have_no_times() -> None:
    row = Failover.of([], **KNOWN)
    assert (row.moved, row.first, row.last) == (0, None, None)
