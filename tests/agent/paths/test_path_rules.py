"""The rules of path checks (docs/rules.md, Path checks), one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softphone_agent.contract.report import PathResult
from softphone_agent.paths import events, machine
from softphone_agent.paths.actions import Ask, Drop
from softphone_agent.paths.moments import REFUSED_SECONDS, SELDOM_SECONDS, SHORTEST_VALIDITY
from softphone_agent.paths.plan import Holding
from softphone_agent.paths.states import Phase, State, Step
from softphone_agent.paths.verdicts import NOT_SUPPORTED, end_of_way
from softphone_agent.registration.plan import Registrar
from walking_phone import (
    BROWSER,
    INTERVAL,
    LAUNCHER,
    MASTER,
    OTHER,
    SLAVE,
    STANDBY,
    Entry,
    WalkingPhone,
    check_plan,
)

TLS = Registrar("sip:master:5061;transport=tls", secure=True, known=True)

# When a way is checked


def test_a_phone_that_is_not_registered_checks_nothing() -> None:
    phone = WalkingPhone()
    assert machine.next_wakeup(phone.state) is None
    phone.happens(events.TimePassed()).happens(events.Refreshing()).happens(events.Lost()).happens(
        events.Doubted(MASTER)
    )
    assert (phone.state.phase, phone.actions) == (Phase.RESTING, [])


def test_both_ways_are_checked_soon_after_the_phone_has_registered_the_primary_one_first() -> None:
    phone = WalkingPhone().held()
    assert machine.next_wakeup(phone.state) == 105.0, "half of ten seconds: the phone's own moment"
    phone.until_wakeup().found(lists=True).until_wakeup().found()
    assert phone.asked == [MASTER, STANDBY]
    assert phone.now == 105.0


def test_each_way_is_checked_again_at_the_phones_own_moment_of_each_interval_on_a_full_second() -> None:
    phone = WalkingPhone(check_plan(fraction=0.501), now=100.3).walks()
    phone.now += 0.2
    phone.found(lists=True).until_wakeup().found()
    assert machine.next_wakeup(phone.state) == 451.0, (
        "50.1 % of the second interval, since the first one has just begun"
    )
    phone.until_wakeup()
    assert phone.asked == [MASTER, STANDBY, MASTER]
    phone.now += 0.2
    phone.found(lists=True).until_wakeup().found()
    assert machine.next_wakeup(phone.state) == 751.0


def test_with_a_short_interval_the_first_check_falls_into_it() -> None:
    phone = WalkingPhone(check_plan(interval=2.0)).held()
    assert machine.next_wakeup(phone.state) == 101.0


def test_a_wake_up_that_is_too_early_asks_nobody() -> None:
    phone = WalkingPhone().held().happens(events.TimePassed())
    assert (phone.state.phase, phone.asked) == (Phase.WAITING, [])


def test_a_phone_without_a_secondary_has_one_way_and_a_browser_phone_its_own() -> None:
    assert [way.entry for way in machine.begin(check_plan(sec=None)).ways] == [Entry.PRI]
    assert [way.entry for way in machine.begin(check_plan(BROWSER)).ways] == [Entry.CUR]


# What is found


@pytest.mark.parametrize(
    ("end", "lists", "holding", "expected"),
    [
        (MASTER, True, Holding(MASTER), "Holds"),
        (MASTER, False, Holding(MASTER), "WouldKeep"),
        (STANDBY, False, Holding(MASTER), "WouldKeep"),
        (STANDBY, True, Holding(MASTER), "WouldKeep"),
        (STANDBY, False, Holding(MASTER, home=MASTER), "OtherHome"),
        (STANDBY, True, Holding(MASTER, home=MASTER), "OtherHome"),
        (STANDBY, False, Holding(MASTER, home=MASTER, home_is_dead=True), "WouldKeep"),
        (MASTER, True, Holding(MASTER, home=MASTER), "Holds"),
        (STANDBY, True, Holding(STANDBY, home=SLAVE), "Holds"),
        (STANDBY, True, Holding(STANDBY, home=SLAVE, home_is_dead=True), "Holds"),
        (SLAVE, False, Holding(STANDBY, home=SLAVE), "WouldKeep"),
        (MASTER, False, Holding(STANDBY, home=SLAVE, home_is_dead=True), "WouldKeep"),
    ],
    ids=[
        "the PBX that holds the phone lists it",
        "the PBX that holds the phone has forgotten it",
        "two independent PBXes",
        "a PBX with an old binding, or a database that both share",
        "a standby that does not send the phone home",
        "the same, with an old binding",
        "the home is silent: a standby keeps the phone with good reason",
        "at home",
        "at the standby, which keeps it",
        "at the standby, while its home is silent",
        "at the standby, and the home is back",
        "at the standby, and another PBX stands in, too",
    ],
)
def test_what_an_end_is_worth(end: Registrar, lists: bool, holding: Holding, expected: PathResult) -> None:
    assert end_of_way(end, holding, lists=lists)[0] == expected


def test_redirects_are_followed_to_the_end_and_told() -> None:
    phone = WalkingPhone().walks(SLAVE).redirected(SLAVE).found(lists=True)
    way = phone.way(Entry.PRI)
    assert (way.result, way.end, way.code) == ("Holds", SLAVE, 200)
    assert [(hop.source, hop.target, hop.code) for hop in way.hops] == [(MASTER, SLAVE, 302)]
    assert phone.asked == [MASTER, SLAVE]


@pytest.mark.parametrize(
    ("happens", "result", "end", "code"),
    [
        (lambda phone: phone.silent(), "Unreachable", STANDBY, 0),
        (lambda phone: phone.refused(403), "Refused", STANDBY, 403),
        (lambda phone: phone.refused(404), "Refused", STANDBY, 404),
        (lambda phone: phone.refused(401), "Refused", STANDBY, 401),
        (lambda phone: phone.refused(503), "Refused", STANDBY, 503),
        (lambda phone: phone.refused(603), "Refused", STANDBY, 603),
        (lambda phone: phone.redirected(), "Refused", STANDBY, 302),
        (lambda phone: phone.redirected(STANDBY), "Loop", STANDBY, 302),
        (lambda phone: phone.redirected(OTHER).redirected(STANDBY), "Loop", OTHER, 302),
        (lambda phone: phone.redirected(OTHER).silent(), "Unreachable", OTHER, 0),
        (lambda phone: phone.refused(400), "CheckNotSupported", STANDBY, 400),
        (lambda phone: phone.refused(405), "CheckNotSupported", STANDBY, 405),
        (lambda phone: phone.redirected(MASTER).refused(403), "CheckNotSupported", MASTER, 403),
        (lambda phone: phone.redirected(MASTER).refused(503), "Refused", MASTER, 503),
        (lambda phone: phone.redirected(MASTER).silent(), "CheckNotSupported", MASTER, 0),
    ],
)
def test_what_may_become_of_a_second_way(happens: Any, result: PathResult, end: Registrar, code: int) -> None:
    phone = WalkingPhone().second_way()
    happens(phone)
    way = phone.way(Entry.SEC)
    assert (way.result, way.end, way.code, way.since) == (result, end, code, phone.now)
    assert phone.way(Entry.PRI).result == "Holds", "the other way is as it was"
    assert phone.state.phase is Phase.WAITING


def test_more_redirects_than_the_phone_follows_are_too_many() -> None:
    phone = WalkingPhone(check_plan(max_redirects=1)).walks(SLAVE).redirected(SLAVE).redirected(OTHER)
    assert (phone.way(Entry.PRI).result, phone.asked) == ("TooManyRedirects", [MASTER, SLAVE])


def test_a_redirect_to_what_the_policy_forbids_is_not_followed() -> None:
    phone = WalkingPhone(check_plan(known_pbxes_only=True)).walks().redirected(OTHER)
    way = phone.way(Entry.PRI)
    assert (way.result, phone.asked) == ("Forbidden", [MASTER])
    assert (
        way.message
        == f"to {OTHER.uri}, refused: redirectPolicy KnownPBXes: it is no PBX of the system of the phone's primary PBX"
    )


def test_a_redirect_from_tls_to_udp_is_not_followed() -> None:
    phone = WalkingPhone(check_plan(pri=TLS)).walks(TLS).redirected(SLAVE)
    assert (phone.way(Entry.PRI).result, phone.asked) == ("Forbidden", [TLS])


def test_a_phone_in_browser_mode_follows_no_redirect() -> None:
    phone = WalkingPhone(check_plan(BROWSER)).walks(SLAVE).redirected(MASTER)
    assert (phone.way(Entry.CUR).result, phone.asked) == ("Forbidden", [SLAVE])


@pytest.mark.parametrize("fails", [lambda phone: phone.silent(), lambda phone: phone.refused(503)])
def test_where_a_redirects_target_cannot_serve_its_next_contact_is_asked(fails: Any) -> None:
    phone = WalkingPhone().walks().redirected(OTHER, SLAVE)
    fails(phone)
    phone.found()
    way = phone.way(Entry.PRI)
    assert (way.result, way.end, phone.asked) == ("WouldKeep", SLAVE, [MASTER, OTHER, SLAVE])
    assert [hop.target for hop in way.hops] == [SLAVE]


@pytest.mark.parametrize(
    ("fails", "result"), [(lambda phone: phone.silent(), "Unreachable"), (lambda phone: phone.refused(503), "Refused")]
)
def test_each_further_contact_counts_as_a_redirect(fails: Any, result: PathResult) -> None:
    phone = WalkingPhone(check_plan(max_redirects=1)).walks().redirected(OTHER, SLAVE)
    fails(phone)
    assert (phone.way(Entry.PRI).result, phone.asked) == (result, [MASTER, OTHER])


def test_a_rejection_is_final_whatever_other_contacts_there_were() -> None:
    phone = WalkingPhone().walks().redirected(OTHER, SLAVE).refused(403)
    assert (phone.way(Entry.PRI).result, phone.way(Entry.PRI).end) == ("Refused", OTHER)


def test_the_pbx_that_holds_the_phone_is_unreachable_where_no_new_connection_to_it_comes_about() -> None:
    """The one that is there goes on; one that is made after it was lost would not."""
    phone = WalkingPhone().walks()
    phone.happens(events.Silent(phone.state.serial, "certificate", was_sent=False))
    assert (phone.way(Entry.PRI).result, phone.way(Entry.PRI).message) == ("Unreachable", "certificate")


# When it is asked again


@pytest.mark.parametrize("code", sorted(NOT_SUPPORTED))
def test_a_pbx_that_has_no_use_for_such_a_request_is_asked_seldom(code: int) -> None:
    phone = WalkingPhone().second_way().refused(code)
    assert phone.way(Entry.SEC).due == phone.now + SELDOM_SECONDS


def test_a_pbx_of_which_that_is_known_is_not_asked() -> None:
    phone = WalkingPhone().second_way()
    phone.happens(events.NotSupported(phone.state.serial, "it answers 400"))
    way = phone.way(Entry.SEC)
    assert (way.result, way.message, way.due) == ("CheckNotSupported", "it answers 400", phone.now + SELDOM_SECONDS)


def test_who_refuses_is_not_asked_often_however_short_the_interval() -> None:
    phone = WalkingPhone(check_plan(interval=1.0)).second_way().refused(403)
    assert phone.way(Entry.SEC).due == phone.now + REFUSED_SECONDS


def test_retry_after_is_respected() -> None:
    phone = WalkingPhone().second_way().refused(503, retry_after=1000.0)
    assert phone.way(Entry.SEC).due == phone.now + 1000.0
    assert phone.way(Entry.PRI).due == 450.0
    phone = WalkingPhone().second_way().refused(503, retry_after=10.0**6)
    assert phone.way(Entry.SEC).due == phone.now + 3600.0, "but for an hour at most"


def test_a_pbx_that_asked_the_registration_for_time_is_not_asked_before() -> None:
    phone = WalkingPhone().second_way(not_before=((OTHER, 5000.0),)).redirected(OTHER)
    assert (phone.asked[-1], phone.way(Entry.SEC).result, phone.way(Entry.SEC).due) == (STANDBY, "Unchecked", 5000.0)


def test_an_overlap_with_the_phones_own_register_says_nothing() -> None:
    phone = WalkingPhone().second_way().refused(488)
    assert (phone.way(Entry.SEC).result, phone.way(Entry.SEC).due) == ("Unchecked", phone.now + 1.0)
    phone.until_wakeup().refused(488).until_wakeup().found()
    assert phone.way(Entry.SEC).result == "WouldKeep"


def test_a_pbx_that_says_so_each_time_has_no_use_for_the_request() -> None:
    phone = WalkingPhone().second_way()
    for _ in range(2):
        phone.refused(488).until_wakeup()
    phone.refused(488)
    assert (phone.way(Entry.SEC).result, phone.way(Entry.SEC).due) == ("CheckNotSupported", phone.now + SELDOM_SECONDS)


def test_what_cannot_be_paid_waits_and_begins_anew() -> None:
    phone = WalkingPhone().second_way().redirected(OTHER)
    phone.happens(events.Postponed(phone.state.serial))
    assert (phone.way(Entry.SEC).result, phone.way(Entry.SEC).due) == ("Unchecked", phone.now + 1.0)
    phone.until_wakeup()
    assert phone.asked[-1] == STANDBY


def test_no_answer_at_all_ends_at_the_safety_net() -> None:
    phone = WalkingPhone().second_way().happens(events.TimePassed())
    assert phone.state.phase is Phase.CHECKING
    phone.until_wakeup()
    assert phone.way(Entry.SEC).result == "Unreachable"
    assert phone.actions[-1] == Drop()


def test_an_answer_that_comes_late_says_nothing() -> None:
    phone = WalkingPhone().second_way()
    late = events.Found(phone.state.serial, False)
    phone.redirected(OTHER).happens(late)
    assert (phone.state.phase, phone.way(Entry.SEC).result) == (Phase.CHECKING, "Unchecked")


# Since when


def test_the_same_result_again_keeps_its_time_and_another_one_has_a_new_one() -> None:
    phone = WalkingPhone().second_way().silent()
    first = phone.now
    phone.until_wakeup().found(lists=True).until_wakeup().silent()
    assert phone.now > first
    assert phone.way(Entry.SEC).since == first
    phone.until_wakeup().found(lists=True).until_wakeup().refused(403)
    assert phone.way(Entry.SEC).since == phone.now


def test_a_result_counts_for_two_intervals() -> None:
    phone = WalkingPhone().second_way().found().happens(events.Lost())
    assert phone.way(Entry.SEC).result == "WouldKeep"
    phone.until_wakeup()
    assert [way.result for way in phone.state.ways] == ["Unchecked", "Unchecked"]
    assert phone.now == 105.0 + 2 * INTERVAL
    assert (phone.way(Entry.SEC).since, phone.way(Entry.SEC).end) == (None, None)
    assert machine.next_wakeup(phone.state) is None


def test_with_a_short_interval_it_counts_for_a_minute_all_the_same() -> None:
    phone = WalkingPhone(check_plan(interval=1.0)).second_way().found().happens(events.Lost())
    assert machine.next_wakeup(phone.state) == phone.now + SHORTEST_VALIDITY


# The phone's own registration goes before


def test_a_check_is_dropped_when_the_phone_loses_its_registration() -> None:
    phone = WalkingPhone().second_way()
    late = phone.state.serial
    phone.happens(events.Lost())
    assert (phone.state.phase, phone.actions[-1], phone.way(Entry.SEC).result) == (Phase.RESTING, Drop(), "Unchecked")
    phone.happens(events.Found(late, True))
    assert phone.way(Entry.SEC).result == "Unchecked"


def test_a_phone_that_has_registered_again_checks_its_ways_anew() -> None:
    phone = WalkingPhone().second_way().found().happens(events.Lost()).held()
    assert [way.due for way in phone.state.ways] == [110.0, 110.0]


def test_a_refresh_drops_the_request_to_the_pbx_that_is_refreshed_and_no_other() -> None:
    phone = WalkingPhone().walks().happens(events.Refreshing())
    assert (phone.state.phase, phone.actions[-1]) == (Phase.PAUSED, Drop())
    assert machine.next_wakeup(phone.state) is None
    phone.happens(events.TimePassed()).happens(events.Refreshing()).held().until_wakeup()
    assert phone.asked == [MASTER, MASTER]
    phone = WalkingPhone().second_way().happens(events.Refreshing()).found()
    assert (phone.way(Entry.SEC).result, phone.state.phase) == ("WouldKeep", Phase.PAUSED)


def test_a_redirect_to_the_pbx_that_is_refreshed_is_not_followed_meanwhile() -> None:
    phone = WalkingPhone().second_way().happens(events.Refreshing()).redirected(MASTER)
    assert (phone.state.phase, phone.asked) == (Phase.PAUSED, [MASTER, STANDBY])
    phone.held().until_wakeup().redirected(MASTER).found(lists=True)
    assert phone.way(Entry.SEC).result == "Holds"


def test_a_refresh_that_ends_at_the_same_pbx_goes_on_with_the_check() -> None:
    phone = WalkingPhone().second_way().happens(events.Refreshing()).held().found()
    assert (phone.way(Entry.SEC).result, phone.state.phase) == ("WouldKeep", Phase.WAITING)


@pytest.mark.parametrize("found", [True, False])
def test_a_binding_that_has_moved_makes_all_ways_worth_a_check(found: bool) -> None:
    phone = WalkingPhone().second_way()
    if found:
        phone.found()
    phone.held(SLAVE)
    assert [way.due for way in phone.state.ways] == [110.0, 110.0]
    assert phone.state.phase is Phase.WAITING


# What became known meanwhile


@pytest.mark.parametrize(("at", "due"), [(STANDBY, 110.0), (SLAVE, 110.0), (OTHER, 450.0)])
def test_a_pbx_that_falls_silent_or_is_back_has_the_ways_over_it_checked_soon(at: Registrar, due: float) -> None:
    phone = WalkingPhone().second_way().redirected(SLAVE).found()
    phone.happens(events.Doubted(at))
    assert (phone.way(Entry.PRI).due, phone.way(Entry.SEC).due) == (450.0, due)
    phone.happens(events.Refreshing()).happens(events.Doubted(at))
    assert phone.way(Entry.SEC).due == due


def test_nothing_hurries_for_a_pbx_that_does_not_support_it() -> None:
    phone = WalkingPhone().second_way().refused(400).happens(events.Doubted(STANDBY))
    assert phone.way(Entry.SEC).due == phone.now + SELDOM_SECONDS


def test_a_doubt_during_a_check_lets_it_go_on() -> None:
    phone = WalkingPhone().second_way().happens(events.Doubted(STANDBY)).found()
    assert phone.way(Entry.SEC).result == "WouldKeep"


# Another plan


def test_another_secondary_is_another_way_of_which_nothing_is_known() -> None:
    phone = WalkingPhone().second_way().silent()
    phone.happens(events.Reconfigured(check_plan(sec=SLAVE)))
    assert (phone.way(Entry.PRI).result, phone.way(Entry.SEC).result) == ("Holds", "Unchecked")
    assert [way.due for way in phone.state.ways] == [110.0, 110.0]


def test_another_password_has_the_ways_checked_and_keeps_what_is_known() -> None:
    phone = WalkingPhone().second_way().refused(403)
    phone.happens(events.Reconfigured(check_plan(credentials="new")))
    assert (phone.way(Entry.SEC).result, phone.way(Entry.SEC).due) == ("Refused", 110.0)


def test_a_check_under_way_does_not_go_on_with_another_plan() -> None:
    phone = WalkingPhone().second_way()
    phone.happens(events.Reconfigured(check_plan(sec=None)))
    assert (phone.actions[-1], phone.state.phase, len(phone.state.ways)) == (Drop(), Phase.WAITING, 1)


def test_a_phone_that_rests_takes_another_plan_and_waits_for_its_binding() -> None:
    phone = WalkingPhone().happens(events.Reconfigured(check_plan(sec=None)))
    assert (phone.state.phase, machine.next_wakeup(phone.state)) == (Phase.RESTING, None)


# The table


def test_what_the_table_does_not_have_is_a_fault_in_the_code() -> None:
    phone = WalkingPhone().held()
    with pytest.raises(machine.IllegalTransition, match="Found while Waiting"):
        phone.happens(events.Found(phone.state.serial, True))


def test_a_handler_that_leads_elsewhere_is_a_fault_in_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(state: State, event: object, now: float) -> Step:
        return replace(state, phase=Phase.PAUSED), ()

    row = machine.Transition(lost, frozenset({Phase.RESTING}))
    where: tuple[Phase, type[object]] = (Phase.RESTING, events.Lost)
    monkeypatch.setitem(machine.TRANSITIONS, where, row)
    with pytest.raises(machine.IllegalTransition, match="Lost led from Resting to Paused"):
        WalkingPhone().happens(events.Lost())


def test_each_request_has_a_serial_of_its_own() -> None:
    phone = WalkingPhone().second_way().redirected(OTHER).redirected(SLAVE).found()
    serials = [action.serial for action in phone.actions if isinstance(action, Ask)]
    assert serials == sorted(set(serials))
    assert LAUNCHER.sec == STANDBY
