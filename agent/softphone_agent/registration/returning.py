"""How a phone returns to its primary PBX where no redirect brings it back (registration.failBack: Primary).

The primary is asked while the binding elsewhere is good and goes on to be refreshed. Only when the primary has granted
one is the old binding removed.
"""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.asking import abandon, start_attempt
from softphone_agent.registration.health import may_ask_at
from softphone_agent.registration.holding import role_at
from softphone_agent.registration.plan import Entry
from softphone_agent.registration.policy import Reason, Role, return_wait
from softphone_agent.registration.states import NEW_ROUND, Attempt, Failure, Phase, Returns, State, Step


def returns_at(state: State) -> float | None:
    """When a registered phone asks its primary PBX again; None while it is where it belongs, or nothing is known."""
    plan, binding, since = state.plan, state.binding, state.health.primary_since
    primary = plan.entry(Entry.PRI)
    if plan.fail_back_after is None or primary is None or binding is None or since is None:
        return None
    if binding.role is Role.HOME or primary in (binding.start, binding.registrar):
        return None
    answered_long = max(since, binding.since) + plan.fail_back_after
    return max(answered_long, state.returns.not_before, may_ask_at(state, primary))


def start_return(state: State, now: float) -> Step:
    """Ask the primary PBX."""
    primary = state.plan.entry(Entry.PRI)
    assert primary is not None
    return start_attempt(state, Entry.PRI, primary, now)


def return_failed(state: State, now: float, jitter: float) -> Step:
    """The phone stays where it is registered. The next try comes after a wait."""
    failed = state.returns.failed + 1
    returns = Returns(failed, now + return_wait(state.plan, failed, jitter))
    return abandon(replace(state, phase=Phase.REGISTERED, round=NEW_ROUND, returns=returns))


def refresh_instead(state: State, now: float, jitter: float) -> Step:
    """The binding is to be refreshed, and the primary PBX has not answered yet: it is not waited for any longer."""
    late = Failure(Reason.UNREACHABLE, state.in_flight.target, now, message="no final answer before the refresh")
    staying, _ = return_failed(replace(state, failure=late), now, jitter)
    return start_attempt(staying, Entry.CURRENT, state.held.registrar, now, refresh=True)


def is_sent_home(state: State, attempt: Attempt) -> bool:
    """Whether a return is redirected to the very PBX that holds the phone. That one need not be asked."""
    return state.is_returning and attempt.target == state.held.registrar


def stay(state: State, attempt: Attempt) -> Step:
    """The primary PBX says that the phone belongs where it is: so the binding counts as one by way of the primary."""
    at = attempt.target
    found = role_at(state, at, redirected=True)
    binding = replace(state.held, entry=attempt.entry, start=attempt.start, hops=attempt.hops, role=found)
    home = at if found is Role.HOME else state.home
    return abandon(replace(state, phase=Phase.REGISTERED, binding=binding, round=NEW_ROUND, home=home))
