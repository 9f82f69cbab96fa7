"""The redundancy rules, one by one, in the words of docs/rules.md."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest

from registration_phone import BROWSER, LAUNCHER, MASTER, OTHER, SLAVE, STANDBY, Phase, Phone, plan
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Abandon, Register, Unregister
from softphone_agent.registration.changes import FailedOver, OutageBegan, OutageEnded
from softphone_agent.registration.events import (
    Delayed,
    Event,
    PingAnswered,
    PingFailed,
    Reconfigured,
    Registered,
    StopRequested,
    TimePassed,
    TransportClosed,
)
from softphone_agent.registration.machine import IllegalTransition
from softphone_agent.registration.plan import Registrar
from softphone_agent.registration.policy import Reason, Role, refresh_at

PRIMARY_ALONE = plan(sec=None)


# Launcher, rule 1: alternate, starting with the primary; follow redirects, bounded


@pytest.mark.proves("S1", "L1")
def test_the_primary_pbx_is_asked_first() -> None:
    assert Phone(LAUNCHER).begins().asked == [MASTER]


@pytest.mark.proves("S2", "S4", "L1", "L2")
def test_the_secondary_pbx_is_asked_at_once_when_the_primary_fails() -> None:
    phone = Phone(LAUNCHER).begins().unanswered()
    assert phone.asked == [MASTER, STANDBY]
    assert phone.now == 0


@pytest.mark.proves("S4", "L1")
def test_after_a_round_it_starts_again_with_the_primary() -> None:
    phone = Phone(LAUNCHER).begins().unanswered().unanswered()
    assert phone.state.phase is Phase.WAITING
    phone.until_wakeup().unanswered()
    assert phone.asked == [MASTER, STANDBY, MASTER, STANDBY]


@pytest.mark.proves("S5", "L1a")
def test_redirects_are_followed_until_a_pbx_keeps_the_registration() -> None:
    phone = Phone(LAUNCHER).begins().redirected(OTHER).redirected(SLAVE).accepted()
    assert phone.asked == [MASTER, OTHER, SLAVE]
    assert phone.at == SLAVE
    assert phone.state.binding is not None
    assert [(hop.source, hop.target, hop.code) for hop in phone.state.binding.hops] == [
        (MASTER, OTHER, 302),
        (OTHER, SLAVE, 302),
    ]


@pytest.mark.proves("L1c")
def test_a_pbx_seen_before_in_the_attempt_ends_it() -> None:
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).redirected(MASTER)
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.REDIRECT_LOOP
    assert phone.asked == [MASTER, SLAVE, STANDBY]


@pytest.mark.proves("L1c")
def test_a_redirect_to_itself_is_a_loop() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected(MASTER)
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.REDIRECT_LOOP


@pytest.mark.proves("L1b")
def test_the_ninth_redirect_is_not_followed() -> None:
    phone = Phone(PRIMARY_ALONE).begins()
    for hop in range(9):
        phone.redirected(Registrar(f"sip:hop{hop}:5060;transport=udp"))
    assert len(phone.asked) == 9
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.TOO_MANY_REDIRECTS


def test_a_redirect_without_a_usable_contact_fails_the_attempt() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected()
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.BAD_REDIRECT


def test_the_best_contact_that_may_be_followed_is_taken() -> None:
    phone = Phone(plan(known_pbxes_only=True)).begins().redirected(OTHER, SLAVE)
    assert phone.asked == [MASTER, SLAVE]


def test_the_next_contact_of_a_redirect_is_asked_where_the_best_one_cannot_serve() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected(OTHER, SLAVE).unanswered()
    assert phone.asked == [MASTER, OTHER, SLAVE]
    phone.accepted()
    assert phone.state.binding is not None
    assert [(hop.source, hop.target) for hop in phone.state.binding.hops] == [(MASTER, SLAVE)]
    assert phone.state.binding.role is Role.STANDBY, "the best Contact was its home, and is dead"


def test_the_next_contact_is_not_asked_where_the_best_one_rejects() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected(OTHER, SLAVE).rejected(403)
    assert phone.asked == [MASTER, OTHER]


def test_a_contact_that_is_known_to_be_dead_is_passed_over() -> None:
    phone = Phone(PRIMARY_ALONE).happens(PingFailed(OTHER, 0.0)).begins().redirected(OTHER, SLAVE)
    assert phone.asked == [MASTER, SLAVE]


def test_a_contact_that_was_passed_over_is_not_asked_again_in_the_attempt() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected(OTHER, SLAVE).rejected(503).redirected(OTHER)
    assert phone.asked == [MASTER, OTHER, SLAVE]
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.REDIRECT_LOOP


@pytest.mark.proves("L1b")
def test_contacts_passed_over_count_as_redirects() -> None:
    dead = [Registrar(f"sip:dead{number}:5060;transport=udp") for number in range(20)]
    phone = Phone(PRIMARY_ALONE).begins().redirected(*dead)
    while phone.state.phase is Phase.TRYING:
        phone.unanswered()
    assert len(phone.asked) == 1 + 8


# Rule 2: back-off with full jitter, Retry-After


@pytest.mark.parametrize(("failed_rounds", "bound"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)])
@pytest.mark.proves("L2a")
def test_the_wait_after_a_round_doubles_from_1_s_to_60_s_with_full_jitter(failed_rounds: int, bound: float) -> None:
    phone = Phone(PRIMARY_ALONE, jitter=0.5).begins()
    for _ in range(failed_rounds - 1):
        phone.unanswered().until_wakeup()
    before = phone.now
    phone.unanswered()
    assert machine.next_wakeup(phone.state) == before + bound * 0.5


def test_without_jitter_it_asks_again_at_once_but_only_when_woken() -> None:
    phone = Phone(PRIMARY_ALONE, jitter=0.0).begins().unanswered()
    assert phone.state.phase is Phase.WAITING
    assert phone.asked == [MASTER]


@pytest.mark.proves("L2b")
def test_retry_after_keeps_a_pbx_from_being_asked() -> None:
    phone = Phone(LAUNCHER).begins().rejected(503, retry_after=100).unanswered()
    phone.until_wakeup()
    assert phone.asked == [MASTER, STANDBY, STANDBY]


@pytest.mark.proves("L2b")
def test_retry_after_of_every_pbx_is_waited_for() -> None:
    phone = Phone(LAUNCHER).begins().rejected(503, retry_after=100).rejected(503, retry_after=40)
    assert machine.next_wakeup(phone.state) == 40
    phone.until_wakeup()
    assert phone.asked == [MASTER, STANDBY, STANDBY]


def test_retry_after_counts_for_the_target_of_a_redirect_too() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected(SLAVE).rejected(503, retry_after=30)
    phone.until_wakeup().redirected(SLAVE)
    assert phone.asked == [MASTER, SLAVE, MASTER]
    assert phone.state.phase is Phase.WAITING


def test_an_absurd_retry_after_is_cut_to_an_hour() -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(503, retry_after=10**9)
    assert machine.next_wakeup(phone.state) == 3600


@pytest.mark.proves("L2a")
def test_a_pbx_that_accepts_the_phone_and_closes_the_connection_is_backed_off_from_like_one_that_refuses() -> None:
    phone = Phone(PRIMARY_ALONE, jitter=0.5).begins().accepted().happens(TransportClosed(MASTER))
    assert phone.asked == [MASTER, MASTER], "once may be chance: the first time it is asked again at once"
    for wait in (0.5, 1.0, 2.0, 4.0, 8.0):
        before = phone.now
        phone.accepted().happens(TransportClosed(MASTER))
        assert (phone.state.phase, machine.next_wakeup(phone.state)) == (Phase.WAITING, before + wait)
        phone.until_wakeup()


@pytest.mark.proves("L2a")
def test_the_secondary_is_tried_where_the_primary_keeps_no_binding() -> None:
    phone = Phone(LAUNCHER).begins()
    for _ in range(2):
        phone.accepted().happens(TransportClosed(MASTER))
    assert phone.asked == [MASTER, MASTER, STANDBY]
    phone.accepted().happens(TransportClosed(STANDBY))
    assert phone.state.phase is Phase.WAITING, "both failed: a failed round"
    phone.until_wakeup()
    assert phone.asked[3:] == [MASTER]


@pytest.mark.proves("L2a")
def test_whatever_ends_brief_bindings_the_wait_has_its_jitter() -> None:
    phone = Phone(PRIMARY_ALONE, jitter=0.25).begins().accepted().happens(PingFailed(MASTER, 0.0))
    assert phone.asked == [MASTER, MASTER], "there is no other"
    phone.accepted().happens(PingFailed(MASTER, 0.0))
    assert (phone.state.phase, machine.next_wakeup(phone.state)) == (Phase.WAITING, 0.25)
    phone = Phone(PRIMARY_ALONE, jitter=0.25).begins().accepted(4).until_wakeup().unanswered()
    assert (phone.state.phase, machine.next_wakeup(phone.state)) == (Phase.WAITING, phone.now + 0.25)


@pytest.mark.parametrize(("lasts", "asked_again"), [(9.9, False), (10.0, True)])
def test_a_binding_that_lasted_ten_seconds_was_good(lasts: float, asked_again: bool) -> None:
    phone = Phone(PRIMARY_ALONE).begins().accepted().happens(TransportClosed(MASTER)).accepted()
    phone.now += lasts
    phone.happens(TransportClosed(MASTER))
    assert (phone.asking is MASTER) == asked_again
    if asked_again:
        phone.accepted().happens(TransportClosed(MASTER))
        assert phone.asking is MASTER, "what was before is forgotten"


def test_a_binding_that_lasted_and_moved_home_ends_the_row_of_brief_ones() -> None:
    """Two PBXes that die one after the other, soon after the phone came home, are not one that does not serve."""
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).accepted().happens(PingFailed(SLAVE, 0.0)).accepted()
    assert (phone.at, phone.state.flapping) == (MASTER, 1)
    phone.happens(PingAnswered(SLAVE)).until_wakeup().redirected(SLAVE).accepted()
    assert (phone.at, phone.state.flapping) == (SLAVE, 0), "it was at the master for half of its expiry"
    phone.happens(PingFailed(SLAVE, phone.now)).accepted()
    assert phone.at == MASTER
    phone.happens(PingFailed(MASTER, phone.now))
    assert phone.asking == STANDBY, "without a wait"


def test_a_brief_binding_is_brief_also_where_it_was_refreshed() -> None:
    phone = Phone(LAUNCHER, jitter=0.5).begins().accepted(4).happens(TransportClosed(MASTER))
    phone.rejected(503).rejected(503)
    for _ in range(3):
        assert phone.asking is STANDBY
        phone.accepted(4).until_wakeup().accepted(4).happens(TransportClosed(STANDBY))
        assert phone.state.phase is Phase.WAITING, "the secondary was the last of its round"
        phone.until_wakeup().rejected(503)
    assert phone.state.failed_rounds == 3


# Rule 3: refresh; a redirected refresh is followed


@pytest.mark.proves("L3")
def test_it_refreshes_at_its_own_fraction_of_the_granted_expiry() -> None:
    phone = Phone(plan(refresh_fraction=0.6)).begins().accepted(expires=50)
    assert machine.next_wakeup(phone.state) == 30
    phone.until_wakeup()
    assert phone.last_action == Register(phone.state.serial, MASTER, refresh=True)


@pytest.mark.proves("L3")
@pytest.mark.parametrize(
    ("fraction", "expires", "now", "expected"),
    [
        (0.7, 120, 0.3, 84.0),
        (0.7, 120, 0.9, 84.0),
        (0.505, 120, 0.9, 61.0),
        (0.5, 120, 0.9, 60.9),
        (0.7, 50, 0.4, 35.0),
        (0.7, 50, 0.6, 35.5),
        (0.4, 50, 0.6, 20.6),
    ],
    ids=["full second", "the same", "short of half", "half", "full half second", "next", "less than half is asked for"],
)
def test_refreshes_of_phones_fall_together(fraction: float, expires: int, now: float, expected: float) -> None:
    """So that one wake-up serves many: on full seconds, or hundredths of a shorter expiry, and never too late."""
    assert refresh_at(plan(refresh_fraction=fraction), expires, now) == pytest.approx(expected)


@pytest.mark.proves("L3a", "L3b")
def test_the_old_binding_counts_until_the_new_one_is_made() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(SLAVE)
    assert phone.at == MASTER
    phone.accepted()
    assert phone.at == SLAVE
    assert phone.changes == [FailedOver(MASTER, SLAVE, "Redirected")]


@pytest.mark.proves("L3b", "S6")
def test_a_redirected_refresh_to_a_dead_home_keeps_the_standbys_binding() -> None:
    phone = Phone(LAUNCHER).begins().accepted(expires=100).until_wakeup().redirected(SLAVE).unanswered()
    assert phone.at == MASTER
    assert phone.state.phase is Phase.WAITING
    phone.until_wakeup()
    assert phone.asked == [MASTER, MASTER, SLAVE, MASTER]
    assert phone.accepted().at == MASTER


def test_the_standbys_binding_ends_with_its_expiry() -> None:
    phone = Phone(plan(answer_seconds=300)).begins().accepted(expires=100).until_wakeup().redirected(SLAVE)
    phone.now = 100
    phone.happens(TimePassed())
    assert phone.at is None
    assert phone.asking == SLAVE
    assert phone.changes == [OutageBegan()]


def test_while_waiting_a_binding_that_expires_makes_it_alternate_at_once() -> None:
    phone = Phone(plan(backoff_initial=60.0)).begins().accepted(expires=100)
    phone.until_wakeup().redirected(SLAVE).unanswered()
    phone.until_wakeup()
    assert phone.now == 100
    assert phone.at is None
    assert phone.asking == MASTER


# Rule 4: lost: the current PBX first, then alternate from the primary; a dead PBX costs no second time-out


@pytest.mark.proves("L4", "L4a")
def test_when_the_connection_closes_the_current_pbx_is_tried_first() -> None:
    phone = Phone(LAUNCHER).at_home().happens(TransportClosed(SLAVE))
    assert phone.asked[2:] == [SLAVE]
    phone.unanswered()
    assert phone.asked[2:] == [SLAVE, MASTER]
    phone.unanswered()
    assert phone.asked[2:] == [SLAVE, MASTER, STANDBY]


def test_back_at_the_current_pbx_nothing_has_failed_over() -> None:
    phone = Phone(LAUNCHER).at_home().happens(TransportClosed(SLAVE))
    phone.now = 0.25
    phone.accepted()
    assert phone.changes == [OutageBegan(), OutageEnded(0.25)]
    assert phone.state.binding is not None
    assert phone.state.binding.role is Role.HOME


@pytest.mark.proves("L4", "L4a")
def test_a_refresh_answered_500_tries_the_current_pbx_once_more() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().rejected(500)
    assert phone.asked[2:] == [SLAVE, SLAVE]


@pytest.mark.proves("L4", "L4b")
def test_a_refresh_without_answer_goes_on_without_a_second_time_out() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().unanswered()
    assert phone.asked[2:] == [SLAVE, MASTER]


@pytest.mark.proves("L4", "L4b")
def test_a_failed_ping_at_the_current_pbx_goes_on_without_a_second_time_out() -> None:
    phone = Phone(LAUNCHER).at_home().happens(PingFailed(SLAVE, since=0.0))
    assert phone.asked[2:] == [MASTER]
    assert phone.changes == [OutageBegan()]


def test_an_outage_counts_from_the_first_ping_that_was_not_answered() -> None:
    phone = Phone(LAUNCHER).at_home()
    phone.now = 12.0
    phone.happens(PingFailed(SLAVE, since=10.0)).accepted()
    assert phone.changes == [OutageBegan(), OutageEnded(2.0), FailedOver(SLAVE, MASTER, "PingFailed")]


def test_an_outage_counts_from_the_refresh_that_was_not_answered() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup()
    phone.now += 4
    phone.unanswered().accepted()
    assert OutageEnded(4.0) in phone.changes


@pytest.mark.proves("L4b")
def test_a_redirect_to_a_pbx_known_to_be_dead_costs_no_time_out() -> None:
    phone = Phone(LAUNCHER).at_home().happens(PingFailed(SLAVE, since=0.0)).redirected(SLAVE)
    assert phone.asked[2:] == [MASTER, STANDBY]
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.KNOWN_DEAD


@pytest.mark.proves("L4b")
def test_a_dead_primary_is_passed_over() -> None:
    phone = Phone(LAUNCHER).at_home().happens(PingFailed(MASTER, since=0.0)).happens(PingFailed(SLAVE, since=0.0))
    assert phone.asked[2:] == [STANDBY]


def test_a_dead_pbx_is_asked_all_the_same_when_there_is_no_other() -> None:
    phone = Phone(PRIMARY_ALONE).begins().accepted().happens(PingFailed(MASTER, since=0.0))
    assert phone.asked == [MASTER, MASTER]


def test_pings_are_not_believed_for_ever() -> None:
    """A PBX may drop OPTIONS and still take REGISTER."""
    phone = Phone(LAUNCHER).at_home().happens(PingFailed(MASTER, since=0.0)).happens(PingFailed(SLAVE, since=0.0))
    for _ in range(3):
        phone.unanswered().until_wakeup()
    assert phone.asked[2:] == [STANDBY, STANDBY, STANDBY, MASTER]


def test_a_silent_server_of_a_name_that_has_others_costs_the_binding_but_the_pbx_is_asked_again_first() -> None:
    phone = Phone(LAUNCHER).at_home().happens(PingFailed(SLAVE, since=0.0, elsewhere=True))
    assert phone.asked[2:] == [SLAVE]
    assert phone.changes == [OutageBegan()]
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.PING_FAILED
    assert phone.state.dead == frozenset()
    phone.accepted()
    assert phone.changes == [OutageBegan(), OutageEnded(0.0)]


def test_a_silent_server_of_a_name_that_has_others_does_not_make_the_pbx_dead_while_a_phone_leaves() -> None:
    phone = Phone(LAUNCHER).at_home().happens(StopRequested())
    assert phone.happens(PingFailed(SLAVE, since=0.0, elsewhere=True)).state.dead == frozenset()
    assert phone.happens(PingFailed(SLAVE, since=0.0)).state.dead == {SLAVE}


def test_a_register_in_flight_to_a_pbx_that_dies_is_given_up() -> None:
    phone = Phone(LAUNCHER).begins().happens(PingFailed(MASTER, since=0.0))
    assert phone.asked == [MASTER, STANDBY]


def test_when_the_standby_dies_while_the_phone_goes_home_it_goes_on_home() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(SLAVE).happens(PingFailed(MASTER, since=0.0))
    assert phone.asking == SLAVE
    assert phone.at is None
    assert phone.accepted().at == SLAVE


def test_a_waiting_phone_does_not_sleep_through_the_return_of_its_pbx() -> None:
    phone = Phone(plan(sec=None, backoff_initial=50.0), jitter=0.01).begins().happens(PingFailed(MASTER, since=0.0))
    phone.jitter = 0.0
    phone.happens(PingAnswered(MASTER))
    assert machine.next_wakeup(phone.state) == phone.now


def _after_many_rounds() -> Phone:
    """Both entry PBXes are dead, and the phone asks all the same: it may be that they only drop pings."""
    phone = Phone(LAUNCHER, jitter=0.5).begins()
    phone.happens(PingFailed(MASTER, since=0.0)).happens(PingFailed(STANDBY, since=0.0))
    while phone.state.failed_rounds < 6 or phone.asking != STANDBY:
        phone.until_wakeup() if phone.state.phase is Phase.WAITING else phone.unanswered()
    return phone


def test_a_pbx_that_returns_while_the_phone_asks_is_asked_again_soon() -> None:
    phone = _after_many_rounds().happens(PingAnswered(STANDBY))
    assert phone.asking == STANDBY
    phone.unanswered()
    assert machine.next_wakeup(phone.state) == phone.now + 0.5, "not the 32 s of the seventh round"
    phone.until_wakeup().unanswered().accepted()
    assert phone.at == STANDBY


def test_it_returns_only_once_for_each_time_that_it_was_dead() -> None:
    phone = _after_many_rounds().happens(PingAnswered(STANDBY)).unanswered()
    phone.until_wakeup().unanswered().happens(PingAnswered(STANDBY)).unanswered()
    assert machine.next_wakeup(phone.state) == phone.now + 30, "the back-off goes on"


def test_a_return_counts_no_more_once_the_phone_is_registered() -> None:
    phone = _after_many_rounds().happens(PingAnswered(STANDBY))
    assert phone.state.round.back
    assert not phone.accepted().state.round.back


# Rule 5: rejected


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 407, 420, 486, 600, 603])
@pytest.mark.proves("L5")
def test_a_rejection_is_an_outcome_of_its_own(code: int) -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(code)
    assert phone.state.failure is not None
    assert (phone.state.failure.reason, phone.state.failure.code) == (Reason.REJECTED, code)
    assert phone.state.rejected


@pytest.mark.parametrize("code", [408, 480, 500, 501, 503, 504])
def test_a_pbx_that_cannot_serve_now_is_no_rejection(code: int) -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(code)
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.UNAVAILABLE
    assert not phone.state.rejected


@pytest.mark.proves("L5")
def test_a_phone_that_is_rejected_everywhere_never_hammers() -> None:
    phone = Phone(LAUNCHER, jitter=0.0).begins()
    while phone.now < 600:
        phone.rejected(403) if phone.state.attempt else phone.until_wakeup()
    assert len(phone.asked) <= 50


def test_a_rejected_refresh_does_not_ask_the_same_pbx_again_at_once() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().rejected(403)
    assert phone.asked[2:] == [SLAVE, MASTER]


# Rule 6: no secondary


@pytest.mark.proves("L6")
def test_without_a_secondary_the_primary_alone_is_tried() -> None:
    phone = Phone(PRIMARY_ALONE).begins().unanswered().until_wakeup().unanswered().until_wakeup()
    assert phone.asked == [MASTER, MASTER, MASTER]


# Browser mode


@pytest.mark.proves("S7", "B1")
def test_in_the_browser_the_current_pbx_alone_is_asked() -> None:
    phone = Phone(BROWSER).begins().unanswered().until_wakeup()
    assert phone.asked == [SLAVE, SLAVE]


@pytest.mark.proves("B2")
def test_in_the_browser_a_redirect_is_an_outcome() -> None:
    phone = Phone(BROWSER).begins().redirected(MASTER)
    assert phone.asked == [SLAVE]
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.UNEXPECTED_REDIRECT


@pytest.mark.proves("B3")
def test_in_the_browser_a_change_of_cur_moves_the_phone() -> None:
    phone = Phone(BROWSER).begins().accepted().happens(Reconfigured(plan(BROWSER, cur=MASTER)))
    assert phone.last_action == Unregister(phone.state.serial, SLAVE)
    phone.unregistered().until_wakeup()
    assert phone.asking == MASTER
    assert phone.accepted().at == MASTER


# Redirect safety


@pytest.mark.proves("X1")
def test_no_redirect_leads_from_tls_to_a_transport_without_it() -> None:
    secure = Registrar("sips:master:5061", secure=True)
    phone = Phone(plan(pri=secure, sec=None)).begins().redirected(SLAVE)
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.REDIRECT_REFUSED
    words = f"to {SLAVE.uri}, refused: from TLS no redirect leads to a transport without it"
    assert phone.state.failure.message == words


@pytest.mark.proves("X2")
def test_known_pbxes_only_refuses_a_foreign_target() -> None:
    phone = Phone(plan(known_pbxes_only=True, sec=None)).begins().redirected(OTHER)
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.REDIRECT_REFUSED
    rule = "redirectPolicy KnownPBXes: it is no PBX of the system of the phone's primary PBX"
    assert phone.state.failure.message == f"to {OTHER.uri}, refused: {rule}"


def test_the_words_for_a_refused_redirect_fit_a_status_however_long_the_target_is() -> None:
    phone = Phone(plan(known_pbxes_only=True, sec=None)).begins().redirected(Registrar(f"sip:{'x' * 500}"))
    assert phone.state.failure is not None
    assert len(phone.state.failure.message) <= 256


# Role


def role_of(phone: Phone) -> Role:
    assert phone.state.binding is not None
    return phone.state.binding.role


@pytest.mark.proves("R1")
def test_at_the_end_of_a_redirect_a_phone_is_at_home() -> None:
    assert role_of(Phone(LAUNCHER).at_home()) is Role.HOME


@pytest.mark.proves("R3")
def test_a_phone_kept_by_its_entry_pbx_is_unknown_while_its_home_is() -> None:
    assert role_of(Phone(LAUNCHER).begins().accepted()) is Role.UNKNOWN


@pytest.mark.proves("S6", "R2")
def test_a_phone_kept_by_its_entry_pbx_is_on_standby_when_its_home_was_learned() -> None:
    assert role_of(Phone(LAUNCHER).at_home().happens(PingFailed(SLAVE, since=0.0)).accepted()) is Role.STANDBY


def test_a_redirect_that_failed_has_still_shown_the_home() -> None:
    assert role_of(Phone(LAUNCHER).begins().redirected(SLAVE).unanswered().accepted()) is Role.STANDBY


def test_a_standby_that_points_to_the_keeping_master_does_not_make_the_master_the_home() -> None:
    phone = Phone(LAUNCHER).at_home().happens(PingFailed(SLAVE, since=0.0)).rejected(500).redirected(MASTER)
    assert phone.asked[-2:] == [STANDBY, MASTER]
    assert role_of(phone.accepted()) is Role.STANDBY


def test_the_last_pbx_of_a_chain_is_the_home_even_if_it_is_an_entry_pbx() -> None:
    phone = Phone(plan(pri=STANDBY, sec=SLAVE)).begins().redirected(MASTER).redirected(SLAVE).accepted()
    assert role_of(phone) is Role.HOME


@pytest.mark.proves("S6", "R2")
def test_whoever_keeps_a_phone_whose_home_is_dead_is_a_standby_also_by_redirect() -> None:
    phone = Phone(plan(pri=STANDBY, sec=SLAVE)).begins().redirected(MASTER).redirected(SLAVE).accepted()
    phone.happens(PingFailed(SLAVE, since=0.0)).redirected(MASTER).accepted()
    assert role_of(phone) is Role.STANDBY
    phone.until_wakeup().accepted()
    assert role_of(phone) is Role.STANDBY
    phone.happens(PingAnswered(SLAVE)).until_wakeup().redirected(SLAVE).accepted()
    assert role_of(phone) is Role.HOME


def test_a_home_that_points_elsewhere_is_the_home_no_more() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().redirected(STANDBY).accepted()
    assert role_of(phone) is Role.HOME


SLAVES_STANDBY = Registrar("sip:standby-slave:5060;transport=udp", known=True)


@pytest.mark.proves("R2")
@pytest.mark.parametrize("noticed", [True, False], ids=["its death is known", "its death is not known"])
def test_a_slaves_standby_is_no_home_though_the_master_points_to_it(noticed: bool) -> None:
    phone = Phone(LAUNCHER).at_home()
    phone.happens(PingFailed(SLAVE, since=0.0) if noticed else TransportClosed(SLAVE))
    if not noticed:
        phone.rejected(503)
    assert role_of(phone.redirected(SLAVES_STANDBY).accepted()) is Role.STANDBY
    assert role_of(phone.until_wakeup().accepted()) is Role.STANDBY
    assert role_of(phone.happens(PingAnswered(SLAVE)).until_wakeup().redirected(SLAVE).accepted()) is Role.HOME


@pytest.mark.proves("R3")
def test_the_end_of_a_redirect_is_unknown_while_another_pbx_of_the_system_is_silent() -> None:
    phone = Phone(LAUNCHER).happens(PingFailed(SLAVE, since=0.0)).begins().redirected(SLAVES_STANDBY).accepted()
    assert role_of(phone) is Role.UNKNOWN
    assert role_of(phone.until_wakeup().accepted()) is Role.UNKNOWN
    phone.happens(PingAnswered(SLAVE)).until_wakeup().accepted()
    assert role_of(phone) is Role.HOME, "nobody is left for whom it may stand in"
    assert phone.state.home == SLAVES_STANDBY


@pytest.mark.proves("R1")
@pytest.mark.parametrize("silent", [OTHER, STANDBY, SLAVE], ids=["of another system", "an entry PBX", "itself, before"])
def test_others_that_are_silent_leave_the_end_of_a_redirect_the_home(silent: Registrar) -> None:
    phone = Phone(LAUNCHER).happens(PingFailed(silent, since=0.0)).begins()
    assert role_of(phone.happens(PingAnswered(SLAVE)).redirected(SLAVE).accepted()) is Role.HOME


def test_an_entry_pbx_that_keeps_a_phone_of_unknown_home_is_no_home_for_an_earlier_redirect() -> None:
    phone = Phone(LAUNCHER).happens(PingFailed(SLAVE, since=0.0)).begins().redirected(SLAVES_STANDBY).accepted()
    phone.happens(PingAnswered(SLAVE)).happens(TransportClosed(SLAVES_STANDBY)).rejected(403).accepted()
    assert (phone.at, role_of(phone)) == (MASTER, Role.UNKNOWN)


def test_a_dead_pbx_to_which_a_redirect_leads_is_the_home_all_the_same() -> None:
    phone = Phone(LAUNCHER).happens(PingFailed(SLAVE, since=0.0)).begins().redirected(SLAVE).accepted()
    assert (phone.at, role_of(phone)) == (STANDBY, Role.STANDBY)


def test_a_home_that_is_no_more_configured_is_no_more_known() -> None:
    phone = Phone(plan(home=MASTER)).begins().accepted()
    assert role_of(phone.happens(Reconfigured(LAUNCHER)).until_wakeup().accepted()) is Role.UNKNOWN


def test_a_home_that_is_taken_for_one_by_mistake_points_to_the_right_one() -> None:
    """The phone's first registration, while nobody knows that its home is dead."""
    phone = Phone(LAUNCHER).begins().redirected(SLAVES_STANDBY).accepted()
    assert role_of(phone) is Role.HOME, "that is all that is known: spec.home would tell"
    phone.until_wakeup().redirected(SLAVE).accepted()
    assert (role_of(phone), phone.state.home) == (Role.HOME, SLAVE)
    phone.happens(TransportClosed(SLAVE)).unanswered().redirected(SLAVES_STANDBY).accepted()
    assert role_of(phone) is Role.STANDBY


