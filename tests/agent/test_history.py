"""What an agent remembers of its phones: outages, fail-overs, ways lost and back; the last of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.contract.history import MOST_OF_A_PHONE, HistoryEntry
from softphone_agent.contract.report import (
    GOOD_PATHS,
    UNKNOWN_PATHS,
    Outage,
    PathReport,
    PathResult,
    PhoneReport,
    Reason,
)
from softphone_agent.supervisor import memory
from softphone_agent.supervisor.happened import happened
from softphone_agent.supervisor.memory import Memory

RESULTS: tuple[PathResult, ...] = PathResult.__args__  # type: ignore[attr-defined]


def at(second: int) -> str:
    return f"2026-01-02T03:04:{second:02d}Z"


def phone(pbx: str | None = "slave", *, since: str = at(0), **more: Any) -> PhoneReport:
    state = "Registered" if pbx else "Waiting"
    return PhoneReport(name="anna", state=state, registered=pbx is not None, pbx=pbx, since=since, **more)  # type: ignore[arg-type]


def outage(ended: str | None = at(12), began: str = at(10)) -> Outage:
    return Outage(began=began, ended=ended, pbx="slave", reason=Reason.PING_FAILED)


def way(result: PathResult, pbx: str | None = "standby", since: str | None = at(20)) -> PathReport:
    return PathReport(via="sec", result=result, pbx=pbx, since=None if result == "Unchecked" else since)


OUT = HistoryEntry(
    time=at(10), phone="anna", kind="Outage", from_pbx="slave", to_pbx="master", seconds=2.0, reason="PingFailed"
)
BACK_THERE = OUT.model_copy(update={"to_pbx": "slave"})
MOVED = HistoryEntry(time=at(12), phone="anna", kind="FailOver", from_pbx="slave", to_pbx="master", reason="PingFailed")
HOME = HistoryEntry(time=at(40), phone="anna", kind="FailOver", from_pbx="master", to_pbx="slave", reason="Redirected")
LOST = HistoryEntry(time=at(20), phone="anna", kind="PathLost", via="sec", to_pbx="standby", reason="Unreachable")
BACK = HistoryEntry(
    time=at(50), phone="anna", kind="PathBack", via="sec", to_pbx="standby", seconds=30.0, reason="WouldKeep"
)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, phone(), []),
        (phone(), phone(), []),
        (phone(None), phone(), []),
        # An outage is told when it is over, with the PBX that was lost and the one that took the phone.
        (phone(), phone(None, last_outage=outage(None)), []),
        (phone(None, last_outage=outage(None)), phone("slave", since=at(12), last_outage=outage()), [BACK_THERE]),
        (phone(None, last_outage=outage(None)), phone("master", since=at(12), last_outage=outage()), [OUT, MOVED]),
        (phone(), phone("master", since=at(12), last_outage=outage()), [OUT, MOVED]),
        (phone("master", last_outage=outage()), phone("master", last_outage=outage()), []),
        # Going home is no outage.
        (phone("master", last_outage=outage()), phone("slave", since=at(40), last_outage=outage()), [HOME]),
        # Nobody asked for it to be without registration, or somebody did: no outage, no fail-over.
        (phone(), phone(None), []),
        # Ways.
        (phone(paths=[way("Holds")]), phone(paths=[way("Unreachable")]), [LOST]),
        (phone(paths=[way("Unchecked")]), phone(paths=[way("Unreachable")]), [LOST]),
        (phone(), phone(paths=[way("Unreachable")]), [LOST]),
        (None, phone(paths=[way("Unreachable")]), [LOST]),
        (phone(paths=[way("Unreachable")]), phone(paths=[way("Refused")]), []),
        (phone(paths=[way("Unreachable")]), phone(paths=[way("WouldKeep", since=at(50))]), [BACK]),
        (phone(paths=[way("Unreachable")]), phone(paths=[way("Unchecked")]), []),
        (phone(paths=[way("Unchecked")]), phone(paths=[way("Holds")]), []),
        (
            phone(paths=[way("Unreachable", since=None)]),
            phone(paths=[way("WouldKeep", since=None)]),
            [BACK.model_copy(update={"time": "", "seconds": None})],
        ),
    ],
)
def test_what_happened_between_two_reports(
    before: PhoneReport | None, after: PhoneReport, told: list[HistoryEntry]
) -> None:
    assert list(happened(before, after)) == told


@given(st.lists(st.sampled_from(RESULTS), max_size=12))
def test_a_way_is_lost_and_back_in_turn_and_only_by_a_check(results: list[PathResult]) -> None:
    before, told = phone(), []
    for result in results:
        after = phone(paths=[way(result)])
        told += [entry.kind for entry in happened(before, after)]
        if result == "Unchecked":
            assert list(happened(before, after)) == []
        before = after
    assert told.count("PathBack") <= told.count("PathLost")
    if all(result in GOOD_PATHS | UNKNOWN_PATHS for result in results):
        assert told == []


def lose_ways(of: Memory, name: str, times: int, phones: int = 1) -> None:
    good, bad = (phone(paths=[way(result)]).model_copy(update={"name": name}) for result in ("Holds", "Loop"))
    for _ in range(times):
        of.seen(good, bad, phones)


def test_of_each_phone_the_last_are_kept() -> None:
    of = Memory()
    lose_ways(of, "anna", MOST_OF_A_PHONE + 7)
    lose_ways(of, "bob", 2)
    assert (len(of.entries("anna")), len(of.entries("bob")), of.entries("carol")) == (MOST_OF_A_PHONE, 2, ())
    of.forget("anna")
    of.forget("nobody")
    assert {entry.phone for entry in of.entries()} == {"bob"}


def test_with_many_phones_fewer_are_kept_of_each() -> None:
    of = Memory()
    lose_ways(of, "anna", 100, phones=5000)
    lose_ways(of, "bob", 100, phones=1_000_000)
    assert (len(of.entries("anna")), len(of.entries("bob"))) == (10, 5)


def test_of_all_phones_the_newest_are_told_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_TOLD", 3)
    of = Memory()
    for number, name in enumerate(["anna", "bob", "anna", "carol"]):
        good, bad = (phone(paths=[way(result, since=at(number))]) for result in ("Holds", "Loop"))
        of.seen(good.model_copy(update={"name": name}), bad.model_copy(update={"name": name}), 3)
    assert [(entry.time, entry.phone) for entry in of.entries()] == [(at(1), "bob"), (at(2), "anna"), (at(3), "carol")]
