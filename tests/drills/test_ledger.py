"""The ledger's tables: what PBXes said and a drill broke, and who was registered then."""

from __future__ import annotations

import pytest

from drills.ledger import Back, Died, Event, FellSilent, Figures, Forgot, Gone, Granted, Interval, TakenBack, fold

ANNA, BOB = "sip:anna@10.0.0.1:5060;ob", "sip:bob@10.0.0.1:5061;ob"
ELSEWHERE = "sip:anna@10.0.0.2:5060;ob"


def at(time: float, pbx: str = "slave", user: str = "anna", contact: str = "", expires: float = 60) -> Granted:
    return Granted(time, pbx, user, contact or {"anna": ANNA, "bob": BOB}[user], expires)


BOTH: list[Event] = [at(0), at(0, user="bob")]

OUTAGES: dict[str, tuple[list[Event], list[tuple[float, float]]]] = {
    "a phone that refreshes in time has none": ([at(0), at(50), at(100)], []),
    "a binding ends with its expiry": ([at(0)], [(60, 120)]),
    "a refresh that comes late leaves a gap": ([at(0), at(70)], [(60, 70)]),
    "an un-REGISTER ends it": ([at(0), TakenBack(10, "slave", "anna", ANNA)], [(10, 120)]),
    "that of another Contact does not": ([at(0), TakenBack(10, "slave", "anna", ELSEWHERE), at(50), at(100)], []),
    "a redirect gives up every Contact": ([at(0), TakenBack(10, "slave", "anna"), at(11), at(61)], [(10, 11)]),
    "a PBX that dies takes it along": ([at(0), Died(10, "slave"), at(14, "master"), at(70, "master")], [(10, 14)]),
    "a grant of a dead PBX is void": ([at(0), Died(10, "slave"), at(10.01), at(14, "master", expires=200)], [(10, 14)]),
    "a PBX that is back begins empty": (
        [at(0), Died(10, "slave"), Back(20, "slave"), at(30, expires=200)],
        [(10, 30)],
    ),
    "a PBX forgets": ([at(0), Forgot(10, "slave"), at(20), at(70)], [(10, 20)]),
    "a silent PBX holds for nothing": ([at(0, expires=200), FellSilent(10, "slave")], [(10, 120)]),
    "its bindings count again when it is back": (
        [at(0, expires=200), FellSilent(10, "slave"), Back(15, "slave")],
        [(10, 15)],
    ),
    "said twice, it is silent once": (
        [at(0, expires=200), FellSilent(10, "slave"), FellSilent(12, "slave"), Back(15, "slave")],
        [(10, 15)],
    ),
    "silent again and again": (
        [at(0, expires=200), *(each for t in (10, 20) for each in (FellSilent(t, "slave"), Back(t + 2, "slave")))],
        [(10, 12), (20, 22)],
    ),
    "another PBX makes up for it": ([at(0), FellSilent(10, "slave"), at(12, "master", expires=200)], [(10, 12)]),
    "a phone with two bindings keeps the other": (
        [at(0), at(5, "master", expires=200), Died(10, "slave")],
        [],
    ),
    "a process that is gone answers no call": ([at(0, expires=200), Gone(10, "10.0.0.1:5060")], [(10, 120)]),
    "by its host alone": ([at(0, expires=200), Gone(10, "10.0.0.1")], [(10, 120)]),
    "a process beside it does": ([at(0, expires=200), Gone(10, "10.0.0.1:5061")], []),
    "the next one at the same place is another": ([at(0), Gone(10, "10.0.0.1"), at(20, expires=200)], [(10, 20)]),
    "events may come in any order": ([at(14, "master", expires=200), Died(10, "slave"), at(0)], [(10, 14)]),
}


@pytest.mark.parametrize("case", OUTAGES)
def test_outages(case: str) -> None:
    events, gaps = OUTAGES[case]
    assert fold(events, ["anna"]).outages("anna", 1, 120) == [Interval(*gap) for gap in gaps]


