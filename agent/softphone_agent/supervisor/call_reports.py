"""The last report of each test call and end, for those who begin to look."""

from __future__ import annotations

from collections.abc import Collection

from softphone_agent.contract.call_report import MAX_CALL_REPORTS, CallReport, key, supersedes
from softphone_agent.contract.config import AgentConfig

DIED = "the process that had the call died"


class CallReports:
    """As many as the contract allows; the one that was not heard of for longest goes first."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str, str, str], CallReport] = {}

    def take(self, report: CallReport) -> None:
        """A test call began, went on, or ended."""
        known = self._reports.pop(key(report), None)
        if known is not None and not supersedes(report, known):
            report = known
        self._reports[key(report)] = report
        if len(self._reports) > MAX_CALL_REPORTS:
            del self._reports[next(iter(self._reports))]

    def configured(self, config: AgentConfig) -> None:
        """What is not configured any more is not shown any more."""
        entries = {check.name for check in config.call_checks}
        callees = {(callee.check, callee.phone) for callee in config.callees}
        self._reports = {
            known: report
            for known, report in self._reports.items()
            if report.entry in entries or (report.end == "Callee" and (report.check, report.phone) in callees)
        }

    def cut_off(self, phones: Collection[str]) -> list[CallReport]:
        """The process of these phones has died, and their calls with it; gives the reports that say so."""
        found = []
        for known, report in self._reports.items():
            if report.phone in phones and report.state != "Ended":
                passed = False if report.end == "Caller" else None
                ended = {"state": "Ended", "passed": passed, "faults": (DIED,), "reason": DIED}
                self._reports[known] = report.model_copy(update=ended)
                found.append(self._reports[known])
        return found

    def all(self) -> tuple[CallReport, ...]:
        """All of them, in the order of their keys."""
        return tuple(self._reports[known] for known in sorted(self._reports))