@pytest.mark.parametrize(("home", "expected"), [(MASTER, Role.HOME), (SLAVE, Role.STANDBY)])
@pytest.mark.proves("R1", "R2")
def test_a_home_that_is_configured_is_known(home: Registrar, expected: Role) -> None:
    assert role_of(Phone(plan(home=home)).begins().accepted()) is expected


# 488: a REGISTER that overlaps another one of the phone (innovaphone)


def test_a_register_that_overlaps_another_one_is_a_temporary_failure() -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(488)
    assert phone.state.failure is not None
    assert (phone.state.failure.reason, phone.state.rejected) == (Reason.UNAVAILABLE, False)
    assert machine.next_wakeup(phone.state) == 0.5, "the usual back-off, which begins with a second"


def test_a_refresh_that_overlaps_another_register_leaves_the_binding() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().rejected(488)
    assert (phone.at, phone.state.phase, phone.changes) == (SLAVE, Phase.WAITING, [])
    phone.until_wakeup()
    assert phone.asking == SLAVE
    assert phone.accepted().changes == []


def test_refreshes_that_always_overlap_let_the_binding_end() -> None:
    phone = Phone(LAUNCHER).at_home()
    while phone.changes == []:
        assert phone.at == SLAVE
        phone.until_wakeup()
        if phone.changes == [] and phone.state.phase is Phase.REFRESHING:
            phone.rejected(488)
    assert phone.changes == [OutageBegan()]
    assert phone.now == 100.0


