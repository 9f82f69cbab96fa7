"""The ways of a phone as they are drawn, and the page around them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console import objects
from console.objects import Object, softphone, way
from console.worlds import acme
from softphone_console.html import phone as phone_html
from softphone_console.html import ways as ways_html
from softphone_console.view import phone as phone_view
from softphone_console.view import ways
from softphone_console.view.facts import Key
from softphone_console.view.phone import Fact
from softphone_console.view.ways import Line, Stop

CHECKED = datetime(2026, 11, 23, 11, 50, tzinfo=UTC)
HOME = (Stop("master", 302, False), Stop("slave", 0, True))
HOLDS = "Holds: ends at slave, which holds the phone"


def lines(phone: Object) -> tuple[Line, ...]:
    of = acme(phone)
    return ways.lines(of, of.phones[Key("demo", "anna")])


def test_two_ways_of_which_the_registration_took_the_first() -> None:
    standby = (Stop("standby", 302, False), Stop("slave", 0, True))
    assert lines(softphone("anna")) == (
        Line("primary", HOME, True, True, HOLDS, CHECKED),
        Line("secondary", standby, True, False, HOLDS, CHECKED),
    )


def test_a_way_that_would_not_hold_says_why() -> None:
    paths = [way("pri", "Holds", "slave", "master"), way("sec", "Refused", "standby", code=403, message="Forbidden")]
    assert lines(softphone("anna", paths=paths))[1] == Line(
        "secondary",
        (Stop("standby", 0, False),),
        False,
        False,
        "Refused: standby refuses the phone (403 Forbidden)",
        CHECKED,
    )


def test_what_is_not_checked_is_drawn_by_the_registration_or_the_spec() -> None:
    assert lines(softphone("anna", paths=[])) == (
        Line("primary", HOME, None, True, "not checked", None),
        Line("secondary", (Stop("standby", 0, False),), None, False, "not checked", None),
    )


def test_a_check_that_tells_nothing_is_neither_good_nor_bad() -> None:
    paths = [{"via": "pri", "result": "Unchecked"}, way("sec", "CheckNotSupported", "standby")]
    first, second = lines(softphone("anna", paths=paths))
    assert (first.good, first.taken, first.stops) == (None, True, HOME)
    assert (second.good, second.stops) == (None, (Stop("standby", 0, False),))


def test_a_registration_by_no_present_entry_has_a_line_of_its_own() -> None:
    hops = [{"pbx": "elsewhere:5060", "target": "slave", "code": 301}]
    drawn = lines(softphone("anna", registration={"redirects": hops}))
    assert drawn[-1].title == "registered"
    assert drawn[-1].stops == (Stop("elsewhere:5060", 301, False), Stop("slave", 0, True))


def test_a_way_of_an_entry_that_the_spec_has_no_more_is_still_drawn() -> None:
    phone = softphone("anna")
    del phone["spec"]["sec"]
    assert [line.title for line in lines(phone)] == ["primary", "secondary"]


def test_a_way_that_ends_where_it_was_redirected_from_has_it_once() -> None:
    paths = [way("pri", "Loop", "slave", "master", "slave")]
    drawn = lines(softphone("anna", paths=paths))[0]
    assert [stop.pbx for stop in drawn.stops] == ["master", "slave"]


def test_a_result_of_a_newer_agent_is_shown_as_it_is() -> None:
    drawn = lines(softphone("anna", paths=[way("pri", "Astonishing", "slave", "master")]))[0]
    assert (drawn.good, drawn.words) == (False, "Astonishing: Astonishing")


def test_an_entry_by_address_has_the_name_of_its_pbx() -> None:
    phone = softphone("anna", spec={"pri": "sip:master.acme.example:5060;transport=udp"}, paths=[])
    assert lines(phone)[0].stops == HOME


@pytest.mark.parametrize(
    ("phone", "headline"),
    [
        (softphone("anna"), "Registered at slave, at home."),
        (softphone("anna", "master", role="Standby"), "Registered at master, on standby."),
        (softphone("anna", role="Unknown"), "Registered at slave."),
        (softphone("anna", None), "Registered nowhere: no answer from slave."),
        (softphone("anna", None, spec={"suspend": True}), "Suspended by its spec."),
        (
            softphone("anna", conditions=[objects.condition("Registered", "Unknown", "NoAgent", "no agent")]),
            "Nobody knows: no agent.",
        ),
    ],
)
def test_where_a_phone_is_in_a_sentence(phone: Object, headline: str) -> None:
    of = acme(phone)
    assert phone_view.page(of, of.phones[Key("demo", "anna")]).headline == headline


def test_what_is_known_of_a_phone() -> None:
    failure = {"reason": "Unreachable", "pbx": "slave", "time": objects.at(600)}
    in_pool = softphone(
        "anna",
        None,
        spec={"agent": {"pool": "vienna"}},
        registration={"lastFailure": failure},
        redundant=("False", "OneWay", ""),
    )
    of = acme(in_pool)
    lost = datetime(2026, 11, 23, 11, 58, 30, tzinfo=UTC)
    assert phone_view.page(of, of.phones[Key("demo", "anna")]).facts == (
        Fact("AOR", "sip:anna@acme.example"),
        Fact("mode", "Launcher"),
        Fact("state", "Waiting", since=lost),
        Fact("physical location", "site-master"),
        Fact("agent", "softphone-anna"),
        Fact("pool", "vienna"),
        Fact("not ready", "Unreachable: no answer from slave", since=lost),
        Fact("redundant", "no, OneWay"),
        Fact("last failure", "Unreachable at slave", since=CHECKED),
    )


def test_the_drawing_tells_in_words_what_it_shows() -> None:
    of = acme(softphone("anna", paths=[way("pri", "Holds", "slave", "master"), way("sec", "Unreachable", "standby")]))
    page = phone_view.page(of, of.phones[Key("demo", "anna")])
    drawn = ways_html.drawn("anna", page.lines).html
    assert 'aria-label="Ways of anna. primary: master to slave; secondary: standby"' in drawn
    assert drawn.count('class="box holds"') == 1
    assert drawn.count('class="cross"') == 1
    assert "The registration went this way." in drawn
    whole = phone_html.page(page, [], CHECKED, "24h", "its agent is away").html
    assert "its agent is away" in whole


def test_a_phone_that_names_no_pbx_says_so() -> None:
    assert "It names no PBX." in ways_html.drawn("anna", ()).html


def test_a_long_name_is_shortened_in_the_drawing_and_whole_in_its_title() -> None:
    name = "a-pbx-with-a-very-long-name"
    line = Line("primary", (Stop(name, 0, False),), None, False, "", None)
    drawn = ways_html.drawn("anna", (line,)).html
    assert f"<title>{name}</title>" in drawn
    assert ">a-pbx-with-a-very-l…<" in drawn
