"""What `top` counts, and how it went."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from plugin.reports import SPEC, fleet, report, softphone
from softphone_plugin import rendering
from softphone_plugin.counting import BARS, Fleet, History, Sample, data, sample, sparkline
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
    assert told.reachable == {("", "slave"): True}


def test_phones_of_agents_that_are_not_heard_are_placed_nowhere() -> None:
    load = fleet() | {"status": {"replicas": 10, "registered": 9}}
    told = sample([], [], [Fleet(load, Counter({SLAVE: 5}), unheard=1)])
    assert (told.registered, told.unplaced, told.unheard) == (9, 4, 1)


def test_the_past_of_each_pbx_and_location_is_kept() -> None:
    history = History(most=3)
    for second, number in enumerate((9, 3, 2, 0)):
        places = Counter({SLAVE: number, MASTER: 3 - number})
        history.add(Sample(3, places, reachable={("", "slave"): number > 0, ("", "third"): None}), 5.0 * second)
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
        one = Sample(9, Counter({SLAVE: 5, MASTER: 2}), 1, Counter(Rejected=1), {("", "slave"): True}, 1)
        history.add(one, 2.0 * number)
    console = Console(file=io.StringIO(), width=80)
    console.print(rendering.top(history, "namespace demo", 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "9 phones   8 registered   2 on standby   1 out" in text
    assert "out: Rejected 1" in text
    assert "1 agent of fleets does not tell where their phones are, 1 phone at least" in text
    assert text.count("LAST 13m") == 2, "the last 400 looks, not as many as there are columns"
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    console = Console(file=io.StringIO(), width=200)
    console.print(rendering.top_line(history, "12:00:00"))
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        "12:00:00 phones=9 registered=8 home=5 standby=2 out=1 pbx/master=2 pbx/master/standby=2 pbx/slave=5 "
        "location/(none)=2 location/graz=5\n"
    )


def shown(history: History, columns: int, lines: int) -> list[str]:
    """What a terminal of this size shows."""
    console = rendering.Console(file=io.StringIO(), width=columns, height=lines)
    console.print(rendering.top_fitting(console, history, "namespace demo"))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def many(pbxs: int, locations: int) -> History:
    """A look at so many PBXes and locations; of the tenth PBX all phones are elsewhere, and it is dead."""
    places = Counter({Whereabouts(f"pbx-{n:02}", "Home", f"place-{n % locations:02}"): 10 for n in range(pbxs)})
    del places[Whereabouts("pbx-10", "Home", f"place-{10 % locations:02}")]
    history = History()
    for second in (0.0, 60.0):
        reason = Counter({f"Reason{n}": 20 - n for n in range(10)})
        history.add(Sample(400, places, failures=reason, reachable={("", "pbx-10"): False}), second)
    return history


@pytest.mark.parametrize("lines", range(1, 60))
def test_no_terminal_is_too_small_for_what_is_shown(lines: int) -> None:
    assert len(shown(many(30, 12), 100, lines)) <= max(lines, 2)


def test_a_small_terminal_says_what_it_leaves_out_and_shows_who_fares_badly() -> None:
    text = shown(many(30, 12), 100, 24)
    assert len(text) == 24
    assert any(line.startswith("pbx-10 ") for line in text)
    assert "and 21 more PBXes, with 210 phones: the terminal is too small" in text
    assert "and 8 more locations, with 170 phones: the terminal is too small" in text
    whole = shown(many(30, 12), 100, 60)
    assert not any("too small" in line for line in whole)
    assert sum(line.startswith(("pbx-", "place-")) for line in whole) == 42


def test_all_reasons_are_counted() -> None:
    text = " ".join(shown(many(3, 2), 200, 60))
    assert "Reason7 13, 23 for other reasons" in text


def test_a_narrow_terminal_cuts_no_number() -> None:
    history = many(3, 2)
    text = shown(history, 55, 60)
    assert "Too narrow for the past of each." in text
    assert not any("LAST" in line for line in text)
    text = shown(history, 44, 60)
    assert [line.split()[1:] for line in text if line.startswith("pbx…")] == [["10", "10"]] * 3 + [["0"]]


def test_a_terminal_of_a_few_lines_says_how_many_are_needed() -> None:
    assert shown(many(30, 12), 100, 5)[1].startswith("The terminal is too small for more: it has 5 lines, and ")


def test_namespaces_are_kept_apart() -> None:
    """Two sites have a PBX `master` each, and only one of them is dead."""
    here, there = softphone("anna", said=report("anna", "master")), softphone("ben", said=report("ben", "master"))
    there["metadata"]["namespace"] = "other"
    load = fleet() | {"status": {"replicas": 5, "registered": 5}}
    pbxs = [pbx("master", True), pbx("master", False)]
    for obj, namespace in zip(pbxs, ("demo", "other"), strict=True):
        obj["metadata"]["namespace"] = namespace
    history = History()
    places = Counter({Whereabouts("master", "Standby", "graz"): 5})
    history.add(sample(pbxs, [here, there], [Fleet(load, places)], namespaces=True), 0.0)
    rows = [(row.namespace, row.name, row.registered, row.roles[1], row.mood) for row in history.pbxs()]
    assert rows == [("demo", "master", 6, 5, "standby"), ("other", "master", 1, 0, "ill")]
    told = [(row["namespace"], row["name"], row["registered"], row["reachable"]) for row in data(history)["pbxs"]]
    assert told == [("demo", "master", 6, True), ("other", "master", 1, False)]
    text = shown(history, 100, 40)
    assert [line.split()[:3] for line in text if "master" in line] == [
        ["demo", "master", "6"],
        ["other", "master", "1"],
    ]
    console = Console(file=io.StringIO(), width=300)
    console.print(rendering.top_line(history, "12:00:00"))
    line = console.file.getvalue()  # type: ignore[attr-defined]
    assert "pbx/demo/master=6 pbx/demo/master/standby=5 pbx/other/master=1 " in line
    assert "location/demo/graz=5 location/demo/headquarters=1 location/other/headquarters=1" in line


def test_one_look_alone_has_no_past() -> None:
    history = History()
    history.add(Sample(1, Counter({SLAVE: 1})), 100.0)
    console = Console(file=io.StringIO(), width=80)
    console.print(rendering.top(history, "namespace demo", 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "LAST" not in text
    assert not set(BARS) & set(text)
