"""What happened: of agents' memories, Events and statuses, each thing once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from console import objects
from console.objects import NOW, event, pbx, softphone
from console.worlds import acme, world
from softphone_agent.contract.history import HistoryEntry
from softphone_console.html import timeline as timeline_html
from softphone_console.view import timeline
from softphone_console.view.facts import Key
from softphone_console.view.lights import Mood
from softphone_console.view.timeline import About, Entry, Lane, Mark, Memory

HOUR = timedelta(hours=1)
ANNA = About("Softphone", Key("demo", "anna"))
SLAVE = About("PBX", Key("demo", "slave"))


def ago(seconds: float) -> Any:
    return NOW - timedelta(seconds=seconds)


def remembered(kind: Any, seconds_ago: float, **more: Any) -> HistoryEntry:
    return HistoryEntry(time=objects.at(seconds_ago), phone="anna", kind=kind, **more)


OUTAGE = remembered("Outage", 600, from_pbx="slave", to_pbx="master", seconds=2.5, reason="PingFailed")
MOVE = remembered("FailOver", 600, from_pbx="slave", to_pbx="master", seconds=2.5, reason="PingFailed")
WAY = remembered("PathLost", 300, via="sec", to_pbx="standby", reason="Unreachable")


def test_an_agents_memory_counts_more_than_events() -> None:
    of = world(
        softphone("anna"),
        event("Softphone", "anna", "Standby", "moved from slave", 598),
        event("Softphone", "anna", "FailedMount", "a Secret is missing", 900),
        event("Softphone", "ben", "Standby", "moved from slave", 597),
    )
    assert timeline.timeline(of, [Memory("demo", [OUTAGE, MOVE, WAY])], NOW, HOUR) == (
        Entry(ago(300), ANNA, "way lost", "sec, at standby, Unreachable", Mood.ATTENTION),
        Entry(ago(597), About("Softphone", Key("demo", "ben")), "Standby", "moved from slave", Mood.ATTENTION),
        Entry(ago(600), ANNA, "outage", "from slave to master, PingFailed", Mood.BAD, 2.5),
        Entry(ago(600), ANNA, "fail-over", "from slave to master, PingFailed", Mood.GOOD, 2.5),
        Entry(ago(900), ANNA, "FailedMount", "a Secret is missing", Mood.ATTENTION),
    )


def test_what_lasts_is_told_once_and_however_old_it_is() -> None:
    of = world(
        softphone("anna", None),
        pbx("slave", reachable=False),
        event("PBX", "slave", "Unreachable", "no agent reaches the PBX", 7200),
        event("PBX", "slave", "Unreachable", "no agent reaches the PBX", 86400),
    )
    assert timeline.timeline(of, [], NOW, HOUR) == (
        Entry(ago(90), ANNA, "outage", "Unreachable: no answer from slave", Mood.BAD, None, True),
        Entry(ago(7200), SLAVE, "unreachable", "no agent reaches it", Mood.BAD, None, True),
    )


def test_a_phone_that_was_suspended_has_no_outage() -> None:
    assert timeline.timeline(world(softphone("anna", None, spec={"suspend": True})), [], NOW, HOUR) == ()


def test_only_what_is_within_the_span_and_about_the_object() -> None:
    of = acme(
        softphone("anna"),
        event("PBX", "slave", "Reachable", "again", 60, warning=False),
        event("PBX", "slave", "Reachable", "again", 4000, warning=False),
    )
    assert [one.time for one in timeline.timeline(of, [], NOW, HOUR)] == [ago(60)]
    assert timeline.timeline(of, [], NOW, HOUR, ANNA) == ()
    assert [one.what for one in timeline.timeline(of, [], NOW, HOUR, SLAVE)] == ["Reachable"]


def test_an_outage_that_began_before_the_span_and_ended_within_counts() -> None:
    long = remembered("Outage", 4000, seconds=1000.0)
    assert len(timeline.timeline(world(softphone("anna")), [Memory("demo", [long])], NOW, HOUR)) == 1


def test_what_an_agent_remembers_of_a_fleets_phone_is_of_a_phone() -> None:
    (entry,) = timeline.timeline(world(), [Memory("demo", [WAY])], NOW, HOUR)
    assert entry.about == About("Phone", Key("demo", "anna"))


def test_the_phones_of_a_fleet_share_its_lane_and_lead_to_its_page() -> None:
    told = [HistoryEntry(time=objects.at(600), phone=f"load-{index}", kind="Outage", seconds=2.0) for index in (1, 2)]
    entries = timeline.timeline(world(objects.fleet()), [Memory("demo", told)], NOW, HOUR)
    (lane,) = timeline.lanes(entries, NOW, HOUR)
    assert lane.about == About("SoftphoneFleet", Key("demo", "load"))
    assert len(lane.marks) == 2
    assert '<a href="/fleets/demo/load"><bdi>load-2</bdi></a>' in timeline_html.page(entries, NOW, "1h", []).html


def test_an_outage_is_drawn_over_the_fail_over_that_ended_it() -> None:
    of = [Entry(ago(600), ANNA, "fail-over", "y", Mood.GOOD, 2.0), Entry(ago(600), ANNA, "outage", "x", Mood.BAD, 2.0)]
    (lane,) = timeline.lanes(of, NOW, HOUR)
    assert [mark.mood for mark in lane.marks] == [Mood.GOOD, Mood.BAD]


def test_a_time_that_is_none_is_passed_over() -> None:
    odd = HistoryEntry(time="", phone="anna", kind="Outage")
    assert timeline.timeline(world(), [Memory("demo", [odd])], NOW, HOUR) == ()


def test_what_happened_again_says_how_often() -> None:
    again = {**event("PBX", "slave", "Unreachable", "no agent", 60), "count": 3}
    (entry,) = timeline.timeline(world(again), [], NOW, HOUR)
    assert (entry.words, entry.mood) == ("no agent (3 times)", Mood.BAD)


def test_of_very_many_the_newest() -> None:
    many = [event("PBX", "slave", "Reachable", str(number), number) for number in range(timeline.MOST + 1)]
    found = timeline.timeline(world(*many), [], NOW, HOUR)
    assert (len(found), found[0].words) == (timeline.MOST, "0")


def test_lanes_have_pbxes_first_and_shares_of_the_span() -> None:
    entries = [
        Entry(ago(900), ANNA, "outage", "x", Mood.BAD, 450.0),
        Entry(ago(1800), SLAVE, "unreachable", "y", Mood.BAD, None, True),
        Entry(ago(9000), ANNA, "outage", "z", Mood.BAD, 6300.0),
    ]
    assert timeline.lanes(entries, NOW, HOUR) == (
        Lane(SLAVE, (Mark(0.5, 1.0, Mood.BAD, "unreachable y"),)),
        Lane(ANNA, (Mark(0.0, 0.25, Mood.BAD, "outage z"), Mark(0.75, 0.875, Mood.BAD, "outage x"))),
    )


def test_the_page_draws_bars_and_points_and_lists_all() -> None:
    entries = [
        Entry(ago(600), ANNA, "outage", "x", Mood.BAD, 600.0),
        Entry(ago(60), SLAVE, "Reachable", "y", Mood.GOOD),
    ]
    page = timeline_html.page(entries, NOW, "1h", ["softphone-ben in demo: it does not answer"])
    assert page.html.count("<rect") == 1
    assert page.html.count('class="mark good"') == 1
    assert '<a href="/phones/demo/anna">' in page.html
    assert "it does not answer" in page.html
    assert 'href="/timeline?last=24h"' in page.html
    assert 'href="/timeline?last=1h"' not in page.html


def test_a_quiet_time_says_so() -> None:
    assert timeline_html.NOTHING in timeline_html.page([], NOW, "7d", []).html


@pytest.mark.parametrize(
    ("of", "words"),
    [(0.5, "0.50 s"), (59.994, "59.99 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (90061, "25 h 1 min")],
)
def test_how_long_in_words(of: float, words: str) -> None:
    assert timeline_html.seconds(of) == words
