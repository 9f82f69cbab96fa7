"""docs/proof/reliability.md is what the drills saw."""

from __future__ import annotations

from datetime import date

import pytest

from drills import page
from drills.seen import Finding, Growth, Machine, Row, findings, rows


def test_the_page_is_fresh() -> None:
    assert page.PAGE.read_text() == page.page(rows(), findings()), (
        "run: make generate, or PYTHONPATH=tests python -m drills.page"
    )


def test_no_row_says_that_something_is_left_or_lost() -> None:
    assert [row.name for row in rows() if row.duplicates or row.orphans or row.lost or row.after != row.phones] == []


SECONDS = {
    0.0: "none",
    0.0004: "< 1 ms",
    0.0034: "3 ms",
    0.099: "99 ms",
    0.1: "0.1 s",
    4.24: "4.2 s",
    59.94: "59.9 s",
    312.4: "312 s",
}


@pytest.mark.parametrize("value", SECONDS)
def test_seconds_are_told_as_exactly_as_they_are_worth(value: float) -> None:
    assert page._seconds(value) == SECONDS[value]


MACHINE = Machine(cores=2, memory_gigabytes=24)
ROW = Row(
    group="pbx",
    name="killed",
    done="It is killed.",
    date=date(2026, 11, 23),
    machine=MACHINE,
    phones=200,
    before=200,
    lowest=0,
    after=200,
    longest_outage=4.0,
    whole_after=4.1,
    clean_after=25.4,
    longest_second=0.012,
    duplicates=0,
    orphans=0,
)


def told(row: Row) -> str:
    return page.page([row])[len(page.HEAD) :]


def test_a_row_says_when_it_was_seen_and_whether_the_machine_was_busy() -> None:
    assert "| 4.0 s | 4.1 s | 12 ms | 25.4 s | none | none | 2026-11-23 |" in told(ROW)
    assert "The machine: 2 cores and 24 GB; it did nothing else." in told(ROW)
    busy = ROW.model_copy(update={"machine": MACHINE.model_copy(update={"busy": True})})
    assert "| none | none | 2026-11-23 \\* |" in told(busy)
    assert "1 of 1 rows are of a machine with other work on it (\\*)." in told(busy)


def test_a_row_from_before_second_bindings_were_measured_says_only_whether_there_were_any() -> None:
    old = ROW.model_copy(update={"longest_second": None})
    assert "| 4.1 s |  | 25.4 s |" in told(old)
    assert "| 4.1 s | none | none |" in told(old.model_copy(update={"clean_after": 0.0}))


def test_what_is_no_row_is_told_beside_the_rows() -> None:
    finding = Finding(
        group="pbx", name="one", done="It was tried.", date=date(2026, 11, 23), machine=MACHINE, figures={"a": "1"}
    )
    assert "| one | It was tried. | a: 1 | 2026-11-23 |" in page.page([ROW], [finding])


def held(what: str, middle: float | None, last: float, process: str = "operator") -> Growth:
    return Growth(process=process, what=what, first=60, middle=middle, last=last, slope_per_hour=1, samples=[60, last])


STILL = [held("MB", 60, 61), held("MB of its own", 40, 40), held("files", 19, 19), held("threads", 2, 2)]


def test_the_verdict_on_growth_is_made_of_what_was_held() -> None:
    assert page._verdict([*STILL, held("MB", 60, 61.5, "worker")]).endswith(
        "MB +1.5 of 3% and 1 allowed (worker); MB of its own +0 of 1% and 0.5 allowed (operator); "
        "files +0 of 2 allowed (operator); threads +0 of 1 allowed (operator)."
    )
    grown = page._verdict([*STILL, held("files", 19, 25, "worker")])
    assert grown == "**It grew**, from the middle third to the last: files of worker, from 19 to 25."
    assert "was not yet written down" in page._verdict([*STILL, held("files", None, 25)])
