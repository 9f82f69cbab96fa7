"""README.md and docs/comparison.md tell what benches and drills kept, and nothing that was not measured."""

from __future__ import annotations

from datetime import date
from typing import Any

import figures
from bench.figures import Cost, Failover, Part, Start
from drills.seen import Machine, Row

SEEN: dict[str, Any] = {"date": date(2026, 11, 23), "machine": Machine(cores=2, memory_gigabytes=24)}
RESTARTS = Row(
    **SEEN,
    group="load",
    name="restarts",
    done="Its PBX is killed every minute.",
    phones=2000,
    before=2000,
    lowest=0,
    after=2000,
    longest_outage=6.232,
    whole_after=1200,
    clean_after=1200,
    duplicates=0,
    orphans=0,
    figures={"longest outage of a minute, median": "4.5 s"},
)


def part(**found: Any) -> Part:
    return Part(**SEEN, versions={}, **found)


def failover(client: str, times: list[float]) -> Failover:
    return Failover.of(times, client=client, phones=1000, transport="tcp", fault="killed", watched=100, cpu=1)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_where_some_phones_did_not_move_there_is_no_time() -> None:
    rows = [failover("agent", [0.5] * 1000), failover("baresip, best", [1.1] * 999), failover("pjsua2, best", [])]
    *_, line = figures.costs({"failover-tcp": part(failover=rows)}, [])
    assert cells(line)[1:4] == ["500 ms", "not within 100 s", "not within 100 s"]


def test_what_was_not_measured_has_no_row() -> None:
    assert len(list(figures.costs({}, []))) == 2, "the table's head"
    elsewhere = RESTARTS.model_copy(update={"group": "pbx"})
    assert len(list(figures.costs({}, [elsewhere, RESTARTS.model_copy(update={"figures": {}})]))) == 2


def test_the_load_has_its_median_and_its_worst() -> None:
    *_, line = figures.costs({}, [RESTARTS])
    assert cells(line)[:2] == [
        "2000 phones, their home PBX killed every minute (restarts): longest outage of a minute",
        "median 4.5 s, worst 6.2 s",
    ]


def test_start_and_memory_come_from_the_runs_with_most_phones() -> None:
    starts = [
        Start(client="agent", phones=n, transport="udp", first=0.1, last=n / 1000, registered=n) for n in (1, 1000)
    ]
    costs = [Cost(client="agent", phones=n, processes=3, megabytes=n / 10, cores=0.1) for n in (100, 1000)]
    lines = [cells(line) for line in figures.beside({"start": part(start=starts), "cost": part(cost=costs)})]
    assert lines[2][:2] == ["start over UDP: all are registered after", "1.0 s"]
    assert lines[3][:2] == ["memory of each at rest", "0.100 MB"]
