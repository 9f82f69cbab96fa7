"""Rehearsals in the plugin: the table, which record is reported, and what a terminal shows of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from softphone_operator.api.rehearsal import RehearsalRun
from softphone_operator.rehearsals.record import Record, RecordedOutage, RecordedPhone
from softphone_plugin import rehearsing
from softphone_plugin.errors import NOT_FOUND, PluginError
from softphone_plugin.rehearsing import ReportForm

NOW = datetime(2026, 11, 30, 2, 0, 0, tzinfo=UTC)
RUN = {
    "phase": "Breaking",
    "began": "2026-11-30T01:59:00Z",
    "ends": "2026-11-30T02:29:00Z",
    "cause": "Request",
    "record": "rehearsal-monthly-3",
}


def result(record: str | None, verdict: str = "Passed") -> dict[str, Any]:
    made = {"verdict": verdict, "began": RUN["began"], "ended": RUN["began"], "cause": "Request"}
    return made | ({"record": record} if record else {})


def rehearsal(name: str = "monthly", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "demo"}, "spec": {"pbx": "vienna"}, "status": status}


def test_the_table() -> None:
    waiting = rehearsal("a", phase="Waiting", nextTime="2026-12-01T02:00:00Z", message="begins at …")
    failed = rehearsal("b", phase="Failed", lastPassed="2026-11-29T02:00:00Z", message="too long")
    of = rehearsing.table([failed, waiting, rehearsal("c")], NOW, namespaces=False)
    assert [row.cells for row in of.rows] == [
        ("a", "vienna", "Waiting", "never", "2026-12-01 02:00:00 UTC", "begins at …"),
        ("b", "vienna", "Failed", "24h ago", "", "too long"),
        ("c", "vienna", "Unknown", "never", "", ""),
    ]
    assert [row.mood for row in of.rows] == ["unknown", "ill", "unknown"]
    assert rehearsing.table([waiting], NOW, namespaces=True).rows[0].cells[0] == "demo"


def test_the_last_record_is_reported_or_the_wanted_one() -> None:
    history = [result(None, "Failed"), result("rehearsal-monthly-2"), result("rehearsal-monthly-1")]
    of = rehearsal(history=history)
    assert rehearsing.record_of(of, None) == "rehearsal-monthly-2"
    assert rehearsing.record_of(of, "rehearsal-monthly-1") == "rehearsal-monthly-1"
    assert rehearsing.record_of(rehearsal(history=history, run=RUN), None) == "rehearsal-monthly-3"


@pytest.mark.parametrize(
    ("status", "wanted", "words"),
    [
        ({"message": "begins when asked to"}, None, "there is no record yet: begins when asked to"),
        ({}, None, "there is no record yet: none has run"),
        ({"run": {**RUN, "phase": "Preparing"}}, None, "there is no record yet"),
        ({}, "other", 'has no record "other"$'),
        ({"history": [result("one")]}, "other", 'has no record "other"; there are one'),
    ],
)
def test_without_a_record_it_says_why(status: dict[str, Any], wanted: str | None, words: str) -> None:
    with pytest.raises(PluginError, match=words) as error:
        rehearsing.record_of(rehearsal(**status), wanted)
    assert error.value.code == NOT_FOUND


def test_what_a_terminal_shows() -> None:
    run = RehearsalRun.model_validate({**RUN, "pbxs": ["vienna"]}, by_name=False, by_alias=True)
    phone = RecordedPhone(name="demo/anna", pbx="graz", outages=(RecordedOutage(began=RUN["began"], seconds=2.5),))
    kept = Record(namespace="demo", rehearsal="monthly", run=run, phones=(phone,))
    facts, table = rehearsing.shown(kept)
    assert facts[0] == ("Verdict", "still under way")
    assert [row.cells for row in table.rows] == [("demo/anna", "back", "graz", "1", "2.500", RUN["began"])]
    assert rehearsing.formed(kept, ReportForm.HTML).startswith("<!doctype html>")
    assert rehearsing.formed(kept, ReportForm.CSV).startswith("phone,")
    assert rehearsing.formed(kept, ReportForm.JSON).startswith("{")