# Live change


def test_a_new_secondary_is_nothing_to_act_on_while_the_primary_serves() -> None:
    phone = Phone(LAUNCHER).at_home()
    before = list(phone.actions)
    phone.happens(Reconfigured(plan(sec=OTHER)))
    assert phone.actions == before
    assert phone.state.phase is Phase.REGISTERED


def test_a_new_primary_moves_the_phone() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(pri=OTHER)))
    assert phone.last_action == Unregister(phone.state.serial, SLAVE)
    phone.unregistered().until_wakeup()
    assert phone.asking == OTHER


def test_a_new_secondary_moves_a_phone_that_came_by_the_old_one() -> None:
    phone = Phone(LAUNCHER).begins().unanswered().accepted().happens(Reconfigured(plan(sec=OTHER)))
    assert phone.last_action == Unregister(phone.state.serial, STANDBY)
    phone.unregistered().until_wakeup()
    assert phone.asking == MASTER


def test_a_new_password_or_location_registers_anew() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(register_digest="other")))
    assert phone.last_action == Unregister(phone.state.serial, SLAVE)
    phone.unregistered().until_wakeup().redirected(SLAVE).accepted()
    assert phone.at == SLAVE
    assert phone.state.phase is Phase.REGISTERED


def test_a_change_that_somebody_made_is_no_outage() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(register_digest="other"))).unregistered().until_wakeup()
    phone.redirected(SLAVE).accepted()
    assert phone.changes == []


