"""What a Prometheus has of a phone, read as its history: the metrics are a part of the contract. Pure.

It is as fine as the scrapes, and knows no reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from softphone_agent.contract.history import HistoryEntry
from softphone_agent.contract.report import PathVia

MOST_POINTS = 10_000
"""Prometheus answers with 11 000 points of a series at most."""
FINEST_STEP = 15.0


def step(seconds: float) -> float:
    """How far apart the points are that Prometheus is asked for."""
    return max(FINEST_STEP, -(-seconds // MOST_POINTS))


Points = Sequence[tuple[float, float]]
"""Unix time and value, in order."""


class Series(NamedTuple):
    """One series of an answer."""

    labels: Mapping[str, str]
    points: Points


def range_query(query: str, begin: float, end: float, step: float) -> dict[str, str]:
    """The form by which Prometheus is asked for a query over a time; all in seconds."""
    return {"query": query, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}


def read(answer: Any) -> list[Series]:
    """The series of Prometheus' answer. Raises LookupError, TypeError or ValueError where it is none."""
    found = answer["data"]["result"]
    return [
        Series(dict(one["metric"]), [(float(time), float(value)) for time, value in one["values"]]) for one in found
    ]


class Asked(NamedTuple):
    """The queries that a history is made of."""

    registered: str
    places: str
    ways: str


def queries(namespace: str, phone: str) -> Asked:
    """What to ask Prometheus for a phone."""
    of = f'{{namespace="{namespace}",softphone="{phone}"}}'
    return Asked(
        f"max by (softphone) (softphone_registered{of})",
        f"max by (pbx) (softphone_registration_info{of})",
        f"min by (via) (softphone_path_ok{of})",
    )


def from_series(
    phone: str, registered: Sequence[Series], places: Sequence[Series], ways: Sequence[Series]
) -> list[HistoryEntry]:
    """The history of a phone from its series. Times are as fine as their step; reasons are not among them."""
    found = [*_outages(phone, registered, places), *_moves(phone, places), *_ways(phone, ways)]
    return sorted(found, key=lambda entry: entry.time)


def _outages(phone: str, registered: Sequence[Series], places: Sequence[Series]) -> Iterator[HistoryEntry]:
    at = _places(places)
    for series in registered:
        for began, ended in _zeros(series.points):
            before = max((time for time in at if time < began), default=None)
            yield HistoryEntry(
                time=_time(began),
                phone=phone,
                kind="Outage",
                from_pbx=None if before is None else at[before],
                to_pbx=None if ended is None else at.get(ended),
                seconds=None if ended is None else ended - began,
            )


def _moves(phone: str, places: Sequence[Series]) -> Iterator[HistoryEntry]:
    at, last = _places(places), None
    for time in sorted(at):
        if last is not None and at[time] != last:
            yield HistoryEntry(time=_time(time), phone=phone, kind="FailOver", from_pbx=last, to_pbx=at[time])
        last = at[time]


def _ways(phone: str, ways: Sequence[Series]) -> Iterator[HistoryEntry]:
    for series in ways:
        via = series.labels.get("via")
        if via not in ("pri", "sec", "cur"):
            continue
        known: PathVia = via  # type: ignore[assignment]
        for began, ended in _zeros(series.points):
            yield HistoryEntry(time=_time(began), phone=phone, kind="PathLost", via=known)
            if ended is not None:
                yield HistoryEntry(time=_time(ended), phone=phone, kind="PathBack", via=known, seconds=ended - began)


def _places(places: Sequence[Series]) -> dict[float, str]:
    """The PBX of a phone at each time; while it moves there may be two of them, and the one that comes counts."""
    at: dict[float, str] = {}
    order = sorted(places, key=lambda series: series.points[0][0] if series.points else 0.0)
    for series in order:
        at |= {time: series.labels.get("pbx", "") for time, value in series.points if value}
    return at


def _zeros(points: Points) -> Iterator[tuple[float, float | None]]:
    """When a series became 0, and when it was something else again; None where it did not by the end."""
    began = None
    for time, value in points:
        if value == 0 and began is None:
            began = time
        elif value != 0 and began is not None:
            yield began, time
            began = None
    if began is not None:
        yield began, None


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
