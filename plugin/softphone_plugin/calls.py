"""CallChecks and test calls in words: a row of `status`, the story of a check, the last calls of a phone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from softphone_agent.contract.call_report import CallReport
from softphone_plugin.calling import heard
from softphone_plugin.phones import Object, age, condition

COLUMNS = ("NAME", "PASSING", "PAIRS", "FAILING", "REASON", "CALLABLE")
WIDE = ("MESSAGE",)


def cells(obj: Object, *, wide: bool) -> tuple[str, ...]:
    """The row of a CallCheck."""
    status = obj.get("status") or {}
    passing, pairs, again = condition(obj, "Passing"), status.get("pairs") or {}, status.get("callable") or {}
    refused = condition(obj, "Accepted")
    shown = refused if refused.get("status") == "False" else passing
    callable_in = f"{again['seconds']:.1f} s" if isinstance(again.get("seconds"), int | float) else ""
    made = (
        obj["metadata"]["name"],
        passing.get("status", ""),
        str(pairs.get("total", 0)),
        str(pairs.get("failing", 0)),
        shown.get("reason", ""),
        callable_in,
    )
    return made + ((shown.get("message", ""),) if wide else ())


def notes(obj: Object, now: datetime) -> Iterator[tuple[str, str]]:
    """What is worth knowing of one CallCheck besides its row: the newest first."""
    status = obj.get("status") or {}
    for kind in ("Accepted", "Passing"):
        found = condition(obj, kind)
        if found.get("status") != "True" or kind == "Passing":
            yield kind.lower(), found.get("message", "")
    if again := status.get("callable"):
        told = f"{again.get('caller')} called {again.get('callee')}"
        yield "callable", f"{again.get('seconds'):g} s after a loss, {age(again.get('time'), now)} ago: {told}"
    for failure in status.get("failures") or ():
        sites = " to ".join(site for site in (failure.get("fromSite"), failure.get("toSite")) if site)
        who = f"{failure.get('caller')}{f' ({sites})' if sites else ''}"
        yield "failed", f"{age(failure.get('time'), now)} ago, {who}: {failure.get('reason')}, {failure.get('message')}"


def last_call(report: CallReport, now: datetime) -> str:
    """A test call of a phone, in a few words."""
    other = f"calls {report.peer}" if report.end == "Caller" else f"called by {report.peer or 'somebody'}"
    check = f"{report.check}: " if report.check else ""
    if report.state != "Ended":
        return f"{check}{other} now: {report.state.lower()}"
    return f"{check}{other}, {age(report.ended, now)} ago: {_ended(report)}"


def _ended(report: CallReport) -> str:
    if report.faults:
        return report.faults[0]
    if report.answer_seconds is None and report.end == "Caller":
        return f"answered {report.code}" if report.code else "not answered"
    return heard(report)


def sentences(reports: Iterable[CallReport], now: datetime) -> Iterator[str]:
    """The last test calls of a phone, each in a sentence."""
    for report in reports:
        yield f"{last_call(report, now)}."
