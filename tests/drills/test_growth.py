"""Growth is told from a process that only works."""

from __future__ import annotations

import os

import pytest

from drills.growth import MEASURES, Sample, Watch, growth
from drills.seen import ROOM, Growth

HOUR = 3600.0
CASES: dict[str, tuple[list[Sample], tuple[float, float, float], float, list[float]]] = {
    "at rest": ([(t, 50) for t in range(9)], (50, 50, 50), 0, [50] * 5),
    "it grows": ([(t * HOUR, 50 + t) for t in range(9)], (51, 54, 57), 1, [50, 52, 54, 56, 58]),
    "a burst is not growth": ([(t, 90 if t == 4 else 50) for t in range(9)], (50, 50, 50), 0, [50, 50, 90, 50, 50]),
    "two samples": ([(0, 50), (HOUR, 60)], (50, 50, 60), 10, [50, 60]),
    "one sample": ([(0, 50)], (50, 50, 50), 0, [50]),
}


@pytest.mark.parametrize("case", CASES)
def test_growth(case: str) -> None:
    samples, thirds, slope, shown = CASES[case]
    found = growth("worker", "MB", samples)
    assert (found.first, found.middle, found.last) == thirds
    assert found.slope_per_hour == pytest.approx(slope)
    assert found.samples == shown


GREW: dict[str, tuple[str, float | None, float, bool]] = {
    "memory within 3 % and 1 MB": ("MB", 50, 52.4, False),
    "memory beyond": ("MB of its own", 50, 52.6, True),
    "own memory within 1 % and half a MB": ("MB of its own", 36, 36.8, False),
    "a leak of 385 bytes a ping, after half an hour": ("MB of its own", 37, 37.95, True),
    "files come and go": ("files", 18, 20, False),
    "a file that is left open every few minutes": ("files", 18, 21, True),
    "a thread that stays": ("threads", 2, 4, True),
    "no middle was written down": ("MB", None, 90, False),
}


@pytest.mark.parametrize("case", GREW)
def test_what_is_growth(case: str) -> None:
    what, middle, last, grew = GREW[case]
    assert Growth(process="worker", what=what, first=1, middle=middle, last=last, slope_per_hour=0).grew is grew


def test_a_process_is_looked_at() -> None:
    with Watch({"myself": os.getpid()}, 0.01) as watch:
        pass
    assert {each.what for each in watch.found()} == set(MEASURES) == set(ROOM)
    assert all(each.first > 0 for each in watch.found())


def test_a_process_that_ended_is_told() -> None:
    with Watch({"nobody": 2**22 + 1}, 0.01) as watch:
        pass
    assert set(watch.ended) == {"nobody"}
    assert watch.found() == []
