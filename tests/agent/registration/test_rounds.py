"""What one round need not ask twice: a PBX that refused the phone, and PBXes that redirect in a circle."""

from __future__ import annotations

import pytest

from registration_phone import LAUNCHER, MASTER, OTHER, SLAVE, STANDBY, Entry, Phase, Phone, plan
from softphone_agent.registration.events import PingFailed, Reconfigured, Redirected
from softphone_agent.registration.plan import Plan
from softphone_agent.registration.policy import Reason
from softphone_agent.registration.states import Failure

PRIMARY_ALONE = plan(sec=None)

# A PBX that refused the phone


@pytest.mark.proves("X3")
@pytest.mark.parametrize("code", [401, 403, 404, 603])
def test_a_refused_phone_is_not_sent_back_to_the_pbx_that_refused_it(code: int) -> None:
    phone = Phone(LAUNCHER).begins().rejected(code).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY]
    assert phone.state.failure == Failure(Reason.REJECTED, MASTER, 0.0, code, "no")
    assert phone.state.phase is Phase.WAITING
    assert phone.state.rejected


@pytest.mark.proves("X3")
def test_the_pbx_that_refused_is_passed_over_for_the_next_contact_of_the_redirect() -> None:
    phone = Phone(LAUNCHER).begins().rejected(403).redirected(MASTER, OTHER)
    assert phone.asked == [MASTER, STANDBY, OTHER]
    assert phone.accepted().at == OTHER


@pytest.mark.proves("X3")
def test_a_pbx_that_refused_is_no_next_contact_either() -> None:
    phone = Phone(LAUNCHER).begins().rejected(403).redirected(OTHER, MASTER).unanswered()
    assert phone.asked == [MASTER, STANDBY, OTHER]


@pytest.mark.proves("X3")
def test_an_entry_pbx_that_refused_as_the_target_of_a_redirect_is_not_asked_as_an_entry() -> None:
    phone = Phone(LAUNCHER).begins().redirected(STANDBY).rejected(403)
    assert phone.asked == [MASTER, STANDBY]
    assert phone.state.phase is Phase.WAITING


@pytest.mark.proves("X3", "L4b")
def test_a_pbx_that_refused_the_refresh_is_neither_an_entry_nor_the_target_of_a_redirect() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().rejected(403).redirected(SLAVE)
    assert phone.asked[2:] == [SLAVE, MASTER, STANDBY]
    phone = Phone(PRIMARY_ALONE).begins().accepted().until_wakeup().rejected(403)
    assert phone.asked == [MASTER, MASTER], "the binding and its refresh"
    assert phone.state.phase is Phase.WAITING


@pytest.mark.proves("X3")
def test_the_next_round_asks_the_pbx_that_refused_again() -> None:
    phone = Phone(LAUNCHER).begins().rejected(403).redirected(MASTER).until_wakeup()
    assert phone.asked == [MASTER, STANDBY, MASTER]
    assert phone.redirected(SLAVE).accepted().at == SLAVE


@pytest.mark.proves("X3")
def test_a_redirect_to_a_pbx_that_refused_and_asked_for_time_ends_as_that_refusal() -> None:
    phone = Phone(LAUNCHER).begins().rejected(403, retry_after=100).redirected(MASTER)
    assert phone.state.failure == Failure(Reason.REJECTED, MASTER, 0.0, 403, "no")


@pytest.mark.proves("X3")
def test_a_pbx_that_could_not_serve_is_asked_again_by_redirect() -> None:
    phone = Phone(LAUNCHER).begins().rejected(503).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY, MASTER]


@pytest.mark.proves("X3", "E13")
@pytest.mark.parametrize(
    "changed", [plan(credentials="new"), plan(aor="sip:bob@pbx.test"), plan(register_digest="new")]
)
def test_what_was_refused_before_a_change_is_no_refusal_of_what_comes_after(changed: Plan) -> None:
    phone = Phone(LAUNCHER).begins().rejected(403).happens(Reconfigured(changed)).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY, MASTER]
    phone = Phone(LAUNCHER).begins().happens(Reconfigured(changed)).rejected(403).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY, MASTER], "the answer was to what it was before"


