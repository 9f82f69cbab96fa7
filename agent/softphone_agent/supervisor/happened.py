"""What happened to a phone between two of its reports: outages, fail-overs, ways lost and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from softphone_agent.contract.history import HistoryEntry
from softphone_agent.contract.report import GOOD_PATHS, UNKNOWN_PATHS, PathReport, PhoneReport

REDIRECTED = "Redirected"


def happened(before: PhoneReport | None, after: PhoneReport) -> Iterator[HistoryEntry]:
    """The entries of a phone's history; `before` is its report until now, None where there was none."""
    known = before.last_outage if before else None
    outage = after.last_outage if after.last_outage != known else None
    over = outage is not None and outage.ended is not None and after.registered
    if outage is not None and over:
        yield HistoryEntry(
            time=outage.began,
            phone=after.name,
            kind="Outage",
            from_pbx=outage.pbx,
            to_pbx=after.pbx,
            seconds=_between(outage.began, outage.ended),
            reason=outage.reason,
        )
    held = before.pbx if before and before.registered else outage.pbx if outage is not None and over else None
    if held and after.registered and after.pbx and held != after.pbx:
        reason = outage.reason if outage is not None and over else REDIRECTED
        yield HistoryEntry(
            time=after.since, phone=after.name, kind="FailOver", from_pbx=held, to_pbx=after.pbx, reason=reason
        )
    ways = {path.via: path for path in before.paths} if before else {}
    for path in after.paths:
        yield from _of_a_way(after.name, ways.get(path.via), path)


def _of_a_way(phone: str, before: PathReport | None, after: PathReport) -> Iterator[HistoryEntry]:
    was_bad = before is not None and _is_bad(before)
    if _is_bad(after) and not was_bad:
        yield HistoryEntry(
            time=after.since or "", phone=phone, kind="PathLost", via=after.via, to_pbx=after.pbx, reason=after.result
        )
    elif before is not None and was_bad and after.result in GOOD_PATHS:
        yield HistoryEntry(
            time=after.since or "",
            phone=phone,
            kind="PathBack",
            via=after.via,
            to_pbx=after.pbx,
            seconds=_between(before.since, after.since),
            reason=after.result,
        )


def _is_bad(path: PathReport) -> bool:
    return path.result not in GOOD_PATHS | UNKNOWN_PATHS


def _between(began: str | None, ended: str | None) -> float | None:
    """Seconds from one time to another, None where one is missing."""
    if not began or not ended:
        return None
    return max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds())
