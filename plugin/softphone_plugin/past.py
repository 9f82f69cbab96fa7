"""What happened to a phone, as it is shown; from its agent's memory, or of what Prometheus has of it. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from softphone_agent.contract.history import HistoryEntry
from softphone_plugin.errors import USAGE, PluginError
from softphone_plugin.overview import Mood, Row, Table
from softphone_plugin.phones import age, short

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Form(StrEnum):
    """What -o may ask for."""

    CSV = "csv"
    JSON = "json"
    YAML = "yaml"


COLUMNS = ("TIME", "AGO", "WHAT", "VIA", "FROM", "TO", "FOR", "REASON")
MOODS: Mapping[str, Mood] = {"Outage": "ill", "PathLost": "standby", "FailOver": "well", "PathBack": "well"}


def table(entries: Iterable[HistoryEntry], now: datetime) -> Table:
    """The entries as a table, the newest last."""
    return Table("History", COLUMNS, tuple(_row(entry, now) for entry in entries))


def _row(entry: HistoryEntry, now: datetime) -> Row:
    when = datetime.fromisoformat(entry.time).astimezone(UTC) if entry.time else None
    cells = (
        f"{when:%Y-%m-%d %H:%M:%S}" if when else "",
        age(entry.time or None, now),
        entry.kind,
        entry.via or "",
        entry.from_pbx or "",
        entry.to_pbx or "",
        _lasted(entry.seconds),
        entry.reason,
    )
    return Row(cells, MOODS[entry.kind])


def _lasted(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f}s" if seconds < 60 else short(seconds)


def as_csv(entries: Iterable[HistoryEntry]) -> str:
    """The entries for a spreadsheet, with a line of headings."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(("time", "phone", "kind", "via", "from", "to", "seconds", "reason"))
    for entry in entries:
        seconds = "" if entry.seconds is None else f"{entry.seconds:g}"
        fields = (entry.time, entry.phone, entry.kind, entry.via, entry.from_pbx, entry.to_pbx, seconds, entry.reason)
        lines.writerow(_harmless(field or "") for field in fields)
    return written.getvalue().rstrip("\n")


def _harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def span(text: str) -> float:
    """Seconds of a span such as 90m, 24h or 30d. Raises PluginError."""
    found = _SPAN.fullmatch(text)
    if not found or int(found[1]) == 0:
        raise PluginError(f'--last: "{text}" is no span of time such as 90m, 24h or 30d', USAGE)
    return int(found[1]) * float(_SECONDS[found[2]])
