"""The report of a rehearsal: everything an auditor asks for, on a page that needs nothing and trusts no text."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.api.rehearsal import RehearsalResult, RehearsalRun
from softphone_operator.rehearsals import page, record, report
from softphone_operator.rehearsals.histogram import histogram
from softphone_operator.rehearsals.record import (
    Record,
    RecordedCall,
    RecordedOutage,
    RecordedPbx,
    RecordedPhone,
    Versions,
)

BEGAN = "2026-11-30T02:00:10Z"


def a_record(*, name: str = "demo/anna", pbx: str = "graz", reason: str = "", **limits: float) -> Record:
    reasons = (reason,) if reason else ()
    run = RehearsalRun.model_validate(
        {
            "phase": "Watching",
            "began": "2026-11-30T02:00:00Z",
            "ends": "2026-11-30T02:10:00Z",
            "cause": "Schedule",
            "pbxs": ["vienna"],
            "trigger": "Job",
            "job": "Succeeded",
            "limits": limits,
            "record": "rehearsal-monthly-20261130-020000",
        },
        by_name=False,
        by_alias=True,
    )
    result = RehearsalResult(
        verdict="Failed" if reasons else "Passed",
        began=run.began,
        ended="2026-11-30T02:01:00Z",
        cause="Schedule",
        reasons=reasons,
        phones=4,
        lost=2,
        missing=1,
        longest_outage_seconds=2.5,
        record=run.record,
    )
    return Record(
        namespace="demo",
        rehearsal="monthly",
        run=run,
        result=result,
        versions=Versions(operator="0.2.0", agents={"0.2.0": 2}),
        pbxs=(RecordedPbx(name="vienna", address="sip:10.0.0.11", location="vienna", system="acme", failed=True),),
        outage_seconds={"median": 2.5, "p95": 2.5, "p99": 2.5, "worst": 2.5},
        places={"graz": 3},
        moved=1,
        untouched=1,
        phones=(
            RecordedPhone(name="demo/bert", lost=BEGAN),
            RecordedPhone(name=name, pbx=pbx, outages=(RecordedOutage(began=BEGAN, seconds=2.5),)),
            RecordedPhone(name="demo/carl", pbx="graz", moved=True),
            RecordedPhone(name="demo/dora", pbx="vienna"),
        ),
    )


class Page(HTMLParser):
    """What a reader of HTML finds: elements, texts, and where anything would be fetched from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside != "style" and data.strip():
            self.texts.append(data)


def test_a_page_has_all_that_an_auditor_asks_for() -> None:
    found = Page(page.page(a_record(reason="the longest outage took 2.50 s", longestOutageSeconds=2)))
    for text in (
        "Rehearsal monthly",
        "Failed",
        "the longest outage took 2.50 s",
        "2026-11-30 02:00:00 UTC",
        "it was due by its schedule",
        "the Job rehearsal-monthly-20261130-020000 (Succeeded)",
        "operator 0.2.0; agents 0.2.0 (2)",
        "exceeded",
        "sip:10.0.0.11",
        "demo/anna",
        "not registered",
        "moved",
        "noticed nothing",
        "Signature",
    ):
        assert text in found.texts, text


def test_a_page_needs_nothing_from_anywhere() -> None:
    text = page.page(a_record())
    found = Page(text)
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(found.tags)
    assert {"src", "href", "style"}.isdisjoint(name for name, _ in found.attributes)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text


def test_a_limit_that_is_kept_says_so() -> None:
    assert report.limits(a_record(longestOutageSeconds=3)) == [
        ("Longest outage", "3 s", "2.50 s", True),
        ("All phones back after the first loss", "no limit", "not measured", None),
        ("Callable after the loss", "no limit", "not measured", None),
    ]


def test_a_run_that_is_under_way_can_be_looked_at() -> None:
    kept = a_record().model_copy(update={"result": None})
    assert "still under way" in Page(page.page(kept)).texts
    assert report.limits(kept)[0].measured == "not measured"
    assert ("Lost their registration", "0") in report.counts(kept)


def test_calls_after_the_fail_over_are_listed() -> None:
    call = RecordedCall(caller="demo/anna", callee="bert", began=BEGAN, seconds=3.25)
    found = Page(page.page(a_record().model_copy(update={"calls": (call,)})))
    assert "First calls after the fail-over" in found.texts
    assert "3.25" in found.texts


def test_phones_without_a_row_are_told_of() -> None:
    found = Page(page.page(a_record().model_copy(update={"left_out": 7})))
    assert any(text.startswith("7 further phones") for text in found.texts)


def test_a_page_without_outages_has_no_picture() -> None:
    assert "svg" not in Page(page.page(a_record().model_copy(update={"phones": ()}))).tags


def test_a_person_who_broke_it() -> None:
    kept = a_record()
    run = kept.run.model_copy(update={"trigger": "Manual", "cause": "Request"})
    told = dict(report.facts(kept.model_copy(update={"run": run, "versions": Versions()})))
    assert (told["Broken by"], told["Began because"]) == ("a person", "somebody asked for it")
    assert told["softphone-fleet"] == "operator ; agents unknown"


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=y>', "</style><b>", "]]>", "&lt;", "\x00", "=1+1", "@x", "-2"]
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_whatever_a_text_holds_it_stays_text(name: str, pbx: str, reason: str) -> None:
    kept = a_record(name=name or "x", pbx=pbx, reason=reason or "x")
    plain = Page(page.page(a_record(reason="x")))
    found = Page(page.page(kept))
    assert found.tags == plain.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in plain.attributes]


@given(HOSTILE)
def test_no_cell_of_a_spreadsheet_is_a_formula(pbx: str) -> None:
    lines = list(csv.reader(io.StringIO(report.as_csv(a_record(pbx=pbx or "x")), newline="")))
    assert tuple(lines[0]) == report.COLUMNS
    assert len(lines) == 5
    assert not [cell for line in lines for cell in line if cell[:1] in ("=", "+", "-", "@", "\t")]


def test_the_table_for_a_spreadsheet() -> None:
    assert report.as_csv(a_record()).splitlines() == [
        "phone,state,pbx at the end,outages,longest outage in s,began",
        f"demo/bert,not registered,,0,,{BEGAN}",
        f"demo/anna,back,graz,1,2.500,{BEGAN}",
        "demo/carl,moved,graz,0,,",
        "demo/dora,noticed nothing,vienna,0,,",
    ]


def test_json_is_the_record() -> None:
    kept = a_record()
    again: dict[str, Any] = json.loads(report.as_json(kept))
    assert Record.model_validate(again, by_name=False, by_alias=True) == kept


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).map(sorted), st.sampled_from([None, 2.0]))
def test_no_outage_is_lost_in_the_picture(outages: list[float], limit: float | None) -> None:
    texts = [one.text or "" for one in histogram(outages, limit).iter("text")]
    counts = [int(text.partition(" ")[0]) for text in texts[1::2]]
    assert sum(counts) == len(outages)
    assert (limit is None) <= (not re.search("over the limit", " ".join(texts)))


def test_a_picture_of_nothing() -> None:
    assert list(histogram([])) == []
    assert record.worst({}) is None
