"""Rehearsals as a table, and which record a report is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from softphone_operator.api.rehearsal import RehearsalStatus
from softphone_operator.rehearsals import report
from softphone_operator.rehearsals.page import page
from softphone_operator.rehearsals.record import Record
from softphone_operator.rehearsals.telling import read
from softphone_plugin.errors import NOT_FOUND, PluginError
from softphone_plugin.overview import Mood, Row, Table
from softphone_plugin.phones import Object, age

COLUMNS = ("NAME", "TO FAIL", "STATE", "LAST PASSED", "NEXT", "MESSAGE")
MOODS: dict[str, Mood] = {"Passed": "well", "Failed": "ill", "Expired": "standby", "Breaking": "standby"}


class ReportForm(StrEnum):
    """What -o may ask for."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"


def table(objects: Iterable[Object], now: datetime, *, namespaces: bool) -> Table:
    """The Rehearsals, by name; with their namespaces where they are of several."""
    rows = [_row(obj, now, namespaces=namespaces) for obj in sorted(objects, key=_place)]
    return Table("Rehearsals", (("NAMESPACE",) if namespaces else ()) + COLUMNS, tuple(rows))


def _row(obj: Object, now: datetime, *, namespaces: bool) -> Row:
    status, spec = status_of(obj), obj.get("spec") or {}
    phase = status.phase or "Unknown"
    cells = (
        obj["metadata"]["name"],
        str(spec.get("pbx") or spec.get("system") or ""),
        phase,
        f"{age(status.last_passed, now)} ago" if status.last_passed else "never",
        (status.next_time or "").replace("T", " ").replace("Z", " UTC"),
        status.message,
    )
    place = (obj["metadata"]["namespace"],) if namespaces else ()
    return Row(place + cells, MOODS.get(phase, "unknown"))


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def status_of(obj: Object) -> RehearsalStatus:
    """The status of a Rehearsal, empty where there is none that can be read."""
    return read(obj.get("status") or {})


def record_of(obj: Object, wanted: str | None) -> str:
    """The ConfigMap to report of: the wanted one, else that of the run under way or the last. Raises PluginError."""
    status, name = status_of(obj), obj["metadata"]["name"]
    kept = [one.record for one in status.history if one.record]
    if status.run is not None and status.run.phase != "Preparing":
        kept.insert(0, status.run.record)
    if wanted is not None and wanted not in kept:
        there = f"; there are {', '.join(kept)}" if kept else ""
        raise PluginError(f'the Rehearsal "{name}" has no record "{wanted}"{there}', NOT_FOUND)
    if not kept:
        raise PluginError(
            f'of the Rehearsal "{name}" there is no record yet: {status.message or "none has run"}', NOT_FOUND
        )
    return wanted or kept[0]


def formed(record: Record, form: ReportForm) -> str:
    """A report in a form for other programs, or to print."""
    forms = {ReportForm.HTML: page, ReportForm.CSV: report.as_csv, ReportForm.JSON: report.as_json}
    return forms[form](record).rstrip("\n")


def shown(record: Record) -> tuple[list[tuple[str, str]], Table]:
    """A report for the terminal: facts with limits and counts, and a row for each phone."""
    verdict: str = record.result.verdict if record.result else "still under way"
    facts = [("Verdict", verdict)]
    facts += [("Why", reason) for reason in (record.result.reasons if record.result else ())]
    facts += report.facts(record)
    for one in report.limits(record):
        kept = {True: ", kept", False: ", exceeded", None: ""}[one.kept]
        facts.append((one.name, f"{one.measured} ({one.allowed}{kept})"))
    facts += report.counts(record)
    moods: dict[str, Mood] = {"not registered": "ill", "back": "well"}
    rows = tuple(Row(row, moods.get(row[1], "unknown")) for row in report.rows(record))
    return facts, Table("Phones", tuple(column.upper() for column in report.COLUMNS), rows)
