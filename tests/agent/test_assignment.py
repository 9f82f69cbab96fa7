"""Which worker carries a phone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.supervisor.assignment import shares


@pytest.mark.parametrize(
    ("new", "loads", "limit", "expected"),
    [
        (0, {}, 7, {}),
        (1, {}, 7, {0: 1}),
        (8, {}, 7, {0: 4, 1: 4}),
        (501, {}, 500, {0: 251, 1: 250}),
        (1000, {}, 500, {0: 500, 1: 500}),
        (3, {0: 4, 1: 2}, 7, {0: 1, 1: 2}),
        (2, {0: 7, 3: 7}, 7, {4: 2}),
        (3, {0: 9}, 7, {1: 3}),
    ],
    ids=["none", "one", "one too many", "spread evenly", "full", "fills gaps", "all full", "more than is allowed now"],
)
def test_phones_fill_the_workers_evenly(new: int, loads: dict[int, int], limit: int, expected: dict[int, int]) -> None:
    assert Counter(shares(new, loads, limit, max(loads, default=-1) + 1)) == expected


@given(st.integers(0, 300), st.dictionaries(st.integers(0, 20), st.integers(0, 40), max_size=8), st.integers(1, 40))
def test_no_worker_gets_more_than_it_may_carry_and_none_is_begun_in_vain(
    new: int, loads: dict[int, int], limit: int
) -> None:
    chosen = Counter(shares(new, loads, limit, 100))
    assert chosen.total() == new
    for number, more in chosen.items():
        assert loads.get(number, 0) + more <= limit
    begun = [number for number in chosen if number >= 100]
    room = sum(max(0, limit - load) for load in loads.values())
    assert len(begun) == -(-max(0, new - room) // limit)
