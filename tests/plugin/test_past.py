"""The history of a phone: as a table, for a spreadsheet, and as Prometheus has it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.reports import NOW, at
from softphone_agent.contract import series as of_prometheus
from softphone_agent.contract.history import HistoryEntry
from softphone_agent.contract.series import Series
from softphone_plugin import past, prometheus
from softphone_plugin.errors import PluginError

OUTAGE = HistoryEntry(
    time=at(10.5), phone="anna", kind="Outage", from_pbx="slave", to_pbx="master", seconds=2.25, reason="PingFailed"
)
MOVED = HistoryEntry(time=at(12), phone="anna", kind="FailOver", from_pbx="slave", to_pbx="master", reason="PingFailed")
LOST = HistoryEntry(time=at(20), phone="anna", kind="PathLost", via="sec", to_pbx="standby", reason="Unreachable")
BACK = HistoryEntry(time=at(50), phone="anna", kind="PathBack", via="sec", to_pbx="standby", seconds=7200)


def test_the_table() -> None:
    table = past.table([OUTAGE, MOVED, LOST, BACK], NOW)
    assert [row.cells for row in table.rows] == [
        ("2026-11-23 11:59:10", "49s", "Outage", "", "slave", "master", "2.25s", "PingFailed"),
        ("2026-11-23 11:59:12", "48s", "FailOver", "", "slave", "master", "", "PingFailed"),
        ("2026-11-23 11:59:20", "40s", "PathLost", "sec", "", "standby", "", "Unreachable"),
        ("2026-11-23 11:59:50", "10s", "PathBack", "sec", "", "standby", "2h", ""),
    ]
    assert past.table([LOST.model_copy(update={"time": ""})], NOW).rows[0].cells[:2] == ("", "")


def test_for_a_spreadsheet() -> None:
    evil = MOVED.model_copy(update={"to_pbx": '=cmd|"x"'})
    assert past.as_csv([OUTAGE, LOST, evil]) == "\n".join(
        [
            "time,phone,kind,via,from,to,seconds,reason",
            f"{OUTAGE.time},anna,Outage,,slave,master,2.25,PingFailed",
            f"{LOST.time},anna,PathLost,sec,,standby,,Unreachable",
            f'{MOVED.time},anna,FailOver,,slave,"\'=cmd|""x""",,PingFailed',
        ]
    )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("90m", 5400), ("24h", 86400), ("30d", 2592000)])
def test_spans(text: str, seconds: float) -> None:
    assert past.span(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "1w", "-1h", "1h30m", "9999999d"])
def test_what_is_no_span_is_told(text: str) -> None:
    with pytest.raises(PluginError, match=r"--last: .* is no span of time"):
        past.span(text)


def test_prometheus_is_asked_for_no_more_points_than_it_gives() -> None:
    assert (of_prometheus.step(3600), of_prometheus.step(30 * 86400)) == (15, 260)


def series(points: dict[float, float], **labels: str) -> Series:
    return Series(labels, sorted(points.items()))


def told(entries: list[HistoryEntry]) -> list[tuple[Any, ...]]:
    return [(e.time[-9:], e.kind, e.via, e.from_pbx, e.to_pbx, e.seconds) for e in entries]


def test_a_fail_over_as_prometheus_has_it() -> None:
    registered = series({0: 1, 15: 1, 30: 0, 45: 1, 60: 1})
    places = [series({0: 1, 15: 1}, pbx="slave"), series({45: 1, 60: 1}, pbx="master")]
    assert told(of_prometheus.from_series("anna", [registered], places, [])) == [
        ("00:00:30Z", "Outage", None, "slave", "master", 15),
        ("00:00:45Z", "FailOver", None, "slave", "master", None),
    ]


def test_the_way_home_and_an_outage_that_lasts() -> None:
    places = [series({30: 1, 45: 1}, pbx="slave"), series({0: 1, 15: 1, 30: 1}, pbx="master"), series({}, pbx="x")]
    registered = series({0: 1, 15: 1, 30: 1, 45: 1, 60: 0, 75: 0})
    assert told(of_prometheus.from_series("anna", [registered], places, [])) == [
        ("00:00:30Z", "FailOver", None, "master", "slave", None),
        ("00:01:00Z", "Outage", None, "slave", None, None),
    ]


def test_ways_as_prometheus_has_them() -> None:
    ways = [series({0: 1, 15: 0, 30: 0, 45: 1, 60: 0}, via="sec"), series({0: 0}, via="other")]
    assert told(of_prometheus.from_series("anna", [], [], ways)) == [
        ("00:00:15Z", "PathLost", "sec", None, None, None),
        ("00:00:45Z", "PathBack", "sec", None, None, 30),
        ("00:01:00Z", "PathLost", "sec", None, None, None),
    ]


def test_what_was_bad_before_begins_with_what_is_known_of_it() -> None:
    assert told(of_prometheus.from_series("anna", [series({0: 0, 15: 1})], [], [])) == [
        ("00:00:00Z", "Outage", None, None, None, 15)
    ]


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from([0.0, 1.0])), unique_by=lambda point: point[0]))
def test_outages_never_overlap_and_all_are_within_what_was_asked(points: list[tuple[int, float]]) -> None:
    points = sorted(points)
    made = of_prometheus.from_series("anna", [Series({}, points)], [], [])
    assert len(made) == sum(
        value == 0 and (number == 0 or points[number - 1][1] != 0) for number, (_, value) in enumerate(points)
    )
    assert sum(entry.seconds is None for entry in made) <= 1


def test_the_queries_are_for_one_phone() -> None:
    assert all('{namespace="demo",softphone="anna"}' in query for query in of_prometheus.queries("demo", "anna"))


# A real HTTP server that answers as Prometheus does, or does not.


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(url: str) -> Any:
    return asyncio.run(prometheus.ask(url, "up", 100.0, 200.0, 15.0))


def test_prometheus_is_asked_over_a_range() -> None:
    answer = {"data": {"result": [{"metric": {"pbx": "slave"}, "values": [[100, "1"], [115.5, "0"]]}]}}
    with answering(200, json.dumps(answer).encode()) as (url, asked):
        assert ask(url) == [Series({"pbx": "slave"}, [(100.0, 1.0), (115.5, 0.0)])]
    assert asked == [{"query": ["up"], "start": ["100.000"], "end": ["200.000"], "step": ["15"]}]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (503, b"", "Prometheus at 127.0.0.1 answered 503"),
        (200, b"<html>", "Prometheus at 127.0.0.1 cannot be asked"),
        (200, b"{}", "what answers at 127.0.0.1 is no Prometheus"),
        (200, b'{"data": []}', "what answers at 127.0.0.1 is no Prometheus"),
    ],
)
def test_who_is_no_prometheus_is_told(status: int, body: bytes, message: str) -> None:
    with answering(status, body) as (url, _), pytest.raises(PluginError, match=message):
        ask(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "--prometheus must be http://HOST"),
        ("prometheus:9090", "--prometheus must be http://HOST"),
        ("http://me:4711secret@127.0.0.1:1", "Prometheus at 127.0.0.1 cannot be asked"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(url: str, message: str) -> None:
    with pytest.raises(PluginError, match=message) as told:
        ask(url)
    assert "4711secret" not in str(told.value)
