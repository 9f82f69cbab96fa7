"""The figures in README.md and docs/comparison.md. `python -m figures` writes them anew.

All of them come from what benches and drills kept in bench/seen and drills/seen, so that each has one source. What was
not measured has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import generated
from bench.figures import SIZES, Failover, Figure, Part, parts
from bench.page import OURS, machine, seconds
from drills.seen import Row, rows

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
COMPARISON = REPOSITORY / "docs" / "comparison.md"
COSTS = "figures, from tests/bench/seen and tests/drills/seen"
BESIDE = "the peers' figures, from tests/bench/seen"

BEST = ("baresip, best", "pjsua2, best")
CLIENTS = (OURS, "baresip, best", "baresip, defaults", "pjsua2, best", "pjsua2, defaults")
MOST = max(SIZES)
TRANSPORTS = ("tcp", "tls", "udp")
Of = TypeVar("Of", bound=Figure)


def costs(found: Mapping[str, Part], drills: Iterable[Row]) -> Iterator[str]:
    """What the README says of times and costs."""
    clients = (OURS, *BEST)
    yield f"| | {' | '.join(clients)} | by |"
    yield "|---|--:|--:|--:|---|"
    bench = "[`make bench`](docs/proof/benchmarks.md)"
    for what, cells in (*_failovers(found, clients), *_rest(found, clients)):
        yield _line(f"{MOST} phones, {what}", [*cells, bench])
    for row in drills:
        usual = row.figures.get("longest outage of a minute, median")
        if row.group == "load" and usual:
            what = f"{row.phones} phones, their home PBX killed every minute ({row.name}): longest outage of a minute"
            told = f"median {usual}, worst {seconds(row.longest_outage)}"
            yield _line(what, [told, *[""] * len(BEST), f"[`{_makes(row)}`](docs/proof/reliability.md#load)"])


def beside(found: Mapping[str, Part]) -> Iterator[str]:
    """The agent beside the others."""
    yield f"| {MOST} users | {' | '.join(CLIENTS)} |"
    yield f"|---|{'--:|' * len(CLIENTS)}"
    for what, cells in (*_failovers(found, CLIENTS), *_starts(found, CLIENTS), *_rest(found, CLIENTS)):
        yield _line(what, cells)
    yield ""
    places = sorted({f"{part.date} ({machine(part.machine)})" for part in found.values()})
    yield f"Measured {', '.join(places)}."


Cells = tuple[str, list[str]]


def _failovers(found: Mapping[str, Part], clients: Iterable[str]) -> Iterator[Cells]:
    for fault in ("killed", "silent"):
        for transport in TRANSPORTS:
            part = found.get(f"failover-{transport}")
            of = [row for row in part.failover if row.fault == fault] if part else []
            if _with_most(of, OURS):
                what = f"PBX {fault}, over {transport.upper()}: the last one is on the standby after"
                yield what, [_moved(row) if (row := _with_most(of, each)) else "" for each in clients]


def _starts(found: Mapping[str, Part], clients: Iterable[str]) -> Iterator[Cells]:
    for transport in TRANSPORTS:
        of = [row for row in found["start"].start if row.transport == transport] if "start" in found else []
        if _with_most(of, OURS):
            what = f"start over {transport.upper()}: all are registered after"
            yield what, [seconds(row.last) if (row := _with_most(of, each)) else "" for each in clients]


def _rest(found: Mapping[str, Part], clients: Iterable[str]) -> Iterator[Cells]:
    of = found["cost"].cost if "cost" in found else []
    if _with_most(of, OURS):
        cells = [f"{row.megabytes / MOST:.3f} MB" if (row := _with_most(of, each)) else "" for each in clients]
        yield "memory of each at rest", cells


def _with_most(of: Iterable[Of], client: str) -> Of | None:
    """What a client did with as many phones as there were at most."""
    return next((row for row in of if row.client == client and row.phones == MOST), None)


def _moved(row: Failover) -> str:
    if row.last is None or row.moved < row.phones:
        return f"not within {row.watched:.0f} s"
    return seconds(row.last)


def _makes(row: Row) -> str:
    return "make soak" if row.name == "soak" else "make drill"


def _line(what: str, cells: Iterable[str]) -> str:
    return f"| {what} | {' | '.join(cells)} |"


def fill() -> None:
    """Renew both pages."""
    found = parts()
    generated.fill(README, COSTS, costs(found, rows()))
    generated.fill(COMPARISON, BESIDE, beside(found))


if __name__ == "__main__":
    fill()
