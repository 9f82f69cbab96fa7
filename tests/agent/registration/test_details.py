"""What a step leaves behind, to the last field: failures and losses as people see them, clean slates, late events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from registration_phone import BROWSER, LAUNCHER, MASTER, OTHER, SLAVE, STANDBY, Entry, Phase, Phone, plan
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Abandon, Register, Unregister
from softphone_agent.registration.events import (
    BindingForgotten,
    Delayed,
    PingAnswered,
    PingFailed,
    Reconfigured,
    Registered,
    StopRequested,
    TimePassed,
    TransportClosed,
    Unreachable,
)
from softphone_agent.registration.plan import Plan
from softphone_agent.registration.policy import Reason, Role
from softphone_agent.registration.states import Failure, Loss

PRIMARY_ALONE = plan(sec=None)


def at_master() -> Phone:
    """Registered at the primary PBX since 0, now 30."""
    phone = Phone(LAUNCHER).begins().accepted()
    phone.now = 30.0
    return phone


def waiting(base: Phone | None = None) -> Phone:
    """Nobody answered; the back-off runs."""
    return (base or Phone(LAUNCHER)).begins().unanswered().unanswered()


def sent_there_in_vain(phone: Phone) -> Phone:
    """All entry PBXes redirect to the slave, which answers nothing."""
    while phone.asking is not None:
        phone.unanswered() if phone.asking is SLAVE else phone.redirected(SLAVE)
    return phone


# Losses


def test_a_failed_ping_is_noted_as_failure_and_as_loss() -> None:
    phone = at_master()
    binding = phone.state.binding
    assert binding is not None
    phone.happens(PingFailed(MASTER, 28.0))
    assert phone.state.failure == Failure(Reason.PING_FAILED, MASTER, 30.0)
    assert phone.state.loss == Loss(binding, Reason.PING_FAILED, 28.0)
    assert phone.asking == STANDBY
    assert phone.state.tried == {Entry.SEC}


def test_a_closed_connection_is_noted_as_failure_and_as_loss() -> None:
    phone = at_master()
    binding = phone.state.binding
    assert binding is not None
    phone.happens(TransportClosed(MASTER))
    assert phone.state.failure == Failure(Reason.TRANSPORT_CLOSED, MASTER, 30.0)
    assert phone.state.loss == Loss(binding, Reason.TRANSPORT_CLOSED, 30.0)
    assert phone.state.attempt is not None
    assert (phone.state.attempt.entry, phone.asking) == (Entry.CURRENT, MASTER)
    assert phone.state.phase is Phase.TRYING


def test_a_closed_connection_to_a_pbx_that_does_not_answer_another_phone_costs_no_request_there() -> None:
    phone = at_master()
    binding = phone.state.binding
    assert binding is not None
    phone.happens(TransportClosed(MASTER, since=29.5, refused=True))
    assert phone.state.failure == Failure(Reason.TRANSPORT_CLOSED, MASTER, 30.0)
    assert phone.state.loss == Loss(binding, Reason.TRANSPORT_CLOSED, 29.5)
    assert phone.asking == STANDBY
    phone.unanswered()
    assert phone.state.phase is Phase.WAITING, "the primary is not asked twice in a round"
    assert phone.until_wakeup().asking == MASTER, "nor taken for dead in the next one"


def test_a_phone_that_has_no_other_pbx_waits_where_that_one_does_not_answer_another_phone() -> None:
    phone = Phone(PRIMARY_ALONE).begins().accepted()
    phone.happens(TransportClosed(MASTER, refused=True))
    assert phone.state.phase is Phase.WAITING
    assert phone.until_wakeup().asking == MASTER


def test_a_connection_that_was_closed_before_the_binding_was_made_is_lost_with_it() -> None:
    phone = at_master().happens(TransportClosed(MASTER, since=-1.0))
    assert phone.state.loss is not None
    assert phone.state.loss.at == 0.0


def test_a_connection_to_another_pbx_may_close() -> None:
    phone = at_master()
    before = phone.state
    assert phone.happens(TransportClosed(STANDBY)).state == before


def test_a_connection_may_close_while_nothing_is_registered() -> None:
    phone = waiting()
    before = phone.state
    assert phone.happens(TransportClosed(MASTER)).state == before


def test_a_connection_that_closes_under_a_refresh_leaves_it_to_its_answer() -> None:
    phone = at_master().until_wakeup()
    before = phone.state
    assert phone.happens(TransportClosed(MASTER)).state == before


def test_a_connection_that_closes_while_the_phone_goes_home_is_a_loss_and_it_goes_on_home() -> None:
    phone = at_master().until_wakeup().redirected(SLAVE)
    asked = phone.asked
    phone.happens(TransportClosed(MASTER))
    assert (phone.state.phase, phone.at, phone.asking) == (Phase.TRYING, None, SLAVE)
    assert phone.asked == asked
    assert phone.state.tried == frozenset()


def test_the_current_pbx_is_not_asked_before_its_retry_after() -> None:
    phone = at_master().until_wakeup().rejected(503, retry_after=50)
    assert phone.asking == STANDBY
    later = at_master().until_wakeup().rejected(503, retry_after=0)
    assert later.asking == MASTER


def test_a_loss_begins_a_round_of_its_own() -> None:
    phone = Phone(PRIMARY_ALONE).begins()
    for _ in range(5):
        phone.unanswered().until_wakeup()
    phone.accepted()
    assert phone.state.failed_rounds == 0
    phone.happens(TransportClosed(MASTER)).unanswered()
    assert phone.state.failed_rounds == 1
    assert phone.state.tried == frozenset()


def test_a_register_in_flight_to_a_pbx_that_dies_fails_for_that_reason() -> None:
    phone = Phone(PRIMARY_ALONE).happens(PingAnswered(MASTER)).begins()
    phone.now = 1.0
    phone.happens(PingFailed(MASTER, 0.5))
    assert phone.state.failure == Failure(Reason.PING_FAILED, MASTER, 1.0)
    assert phone.state.phase is Phase.WAITING
    assert isinstance(phone.last_action, Abandon)


# The return of a PBX


def test_a_dead_pbx_that_answers_again_wakes_a_waiting_phone_within_its_jitter() -> None:
    phone = waiting(Phone(plan(backoff_initial=4.0, backoff_max=60.0), jitter=0.75))
    for at in (MASTER, STANDBY):
        phone.happens(PingFailed(at, 0.0))
    for _ in range(4):
        phone.until_wakeup()
        while phone.asking is not None:
            phone.unanswered()
    assert phone.state.phase is Phase.WAITING
    phone.happens(PingFailed(MASTER, phone.now))
    phone.happens(PingAnswered(MASTER))
    assert MASTER not in phone.state.dead
    assert STANDBY in phone.state.dead
    assert machine.next_wakeup(phone.state) == phone.now + 0.75 * 4.0


@pytest.mark.parametrize("named", [True, False], ids=["its home is named", "its home was learned"])
def test_the_home_that_answers_again_wakes_the_phones_whom_the_others_only_send_there(named: bool) -> None:
    """Its certificate had expired, say: the primary and the standby hear it, and redirect to it."""
    phone = Phone(plan(backoff_initial=4.0, backoff_max=60.0, home=SLAVE if named else None), jitter=0.75)
    phone.begins().redirected(SLAVE).accepted()
    phone.happens(PingFailed(SLAVE, 0.0))
    for _ in range(4):
        sent_there_in_vain(phone).until_wakeup()
    sent_there_in_vain(phone)
    assert phone.state.phase is Phase.WAITING
    phone.happens(PingAnswered(SLAVE))
    assert machine.next_wakeup(phone.state) == phone.now + 0.75 * 4.0


@pytest.mark.parametrize(
    "registrar", [OTHER, MASTER], ids=["neither an entry PBX nor its home", "not known to be dead"]
)
def test_other_answers_to_pings_wake_nobody(registrar: object) -> None:
    phone = waiting()
    wakeup = machine.next_wakeup(phone.state)
    if registrar is OTHER:
        phone.happens(PingFailed(OTHER, 0.0))
    phone.jitter = 0.0
    assert machine.next_wakeup(phone.happens(PingAnswered(registrar)).state) == wakeup  # type: ignore[arg-type]


def test_a_rejected_phone_is_not_woken_by_a_ping() -> None:
    phone = Phone(LAUNCHER).begins().unanswered().rejected(403).happens(PingFailed(MASTER, 0.0))
    wakeup = machine.next_wakeup(phone.state)
    phone.jitter = 0.0
    assert machine.next_wakeup(phone.happens(PingAnswered(MASTER)).state) == wakeup


def test_a_ping_does_not_overrule_retry_after() -> None:
    phone = Phone(LAUNCHER).begins().rejected(503, retry_after=100).unanswered().happens(PingFailed(MASTER, 0.0))
    wakeup = machine.next_wakeup(phone.state)
    phone.jitter = 0.0
    assert machine.next_wakeup(phone.happens(PingAnswered(MASTER)).state) == wakeup


# Waiting for a turn


def test_a_request_that_waits_for_its_turn_was_asked_when_it_was_sent() -> None:
    phone = Phone(LAUNCHER).begins()
    before = phone.state.attempt
    assert before is not None
    phone.happens(Delayed(phone.state.serial, 5.0))
    assert phone.state.attempt is not None
    assert phone.state.attempt.asked_at == before.asked_at + 5.0
    assert phone.state.attempt.deadline == before.deadline + 5.0


# Live change


def test_a_change_while_waiting_is_a_clean_slate() -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(403)
    phone.now = 1.0
    phone.happens(Reconfigured(plan(sec=None, register_digest="new")))
    assert (phone.state.wake_at, phone.state.failed_rounds, phone.state.rejected) == (1.0, 0, False)


def test_a_learned_home_stays_with_its_aor() -> None:
    phone = Phone(LAUNCHER).at_home()
    assert phone.happens(Reconfigured(plan(max_redirects=3))).state.home == SLAVE
    assert phone.happens(Reconfigured(plan(aor="sip:bob@pbx.test"))).state.home is None


# Stop


def test_a_second_stop_changes_nothing() -> None:
    phone = at_master().happens(StopRequested())
    before = phone.state
    assert phone.happens(StopRequested()).state == before
    assert phone.unregistered().state.phase is Phase.STOPPED
    assert phone.happens(StopRequested()).state.ended
    assert not [action for action in phone.actions if isinstance(action, Register)][1:]


def test_stop_waits_for_the_answer_in_flight_until_its_deadline() -> None:
    phone = Phone(LAUNCHER).begins()
    assert phone.state.attempt is not None
    deadline = phone.state.attempt.deadline
    phone.now = 2.0
    phone.happens(StopRequested())
    assert machine.next_wakeup(phone.state) == deadline
    before = phone.state
    assert phone.happens(TimePassed()).state == before, "not yet"


def test_stop_while_a_redirected_refresh_fails_leaves_the_binding_that_is() -> None:
    phone = at_master().until_wakeup().redirected(SLAVE).happens(StopRequested()).unanswered()
    assert phone.state.phase is Phase.UNREGISTERING
    assert isinstance(phone.last_action, Unregister)
    assert phone.last_action.registrar == MASTER
    refused = at_master().until_wakeup().happens(StopRequested()).rejected(403)
    assert refused.state.phase is Phase.STOPPED


# Time


def test_the_safety_net_waits_for_its_deadline_to_the_second() -> None:
    phone = Phone(PRIMARY_ALONE).begins()
    before = phone.state
    phone.now = 8.999
    assert phone.happens(TimePassed()).state == before
    phone.now = 9.0
    phone.happens(TimePassed())
    assert phone.state.failure == Failure(Reason.UNREACHABLE, MASTER, 9.0, 0, "no final answer")
    assert phone.state.phase is Phase.WAITING


def test_a_binding_that_ends_while_its_refresh_is_in_flight_is_lost_and_the_refresh_goes_on() -> None:
    phone = Phone(plan(answer_seconds=60.0)).begins().accepted(expires=20.0).until_wakeup()
    binding = phone.state.binding
    assert binding is not None
    phone.until_wakeup()
    assert phone.now == 20.0
    assert phone.state.loss == Loss(binding, Reason.EXPIRED, 20.0)
    assert (phone.state.phase, phone.at, phone.asking) == (Phase.TRYING, None, MASTER)
    phone.accepted()
    assert phone.at == MASTER


# What a binding keeps


def test_a_refreshed_binding_keeps_how_it_came_about_and_since_when() -> None:
    phone = Phone(LAUNCHER).at_home()
    before = phone.state.binding
    assert before is not None
    phone.until_wakeup().accepted(expires=50.0)
    after = phone.state.binding
    assert after is not None
    assert (after.hops, after.entry, after.start, after.role, after.since) == (
        before.hops,
        before.entry,
        before.start,
        before.role,
        before.since,
    )
    assert after.expires_at == phone.now + 50.0
    assert phone.state.tried == frozenset()
    assert phone.state.rejected is False


def test_a_binding_made_anew_at_the_same_pbx_begins_anew() -> None:
    phone = at_master().happens(TransportClosed(MASTER)).accepted()
    assert phone.state.binding is not None
    assert phone.state.binding.since == 30.0


def test_a_refresh_redirected_elsewhere_makes_a_binding_of_that_way() -> None:
    phone = at_master().until_wakeup().redirected(SLAVE).accepted()
    binding = phone.state.binding
    assert binding is not None
    assert [(hop.source, hop.target) for hop in binding.hops] == [(MASTER, SLAVE)]
    assert (binding.entry, binding.start, binding.since) == (Entry.PRI, MASTER, phone.now)


def test_after_a_fail_over_the_binding_is_that_of_the_secondary() -> None:
    phone = at_master().happens(PingFailed(MASTER, 28.0)).accepted()
    binding = phone.state.binding
    assert binding is not None
    assert (binding.entry, binding.start, binding.hops) == (Entry.SEC, STANDBY, ())


def test_a_standby_that_goes_on_keeping_the_phone_stays_its_standby() -> None:
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).unanswered().accepted()
    assert phone.state.binding is not None
    assert phone.state.binding.role is Role.STANDBY
    phone.until_wakeup().accepted()
    assert phone.state.binding.role is Role.STANDBY


def test_a_home_that_is_configured_meanwhile_is_seen_at_the_next_refresh() -> None:
    phone = at_master()
    before = phone.state.binding
    phone.happens(Reconfigured(plan(home=MASTER))).until_wakeup().accepted()
    after = phone.state.binding
    assert before is not None
    assert after is not None
    assert (before.role, after.role) == (Role.UNKNOWN, Role.HOME)


def test_retry_after_that_has_passed_is_forgotten_with_the_next_binding() -> None:
    phone = Phone(LAUNCHER).begins().rejected(503, retry_after=10)
    phone.now = 10.0
    phone.accepted()
    assert phone.state.health.not_before == ()


def test_a_phone_that_never_registers_keeps_one_retry_after_for_each_pbx() -> None:
    phone = Phone(LAUNCHER).begins()
    for _ in range(100):
        phone.rejected(503, retry_after=10).rejected(503, retry_after=10).until_wakeup()
    phone.rejected(503, retry_after=30)
    assert phone.state.health.not_before == ((MASTER, phone.now + 30),)


def test_retry_after_of_a_pbx_that_is_asked_no_more_is_forgotten() -> None:
    phone = Phone(PRIMARY_ALONE).begins().redirected(SLAVE).rejected(503, retry_after=10)
    phone.now = 10.0
    phone.happens(TimePassed()).redirected(OTHER).rejected(503, retry_after=5)
    assert phone.state.health.not_before == ((OTHER, 15.0),)


def test_retry_after_that_still_counts_is_kept_beside_that_of_another_pbx() -> None:
    phone = Phone(LAUNCHER).begins().rejected(503, retry_after=20).rejected(503, retry_after=10)
    assert phone.state.health.not_before == ((MASTER, 20.0), (STANDBY, 10.0))


# What a failure says


@pytest.mark.parametrize(
    ("of", "answer", "failure"),
    [
        (BROWSER, lambda p: p.redirected(OTHER, code=301), Failure(Reason.UNEXPECTED_REDIRECT, SLAVE, 0.0, 301)),
        (plan(max_redirects=0), lambda p: p.redirected(OTHER), Failure(Reason.TOO_MANY_REDIRECTS, MASTER, 0.0, 302)),
        (PRIMARY_ALONE, lambda p: p.redirected(code=305), Failure(Reason.BAD_REDIRECT, MASTER, 0.0, 305)),
        (PRIMARY_ALONE, lambda p: p.rejected(404), Failure(Reason.REJECTED, MASTER, 0.0, 404, "no")),
        (
            PRIMARY_ALONE,
            lambda p: p.happens(Unreachable(1, "refused")),
            Failure(Reason.UNREACHABLE, MASTER, 0.0, 0, "refused"),
        ),
    ],
    ids=["browser", "too many", "bad", "rejected", "refused"],
)
def test_a_failure_says_what_where_and_with_which_code(
    of: Plan, answer: Callable[[Phone], Phone], failure: Failure
) -> None:
    assert answer(Phone(of).begins()).state.failure == failure


def test_the_hop_that_was_followed_is_the_one_that_was_asked() -> None:
    phone = Phone(LAUNCHER).begins()
    phone.now = 3.0
    phone.redirected(SLAVE)
    attempt = phone.state.attempt
    assert attempt is not None
    assert [(hop.source, hop.target, hop.code) for hop in attempt.hops] == [(MASTER, SLAVE, 302)]
    assert (attempt.asked_at, attempt.deadline) == (3.0, 3.0 + LAUNCHER.answer_seconds)


def test_a_new_plan_counts_from_the_next_hop_on() -> None:
    phone = (
        Phone(LAUNCHER)
        .begins()
        .happens(Reconfigured(plan(register_digest="new", aor="sip:bob@pbx.test")))
        .redirected(SLAVE)
    )
    assert phone.state.attempt is not None
    assert (phone.state.attempt.register_digest, phone.state.attempt.aor) == ("new", "sip:bob@pbx.test")


def test_a_rejection_by_one_pbx_makes_the_whole_round_a_rejection() -> None:
    phone = Phone(LAUNCHER).begins().rejected(403).unanswered()
    assert phone.state.rejected
    assert phone.state.silent == {STANDBY}


def test_a_redirect_to_a_pbx_that_asked_for_time_says_so() -> None:
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).rejected(503, retry_after=100).accepted()
    phone.until_wakeup().redirected(SLAVE)
    assert phone.state.failure == Failure(Reason.UNAVAILABLE, SLAVE, phone.now)
    assert phone.asking is None


def test_a_pbx_may_be_asked_at_the_very_end_of_its_retry_after() -> None:
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).rejected(503, retry_after=70).accepted()
    phone.until_wakeup()
    assert phone.now == 70.0
    assert phone.redirected(SLAVE).asking == SLAVE


def test_a_refresh_redirected_to_a_dead_pbx_waits_with_its_jitter() -> None:
    phone = at_master().happens(PingFailed(SLAVE, 1.0)).until_wakeup().redirected(SLAVE)
    assert phone.state.failure == Failure(Reason.KNOWN_DEAD, SLAVE, phone.now)
    assert machine.next_wakeup(phone.state) == phone.now + 0.5


def test_a_binding_that_ends_while_it_waits_is_noted_and_a_round_begins() -> None:
    phone = Phone(plan(backoff_initial=60.0)).begins().accepted(expires=20.0).happens(PingFailed(SLAVE, 0.0))
    phone.until_wakeup().redirected(SLAVE)
    binding = phone.state.binding
    assert binding is not None
    assert phone.state.phase is Phase.WAITING
    phone.until_wakeup()
    assert phone.now == 20.0
    assert phone.state.failure == Failure(Reason.EXPIRED, MASTER, 20.0)
    assert phone.state.loss == Loss(binding, Reason.EXPIRED, 20.0)
    assert phone.state.failed_rounds == 0
    assert (phone.asking, phone.state.phase) == (MASTER, Phase.TRYING)


def test_a_wait_with_a_binding_ends_with_a_fresh_try_at_the_current_pbx() -> None:
    phone = at_master().happens(PingFailed(SLAVE, 1.0)).until_wakeup().redirected(SLAVE).until_wakeup()
    assert phone.state.attempt is not None
    assert (phone.state.attempt.entry, phone.asking) == (Entry.CURRENT, MASTER)
    assert (phone.state.tried, phone.state.silent, phone.state.rejected) == (frozenset(), frozenset(), False)


def test_after_a_wait_with_a_binding_a_redirect_leads_again_to_a_pbx_that_did_not_answer_before() -> None:
    phone = at_master().until_wakeup().redirected(SLAVE).unanswered()
    assert (phone.at, phone.state.phase) == (MASTER, Phase.WAITING)
    assert phone.until_wakeup().asking == MASTER
    assert phone.redirected(SLAVE).asking == SLAVE


# Rounds in which nobody may be asked


@pytest.mark.parametrize("lose", [TransportClosed(MASTER), PingFailed(MASTER, 25.0)], ids=["connection", "ping"])
def test_a_loss_with_nobody_left_to_ask_waits_with_its_jitter(lose: TransportClosed | PingFailed) -> None:
    phone = Phone(PRIMARY_ALONE).begins().accepted()
    phone.now = 30.0
    phone.happens(lose)
    while phone.asking is not None:
        phone.unanswered()
    assert machine.next_wakeup(phone.state) == phone.now + 0.5


def test_a_round_in_which_every_pbx_asked_for_time_is_over_at_once() -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(503, retry_after=100)
    phone.state = replace(phone.state, wake_at=5.0)
    phone.until_wakeup()
    assert (phone.state.phase, machine.next_wakeup(phone.state)) == (Phase.WAITING, 100.0)


def test_a_round_forgets_the_rejections_of_the_one_before() -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(403).until_wakeup()
    assert phone.state.rejected is False
    phone.unanswered()
    assert phone.state.rejected is False


@pytest.mark.parametrize(("jitter", "least"), [(0.0, 4.0), (0.5, 6.0), (0.999, 7.996)])
def test_after_a_rejection_the_wait_is_long_from_the_first(jitter: float, least: float) -> None:
    phone = Phone(PRIMARY_ALONE, jitter=jitter).begins().rejected(403)
    assert machine.next_wakeup(phone.state) == pytest.approx(least)


# At rest


def test_at_rest_the_phone_remembers_its_home_and_what_went_wrong() -> None:
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).unanswered().accepted()
    phone.happens(PingFailed(OTHER, 0.0))
    phone.happens(Reconfigured(plan(suspend=True))).unregistered()
    assert phone.state.phase is Phase.STOPPED
    assert phone.state.home == SLAVE
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.UNREACHABLE
    assert phone.state.dead == {OTHER}
    phone.happens(Reconfigured(LAUNCHER))
    assert (phone.state.phase, machine.next_wakeup(phone.state)) == (Phase.IDLE, phone.now)


def test_a_suspended_phone_that_is_stopped_stays_so() -> None:
    phone = Phone(plan(suspend=True)).happens(StopRequested())
    assert phone.state.ended
    assert phone.happens(Reconfigured(LAUNCHER)).state.phase is Phase.STOPPED


def test_a_phone_begins_when_it_is_told_to() -> None:
    assert machine.next_wakeup(machine.begin(LAUNCHER, 12.5)) == 12.5


def test_a_phone_that_begins_knows_which_pbxes_are_dead() -> None:
    phone = Phone(LAUNCHER)
    phone.state = machine.begin(LAUNCHER, 0.0, frozenset({MASTER}))
    assert phone.begins().asking == STANDBY
    assert machine.begin(LAUNCHER, 0.0).dead == frozenset()


def test_an_unregister_has_as_much_time_as_a_register() -> None:
    phone = at_master().happens(StopRequested())
    assert machine.next_wakeup(phone.state) == 30.0 + LAUNCHER.answer_seconds


def test_an_unregister_is_waited_for_until_its_deadline() -> None:
    phone = at_master().happens(StopRequested())
    before = phone.state
    phone.now = 30.0 + LAUNCHER.answer_seconds - 0.001
    assert phone.happens(TimePassed()).state == before, "not yet"
    phone.now = 30.0 + LAUNCHER.answer_seconds
    assert phone.happens(TimePassed()).state.phase is Phase.STOPPED
    assert isinstance(phone.last_action, Abandon)


def test_answers_to_what_was_given_up_are_none() -> None:
    phone = Phone(PRIMARY_ALONE).begins()
    serial = phone.state.serial
    phone.happens(PingAnswered(MASTER)).happens(PingFailed(MASTER, 0.0))
    assert phone.state.serial > serial
    before = phone.state
    assert phone.happens(Registered(serial, 60.0)).state == before


@pytest.mark.parametrize("stop", [StopRequested(), Reconfigured(plan(suspend=True))], ids=["stop", "suspend"])
def test_a_phone_that_has_not_begun_or_waits_stops_at_once(stop: StopRequested | Reconfigured) -> None:
    for phone in (Phone(LAUNCHER), waiting()):
        serial = phone.state.serial
        phone.happens(stop)
        assert (phone.state.phase, phone.state.serial) == (Phase.STOPPED, serial + 1)
        assert phone.asking is None


def test_a_stopped_refresh_that_no_pbx_answers_leaves_in_the_end() -> None:
    phone = at_master().until_wakeup().happens(StopRequested()).unanswered()
    assert phone.state.phase is Phase.STOPPED
    ended = at_master().happens(StopRequested()).until_wakeup()
    assert ended.state.phase is Phase.STOPPED
    assert machine.next_wakeup(ended.state) is None


def test_serials_count_up() -> None:
    phone = Phone(LAUNCHER).at_home().happens(StopRequested())
    serials = [action.serial for action in phone.actions if not isinstance(action, Abandon)]
    assert serials == sorted(set(serials))
    assert phone.unregistered().state.serial > serials[-1]


def test_a_contact_passed_over_counts_for_the_next_redirect_too() -> None:
    phone = Phone(plan(sec=None, max_redirects=2)).begins().redirected(OTHER, SLAVE).unanswered().redirected(STANDBY)
    assert phone.state.failure is not None
    assert phone.state.failure.reason is Reason.TOO_MANY_REDIRECTS


def test_suspend_does_not_make_a_phone_forget_retry_after() -> None:
    phone = Phone(PRIMARY_ALONE).begins().rejected(503, retry_after=100)
    phone.happens(Reconfigured(plan(sec=None, suspend=True))).happens(Reconfigured(PRIMARY_ALONE)).until_wakeup()
    assert phone.asked == [MASTER]
    assert machine.next_wakeup(phone.state) == 100.0


def test_a_binding_is_a_clean_slate() -> None:
    kept = Phone(LAUNCHER).happens(PingFailed(STANDBY, 0.0)).happens(PingFailed(MASTER, 0.0)).begins().accepted()
    assert kept.state.dead == {STANDBY}, "who keeps a phone is alive"
    moved = Phone(LAUNCHER).begins().unanswered().accepted()
    assert moved.state.silent == frozenset()
    forgiven = Phone(LAUNCHER).begins().rejected(403).accepted()
    assert forgiven.state.rejected is False


def test_an_entry_pbx_that_keeps_a_phone_with_a_known_home_is_its_standby_though_the_home_answers() -> None:
    phone = Phone(LAUNCHER).at_home().happens(TransportClosed(SLAVE)).rejected(503).accepted()
    assert phone.state.binding is not None
    assert (phone.at, phone.state.binding.role) == (MASTER, Role.STANDBY)


def test_a_phone_that_was_moved_to_another_pbx_has_its_home_there() -> None:
    phone = Phone(LAUNCHER).at_home().happens(TransportClosed(SLAVE)).redirected(MASTER).redirected(OTHER).accepted()
    assert phone.state.home == OTHER, "its home itself pointed elsewhere"
    assert phone.state.binding is not None
    assert phone.state.binding.role is Role.HOME


# A PBX that has forgotten


def test_a_pbx_that_has_forgotten_is_asked_at_once_by_the_phone_that_noticed() -> None:
    phone = at_master().happens(BindingForgotten(MASTER))
    assert machine.next_wakeup(phone.state) == 30.0
    phone.until_wakeup()
    assert phone.last_action == Register(phone.state.serial, MASTER, refresh=True)
    assert phone.state.binding is not None, "it counts until there is a new one"


def test_its_other_phones_ask_it_each_at_its_own_moment() -> None:
    for jitter, at in ((0.0, 30.0), (0.25, 30.5), (0.5, 31.0)):
        phone = at_master()
        phone.jitter = jitter
        phone.happens(BindingForgotten(MASTER, within=2.0))
        assert (machine.next_wakeup(phone.state), phone.state.phase) == (at, Phase.REGISTERED)


def test_a_refresh_that_is_due_before_is_not_put_off() -> None:
    phone = at_master()
    assert phone.state.binding is not None
    due = phone.state.binding.refresh_at
    phone.now = due - 1.0
    phone.happens(BindingForgotten(MASTER, within=10.0))
    assert machine.next_wakeup(phone.state) == due


def test_what_another_pbx_has_forgotten_does_not_matter() -> None:
    phone = at_master()
    before = phone.state
    phone.happens(BindingForgotten(STANDBY))
    assert phone.state == before


def test_only_a_refresh_goes_on_with_the_registration_that_is() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().redirected(OTHER)
    registers = [action for action in phone.actions if isinstance(action, Register)]
    assert [(action.registrar, action.refresh) for action in registers] == [
        (MASTER, False),
        (SLAVE, False),
        (SLAVE, True),
        (OTHER, False),
    ]
