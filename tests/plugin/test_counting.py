"""What `top` counts, and how it went."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from plugin.reports import SPEC, fleet, report, softphone
from softphone_plugin import rendering
from softphone_plugin.counting import BARS, Fleet, History, Sample, sample, sparkline
from softphone_plugin.pages import Whereabouts

SLAVE, MASTER = Whereabouts("slave", "Home", "graz"), Whereabouts("master", "Standby", "")


def pbx(name: str, reachable: bool | None) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {} if reachable is None else {"reachable": reachable}}


def test_softphones_and_fleets_are_counted_together() -> None:
    rejected = {"code": 403, "reason": "Rejected", "pbx": "master", "time": "2026-11-23T11:59:00Z"}
    phones = [
        softphone("anna", said=report("anna")),
        softphone("ben", said=report("ben", "master", role="Standby", redirects=(), physical_location=None)),
        softphone("cleo", said=report("cleo", None, last_failure=rejected), ready="False"),
        softphone("dora"),
        softphone("emil", spec={**SPEC, "suspend": True}),
    ]
    load = fleet() | {"status": {"replicas": 10, "registered": 8, "failures": {"Rejected": 2}}}
    told = sample([pbx("slave", True)], phones, [Fleet(load, Counter({SLAVE: 5, MASTER: 3}))])
    assert (told.phones, told.registered, told.standby, told.unplaced) == (14, 10, 4, 0)
    assert told.places == {SLAVE: 5, MASTER: 4, Whereabouts("slave", "Home", "headquarters"): 1}
    assert told.failures == {"Rejected": 3, "Unknown": 1}
    assert told.reachable == {"slave": True}


def test_phones_of_agents_that_are_not_heard_are_placed_nowhere() -> None:
    load = fleet() | {"status": {"replicas": 10, "registered": 9}}
    told = sample([], [], [Fleet(load, Counter({SLAVE: 5}), unheard=1)])
    assert (told.registered, told.unplaced, told.unheard) == (9, 4, 1)


def test_the_past_of_each_pbx_and_location_is_kept() -> None:
    history = History(most=3)
    for second, number in enumerate((9, 3, 2, 0)):
        places = Counter({SLAVE: number, MASTER: 3 - number})
        history.add(Sample(3, places, reachable={"slave": number > 0, "third": None}), 5.0 * second)
    assert history.span == 10.0
    rows = {row.name: row for row in history.pbxs()}
    assert rows["slave"].past == (3, 2, 0)
    assert rows["master"].roles == (0, 3, 0)
    assert [(name, row.mood) for name, row in rows.items()] == [
        ("master", "standby"),
        ("slave", "ill"),
        ("third", "unknown"),
    ]
    assert [(row.name, row.registered) for row in history.locations()] == [("(none)", 3), ("graz", 0)]


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 5, ""),
        ([0, 0], 5, BARS[0] * 2),
        ([0, 1, 100], 5, BARS[0] + BARS[1] + BARS[7]),
        ([100, 0, 50, 100], 4, BARS[7] + BARS[0] + BARS[4] + BARS[7]),
        ([100] * 300 + [0] + [100] * 299, 40, BARS[7] * 20 + BARS[0] + BARS[7] * 19),
        ([8, 8, 4, 8, 8, 8, 1], 3, BARS[7] + BARS[4] + BARS[1]),
    ],
)
def test_bars_show_the_whole_past_the_least_of_each_and_nothing_is_lowest(
    values: list[int], width: int, expected: str
) -> None:
    assert sparkline(values, width) == expected


def test_it_fits_a_narrow_terminal_and_a_line() -> None:
    history = History()
    for number in range(400):
        one = Sample(9, Counter({SLAVE: 5, MASTER: 2}), 1, Counter(Rejected=1), {"slave": True}, 1)
        history.add(one, 2.0 * number)
    console = Console(file=io.StringIO(), width=80)
    console.print(rendering.top(history, "namespace demo", 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "9 phones   8 registered   2 on standby   1 out" in text
    assert "out: Rejected 1" in text
    assert "1 agents of fleets do not tell where their phones are, 1 phones at least" in text
    assert text.count("LAST 13m") == 2, "the last 400 looks, not as many as there are columns"
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    console = Console(file=io.StringIO(), width=200)
    console.print(rendering.top_line(history, "12:00:00"))
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        "12:00:00 phones=9 registered=8 home=5 standby=2 out=1 pbx/master=2 pbx/master/standby=2 pbx/slave=5 "
        "location/(none)=2 location/graz=5\n"
    )


def test_one_look_alone_has_no_past() -> None:
    history = History()
    history.add(Sample(1, Counter({SLAVE: 1})), 100.0)
    console = Console(file=io.StringIO(), width=80)
    console.print(rendering.top(history, "namespace demo", 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "LAST" not in text
    assert not set(BARS) & set(text)