def test_another_aor_leaves_the_old_binding_first() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(aor="sip:bob@pbx.test")))
    assert phone.last_action == Unregister(phone.state.serial, SLAVE)
    phone.unregistered().until_wakeup()
    assert phone.asking == MASTER
    assert phone.state.home is None


def test_a_change_while_waiting_is_tried_at_once() -> None:
    phone = Phone(LAUNCHER).begins().rejected().rejected().happens(Reconfigured(plan(register_digest="new password")))
    assert machine.next_wakeup(phone.state) == phone.now


def test_a_change_that_shapes_no_register_does_not_end_the_wait() -> None:
    phone = Phone(LAUNCHER).begins().rejected().rejected()
    wakeup = machine.next_wakeup(phone.state)
    phone.happens(Reconfigured(plan(refresh_fraction=0.8)))
    assert machine.next_wakeup(phone.state) == wakeup


def test_a_change_while_an_answer_is_awaited_counts_when_it_is_there() -> None:
    phone = Phone(LAUNCHER).begins().happens(Reconfigured(plan(register_digest="new")))
    assert phone.asked == [MASTER]
    phone.accepted().unregistered().until_wakeup()
    assert phone.asked == [MASTER, MASTER]


def test_a_primary_changed_while_waiting_with_a_binding_is_tried_at_once() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(SLAVE).unanswered()
    phone.happens(Reconfigured(plan(pri=OTHER))).until_wakeup()
    assert phone.last_action == Unregister(phone.state.serial, MASTER)
    phone.unregistered().until_wakeup()
    assert phone.asking == OTHER


