"""The page of the operator's benches, and the arithmetic of its figures."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bench import operator_page
from bench.figures import exponent, percentile
from bench.operator_figures import Different, Lag, Part, Pooled, Ready, Reconciled, Rest, StatusWrites, parts
from drills.seen import Machine

MACHINE = Machine(cores=2, memory_gigabytes=24)


def test_the_page_is_fresh() -> None:
    assert operator_page.PAGE.read_text() == operator_page.page(parts()), "run make generate"


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    assert exponent([(x, 3 * x**power) for x in (100, 300, 1000)]) == pytest.approx(power)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(200, 0, -1)]
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [100, 198, 200]
    assert percentile([7.0], 99) == 7


def test_what_was_measured_is_told_beside_the_bare_client(tmp_path: Path) -> None:
    rows = [
        Reconciled(client=client, softphones=n, seconds=n / rate, writes=3, reads=reads, megabytes=mb, cpu_seconds=cpu)
        for client, rate, reads, mb, cpu in (
            ("bare client", 100, 0, None, None),
            ("ours", 50, 0.1, 90, 1),
        )
        for n in (100, 300, 1000)
    ]
    made = Part(date=date(2026, 11, 23), machine=MACHINE, reconciled=rows)
    made.write("reconciled", tmp_path)
    assert parts(tmp_path) == {"reconciled": made}
    told = operator_page.page(parts(tmp_path)).splitlines()
    assert "| bare client | 300 | 3.0 | 100 | 1.00 | 3.0 | 0.0 |  |  |" in told
    assert "| ours | 1000 | 20.0 | 50 | 2.00 | 3.0 | 0.1 | 1.0 | 90 |" in told
    assert "- ours: seconds k = 1.00, CPU k = 0.00" in told
    assert "Measured 2026-11-23 (2 cores, 24 GB)." in told


def test_lags_and_rest_are_told() -> None:
    lag = Lag(
        rate=10, softphones=1000, transitions=300, told=299, median=0.12, p99=0.2, longest=0.3, writes=11, cores=0.1,
        server_cores=0.25, other_cores=0.03,
    )  # fmt: skip
    write = StatusWrites(
        how="update", in_flight=20, writes=200, median=0.1, p99=0.21, server_cores=1.2, client_cores=0.3
    )
    rest = Rest(softphones=5000, streams=0, megabytes=160.4, cores=0.004, requests_a_minute=3.2, note="after a start")
    told = operator_page.page(
        {"lag": Part(date=date(2026, 11, 23), machine=MACHINE, lag=[lag], status_writes=[write], rest=[rest])}
    )
    assert "| 10 | 1000 | 300 | 299 | 0.12 | 0.20 | 0.30 | 11 | 0.10 | 0.25 | 0.03 |" in told
    assert "| update | 20 | 200 | 100 | 210 | 6.0 | 1.5 |" in told
    assert "| after a start | 5000 | 0 | 160 | 0.4% | 3 | 2026-11-23 (2 cores, 24 GB) |" in told


def test_what_a_new_softphone_takes_is_told() -> None:
    row = Ready(
        softphones=20, started=0.5, granted=0.93, told=1.21, longest=2.99, after_start=0.711, longest_after_start=1.07
    )
    told = operator_page.page({"ready": Part(date=date(2026, 11, 28), machine=MACHINE, ready=[row])}).splitlines()
    assert "| 20 | 0.50 | 0.93 | 1.21 | 2.99 | 0.71 | 1.07 |" in told
    assert told.count("Measured 2026-11-28 (2 cores, 24 GB).") == 1


def test_what_many_of_a_pool_take_is_told_beside_single_ones_and_the_bare_client() -> None:
    users = Different(
        softphones=300, systems=3, wrong_passwords=40, agents=2, processes=4, applied=17.5, granted=19.04, told=20.0,
        megabytes=150, single=10, single_megabytes=550, each_more=50,
    )  # fmt: skip
    at_once = Pooled(
        softphones=1000, agents=4, bare=10, written=8, granted=9.5, told=17, writes=2.2, megabytes=87, cpu_seconds=9.7
    )
    made = Part(date=date(2026, 11, 30), machine=MACHINE, different=[users], pooled=[at_once])
    told = operator_page.page({"pooled": made}).splitlines()
    assert "| 300 | 3 | 40 | 2 | 4 | 17.5 | 19.0 | 20.0 |" in told
    assert "| 300 | 150 | 10: 550 | 50.0 | 15050 | 100 |" in told
    assert "| 1000 | 4 | 10.0 | 8.0 | 9.5 | 17.0 | 1.20 | 2.2 | 9.7 | 87 |" in told