@pytest.mark.proves("X3")
def test_a_change_that_no_pbx_sees_leaves_the_refusals() -> None:
    phone = Phone(LAUNCHER).begins().rejected(403).happens(Reconfigured(plan(max_redirects=3))).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY]


@pytest.mark.proves("X3")
def test_a_refresh_redirected_to_a_pbx_that_refuses_stays_and_asks_again_later() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(SLAVE).rejected(403)
    assert (phone.at, phone.state.phase) == (MASTER, Phase.WAITING)
    phone.until_wakeup().redirected(SLAVE)
    assert phone.asked == [MASTER, MASTER, SLAVE, MASTER, SLAVE], "another round"


# PBXes that redirect in a circle


@pytest.mark.proves("X4")
def test_a_loop_of_primary_and_secondary_ends_the_round() -> None:
    phone = Phone(LAUNCHER).begins().redirected(STANDBY).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY], "to ask the secondary first would tell nothing new"
    assert phone.state.failure == Failure(Reason.REDIRECT_LOOP, STANDBY, 0.0, 302)
    assert phone.state.tried == {Entry.PRI, Entry.SEC}
    assert phone.state.phase is Phase.WAITING
    phone.until_wakeup()
    assert phone.asked == [MASTER, STANDBY, MASTER]


@pytest.mark.proves("X4")
@pytest.mark.parametrize("back_to", [MASTER, STANDBY, OTHER])
def test_whichever_pbx_closes_the_circle_the_secondary_in_it_is_not_asked_again(back_to: object) -> None:
    phone = Phone(LAUNCHER).begins().redirected(STANDBY).redirected(OTHER).redirected(back_to)  # type: ignore[arg-type]
    assert phone.asked == [MASTER, STANDBY, OTHER]
    assert phone.state.phase is Phase.WAITING


@pytest.mark.proves("X4", "L1c")
def test_a_secondary_that_is_in_no_circle_is_asked() -> None:
    phone = Phone(LAUNCHER).begins().redirected(SLAVE).redirected(MASTER)
    assert phone.asked == [MASTER, SLAVE, STANDBY]


@pytest.mark.proves("X4")
def test_a_secondary_that_could_not_serve_before_the_circle_was_found_is_asked() -> None:
    phone = Phone(LAUNCHER).begins().redirected(STANDBY, SLAVE).rejected(503).redirected(MASTER)
    assert phone.asked == [MASTER, STANDBY, SLAVE, STANDBY]


@pytest.mark.proves("X4", "L4a")
def test_a_lost_phone_whose_pbx_and_primary_point_to_each_other_goes_on_with_the_secondary() -> None:
    phone = Phone(LAUNCHER).at_home().until_wakeup().rejected(503).redirected(MASTER).redirected(SLAVE)
    assert phone.asked[2:] == [SLAVE, SLAVE, MASTER, STANDBY]


@pytest.mark.proves("X4")
def test_a_loop_found_by_a_refresh_costs_no_binding() -> None:
    phone = Phone(LAUNCHER).begins().accepted().until_wakeup().redirected(STANDBY).redirected(MASTER)
    assert (phone.at, phone.state.phase) == (MASTER, Phase.WAITING)
    phone.happens(PingFailed(MASTER, phone.now))
    assert phone.at is None
    assert phone.asking == STANDBY, "one that is lost begins a round of its own"


# Contacts that cannot be followed


@pytest.mark.proves("X5")
def test_a_redirect_whose_contacts_are_of_no_use_says_why() -> None:
    phone = Phone(PRIMARY_ALONE).begins()
    phone.happens(Redirected(phone.state.serial, 302, (), "Contact: expires=0"))
    assert phone.state.failure == Failure(Reason.BAD_REDIRECT, MASTER, 0.0, 302, "Contact: expires=0")