# Credentials: others are shown to the PBX over the binding, and a phone that has none asks nobody

CHANGED = plan(credentials="changed")
FAULT = "credentials.passwordFile: /etc/password: is empty"


@pytest.mark.proves("E13")
def test_other_credentials_register_over_the_binding() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(CHANGED))
    assert phone.last_action == Register(phone.state.serial, SLAVE, refresh=True)
    assert phone.at == SLAVE
    phone.accepted()
    assert (phone.at, phone.state.phase, phone.changes) == (SLAVE, Phase.REGISTERED, [])
    assert not [action for action in phone.actions if isinstance(action, Unregister)]


@pytest.mark.proves("E13")
@pytest.mark.parametrize("code", [401, 403, 404, 407])
def test_where_they_are_refused_the_binding_counts_until_it_ends(code: int) -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(CHANGED)).rejected(code)
    assert (phone.at, phone.state.phase, phone.changes) == (SLAVE, Phase.WAITING, [])
    assert phone.state.failure is not None
    assert (phone.state.failure.reason, phone.state.failure.code) == (Reason.REJECTED, code)
    while phone.now < 100:
        assert phone.at == SLAVE
        phone.until_wakeup()
        if phone.now < 100:
            assert phone.asking == SLAVE
            phone.rejected(code)
    assert phone.asked.count(SLAVE) <= 6, "with the back-off of a rejection, not as fast as the PBX answers"
    assert phone.changes == [OutageBegan()]
    assert phone.asking == MASTER


