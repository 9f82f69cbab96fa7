"""docs/reliability.md is what the drills saw."""

from __future__ import annotations

import pytest

from drills import page
from drills.seen import rows


def test_the_page_is_fresh() -> None:
    assert page.PAGE.read_text() == page.page(rows()), "run: make generate, or PYTHONPATH=tests python -m drills.page"


def test_no_row_says_that_something_is_left_or_lost() -> None:
    assert [row.name for row in rows() if row.duplicates or row.orphans or row.lost or row.after != row.phones] == []


SECONDS = {0.0: "none", 0.0034: "3 ms", 0.099: "99 ms", 0.1: "0.1 s", 4.24: "4.2 s", 59.94: "59.9 s", 312.4: "312 s"}


@pytest.mark.parametrize("value", SECONDS)
def test_seconds_are_told_as_exactly_as_they_are_worth(value: float) -> None:
    assert page._seconds(value) == SECONDS[value]
