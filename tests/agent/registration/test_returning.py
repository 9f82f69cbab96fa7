"""Fail-back without redirects: a phone returns to its primary PBX by itself (registration.failBack: Primary)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from registration_phone import BROWSER, LAUNCHER, MASTER, OTHER, SLAVE, STANDBY, Entry, Phase, Phone, plan
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Abandon, Register, Unregister
from softphone_agent.registration.changes import FailedOver, OutageBegan, OutageEnded
from softphone_agent.registration.events import (
    Delayed,
    PingAnswered,
    PingFailed,
    Reconfigured,
    StopRequested,
    TimePassed,
    TransportClosed,
    Unregistered,
)
from softphone_agent.registration.plan import Plan
from softphone_agent.registration.policy import Reason, Role, return_wait
from softphone_agent.registration.states import Failure, Returns

RETURNS = plan(fail_back_after=60.0)
"""The secondary never redirects, as an Asterisk does not."""


def failed_over(of: Plan = RETURNS, expires: float = 1000.0) -> Phone:
    """Registered at the secondary since 100; the primary is dead."""
    phone = Phone(of).happens(PingAnswered(MASTER)).begins().accepted()
    phone.now = 100.0
    return phone.happens(PingFailed(MASTER, 98.0)).accepted(expires)


def primary_is_back(of: Plan = RETURNS, expires: float = 1000.0) -> Phone:
    """The same at 200, when the primary answers again."""
    phone = failed_over(of, expires)
    phone.now = 200.0
    return phone.happens(PingAnswered(MASTER))


def asks_primary(of: Plan = RETURNS, expires: float = 1000.0) -> Phone:
    """At 260 the primary is asked whether it takes the phone back."""
    phone = primary_is_back(of, expires).until_wakeup()
    assert (phone.asking, phone.at, phone.state.phase) == (MASTER, STANDBY, Phase.REFRESHING)
    return phone


# When


@pytest.mark.proves("F1")
def test_the_phone_returns_when_its_primary_has_answered_for_so_long() -> None:
    phone = primary_is_back()
    assert machine.next_wakeup(phone.state) == 260.0
    phone.now = 259.9
    assert phone.happens(TimePassed()).asked == [MASTER, STANDBY], "not yet"
    phone.until_wakeup()
    assert phone.now == 260.0
    assert phone.last_action == Register(phone.state.serial, MASTER), "a registration of its own, no refresh"


@pytest.mark.proves("F1", "F2")
def test_it_is_registered_all_the_time_and_the_old_binding_is_removed_after_the_new_one_is_made() -> None:
    phone = asks_primary()
    moves = phone.changes
    assert phone.at == STANDBY
    asked = phone.state.serial
    phone.accepted()
    assert (phone.at, phone.state.phase) == (MASTER, Phase.REGISTERED)
    assert phone.last_action == Unregister(asked + 1, STANDBY, former=True)
    assert phone.state.serial == asked + 1
    assert moves[:3] == [OutageBegan(), OutageEnded(2.0), FailedOver(MASTER, STANDBY, "PingFailed")]
    assert moves[3:] == [FailedOver(STANDBY, MASTER, "FailBack")], "no outage"
    assert phone.state.binding is not None
    assert (phone.state.binding.entry, phone.state.binding.start) == (Entry.PRI, MASTER)
    assert phone.unregistered().state.phase is Phase.REGISTERED
    assert machine.next_wakeup(phone.state) == phone.state.binding.refresh_at, "nothing more to do"


@pytest.mark.proves("F1")
def test_by_default_only_a_redirect_brings_a_phone_back() -> None:
    phone = primary_is_back(LAUNCHER)
    assert phone.state.health.primary_since is None
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at
    phone.until_wakeup()
    assert phone.asking == STANDBY


@pytest.mark.proves("F1")
def test_a_primary_of_which_nothing_is_heard_is_not_asked() -> None:
    phone = Phone(RETURNS).begins().unanswered().accepted()
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at


@pytest.mark.proves("F1")
def test_time_counts_from_the_first_answer_after_the_last_silence() -> None:
    phone = primary_is_back()
    phone.now = 230.0
    phone.happens(PingAnswered(MASTER))
    assert machine.next_wakeup(phone.state) == 260.0, "one more answer changes nothing"
    phone.happens(PingFailed(MASTER, 229.0))
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at
    phone.now = 240.0
    phone.happens(PingAnswered(MASTER))
    assert machine.next_wakeup(phone.state) == 300.0


@pytest.mark.proves("F1")
@pytest.mark.parametrize("waits", [True, False], ids=["it waits", "it asks the secondary"])
def test_time_counts_from_an_answer_that_came_while_the_phone_had_no_binding(waits: bool) -> None:
    phone = Phone(RETURNS).begins().unanswered()
    if waits:
        phone.unanswered()
    phone.now = 7.0
    assert phone.happens(PingAnswered(MASTER)).state.health.primary_since == 7.0


@pytest.mark.proves("F1")
def test_one_silent_server_of_a_primary_that_has_others_changes_nothing() -> None:
    phone = primary_is_back().happens(PingFailed(MASTER, 199.0, elsewhere=True))
    assert machine.next_wakeup(phone.state) == 260.0


@pytest.mark.proves("F1")
def test_a_primary_that_answers_pings_and_could_not_serve_is_given_as_long_from_the_fail_over_on() -> None:
    phone = Phone(RETURNS).happens(PingAnswered(MASTER))
    phone.now = 500.0
    phone.begins().rejected(503).accepted(1000.0)
    assert machine.next_wakeup(phone.state) == 560.0


@pytest.mark.proves("F1", "L2b")
def test_retry_after_of_the_primary_is_waited_for() -> None:
    phone = Phone(RETURNS).happens(PingAnswered(MASTER)).begins().rejected(503, retry_after=200).accepted(1000.0)
    assert machine.next_wakeup(phone.state) == 200.0


@pytest.mark.proves("F1")
@pytest.mark.parametrize("other", [OTHER, STANDBY, SLAVE])
def test_pings_of_others_say_nothing_of_the_primary(other: object) -> None:
    phone = failed_over().happens(PingFailed(other, 99.0)) if other is OTHER else failed_over()
    phone.happens(PingAnswered(other))  # type: ignore[arg-type]
    assert phone.state.health.primary_since is None
    back = primary_is_back().happens(PingFailed(OTHER, 150.0))
    assert back.state.health.primary_since == 200.0


# Where it does not return


@pytest.mark.proves("F3")
def test_a_phone_that_came_by_its_primary_stays_wherever_that_sent_it() -> None:
    phone = Phone(RETURNS).happens(PingAnswered(MASTER)).at_home()
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at


@pytest.mark.proves("F3")
@pytest.mark.parametrize(
    ("home", "role", "returns"),
    [
        (None, Role.UNKNOWN, True),
        (MASTER, Role.STANDBY, True),
        (STANDBY, Role.HOME, False),
        (SLAVE, Role.STANDBY, True),
    ],
    ids=["not known", "the primary", "the secondary", "another one"],
)
def test_a_phone_at_its_home_stays_there(home: object, role: Role, returns: bool) -> None:
    phone = primary_is_back(plan(RETURNS, home=home))
    assert phone.state.held.role is role
    assert (machine.next_wakeup(phone.state) == 260.0) == returns


@pytest.mark.proves("F3")
def test_a_phone_that_the_secondary_sent_home_stays_there() -> None:
    phone = Phone(RETURNS).happens(PingFailed(MASTER, 0.0)).begins().redirected(SLAVE).accepted(1000.0)
    phone.happens(PingAnswered(MASTER))
    assert (phone.at, machine.next_wakeup(phone.state)) == (SLAVE, phone.state.held.refresh_at)


@pytest.mark.proves("F3")
def test_a_phone_that_the_secondary_sent_to_the_primary_is_there() -> None:
    phone = Phone(plan(RETURNS, home=SLAVE)).begins().rejected(503).redirected(OTHER).redirected(MASTER).accepted()
    phone.happens(PingAnswered(MASTER))
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at


@pytest.mark.proves("F3", "B1")
def test_in_the_browser_nothing_returns() -> None:
    phone = Phone(plan(BROWSER, fail_back_after=0.0, pri=MASTER)).happens(PingAnswered(MASTER)).begins().accepted()
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at
    assert phone.state.health.primary_since is None


# What the primary answers


@pytest.mark.proves("F2", "L1a")
def test_a_redirect_of_the_primary_is_followed() -> None:
    phone = asks_primary().redirected(SLAVE)
    assert (phone.asking, phone.at) == (SLAVE, STANDBY)
    phone.accepted()
    assert (phone.at, phone.state.held.role) == (SLAVE, Role.HOME)
    assert phone.last_action == Unregister(phone.state.serial, STANDBY, former=True)


@pytest.mark.proves("F2")
@pytest.mark.parametrize("hops", [[STANDBY], [OTHER, STANDBY]])
def test_a_primary_that_sends_the_phone_where_it_is_costs_no_register_there(hops: list[object]) -> None:
    phone = asks_primary()
    for hop in hops:
        phone.redirected(hop)  # type: ignore[arg-type]
    assert (phone.at, phone.state.phase) == (STANDBY, Phase.REGISTERED)
    assert phone.asked == [MASTER, STANDBY, MASTER, *hops[:-1]]
    binding = phone.state.held
    assert (binding.entry, binding.start, binding.role) == (Entry.PRI, MASTER, Role.HOME)
    assert [hop.target for hop in binding.hops] == hops
    assert (phone.state.home, phone.state.round.tried) == (STANDBY, frozenset())
    assert machine.next_wakeup(phone.state) == binding.refresh_at, "it is where it belongs"


@pytest.mark.proves("F3")
def test_a_primary_that_sends_the_phone_where_it_is_has_shown_its_home() -> None:
    phone = asks_primary()
    homes = [phone.state.home]
    homes.append(phone.redirected(STANDBY).state.home)
    assert (phone.state.held.role, homes) == (Role.HOME, [None, STANDBY])


@pytest.mark.proves("F3")
def test_where_the_home_is_another_one_such_a_primary_leaves_the_phone_on_standby() -> None:
    phone = asks_primary(plan(RETURNS, home=SLAVE)).redirected(STANDBY)
    assert (phone.at, phone.state.held.role, phone.state.home) == (STANDBY, Role.STANDBY, STANDBY)
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at


FAILURES: dict[str, tuple[Callable[[Phone], Phone], Failure]] = {
    "rejected": (lambda phone: phone.rejected(403), Failure(Reason.REJECTED, MASTER, 260.0, 403, "no")),
    "cannot serve": (lambda phone: phone.rejected(503), Failure(Reason.UNAVAILABLE, MASTER, 260.0, 503, "no")),
    "no answer": (lambda phone: phone.unanswered(), Failure(Reason.UNREACHABLE, MASTER, 260.0)),
    "overdue": (
        lambda phone: phone.until_wakeup(),
        Failure(Reason.UNREACHABLE, MASTER, 269.0, message="no final answer"),
    ),
    "a loop": (lambda phone: phone.redirected(MASTER), Failure(Reason.REDIRECT_LOOP, MASTER, 260.0, 302)),
    "a redirect that fails": (
        lambda phone: phone.redirected(OTHER).rejected(404),
        Failure(Reason.REJECTED, OTHER, 260.0, 404, "no"),
    ),
}


@pytest.mark.proves("F2", "F4")
@pytest.mark.parametrize("what", list(FAILURES))
def test_a_return_that_fails_leaves_the_binding_and_the_next_one_comes_after_a_wait(what: str) -> None:
    fails, failure = FAILURES[what]
    phone = asks_primary()
    before, changes = phone.state.held, list(phone.changes)
    fails(phone)
    assert (phone.at, phone.state.phase, phone.changes) == (STANDBY, Phase.REGISTERED, changes)
    assert phone.state.failure == failure
    assert phone.state.held == before
    assert phone.last_action == Abandon()
    assert phone.state.round == machine.begin(RETURNS, 0.0).round
    assert machine.next_wakeup(phone.state) == phone.now + 45.0, "60 s, the upper half of it with jitter"
    phone.until_wakeup()
    assert phone.asking == MASTER
    assert phone.accepted().at == MASTER


@pytest.mark.proves("F4")
def test_the_waits_between_returns_that_fail_double_up_to_an_hour() -> None:
    phone = asks_primary(expires=100_000.0)
    waits = []
    for _ in range(9):
        phone.rejected(403)
        wakeup = machine.next_wakeup(phone.state)
        assert wakeup is not None
        waits.append(wakeup - phone.now)
        phone.until_wakeup()
    assert waits == [45, 90, 180, 360, 720, 1440, 2700, 2700, 2700]


@pytest.mark.proves("F4")
@pytest.mark.parametrize(
    ("after", "longest_backoff", "jitter", "wait"),
    [(60.0, 60.0, 0.0, 30.0), (0.0, 60.0, 0.0, 30.0), (300.0, 60.0, 0.5, 225.0), (1.0, 0.5, 0.0, 0.5)],
)
def test_no_wait_is_shorter_than_half_the_longest_back_off(
    after: float, longest_backoff: float, jitter: float, wait: float
) -> None:
    assert return_wait(plan(fail_back_after=after, backoff_max=longest_backoff), 1, jitter) == wait
    assert return_wait(plan(backoff_max=longest_backoff), 1, 0.0) == longest_backoff / 2


@pytest.mark.proves("F4")
def test_a_primary_that_was_dead_meanwhile_is_another_one() -> None:
    phone = asks_primary().rejected(403).until_wakeup().rejected(403)
    assert phone.state.returns.failed == 2
    phone.happens(PingFailed(MASTER, phone.now))
    assert phone.state.returns == Returns()
    phone.happens(PingAnswered(MASTER))
    assert machine.next_wakeup(phone.state) == phone.now + 60.0


@pytest.mark.proves("F4")
def test_a_primary_that_dies_while_it_is_asked_is_not_waited_for() -> None:
    phone = asks_primary().happens(PingFailed(MASTER, 259.0))
    assert (phone.at, phone.state.phase) == (STANDBY, Phase.REGISTERED)
    assert phone.state.failure == Failure(Reason.PING_FAILED, MASTER, 260.0)
    assert machine.next_wakeup(phone.state) == phone.state.held.refresh_at


@pytest.mark.proves("F4")
def test_a_refresh_forgets_no_return_that_failed_and_a_move_does() -> None:
    phone = asks_primary(expires=300.0).rejected(403)
    returns = phone.state.returns
    phone.now = phone.state.held.refresh_at
    phone.happens(TimePassed()).accepted(1000.0)
    assert phone.state.returns == returns
    phone.until_wakeup().accepted()
    assert (phone.at, phone.state.returns) == (MASTER, Returns())


# Refresh, loss and changes meanwhile


@pytest.mark.proves("F2")
def test_a_refresh_that_is_due_is_not_held_up_by_a_primary_that_does_not_answer() -> None:
    phone = primary_is_back(expires=230.0)
    assert phone.state.held.refresh_at == 261.0
    phone.until_wakeup()
    assert (phone.now, phone.asking) == (260.0, MASTER)
    phone.until_wakeup()
    assert phone.now == 261.0
    assert phone.last_action == Register(phone.state.serial, STANDBY, refresh=True)
    late = Failure(Reason.UNREACHABLE, MASTER, 261.0, message="no final answer before the refresh")
    assert (phone.state.failure, phone.state.returns.failed) == (late, 1)
    assert phone.accepted().at == STANDBY
    assert phone.changes[-1] == FailedOver(MASTER, STANDBY, "PingFailed")


@pytest.mark.proves("F2")
def test_a_refresh_and_a_return_that_are_due_together_are_made_one_after_the_other() -> None:
    phone = primary_is_back()
    phone.now = phone.state.held.refresh_at
    phone.happens(TimePassed())
    assert phone.asking == STANDBY
    phone.accepted()
    assert machine.next_wakeup(phone.state) == 260.0
    assert phone.happens(TimePassed()).asking == MASTER


@pytest.mark.parametrize("lose", [PingFailed(STANDBY, 259.0), TransportClosed(STANDBY)], ids=["ping", "connection"])
def test_a_binding_that_is_lost_while_the_primary_is_asked_makes_that_the_next_pbx(
    lose: PingFailed | TransportClosed,
) -> None:
    phone = asks_primary().happens(lose)
    assert (phone.at, phone.asking, phone.state.phase) == (None, MASTER, Phase.TRYING)
    assert phone.state.tried == {Entry.PRI}
    asked = len(phone.asked)
    if isinstance(lose, TransportClosed):
        phone.unanswered()
        assert phone.asked[asked:] == [STANDBY], "the primary is not asked twice"
    assert phone.accepted().at is not None
    assert phone.state.former is None, "what is lost need not be removed"


def test_a_redirected_refresh_that_outlives_its_binding_has_asked_no_entry_pbx() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(SLAVE).happens(TransportClosed(MASTER))
    assert phone.state.tried == frozenset()


@pytest.mark.proves("F2")
def test_a_change_while_the_primary_is_asked_ends_that_and_counts_for_the_binding() -> None:
    phone = asks_primary().happens(Reconfigured(plan(RETURNS, max_redirects=3)))
    assert (phone.at, phone.state.phase, phone.last_action) == (STANDBY, Phase.REGISTERED, Abandon())
    phone = asks_primary().happens(Reconfigured(plan(RETURNS, register_digest="new")))
    assert phone.last_action == Unregister(phone.state.serial, STANDBY)
    phone = asks_primary().happens(Reconfigured(plan(RETURNS, credentials="new")))
    assert phone.last_action == Register(phone.state.serial, STANDBY, refresh=True)


@pytest.mark.proves("F1")
def test_a_new_primary_or_setting_has_its_own_time() -> None:
    phone = primary_is_back().happens(Reconfigured(plan(RETURNS, pri=OTHER)))
    assert phone.state.health.primary_since is None
    phone = primary_is_back().happens(Reconfigured(LAUNCHER))
    assert phone.state.health.primary_since is None
    phone.now = 300.0
    phone.happens(Reconfigured(RETURNS)).happens(PingAnswered(MASTER))
    assert machine.next_wakeup(phone.state) == 360.0
    same = primary_is_back().happens(Reconfigured(plan(RETURNS, fail_back_after=90.0)))
    assert machine.next_wakeup(same.state) == 290.0


# Stop: nothing stays behind


@pytest.mark.proves("F5")
def test_a_stop_while_the_primary_is_asked_removes_both_bindings() -> None:
    phone = asks_primary().happens(StopRequested()).accepted()
    assert phone.last_action == Unregister(phone.state.serial, MASTER)
    phone.now = 262.0
    phone.unregistered()
    assert phone.last_action == Unregister(phone.state.serial, STANDBY, former=True)
    assert phone.state.phase is Phase.UNREGISTERING
    assert machine.next_wakeup(phone.state) == 262.0 + RETURNS.answer_seconds
    assert phone.unregistered().state.phase is Phase.STOPPED


@pytest.mark.proves("F5")
def test_a_primary_that_does_not_answer_the_unregister_keeps_no_binding_elsewhere() -> None:
    phone = asks_primary().happens(StopRequested()).accepted().until_wakeup()
    assert phone.last_action == Unregister(phone.state.serial, STANDBY, former=True)
    assert phone.until_wakeup().state.phase is Phase.STOPPED


@pytest.mark.proves("F5")
@pytest.mark.parametrize("answer", ["rejected", "unanswered", "redirected"])
def test_a_stop_while_the_primary_is_asked_in_vain_removes_the_binding_that_there_is(answer: str) -> None:
    phone = asks_primary().happens(StopRequested())
    getattr(phone, answer)()
    assert phone.last_action == Unregister(phone.state.serial, STANDBY)
    assert phone.unregistered().state.phase is Phase.STOPPED


def test_a_stop_after_the_return_removes_the_new_binding() -> None:
    phone = asks_primary().accepted().happens(StopRequested())
    assert phone.last_action == Unregister(phone.state.serial, MASTER)
    assert phone.unregistered().state.phase is Phase.STOPPED


@pytest.mark.proves("F5")
def test_credentials_that_changed_on_the_way_are_shown_before_the_old_binding_is_removed() -> None:
    phone = asks_primary()
    phone.state = replace(phone.state, plan=plan(RETURNS, credentials="new"))
    phone.accepted()
    assert phone.last_action == Register(phone.state.serial, MASTER, refresh=True)
    assert phone.state.former == STANDBY
    phone.accepted()
    assert phone.actions[-1] == Unregister(phone.state.serial, STANDBY, former=True)
    assert phone.state.former is None


def test_a_former_binding_that_is_made_anew_is_not_removed() -> None:
    phone = asks_primary()
    phone.state = replace(phone.state, plan=plan(RETURNS, credentials="new"))
    phone.accepted().happens(PingFailed(MASTER, phone.now)).accepted()
    assert (phone.at, phone.state.former) == (STANDBY, None)
    assert isinstance(phone.last_action, Register)


# The un-REGISTER of the old binding, for which nobody waits


def test_the_end_of_the_old_binding_is_no_news() -> None:
    phone = asks_primary().accepted()
    before = phone.state
    phone.happens(Delayed(before.serial, 5.0)).happens(Unregistered(before.serial))
    assert phone.state == before
    phone = asks_primary(plan(RETURNS, sec=STANDBY)).accepted().happens(PingFailed(STANDBY, 260.0))
    serial = phone.state.serial
    phone.state = replace(phone.state, plan=plan(RETURNS, sec=None))
    phone.now += 20.0
    phone.happens(PingFailed(MASTER, phone.now))
    while phone.state.phase is Phase.TRYING:
        phone.unanswered()
    assert phone.state.phase is Phase.WAITING
    before = phone.state
    phone.happens(Unregistered(serial)).happens(Delayed(serial, 1.0))
    assert phone.state == before
