"""Which report of a test call is shown: the last one, but for calls of which several were made at a time."""

from __future__ import annotations

from typing import Any

from softphone_agent.contract.call_check import CallCheck, Callee
from softphone_agent.contract.call_report import MAX_CALL_REPORTS, CallReport
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.phone import Phone
from softphone_agent.supervisor.call_reports import CallReports


def half(end: str = "Caller", entry: str = "daily.1", began: float = 0, ended: float | None = None, **more: Any) -> Any:
    said: dict[str, Any] = {"end": end, "check": "daily", "entry": entry if end == "Caller" else "", "phone": "anna"}
    said |= {"began": f"2026-01-02T03:04:{began:06.3f}Z", "state": "Talking" if ended is None else "Ended"}
    if ended is not None:
        said["ended"] = f"2026-01-02T03:04:{ended:06.3f}Z"
    return CallReport.model_validate(said | more)


def shown(*reports: CallReport) -> tuple[CallReport, ...]:
    made = CallReports()
    for report in reports:
        made.take(report)
    return made.all()


def test_the_last_report_of_each_test_call_and_end_is_shown() -> None:
    first, second, other = half(began=1, ended=2), half(began=3), half(entry="daily.2")
    callee = half("Callee", peer="sip:ben@x")
    assert shown(first, other, callee, second) == (callee, second, other)


def test_after_a_fail_over_the_call_that_was_heard_is_not_covered_by_those_that_were_hung_up_for_it() -> None:
    good = half(began=1, ended=2, after_fail_over=True, passed=True, callable_seconds=1.5)
    hung_up = half(began=1.5, ended=2.1, after_fail_over=True, code=487)
    later = half(began=5, ended=6, after_fail_over=True, code=480)
    judged = half(began=1.5, ended=2.2, passed=True)
    assert shown(hung_up, good) == (good,)
    assert shown(good, hung_up) == (good,)
    assert shown(good, hung_up, later) == (later,)
    assert shown(good, judged) == (judged,)


def test_what_is_not_configured_any_more_is_not_shown_and_there_is_a_bound() -> None:
    made = CallReports()
    for report in (half(), half(entry="gone"), half("Callee"), half("Callee", phone="ben")):
        made.take(report)
    anna = Phone(name="anna", aor="sip:anna@x", pri="sip:10.0.0.1")
    check = CallCheck(name="daily.1", caller="anna", to="sip:ben@x")
    made.configured(AgentConfig(phones=(anna,), call_checks=(check,), callees=(Callee(phone="anna", check="daily"),)))
    assert made.all() == (half("Callee"), half())
    for number in range(MAX_CALL_REPORTS + 1):
        made.take(half(entry=f"many.{number}"))
    assert len(made.all()) == MAX_CALL_REPORTS
    assert half() not in made.all()
