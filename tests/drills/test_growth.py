"""Growth is told from a process that only works."""

from __future__ import annotations

import os

import pytest

from drills.growth import Sample, Watch, growth

HOUR = 3600.0
CASES: dict[str, tuple[list[Sample], float, float, float]] = {
    "at rest": ([(t, 50) for t in range(9)], 50, 50, 0),
    "it grows": ([(t * HOUR, 50 + t) for t in range(9)], 51, 57, 1),
    "a burst is not growth": ([(t, 90 if t == 4 else 50) for t in range(9)], 50, 50, 0),
    "one sample": ([(0, 50)], 50, 50, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_growth(case: str) -> None:
    samples, first, last, slope = CASES[case]
    found = growth("worker", "MB", samples)
    assert (found.first, found.last) == (first, last)
    assert found.slope_per_hour == pytest.approx(slope)


def test_a_process_is_looked_at() -> None:
    with Watch({"myself": os.getpid()}, 0.01) as watch:
        pass
    assert {each.what for each in watch.found()} == {"MB", "files", "threads"}
    assert all(each.first > 0 for each in watch.found())


def test_a_process_that_ended_is_told() -> None:
    with Watch({"nobody": 2**22 + 1}, 0.01) as watch:
        pass
    assert set(watch.ended) == {"nobody"}
    assert watch.found() == []
