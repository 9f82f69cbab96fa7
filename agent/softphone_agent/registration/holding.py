"""What becomes of a binding: granted, compared with the plan, lost, removed; and the rest after it."""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.actions import Unregister
from softphone_agent.registration.asking import start_attempt, try_next
from softphone_agent.registration.health import is_useless, may_ask_at, with_alive, without_past
from softphone_agent.registration.plan import Entry, Registrar
from softphone_agent.registration.policy import FLAPPING_SECONDS, Reason, Role, may_stand_in, refresh_at, role
from softphone_agent.registration.states import NEVER_TRIED, NEW_ROUND, Binding, Loss, Phase, State, Step


def granted(state: State, expires: float, now: float) -> State:
    """The state with the binding that an answer grants for `expires` seconds. What was noted in its round is erased."""
    attempt = state.in_flight
    before = state.binding or (state.loss.binding if state.loss else None)
    if attempt.entry is Entry.CURRENT and before is not None:
        entry, start, hops = before.entry, before.start, attempt.hops or before.hops
    else:
        entry, start, hops = attempt.entry, attempt.start, attempt.hops
    kept = state.binding if state.binding and state.binding.registrar == attempt.target else None
    found = role_at(state, attempt.target, redirected=bool(hops))
    left = before.registrar if state.is_returning and before is not None else state.former
    lasted = state.binding is not None and now - state.binding.since >= FLAPPING_SECONDS
    binding = Binding(
        registrar=attempt.target,
        entry=entry,
        start=start,
        hops=hops,
        role=found,
        aor=attempt.aor,
        register_digest=attempt.register_digest,
        since=kept.since if kept else now,
        refresh_at=refresh_at(state.plan, expires, now),
        expires_at=now + expires,
        tried=kept.tried if kept else state.tried,
        failed_rounds=kept.failed_rounds if kept else state.failed_rounds,
        credentials=attempt.credentials,
    )
    return replace(
        state,
        phase=Phase.REGISTERED,
        attempt=None,
        binding=binding,
        loss=None,
        round=NEW_ROUND,
        failed_rounds=0,
        flapping=0 if lasted else state.flapping,
        health=without_past(with_alive(state.health, binding.registrar), now),
        home=binding.registrar if hops and found is Role.HOME else state.home,
        returns=state.returns if kept else NEVER_TRIED,
        former=None if left == binding.registrar else left,
    )


def role_at(state: State, at: Registrar, *, redirected: bool) -> Role:
    """What a PBX that keeps the phone is to it."""
    in_doubt = is_in_doubt(state, at)
    return role(state.plan.home or state.home, at, redirected=redirected, in_doubt=in_doubt)


def is_in_doubt(state: State, at: Registrar) -> bool:
    """Whether a PBX to which a redirect leads may only stand in for the home."""
    return may_stand_in(state.plan, at, state.dead | state.silent)


def compare_with_plan(state: State, now: float) -> Step:
    """Compare the binding with the plan. Where they differ it is removed, and the phone registers again.

    Other credentials are no reason to remove it: they are shown to the PBX over the binding.
    """
    binding, plan = state.held, state.plan
    if (binding.aor, binding.register_digest) != (plan.aor, plan.register_digest) or has_moved(state):
        return unregister(state, now)
    if binding.credentials != plan.credentials:
        return start_attempt(state, Entry.CURRENT, binding.registrar, now, refresh=True)
    return state, ()


def has_moved(state: State) -> bool:
    """Whether the entry PBX from which the binding was made is no longer configured."""
    return state.binding is not None and state.plan.entry(state.binding.entry) != state.binding.start


def lose(state: State, reason: Reason, now: float, jitter: float, *, since: float) -> Step:
    """The binding is gone: ask its PBX first, unless that is known to be useless, then alternate.

    Where one binding after the other flaps, the round of the last one goes on as if the PBX had refused it.
    """
    binding, attempt = state.held, state.attempt
    at = binding.registrar
    flapping = state.flapping + 1 if since - binding.since < FLAPPING_SECONDS else 0
    flaps = flapping > 1
    asking = attempt is not None and attempt.target != at
    asked = frozenset([attempt.entry] if attempt is not None and asking else ()) - {Entry.CURRENT}
    lost = replace(
        state,
        binding=None,
        loss=Loss(binding, reason, since),
        round=replace(state.round, tried=asked | (binding.tried | {binding.entry} if flaps else frozenset())),
        failed_rounds=binding.failed_rounds if flaps else 0,
        flapping=flapping,
    )
    if asking:
        return replace(lost, phase=Phase.TRYING), ()  # another PBX is being asked: it may well accept the phone
    useless = flaps or reason is Reason.REJECTED or is_useless(lost, at) or may_ask_at(lost, at) > now
    if useless or has_moved(state):
        return try_next(lost, now, jitter)
    return start_attempt(lost, Entry.CURRENT, at, now)


def stop(state: State, now: float) -> Step:
    """Un-REGISTER what is registered. An answer in flight is awaited first: it may still grant a binding."""
    if state.attempt is not None:
        return replace(state, phase=Phase.STOPPING, wake_at=state.attempt.deadline), ()
    return remove(state, now)


def remove(state: State, now: float) -> Step:
    """Un-REGISTER the binding if there is one, else rest."""
    return rest(state, now) if state.binding is None else unregister(state, now)


def unregister(state: State, now: float) -> Step:
    """Send un-REGISTER for the binding."""
    leaving = replace(
        state,
        phase=Phase.UNREGISTERING,
        serial=state.serial + 1,
        wake_at=now + state.plan.answer_seconds,
    )
    return leaving, (Unregister(leaving.serial, state.held.registrar),)


def unregister_former(state: State) -> Step:
    """Remove the binding that a return to the primary PBX left elsewhere, if there is one. Nobody waits for its end."""
    if state.former is None:
        return state, ()
    removing = replace(state, former=None, serial=state.serial + 1)
    return removing, (Unregister(removing.serial, state.former, former=True),)


def rest(state: State, now: float) -> Step:
    """Nothing is registered: stay so, or begin again if the plan says so."""
    at_rest = State(
        plan=state.plan,
        phase=Phase.STOPPED,
        serial=state.serial + 1,
        health=state.health,
        home=state.home,
        failure=state.failure,
        ended=state.ended,
    )
    if state.ended or state.plan.rests:
        return at_rest, ()
    return replace(at_rest, phase=Phase.IDLE, wake_at=now), ()
