"""What a report says: facts, limits, counts and rows of a record; and the forms CSV and JSON. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import NamedTuple

from softphone_operator.api.rehearsal import RehearsalRun
from softphone_operator.rehearsals.record import Record, RecordedPhone

COLUMNS = ("phone", "state", "pbx at the end", "outages", "longest outage in s", "began")
_FORMULAS = ("=", "+", "-", "@")
"""With what a cell begins that a spreadsheet would calculate."""


class Limit(NamedTuple):
    """A limit, and what was measured. `kept` None: it cannot be told."""

    name: str
    allowed: str
    measured: str
    kept: bool | None


def limits(record: Record) -> list[Limit]:
    """The limits of the run, each with what was measured; where none is set, what was measured all the same."""
    asked, result = record.run.limits, record.result
    longest = result.longest_outage_seconds if result else None
    back = result.all_back_seconds if result else None
    return [
        _limit("Longest outage", asked.longest_outage_seconds, longest),
        _limit("All phones back after the first loss", asked.all_back_within_seconds, back),
        _limit("Callable after the loss", asked.callable_within_seconds, result.callable_seconds if result else None),
    ]


def _limit(name: str, allowed: float | None, measured: float | None) -> Limit:
    kept = None if allowed is None or measured is None else measured <= allowed
    return Limit(
        name,
        "no limit" if allowed is None else f"{allowed:g} s",
        "not measured" if measured is None else f"{measured:.2f} s",
        kept,
    )


def facts(record: Record) -> list[tuple[str, str]]:
    """Who, when, with what."""
    run, result = record.run, record.result
    agents = ", ".join(f"{version} ({count})" for version, count in record.versions.agents.items())
    return [
        ("Namespace", record.namespace),
        ("Began", _time(run.began)),
        ("Ended", _time(result.ended) if result else "still under way"),
        ("Began because", "somebody asked for it" if run.cause == "Request" else "it was due by its schedule"),
        ("To fail", ", ".join(run.pbxs)),
        ("Broken by", _breaker(run)),
        ("softphone-fleet", f"operator {record.versions.operator}; agents {agents or 'unknown'}"),
        ("Record", f"ConfigMap {run.record}"),
    ]


def _breaker(run: RehearsalRun) -> str:
    if run.trigger == "Manual":
        return "a person"
    return f"the Job {run.record}" + (f" ({run.job})" if run.job else "")


def _time(text: str) -> str:
    return text.replace("T", " ").replace("Z", " UTC")


def counts(record: Record) -> list[tuple[str, str]]:
    """How many phones, and how long."""
    result = record.result
    made = [
        ("Phones registered there at the beginning", str(result.phones if result else record.run.phones)),
        ("Lost their registration", str(result.lost if result else record.run.lost)),
        ("Moved without an outage", str(record.moved)),
        ("Noticed nothing", str(record.untouched)),
        ("Not registered at the end", str(result.missing if result else record.run.missing)),
    ]
    words = {"median": "Median outage", "p95": "95 of 100 outages up to", "p99": "99 of 100 outages up to"}
    made += [(words[name], f"{record.outage_seconds[name]:.2f} s") for name in words if name in record.outage_seconds]
    made += [(f"At the end at {pbx}", str(count)) for pbx, count in record.places.items()]
    return made


def rows(record: Record) -> Iterator[tuple[str, ...]]:
    """A row for each phone, in the order of COLUMNS: those that are missing first, then those that were out longest."""
    for phone in record.phones:
        first = phone.outages[0].began if phone.outages else phone.lost or ""
        longest = "" if phone.longest is None else f"{phone.longest:.3f}"
        yield (phone.name, _state(phone), phone.pbx or "", str(len(phone.outages)), longest, first)


def _state(phone: RecordedPhone) -> str:
    if phone.pbx is None or phone.lost is not None:
        return "not registered"
    return "back" if phone.outages else "moved" if phone.moved else "noticed nothing"


def as_csv(record: Record) -> str:
    """A line for each phone, for a spreadsheet; no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows(record):
        cells = [printable(cell) for cell in row]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULAS) else cell for cell in cells])
    return out.getvalue()


def printable(text: str) -> str:
    """A text in one line, without characters that no document may hold."""
    return "".join(char if char.isprintable() else " " for char in text)


def as_json(record: Record) -> str:
    """The whole record."""
    return json.dumps(record.model_dump(mode="json", by_alias=True, exclude_none=True), indent=2, ensure_ascii=False)
