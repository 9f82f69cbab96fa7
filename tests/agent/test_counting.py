"""How many phones are in which state: what a whole fleet is told by."""

from __future__ import annotations

from typing import Any

from softphone_agent.contract.counting import count
from softphone_agent.contract.report import (
    ConfigReport,
    Counts,
    LastFailure,
    PathCounts,
    PathReport,
    PathResult,
    PathVia,
    PbxCounts,
    PbxReport,
    PhoneReport,
    Reason,
)

CONFIG = ConfigReport(digest="abc")


def phone(state: str, failure: str | None = None, **fields: Any) -> PhoneReport:
    last = LastFailure(code=0, reason=failure, pbx="master", time="") if failure else None  # type: ignore[arg-type]
    return PhoneReport(name="p", state=state, since="", last_failure=last, **{"registered": False} | fields)  # type: ignore[arg-type]


def test_phones_are_counted_by_state_by_pbx_and_by_what_keeps_them_away() -> None:
    phones = [
        phone("Registered", registered=True, pbx="slave", role="Home"),
        phone("Registered", "PingFailed", registered=True, pbx="master", role="Standby"),
        phone("Registering", registered=True, pbx="master", role="Unknown"),
        phone("Registering"),
        phone("Waiting", "Unreachable"),
        phone("Rejected", "Rejected"),
        phone("Suspended", "Unreachable"),
    ]
    pbxs = [PbxReport(name="slave", reachable=False), PbxReport(name="standby", reachable=True)]
    assert count("1", CONFIG, phones, pbxs) == Counts(
        version="1",
        config=CONFIG,
        phones=7,
        registered=3,
        states={"Registered": 2, "Registering": 2, "Rejected": 1, "Suspended": 1, "Waiting": 1},
        failures={Reason.UNREACHABLE: 1, Reason.REJECTED: 1},
        pbxs=(
            PbxCounts(name="master", registered=2, standby=1),
            PbxCounts(name="slave", registered=1, home=1, reachable=False),
            PbxCounts(name="standby", reachable=True),
        ),
    )


def path(via: PathVia, result: PathResult, since: str | None = "2026", **fields: Any) -> PathReport:
    return PathReport(via=via, result=result, since=since, **fields)


def test_ways_are_counted_by_where_they_begin_and_the_one_that_fails_for_longest_is_told() -> None:
    late = path("sec", "Refused", "2026-02", pbx="sec", code=403)
    early = path("sec", "Unreachable", "2026-01", pbx="sec")
    phones = [
        phone("Registered", registered=True, pbx="master", paths=(path("pri", "Holds"), late)),
        phone("Registered", registered=True, pbx="master", paths=(path("pri", "WouldKeep"), early)),
        phone("Registered", registered=True, pbx="master", paths=(path("pri", "Holds"), path("sec", "Holds"))),
        phone("Waiting", paths=(path("pri", "Unchecked", None), path("sec", "CheckNotSupported"))),
        phone("Registered", registered=True, pbx="master"),
    ]
    assert count("1", CONFIG, phones, []).paths == (
        PathCounts(via="pri", results={"Holds": 2, "Unchecked": 1, "WouldKeep": 1}),
        PathCounts(
            via="sec", results={"CheckNotSupported": 1, "Holds": 1, "Refused": 1, "Unreachable": 1}, worst=early
        ),
    )


def test_what_a_pbx_is_known_for_goes_with_its_counts() -> None:
    known = PbxReport(name="slave", reachable=True, answers_options=False, certificate_expires="2027")
    (told,) = count("1", CONFIG, [], [known]).pbxs
    assert told == PbxCounts(name="slave", reachable=True, answers_options=False, certificate_expires="2027")


def test_an_agent_without_phones_counts_none() -> None:
    assert count("1", CONFIG, [], []) == Counts(version="1", config=CONFIG, phones=0)
