"""The table of phones: who is where, which are asked for, in which order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import objects
from console.objects import fleet, softphone
from console.worlds import acme, world
from softphone_console.view import fleet as fleets
from softphone_console.view import phones
from softphone_console.view.facts import Key
from softphone_console.view.lights import Mood, Sum
from softphone_console.view.phones import FleetRow, Row

LOST = ("False", "Unreachable", "sec: standby does not answer")
WORLD = acme(
    softphone("anna"),
    softphone("ben", "master", role="Standby", registration={"since": objects.at(60)}),
    softphone("cleo", None),
    softphone("dora", redundant=LOST),
    softphone("emil", redundant=("False", "OneWay", "there is no secondary PBX")),
    softphone("finn", None, spec={"suspend": True}),
)


def names(asked: str = "", order: str = "name") -> list[str]:
    return [row.key.name for row in phones.table(WORLD, asked, order).rows]


def test_a_row() -> None:
    assert phones.row(WORLD, WORLD.phones[Key("demo", "cleo")]) == Row(
        key=Key("demo", "cleo"),
        aor="sip:cleo@acme.example",
        state="Unreachable",
        message="no answer from slave",
        pbx="",
        role="",
        site="site-master",
        redundant="yes",
        since=datetime(2026, 11, 23, 11, 58, 30, tzinfo=UTC),
        system="acme",
        pool="",
        mood=Mood.BAD,
    )


def test_moods() -> None:
    moods = {key.name: phones.mood(phone) for key, phone in WORLD.phones.items()}
    assert moods == {
        "anna": Mood.GOOD,
        "ben": Mood.ATTENTION,
        "cleo": Mood.BAD,
        "dora": Mood.ATTENTION,
        "emil": Mood.GOOD,
        "finn": Mood.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["anna", "ben", "cleo", "dora", "emil", "finn"]),
        ("ANN", ["anna"]),
        ("pbx:master", ["ben"]),
        ("pbx:", ["cleo", "finn"]),
        ("pbx:mast", []),
        ("role:standby", ["ben"]),
        ("is:bad", ["cleo"]),
        ("is:attention redundant:unreachable", ["dora"]),
        ("namespace:demo name:anna", ["anna"]),
        ("site:site-master", ["cleo", "finn"]),
        ("system:acme anna@acme", ["anna"]),
        ("sip:anna@acme.example", ["anna"]),
        ("nobody", []),
    ],
)
def test_a_filter(asked: str, found: list[str]) -> None:
    assert names(asked) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("trouble", ["cleo", "ben", "dora", "finn", "anna", "emil"]),
        ("since", ["ben", "cleo", "finn", "anna", "dora", "emil"]),
        ("pbx", ["cleo", "finn", "ben", "anna", "dora", "emil"]),
        ("no order", ["anna", "ben", "cleo", "dora", "emil", "finn"]),
    ],
)
def test_an_order(order: str, found: list[str]) -> None:
    assert names(order=order) == found


@given(st.text(max_size=30), st.text(max_size=5), st.integers())
def test_whatever_is_asked_for_a_page_comes(asked: str, order: str, number: int) -> None:
    page = phones.table(WORLD, asked, order, number)
    assert page.total == 6
    assert 1 <= page.number <= page.pages


def test_a_long_table_has_pages() -> None:
    of = world(*(softphone(f"p{number:04d}") for number in range(phones.PAGE + 1)))
    assert [phones.table(of, number=number).rows[0].key.name for number in (1, 2, 3)] == ["p0000", "p0500", "p0500"]
    assert phones.table(of).pages == 2


def test_fleets_and_pools() -> None:
    of = acme(fleet(standby=1), fleet("vienna", "SoftphonePool"))
    assert phones.fleet_rows(of) == (
        FleetRow(Key("demo", "load"), False, "Registered", "", Sum(10, 10, 1), "2/2", "", Mood.ATTENTION),
        FleetRow(Key("demo", "vienna"), True, "Registered", "", Sum(10, 10, 0), "2/2", "", Mood.GOOD),
    )


def test_a_fleet_that_is_not_ready_says_why() -> None:
    conditions = [objects.condition("Ready", "False", "Unreachable", "9 of 10 are registered")]
    (row,) = phones.fleet_rows(world(fleet(conditions=conditions, registered=9)))
    assert (row.state, row.message, row.mood) == ("Unreachable", "9 of 10 are registered", Mood.BAD)
    (unknown,) = phones.fleet_rows(world(fleet(conditions=[])))
    assert (unknown.state, unknown.mood) == ("Unknown", Mood.UNKNOWN)


def test_the_page_of_a_pool_has_its_softphones_and_that_of_a_fleet_has_none() -> None:
    in_pool = {"agent": {"pool": "vienna"}}
    of = acme(
        softphone("anna", spec=in_pool),
        softphone("ben", None, spec=in_pool),
        softphone("cleo"),
        fleet(),
        fleet("vienna", "SoftphonePool"),
    )
    page = fleets.page(of, of.pools[Key("demo", "vienna")])
    assert [row.key.name for row in page.phones] == ["ben", "anna"]
    assert fleets.page(of, of.fleets[Key("demo", "load")]).phones == ()