LEFT: dict[str, tuple[list[Event], list[str], list[str]]] = {
    "nothing": (BOTH, [], []),
    "held by two PBXes": ([*BOTH, at(5, "master")], ["anna"], []),
    "held twice by one": ([*BOTH, at(5, contact=ELSEWHERE)], ["anna"], []),
    "the other one is over": ([*BOTH, at(-50, "master", expires=55)], [], []),
    "the other one is at a silent PBX": ([*BOTH, at(5, "master"), FellSilent(6, "slave")], [], []),
    "nobody's user": ([*BOTH, Granted(5, "slave", "eve", "sip:eve@10.0.0.9", 60)], [], ["eve"]),
    "nobody's Contact": ([*BOTH, Gone(5, "10.0.0.1:5060"), at(6, contact=ELSEWHERE)], ["anna"], ["anna"]),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_is_left_over(case: str) -> None:
    events, duplicates, orphans = LEFT[case]
    ledger = fold(events, ["anna", "bob"])
    assert ledger.duplicates(10) == duplicates
    assert [span.user for span in ledger.orphans(10)] == orphans


def test_the_figures_of_a_fail_over() -> None:
    moved = [at(12, "master"), at(13.5, "master", "bob")]
    ledger = fold([*BOTH, Died(10, "slave"), *moved], ["anna", "bob"])
    assert ledger.figures(10, 20) == Figures(2, 0, 2, 3.5, 3.5, 0, 0, 0, 0)
    assert ledger.by_pbx(9) == {"slave": 2}
    assert ledger.by_pbx(13) == {"master": 1}
    assert ledger.count(13) == 1


def test_nothing_happened() -> None:
    assert fold(BOTH, ["anna", "bob"]).figures(10, 20) == Figures(2, 2, 2, 0, 0, 0, 0, 0, 0)


def test_who_never_registered_is_missing() -> None:
    assert fold([at(0)], ["anna", "bob"]).figures(10, 20) == Figures(1, 1, 1, 10, 10, 0, 0, 0, 0)


def test_two_that_are_out_one_after_the_other_are_one_missing() -> None:
    events = [*BOTH, TakenBack(11, "slave", "anna"), at(12), TakenBack(12, "slave", "bob"), at(13, user="bob")]
    assert fold(events, ["anna", "bob"]).figures(10, 20) == Figures(2, 1, 2, 1, 3, 0, 0, 0, 0)


STRAYS: dict[str, tuple[list[Event], list[tuple[float, float]]]] = {
    "none": (BOTH, []),
    "one PBX after the other": ([*BOTH, Died(10, "slave"), at(14, "master")], []),
    "two bindings until one expires": ([*BOTH, at(15, "master")], [(15, 60)]),
    "two bindings until one is given up": ([*BOTH, at(15, "master"), TakenBack(20, "slave", "anna")], [(15, 20)]),
    "two bindings to the end": ([at(0, expires=900), at(15, "master", expires=900)], [(15, 90)]),
    "two bindings from the beginning": ([at(-9, expires=29), at(-5, "master")], [(0, 20)]),
    "two bindings once the silent PBX is back": (
        [at(0), FellSilent(10, "slave"), at(15, "master", expires=900), Back(40, "slave")],
        [(40, 60)],
    ),
    "the Contact of a process that is gone": ([*BOTH, Gone(10, "10.0.0.1:5060")], [(10, 60)]),
    "a user of nobody": ([*BOTH, Granted(10, "slave", "eve", "sip:eve@10.0.0.9", 20)], [(10, 30)]),
    "a second binding, and again": (
        [
            *(at(0, expires=900), at(15, "master", expires=900), TakenBack(20, "master", "anna")),
            *(at(30, "master"), TakenBack(37, "master", "anna")),
        ],
        [(15, 20), (30, 37)],
    ),
    "a second binding, and a third before it is over": (
        [at(0, expires=900), at(15, "master", expires=10), at(20, "standby", expires=20)],
        [(15, 40)],
    ),
}


@pytest.mark.parametrize("case", STRAYS)
def test_how_long_there_were_duplicates_or_orphans(case: str) -> None:
    events, strays = STRAYS[case]
    assert fold(events, ["anna", "bob"]).strays(0, 90) == [Interval(*stray) for stray in strays]


def test_the_longest_second_binding_is_that_of_one_user() -> None:
    """The times of several users are not added up."""
    second = [at(10, "master", expires=8), at(18, "master", "bob", expires=5)]
    found = fold([at(0, expires=900), at(0, user="bob", expires=900), *second], ["anna", "bob"]).figures(9, 90)
    assert (found.longest_second, found.clean_after) == (8, 14)


PLACES = {
    "sip:anna@10.0.0.1:5060;ob": "10.0.0.1:5060",
    "sip:anna@10.0.0.1": "10.0.0.1",
    "sip:10.0.0.1:5060;transport=tcp": "10.0.0.1:5060",
    "sips:anna@[fd00::1]:5061;ob": "[fd00::1]:5061",
}


@pytest.mark.parametrize("contact", PLACES)
def test_the_place_of_a_contact(contact: str) -> None:
    (span,) = fold([at(0, contact=contact)], ["anna"]).spans
    assert span.place == PLACES[contact]
    assert span.is_at(PLACES[contact])
    assert not span.is_at("10.0.0")
