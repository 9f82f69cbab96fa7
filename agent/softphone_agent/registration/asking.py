"""Which PBX is asked next: attempts, rounds, and the wait after a round that failed."""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.actions import Abandon, Register
from softphone_agent.registration.health import is_useless, may_ask_at
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import backoff
from softphone_agent.registration.states import NEW_ROUND, Attempt, Phase, State, Step


def new_attempt(plan: Plan, entry: Entry, at: Registrar, now: float) -> Attempt:
    """An attempt that asks `at` now, with what the plan says."""
    return Attempt(entry, at, now, now + plan.answer_seconds, plan.aor, plan.register_digest, plan.credentials)


def send_register(state: State, attempt: Attempt, *, refresh: bool = False) -> Step:
    """Send the attempt's REGISTER."""
    phase = Phase.REFRESHING if state.binding else Phase.TRYING
    asking = replace(state, phase=phase, attempt=attempt, serial=state.serial + 1)
    return asking, (Register(asking.serial, attempt.target, refresh),)


def start_attempt(state: State, entry: Entry, at: Registrar, now: float, *, refresh: bool = False) -> Step:
    """Start an attempt at `at`."""
    if entry is not Entry.CURRENT:
        state = replace(state, round=replace(state.round, tried=state.tried | {entry}))
    return send_register(state, new_attempt(state.plan, entry, at, now), refresh=refresh)


def start_round(state: State, now: float, jitter: float) -> Step:
    """Alternate again, from the primary PBX."""
    return try_next(replace(state, round=NEW_ROUND), now, jitter)


def try_next(state: State, now: float, jitter: float) -> Step:
    """Go to the next entry PBX of this round, or wait if there is none."""
    left = [
        (entry, at)
        for entry, at in state.plan.entries
        if entry not in state.tried and state.refusal(at) is None and may_ask_at(state, at) <= now
    ]
    alive = [(entry, at) for entry, at in left if not is_useless(state, at)]
    nobody_asked = not state.tried and not state.silent
    for entry, at in alive or (left if nobody_asked else []):
        return start_attempt(state, entry, at, now)
    return wait(state, now, jitter)


def wait(state: State, now: float, jitter: float) -> Step:
    """Every PBX of the round failed: back off, and respect Retry-After."""
    failed_rounds = state.failed_rounds + 1
    wake_at = now + backoff(state.plan, failed_rounds, jitter, rejected=state.rejected)
    if state.round.back and not state.rejected:
        wake_at = min(wake_at, soon(state, now, jitter))
    soonest = min((may_ask_at(state, at) for _, at in state.plan.entries), default=wake_at)
    wake_at = max(wake_at, soonest)
    return abandon(replace(state, phase=Phase.WAITING, wake_at=wake_at, failed_rounds=failed_rounds))


def soon(state: State, now: float, jitter: float) -> float:
    """When to ask a PBX that is back: each phone at its own moment, so that they do not all ask at once."""
    return now + jitter * state.plan.backoff_initial


def abandon(state: State) -> Step:
    """Leave the REGISTER that is in flight, if there is one. Later answers to it are ignored."""
    if state.attempt is None:
        return state, ()
    return replace(state, attempt=None, serial=state.serial + 1), (Abandon(),)