@pytest.mark.proves("E13")
def test_credentials_that_the_pbx_learns_later_are_taken_without_an_outage() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(CHANGED)).rejected(403).until_wakeup().accepted()
    assert (phone.at, phone.state.phase, phone.changes) == (SLAVE, Phase.REGISTERED, [])


def test_credentials_corrected_while_the_refused_ones_wait_are_shown_at_once() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(CHANGED)).rejected(403)
    phone.happens(Reconfigured(plan(credentials="corrected")))
    assert machine.next_wakeup(phone.state) == phone.now
    phone.until_wakeup().accepted()
    assert phone.state.phase is Phase.REGISTERED


def test_credentials_changed_while_a_refresh_is_in_flight_are_shown_after_it() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().happens(Reconfigured(CHANGED))
    asked = len(phone.asked)
    phone.accepted()
    assert phone.asked[asked:] == [SLAVE]
    assert phone.accepted().state.phase is Phase.REGISTERED
    assert len(phone.asked) == asked + 1


def test_a_refresh_refused_with_the_credentials_of_the_binding_is_a_loss() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().happens(Reconfigured(CHANGED)).rejected(403)
    assert phone.changes == [OutageBegan()]
    assert phone.asking == MASTER, "the others are asked with the present ones"


def test_a_pbx_that_does_not_answer_the_other_credentials_is_lost_like_any() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(CHANGED)).unanswered()
    assert phone.changes == [OutageBegan()]


