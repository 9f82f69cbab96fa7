"""What the console keeps of objects; and that no object makes it fail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import objects
from softphone_console.view import of_objects, raw
from softphone_console.view.facts import (
    NONE,
    Asked,
    Condition,
    Event,
    Failure,
    Fleet,
    Hop,
    Key,
    Pbx,
    Phone,
    Way,
)

HOUR_AGO = datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)
ASKED = Asked("sip:anna@acme.example", "Launcher", (("pri", "master"), ("sec", "standby")), "", "", False)


def test_a_pbx() -> None:
    obj = objects.pbx(
        "west", "branch", tls=True, certificateExpires="2026-12-24T00:00:00Z", users={"softphones": 2, "fleets": 1}
    )
    assert of_objects.pbx(obj) == Pbx(
        key=Key("demo", "west"),
        address="sip:west.acme.example:5060;transport=tls",
        registrar="sip:west.acme.example:5060;transport=tls",
        system="branch",
        location="site-west",
        no_physical_location=False,
        reachable=True,
        registered=1,
        home=1,
        standby=0,
        users=3,
        certificate_ends=datetime(2026, 12, 24, tzinfo=UTC),
        accepted=Condition("True", "Accepted", "", HOUR_AGO),
        consistent=Condition("True", "Consistent", "", HOUR_AGO),
        redundant=Condition("True", "Redundant", "Redundant", HOUR_AGO),
    )
    assert of_objects.pbx(obj).tls
    assert not of_objects.pbx(objects.pbx("master")).tls


def test_a_softphone() -> None:
    failure = {"code": 503, "reason": "Unavailable", "message": "overload", "pbx": "slave", "time": objects.at(3600)}
    obj = objects.softphone("anna", registration={"lastFailure": failure, "contact": "sip:anna@10.0.0.7"})
    ways = tuple(
        Way(via, "Holds", "slave", (Hop(by, 302),), 0, "", datetime(2026, 11, 23, 11, 50, tzinfo=UTC))
        for via, by in ASKED.entries
    )
    assert of_objects.phone(obj) == Phone(
        key=Key("demo", "anna"),
        asked=ASKED,
        agent="softphone-anna",
        pool="",
        state="Registered",
        pbx="slave",
        registrar="sip:slave.acme.example:5060;transport=udp",
        via="redirect",
        role="Home",
        hops=(Hop("master", 302),),
        location="vienna",
        contact="sip:anna@10.0.0.7",
        since=HOUR_AGO,
        failure=Failure("Unavailable", "slave", 503, "overload", HOUR_AGO),
        ways=ways,
        registered=Condition("True", "Registered", "registered at slave", HOUR_AGO),
        ready=Condition("True", "Registered", "registered at slave", HOUR_AGO),
        redundant=Condition("True", "Redundant", "", HOUR_AGO),
    )


def test_a_fleet_and_a_pool() -> None:
    ready = Condition("True", "Registered", "10 of 10 are registered", HOUR_AGO)
    asked = Asked("sip:load{index:02d}@acme.example", "Launcher", ASKED.entries, "", "", False)
    load = Fleet(Key("demo", "load"), False, asked, 0, 10, 9, 2, 5, 2, 2, (("Rejected", 1),), ready, NONE)
    assert of_objects.fleet(objects.fleet(registered=9, standby=2, failures={"Rejected": 1})) == load
    vienna = Fleet(Key("demo", "vienna"), True, None, 0, 10, 10, 0, 5, 2, 2, (), ready, NONE)
    assert of_objects.pool(objects.fleet("vienna", "SoftphonePool")) == vienna


def test_an_event() -> None:
    seen = objects.event("PBX", "slave", "Unreachable", "no agent reaches the PBX", 60)
    expected = Event(
        "PBX",
        Key("demo", "slave"),
        True,
        "Unreachable",
        "no agent reaches the PBX",
        datetime(2026, 11, 23, 11, 59, tzinfo=UTC),
        1,
    )
    assert of_objects.event(seen) == expected
    assert of_objects.event({"metadata": {}}) is None


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({"series": {"lastObservedTime": objects.at(1)}, "lastTimestamp": objects.at(2)}, 1),
        ({"lastTimestamp": objects.at(2), "eventTime": objects.at(3)}, 2),
        ({"lastTimestamp": None, "eventTime": objects.at(3)}, 3),
        ({"metadata": {"creationTimestamp": objects.at(4)}}, 4),
    ],
)
def test_the_time_of_an_event_is_the_last_one_that_it_tells(fields: dict[str, Any], time: int) -> None:
    made = of_objects.event(fields)
    assert made is not None
    assert (objects.NOW - made.time).total_seconds() == time


def test_a_password_in_a_uri_is_not_kept() -> None:
    hidden = "hidden-word"
    phone = objects.softphone(
        "anna",
        spec={"aor": f"sip:anna:{hidden}@acme.example"},
        registration={"contact": f"sip:a:{hidden}@b", "registrar": f"sip:a:{hidden}@b"},
    )
    pbx = objects.pbx("west")
    pbx["spec"]["address"] = f"sip:a:{hidden}@acme.example"
    told = objects.event("Softphone", "anna", "Moved", f"at sip:a:{hidden}@b", 1)
    assert hidden not in repr((of_objects.phone(phone), of_objects.pbx(pbx), of_objects.event(told)))


def test_in_mode_browser_the_entry_is_the_current_pbx() -> None:
    spec = {"mode": "Browser", "cur": "slave", "pri": "master", "aor": "sip:a@b"}
    assert of_objects.asked(spec).entries == (("cur", "slave"),)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "spec",
        "status",
        "metadata",
        "conditions",
        "registration",
        "paths",
        "phones",
        "namespace",
        "name",
        "redirects",
        "type",
        "lastFailure",
        "failures",
        "aor",
        "address",
        "involvedObject",
        "series",
        "count",
        "lastTimestamp",
        "lastTransitionTime",
        "template",
        "mode",
        "pri",
        "agents",
        "since",
        "code",
        "users",
        "time",
        "history",
        "pairs",
        "callable",
        "seconds",
        "limits",
        "began",
        "ended",
        "reasons",
        "longestOutageSeconds",
    ]
)
OBJECTS = st.recursive(
    ANYTHING, lambda inside: st.dictionaries(NAMES, inside, max_size=5) | st.lists(inside, max_size=3), max_leaves=30
).filter(lambda made: isinstance(made, dict))


@given(OBJECTS)
def test_no_object_makes_it_fail(obj: dict[str, Any]) -> None:
    for make in (
        of_objects.pbx,
        of_objects.phone,
        of_objects.fleet,
        of_objects.pool,
        of_objects.rehearsal,
        of_objects.event,
    ):
        make(obj)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T12:00:00", "0001-01-01T00:00:00+23:59", "12"])
def test_what_is_no_time_with_a_zone_is_none(text: str) -> None:
    assert raw.parsed(text) is None
