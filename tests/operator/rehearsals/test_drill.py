"""What a drill counts: outages as the agents tell them, who is missing, and when it is over."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from plugin.reports import at, report
from softphone_agent.contract.report import PhoneReport
from softphone_operator.rehearsals.drill import SETTLED_SECONDS, Drill, Result, bars, percentile
from softphone_plugin import rendering

BEFORE = {"began": at(1), "ended": at(3), "pbx": "slave", "reason": "PingFailed"}


def outage(began: float, ended: float | None = None) -> dict[str, str]:
    told = {"began": at(began), "pbx": "slave", "reason": "PingFailed"}
    return told if ended is None else {**told, "ended": at(ended)}


def lost(began: float) -> PhoneReport:
    return report(pbx=None, since=at(began + 2), last_outage=outage(began))


def back(began: float, ended: float, pbx: str = "master") -> PhoneReport:
    return report(pbx=pbx, since=at(ended), last_outage=outage(began, ended))


def begun(*names: str, last: dict[str, str] | None = None) -> Drill:
    drill = Drill("slave")
    drill.begin({name: report(last_outage=last) for name in names})
    return drill


def test_those_who_were_at_the_pbx_take_part() -> None:
    drill = Drill("slave")
    drill.begin({"a": report(), "b": report(pbx="master"), "c": report(pbx=None)})
    assert drill.phones == {"a"}
    assert not drill.told("b", lost(10), 0.0)


def test_it_is_over_when_all_have_lost_the_pbx_and_are_registered_again() -> None:
    drill = begun("a", "b")
    assert not drill.is_over(1000.0), "nothing has happened yet"
    drill.told("a", lost(10), 1.0)
    drill.told("a", back(10, 12.5), 2.0)
    assert not drill.is_over(2.0), "b has not lost it yet"
    drill.told("b", lost(10), 3.0)
    assert drill.result().missing == ("b",)
    drill.told("b", back(10, 14), 4.0)
    assert drill.is_over(4.0)
    result = drill.result()
    assert result.all_back
    assert result.outages == (2.5, 4.0)
    assert result.percentiles == {"median": 2.5, "p95": 4.0, "p99": 4.0, "worst": 4.0}
    assert result.places == {"master": 2}


def test_an_outage_of_before_does_not_count() -> None:
    drill = begun("a", last=BEFORE)
    assert not drill.told("a", report(last_outage=BEFORE, since=at(4)), 1.0)
    assert drill.result().lost == 0


def test_an_outage_that_was_over_before_anybody_saw_it_counts() -> None:
    drill = begun("a", last=BEFORE)
    drill.told("a", back(10, 10.4), 1.0)
    assert drill.result().outages == (0.4,)


def test_a_phone_that_is_out_twice_has_two_outages() -> None:
    drill = begun("a")
    for began, ended in ((10, 11), (20, 23)):
        drill.told("a", lost(began), 1.0)
        drill.told("a", back(began, ended, "slave"), 2.0)
    assert drill.result().outages == (1.0, 3.0)
    assert drill.result().lost == 1


def test_a_phone_that_was_redirected_moved_without_an_outage() -> None:
    drill = begun("a", "b")
    drill.told("a", report(pbx="master"), 1.0)
    result = drill.result()
    assert (result.moved, result.lost, result.untouched) == (1, 0, 1)
    assert result.all_back


def test_a_watcher_that_was_away_goes_on() -> None:
    drill = begun("a", "b", last=BEFORE)
    drill.told("a", lost(10), 1.0)
    again = Drill.resumed(drill.pbxs, drill.parts, 100.0)
    assert again.missing == {"a", "b"}, "nobody is heard yet"
    again.told("a", back(10, 12.5), 101.0)
    assert not again.is_over(200.0)
    again.told("b", report(last_outage=BEFORE), 102.0)
    assert again.is_over(102.0 + SETTLED_SECONDS)
    assert again.result().outages == (2.5,)
    assert Drill.resumed(["slave"], {}, 1.0).is_over(1000.0) is False


def test_of_several_pbxes_all_phones_take_part() -> None:
    drill = Drill("master", "slave")
    drill.begin({"a": report(), "b": report(pbx="master"), "c": report(pbx="standby")})
    assert drill.phones == {"a", "b"}
    drill.told("a", report(pbx="master"), 1.0)
    assert drill.result().moved == 0, "it is at one of them still"
    assert drill.result().pbx == "master, slave"


def test_where_some_notice_nothing_it_is_over_when_nothing_moves_any_more() -> None:
    drill = begun("a", "b")
    drill.told("a", lost(10), 1.0)
    drill.told("a", back(10, 11), 2.0)
    assert not drill.is_over(2.0 + SETTLED_SECONDS / 2)
    assert drill.is_over(2.0 + SETTLED_SECONDS)


def test_who_is_not_registered_or_not_heard_is_missing() -> None:
    drill = begun("a", "b", "c")
    drill.told("a", lost(10), 1.0)
    drill.unheard(["b", "stranger"])
    assert drill.result().missing == ("a", "b")
    assert not drill.result().all_back
    assert not drill.is_over(1000.0)
    drill.told("b", report(), 2.0)
    assert drill.result().missing == ("a",)


def test_an_agent_that_tells_no_outages_still_shows_who_is_out() -> None:
    drill = begun("a")
    drill.told("a", report(pbx=None, since=at(10)), 1.0)
    assert drill.result().lost == 1
    drill.told("a", report(pbx="master", since=at(12)), 2.0)
    assert drill.is_over(2.0)
    assert drill.result().outages == ()


@pytest.mark.parametrize(("share", "expected"), [(50, 2.0), (75, 3.0), (76, 4.0), (95, 4.0), (100, 4.0), (1, 1.0)])
def test_percentiles_are_values_that_were_seen(share: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == expected


@given(st.lists(st.floats(0, 1e10), min_size=1).map(sorted))
def test_no_outage_is_lost_in_the_bars(outages: list[float]) -> None:
    shown = bars(outages)
    assert sum(count for _, count in shown) == len(outages)
    assert len(shown) <= 10
    assert shown[0][1] > 0
    assert shown[-1][1] > 0


def test_bars_have_widths_that_people_read() -> None:
    assert bars([1.0, 5.5]) == [("1 to 2 s", 1), ("2 to 3 s", 0), ("3 to 4 s", 0), ("4 to 5 s", 0), ("5 to 6 s", 1)]
    assert bars([]) == []


def test_what_came_out_is_shown_and_told_to_programs() -> None:
    drill = begun("demo/a", "demo/b")
    for name in ("demo/a", "demo/b"):
        drill.told(name, lost(10), 1.0)
    drill.told("demo/a", back(10, 12.5), 2.0)
    console = Console(file=io.StringIO(), width=100)
    console.print(rendering.drill(drill.result()))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "slave: 1 of 2 did not come back" in text
    assert "missing: demo/b" in text
    assert drill.result().data() == {
        "pbx": "slave",
        "allBack": False,
        "phones": 2,
        "lost": 2,
        "moved": 0,
        "untouched": 0,
        "missing": ["demo/b"],
        "outageSeconds": {"median": 2.5, "p95": 2.5, "p99": 2.5, "worst": 2.5},
        "outages": [2.5],
        "places": {"master": 1},
    }
    assert Result.read(drill.result().data()) == drill.result()