@pytest.mark.proves("E14")
def test_a_phone_without_usable_credentials_asks_nobody_and_says_why() -> None:
    phone = Phone(plan(fault=FAULT, waits=True))
    assert phone.state.phase is Phase.STOPPED
    assert machine.next_wakeup(phone.state) is None
    assert phone.state.failure == machine.Failure(Reason.NO_CREDENTIALS, MASTER, 0.0, message=FAULT)
    assert phone.happens(Reconfigured(LAUNCHER)).until_wakeup().asked == [MASTER]


@pytest.mark.proves("E14")
def test_a_phone_that_keeps_its_credentials_goes_on_and_says_why() -> None:
    phone = Phone(LAUNCHER).at_home()
    actions, phone.now = list(phone.actions), 5.0
    phone.happens(Reconfigured(plan(fault=FAULT)))
    assert (phone.actions, phone.at, phone.state.phase) == (actions, SLAVE, Phase.REGISTERED)
    assert phone.state.failure == machine.Failure(Reason.NO_CREDENTIALS, MASTER, 5.0, message=FAULT)
    phone.now = 6.0
    phone.happens(Reconfigured(plan(fault=FAULT, home=SLAVE)))
    assert phone.state.failure.at == 5.0, "it was reported"
    phone.happens(Reconfigured(LAUNCHER))
    assert phone.state.failure.at == 5.0, "the last thing that went wrong"


def test_a_phone_in_its_back_off_asks_no_more_without_credentials() -> None:
    phone = Phone(LAUNCHER).begins().rejected(401).rejected(401)
    phone.happens(Reconfigured(plan(fault=FAULT, waits=True)))
    assert phone.state.phase is Phase.STOPPED
    assert machine.next_wakeup(phone.state) is None


@pytest.mark.parametrize("rest", ["at rest", "on the way there"])
def test_a_fault_of_the_credentials_is_told_also_of_a_phone_that_is_to_rest(rest: str) -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(suspend=True)))
    if rest == "at rest":
        phone.unregistered()
    phone.now = 7.0
    phone.happens(Reconfigured(plan(suspend=True, fault=FAULT)))
    assert phone.state.failure == machine.Failure(Reason.NO_CREDENTIALS, MASTER, 7.0, message=FAULT)


