"""docs/proof/benchmarks.md is what the benches measured."""

from __future__ import annotations

from datetime import date
from typing import Any

from bench import page
from bench.clients import ABOUT
from bench.figures import Checks, Cost, Failover, Part, parts
from drills.seen import Machine

HERE = Part(date=date(2026, 11, 23), machine=Machine(cores=2, memory_gigabytes=23), versions={})


def test_the_page_is_fresh() -> None:
    assert page.PAGE.read_text() == page.page(parts()), "run: make generate, or PYTHONPATH=tests python -m bench.page"


def test_every_client_of_the_page_is_explained_on_it() -> None:
    seen = {row.client for part in parts().values() for row in (*part.failover, *part.start, *part.cost)}
    assert seen <= ABOUT.keys()


def _lines(part: Part) -> list[list[str]]:
    return [list(row) for table in page.tables(part) for row in table.rows]


def test_a_client_that_did_not_move_is_slower_by_more_than_it_was_watched() -> None:
    known = {"phones": 100, "transport": "udp", "fault": "killed", "watched": 100, "cpu": 0.2}
    rows = [Failover.of([4.0] * 100, client="agent", **known), Failover.of([], client="pjsua2, best", **known)]
    ours, other = _lines(HERE.model_copy(update={"failover": rows}))
    assert ours == ["agent", "100", "100", "4.0 s", "4.0 s", "4.0 s", "4.0 s", "", "", "2.0 ms"]
    assert other == ["pjsua2, best", "100", "none", "", "", "", "", "> 25", "", "2.0 ms"]


def test_memory_that_grows_faster_than_phones_is_called_so() -> None:
    rows = [Cost(client="agent", phones=n, processes=1, megabytes=n**1.5, cores=n / 1000) for n in (1, 100, 1000)]
    assert [line[6] for line in _lines(HERE.model_copy(update={"cost": rows}))] == ["", "", "1.50 (worse than linear)"]
    assert [line[8] for line in _lines(HERE.model_copy(update={"cost": rows}))] == ["", "", "1.00"]


def test_the_share_of_checks_is_told_beside_the_refreshes() -> None:
    known: dict[str, Any] = {
        "phones": 1000,
        "processes": 3,
        "seconds": 300,
        "refreshes": 8,
        "megabytes": 100,
        "pbx_cores": 0.02,
    }
    off: dict[str, Any] = {"path_checks": 0, "binding_checks": 0, "busiest": 0, "challenged": 0, "cores": 0.01}
    fleet: dict[str, Any] = {"path_checks": 0.3, "binding_checks": 0.1, "busiest": 4, "challenged": 0.5, "cores": 0.011}
    rows = [Checks(client="off", **known, **off), Checks(client="as a fleet", **known, **fleet)]
    costs = ["2.00%", "100.0 MB"]
    assert _lines(HERE.model_copy(update={"checks": rows})) == [
        ["off", "1000", "3", "8.00", "0.00", "0.00", "", "", "", "1.00%", *costs],
        ["as a fleet", "1000", "3", "8.00", "0.30", "0.10", "5.0%", "4", "50%", "1.10%", *costs],
    ]
