"""How many phones are in which state: what a whole fleet is told by."""

from __future__ import annotations

from typing import Any

from softphone_agent.contract.counting import count
from softphone_agent.contract.report import ConfigReport, Counts, LastFailure, PbxCounts, PbxReport, PhoneReport, Reason

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


def test_an_agent_without_phones_counts_none() -> None:
    assert count("1", CONFIG, [], []) == Counts(version="1", config=CONFIG, phones=0)