def test_credentials_changed_on_the_way_are_those_of_the_next_register() -> None:
    phone = Phone(LAUNCHER).begins().happens(Reconfigured(CHANGED)).redirected(SLAVE).accepted()
    assert phone.asked == [MASTER, SLAVE]
    assert phone.state.phase is Phase.REGISTERED


def test_a_phone_that_names_no_pbx_has_nowhere_to_tell_of() -> None:
    assert Phone(plan(pri=None, sec=None, fault=FAULT, waits=True)).state.failure is None


# Suspend and stop


def test_a_suspended_phone_asks_nobody() -> None:
    phone = Phone(plan(suspend=True))
    assert phone.state.phase is Phase.STOPPED
    assert machine.next_wakeup(phone.state) is None


def test_suspend_unregisters_and_its_end_begins_anew() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(suspend=True)))
    assert phone.last_action == Unregister(phone.state.serial, SLAVE)
    phone.unregistered()
    assert phone.state.phase is Phase.STOPPED
    phone.happens(Reconfigured(LAUNCHER)).until_wakeup()
    assert phone.asking == MASTER


def test_suspend_taken_back_while_leaving_begins_anew() -> None:
    phone = Phone(LAUNCHER).at_home().happens(Reconfigured(plan(suspend=True))).happens(Reconfigured(LAUNCHER))
    assert phone.unregistered().state.phase is Phase.IDLE


def test_stop_removes_the_binding() -> None:
    phone = Phone(LAUNCHER).at_home().happens(StopRequested())
    assert phone.last_action == Unregister(phone.state.serial, SLAVE)
    assert phone.unregistered().state.phase is Phase.STOPPED


def test_a_stopped_phone_does_not_begin_again() -> None:
    phone = (
        Phone(LAUNCHER)
        .at_home()
        .happens(StopRequested())
        .unregistered()
        .happens(Reconfigured(plan(register_digest="new")))
    )
    assert phone.state.phase is Phase.STOPPED


def test_stop_awaits_the_answer_in_flight_and_removes_what_it_made() -> None:
    phone = Phone(LAUNCHER).begins().happens(StopRequested())
    assert phone.state.phase is Phase.STOPPING
    phone.accepted()
    assert phone.last_action == Unregister(phone.state.serial, MASTER)


def test_stop_while_a_redirect_is_followed_removes_the_old_binding() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(SLAVE).happens(StopRequested()).unanswered()
    assert phone.last_action == Unregister(phone.state.serial, MASTER)


@pytest.mark.parametrize("answer", ["rejected", "unanswered", "redirected"])
def test_stop_with_nothing_registered_ends_with_the_answer(answer: str) -> None:
    phone = Phone(LAUNCHER).begins().happens(StopRequested())
    getattr(phone, answer)()
    assert phone.state.phase is Phase.STOPPED


def test_stop_ends_though_nobody_answers() -> None:
    phone = Phone(LAUNCHER).begins().happens(StopRequested()).until_wakeup()
    assert phone.state.phase is Phase.STOPPED
    assert phone.last_action == Abandon()


def test_stop_ends_though_the_unregister_is_not_answered() -> None:
    phone = Phone(LAUNCHER).at_home().happens(StopRequested()).until_wakeup()
    assert phone.state.phase is Phase.STOPPED


def test_stop_overdue_while_refreshing_still_removes_the_binding() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().happens(StopRequested()).until_wakeup()
    assert phone.last_action == Unregister(phone.state.serial, MASTER)


# Herd control


def test_a_register_that_waits_for_its_turn_has_its_deadline_moved() -> None:
    phone = Phone(LAUNCHER).begins().happens(Delayed(1, 30.0))
    assert machine.next_wakeup(phone.state) == LAUNCHER.answer_seconds + 30
    phone.happens(StopRequested()).happens(Delayed(1, 5.0))
    assert machine.next_wakeup(phone.state) == LAUNCHER.answer_seconds + 35


# Answers that nobody waits for


def test_a_late_answer_is_no_event() -> None:
    phone = Phone(LAUNCHER).begins()
    late = phone.state.serial
    phone.unanswered()
    before = phone.state
    assert phone.happens(Registered(late, 100)).state == before


def test_the_safety_net_counts_as_no_answer() -> None:
    phone = Phone(LAUNCHER).begins().until_wakeup()
    assert phone.now == LAUNCHER.answer_seconds
    assert phone.asked == [MASTER, STANDBY]


@pytest.mark.proves("M1")
def test_an_event_that_cannot_happen_is_illegal_and_changes_nothing() -> None:
    phone = Phone(LAUNCHER).at_home()
    before = phone.state
    with pytest.raises(IllegalTransition, match="Unreachable while Registered"):
        phone.unanswered()
    assert phone.state == before


@pytest.mark.proves("M1")
def test_a_handler_that_leads_out_of_the_table_is_a_fault_and_changes_nothing() -> None:
    def astray(state: machine.State, event: Event, now: float, jitter: float) -> machine.Step:
        return replace(state, phase=Phase.IDLE), ()

    phone = Phone(LAUNCHER).at_home()
    before, row = phone.state, (Phase.REGISTERED, TimePassed)
    astray_row = machine.Transition(astray, machine.TRANSITIONS[row].targets)
    with (
        mock.patch.dict(machine.TRANSITIONS, {row: astray_row}),
        pytest.raises(IllegalTransition, match=r"^TimePassed led from Registered to Idle$"),
    ):
        phone.happens(TimePassed())
    assert phone.state == before


def test_an_unregister_that_waits_for_its_turn_has_so_much_more_time() -> None:
    phone = Phone(LAUNCHER).at_home().happens(StopRequested())
    before = machine.next_wakeup(phone.state)
    assert before is not None
    phone.happens(Delayed(phone.state.serial, 20.0))
    assert machine.next_wakeup(phone.state) == before + 20.0
    assert phone.unregistered().state.phase is Phase.STOPPED
