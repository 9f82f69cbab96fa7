"""A PBX that closed its connection is waited for (registration.closedConnectionWaitSeconds)."""

from __future__ import annotations

import pytest

from registration_phone import LAUNCHER, MASTER, OTHER, SLAVE, STANDBY, Phase, Phone, plan
from softphone_agent.registration.actions import Abandon
from softphone_agent.registration.changes import OutageBegan, OutageEnded
from softphone_agent.registration.events import (
    PingFailed,
    Reconfigured,
    Rejected,
    StopRequested,
    TimePassed,
    TransportClosed,
)
from softphone_agent.registration.policy import Reason
from softphone_agent.registration.states import Failure

WAITS = plan(closed_wait=1.0)


def closed() -> Phone:
    """Registered at the primary since 0; at 30 the connection is closed, and it is asked at once."""
    phone = Phone(WAITS).begins().accepted()
    phone.now = 30.0
    phone.happens(TransportClosed(MASTER))
    assert phone.asking == MASTER
    return phone


@pytest.mark.proves("W1")
def test_a_pbx_that_is_back_within_the_wait_keeps_its_phone() -> None:
    phone = closed().unanswered()
    assert (phone.state.phase, phone.last_action) == (Phase.WAITING, Abandon())
    assert phone.state.failure == Failure(Reason.UNREACHABLE, MASTER, 30.0)
    phone.until_wakeup()
    assert (phone.now, phone.asking) == (30.25, MASTER)
    phone.unanswered().until_wakeup().accepted()
    assert (phone.at, phone.now) == (MASTER, 30.5)
    assert phone.asked == [MASTER] * 4
    assert phone.changes == [OutageBegan(), OutageEnded(0.5)]
    assert phone.state.failed_rounds == 0


@pytest.mark.proves("W1")
def test_when_the_wait_is_over_the_others_are_asked() -> None:
    phone = closed()
    while phone.asking == MASTER:
        phone.unanswered()
        if phone.state.phase is Phase.WAITING:
            phone.until_wakeup()
    assert phone.asked == [MASTER, *[MASTER] * 5, STANDBY], "at once and after 0.25, 0.5, 0.75 and 1 s"
    assert (phone.now, phone.asking) == (31.0, STANDBY)
    assert phone.state.silent == {MASTER}, "which need not be asked once more"
    assert phone.accepted().changes == [OutageBegan(), OutageEnded(1.0), *phone.changes[2:]]


@pytest.mark.proves("W1")
def test_the_last_time_is_at_the_very_end_of_the_wait() -> None:
    phone = Phone(plan(closed_wait=0.4)).begins().accepted().happens(TransportClosed(MASTER))
    times = []
    while phone.asking == MASTER:
        times.append(phone.now)
        phone.unanswered()
        if phone.state.phase is Phase.WAITING:
            phone.until_wakeup()
    assert times == [0.0, 0.25, 0.4]


@pytest.mark.proves("W1")
def test_by_default_it_is_asked_once() -> None:
    phone = Phone(LAUNCHER).begins().accepted().happens(TransportClosed(MASTER)).unanswered()
    assert phone.asked == [MASTER, MASTER, STANDBY]


@pytest.mark.proves("W1")
def test_the_wait_counts_from_the_closing_of_the_connection() -> None:
    phone = Phone(WAITS).begins().accepted()
    phone.now = 30.0
    phone.happens(TransportClosed(MASTER, since=29.5)).unanswered()
    assert phone.state.phase is Phase.WAITING
    phone.now = 30.5
    phone.happens(TimePassed()).unanswered()
    assert phone.asking == STANDBY


@pytest.mark.proves("W1")
def test_a_pbx_that_takes_its_time_to_be_silent_is_not_waited_for_any_longer() -> None:
    phone = closed()
    phone.now = 34.0
    assert phone.unanswered().asking == STANDBY


@pytest.mark.proves("W1")
def test_pings_that_fail_meanwhile_do_not_end_the_wait() -> None:
    phone = closed().happens(PingFailed(MASTER, 30.0))
    assert phone.state.phase is Phase.WAITING
    assert phone.until_wakeup().asking == MASTER
    phone.unanswered().happens(PingFailed(MASTER, 30.3))
    assert phone.until_wakeup().accepted().at == MASTER


@pytest.mark.proves("W1")
def test_a_pbx_that_answers_is_not_waited_for() -> None:
    for event, following in ((Rejected(2, 403), STANDBY), (Rejected(2, 503), MASTER)):
        phone = closed().happens(event)
        assert (phone.state.phase, phone.asking) == (Phase.TRYING, following), "the round goes on from the primary"


@pytest.mark.proves("W1")
def test_a_redirect_that_leads_to_a_silent_pbx_is_not_waited_for() -> None:
    phone = closed().redirected(OTHER).unanswered()
    assert (phone.state.phase, phone.asking) == (Phase.TRYING, MASTER), "the round goes on from the primary"


@pytest.mark.proves("W1")
def test_who_is_told_that_it_does_not_answer_another_phone_goes_on() -> None:
    phone = Phone(WAITS).begins().accepted().happens(TransportClosed(MASTER, refused=True))
    assert phone.asking == STANDBY


@pytest.mark.proves("W1", "L4")
def test_other_losses_are_not_waited_for() -> None:
    phone = Phone(WAITS).begins().accepted().until_wakeup().rejected(500)
    assert phone.asking == MASTER, "the current PBX first"
    assert phone.unanswered().asking == STANDBY
    assert Phone(WAITS).begins().unanswered().asking == STANDBY, "nothing was lost"


@pytest.mark.proves("W1")
def test_a_phone_at_the_end_of_a_redirect_waits_for_that_pbx() -> None:
    phone = Phone(WAITS).at_home().happens(TransportClosed(SLAVE)).unanswered().until_wakeup()
    assert phone.asked == [MASTER, SLAVE, SLAVE, SLAVE]
    phone.accepted()
    assert [hop.target for hop in phone.state.held.hops] == [SLAVE]


@pytest.mark.proves("W1")
def test_a_change_ends_the_wait() -> None:
    phone = closed().unanswered().happens(Reconfigured(plan(WAITS, pri=OTHER))).until_wakeup()
    assert (phone.now, phone.asking) == (30.0, OTHER)
    same = closed().unanswered().happens(Reconfigured(plan(WAITS, max_redirects=3))).until_wakeup()
    assert (same.now, same.asking) == (30.25, MASTER)


@pytest.mark.proves("W1")
def test_a_stop_ends_the_wait() -> None:
    assert closed().unanswered().happens(StopRequested()).state.phase is Phase.STOPPED


@pytest.mark.proves("W1", "L2a")
def test_a_pbx_that_closes_one_connection_after_the_other_is_not_waited_for() -> None:
    phone = closed().accepted().happens(TransportClosed(MASTER)).accepted().happens(TransportClosed(MASTER))
    assert phone.asking == STANDBY
