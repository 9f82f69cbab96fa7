"""How a phone waits for a PBX that closed its connection (registration.closedConnectionWaitSeconds).

A PBX that is restarted is back within a second or so. It is asked again and again meanwhile, and only then left.
"""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.asking import abandon
from softphone_agent.registration.plan import Entry
from softphone_agent.registration.policy import ASK_AGAIN_SECONDS, Reason
from softphone_agent.registration.states import NEW_ROUND, Phase, State, Step


def waits_for_it(state: State, reason: Reason, now: float) -> bool:
    """Whether the PBX that was asked is to be asked again before any other, though it did not answer."""
    attempt, loss = state.in_flight, state.loss
    if state.binding is not None or loss is None or loss.reason is not Reason.TRANSPORT_CLOSED:
        return False
    is_first = attempt.entry is Entry.CURRENT and not attempt.hops
    return is_first and reason in (Reason.UNREACHABLE, Reason.PING_FAILED) and now < loss.at + state.plan.closed_wait


def ask_again(state: State, now: float) -> Step:
    """Wait a little for the PBX that was lost."""
    assert state.loss is not None
    wake_at = min(now + ASK_AGAIN_SECONDS, state.loss.at + state.plan.closed_wait)
    return abandon(replace(state, phase=Phase.WAITING, wake_at=wake_at, round=replace(NEW_ROUND, patient=True)))
