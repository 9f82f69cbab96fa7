"""What a phone does when an event comes: the functions that the table of `machine` names.

Each takes the state, the event, `now` and `jitter` as `machine.step` does, and returns the next state and the actions.
"""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.actions import Abandon
from softphone_agent.registration.asking import (
    abandon,
    new_attempt,
    send_register,
    start_attempt,
    start_round,
    try_next,
    wait,
)
from softphone_agent.registration.events import (
    Delayed,
    Event,
    Reconfigured,
    Redirected,
    Registered,
    Rejected,
    StopRequested,
    TimePassed,
    Unreachable,
    Unregistered,
)
from softphone_agent.registration.health import is_useless, may_ask_at, with_primary, with_retry_after
from softphone_agent.registration.holding import (
    compare_with_plan,
    granted,
    has_moved,
    is_in_doubt,
    lose,
    remove,
    rest,
    stop,
    unregister,
    unregister_former,
)
from softphone_agent.registration.plan import Entry, Mode, Plan, Registrar
from softphone_agent.registration.policy import (
    LONGEST_RETRY_AFTER,
    OVERLAPPING,
    Reason,
    answer_reason,
    followable,
    learned_home,
    refusal_words,
)
from softphone_agent.registration.returning import (
    is_sent_home,
    refresh_instead,
    return_failed,
    returns_at,
    start_return,
    stay,
)
from softphone_agent.registration.states import NEW_ROUND, Attempt, Failure, Hop, Loss, Phase, Round, State, Step
from softphone_agent.registration.waiting import ask_again, waits_for_it


def ignored(state: State, event: Event, now: float, jitter: float) -> Step:
    """It says nothing to a phone in this phase."""
    return state, ()


# Answers to a REGISTER


def registered(state: State, event: Registered, now: float, jitter: float) -> Step:
    """The PBX keeps the phone."""
    after, actions = compare_with_plan(granted(state, event.expires, now), now)
    return (after, actions) if after.phase is not Phase.REGISTERED else unregister_former(after)


def redirected(state: State, event: Redirected, now: float, jitter: float) -> Step:
    """The PBX points to others: ask the best of those that may be asked."""
    attempt, plan = state.in_flight, state.plan
    if plan.mode is Mode.BROWSER:
        return attempt_failed(state, Reason.UNEXPECTED_REDIRECT, now, jitter, code=event.code)
    if attempt.redirects >= plan.max_redirects:
        return attempt_failed(state, Reason.TOO_MANY_REDIRECTS, now, jitter, code=event.code)
    targets = followable(plan, attempt.target, event.targets, attempt.visited)
    if isinstance(targets, Reason):
        refused = targets is Reason.REDIRECT_REFUSED
        words = refusal_words(attempt.target, event.targets) if refused else event.message
        return attempt_failed(state, targets, now, jitter, code=event.code, message=words)
    home = learned_home(state.home, attempt.target, targets[0], in_doubt=is_in_doubt(state, targets[0]))
    hop = Hop(attempt.target, targets[0], event.code)
    not_refused = tuple(target for target in targets if state.refusal(target) is None)
    return _follow(replace(state, home=home), attempt, (*attempt.hops, hop), not_refused or targets, now, jitter)


def rejected(state: State, event: Rejected, now: float, jitter: float) -> Step:
    """The PBX refuses the phone, or cannot serve it now."""
    if event.retry_after is not None:
        until = now + min(event.retry_after, LONGEST_RETRY_AFTER)
        state = replace(state, health=with_retry_after(state.health, state.in_flight.target, until, now))
    reason = answer_reason(event.code)
    return attempt_failed(state, reason, now, jitter, code=event.code, message=event.message)


def unreachable(state: State, event: Unreachable, now: float, jitter: float) -> Step:
    """The PBX does not answer."""
    return attempt_failed(state, Reason.UNREACHABLE, now, jitter, message=event.message)


def delayed(state: State, event: Delayed, now: float, jitter: float) -> Step:
    """The request waits for its turn: all its times move."""
    later = replace(state, wake_at=state.wake_at + event.seconds)
    if state.attempt is None:
        return later, ()
    asked_at, deadline = state.attempt.asked_at + event.seconds, state.attempt.deadline + event.seconds
    return replace(later, attempt=replace(state.attempt, asked_at=asked_at, deadline=deadline)), ()


_CANNOT_SERVE = frozenset({Reason.UNREACHABLE, Reason.UNAVAILABLE, Reason.KNOWN_DEAD, Reason.PING_FAILED})


def attempt_failed(
    state: State, reason: Reason, now: float, jitter: float, *, code: int = 0, message: str = ""
) -> Step:
    """Note why. Then lose the binding, ask another Contact of the redirect or the next entry PBX, or wait."""
    attempt, binding = state.in_flight, state.binding
    failure = Failure(reason, attempt.target, now, code, message)
    if waits_for_it(state, reason, now):
        return ask_again(replace(state, failure=failure), now)
    state = replace(state, failure=failure, round=_noted(state, failure))
    if binding is not None and attempt.target == binding.registrar and not _says_nothing(state, reason, code):
        silent_since = attempt.asked_at if reason is Reason.UNREACHABLE else now
        return lose(state, reason, now, jitter, since=silent_since)
    if attempt.others and reason in _CANNOT_SERVE and attempt.redirects < state.plan.max_redirects:
        passed = replace(attempt, passed=(*attempt.passed, attempt.target))
        return _follow(state, passed, attempt.hops, attempt.others, now, jitter)
    if state.is_returning:
        return return_failed(state, now, jitter)
    if binding is not None:
        # The present PBX redirects to one that cannot be asked, or its answer says nothing of the binding. The binding
        # is still good: ask again later.
        return wait(state, now, jitter)
    return try_next(state, now, jitter)


def _noted(state: State, failure: Failure) -> Round:
    """What the rest of the round knows by this failure of the attempt."""
    attempt, at, noted = state.in_flight, failure.registrar, state.round
    match failure.reason:
        case Reason.UNREACHABLE:
            return replace(noted, silent=noted.silent | {at})
        case Reason.REJECTED:
            is_news = state.refusal(at) is None and attempt.is_of(state.plan)
            return replace(noted, rejected=True, refusals=(*noted.refusals, failure) if is_news else noted.refusals)
        case Reason.REDIRECT_LOOP:  # whichever of them is asked first, the next ones are the same
            looping = {entry for entry, pbx in state.plan.entries if pbx in attempt.redirecting}
            return replace(noted, tried=noted.tried | looping)
    return noted


def _follow(
    state: State, attempt: Attempt, hops: tuple[Hop, ...], targets: tuple[Registrar, ...], now: float, jitter: float
) -> Step:
    """Ask the first target of the attempt's last redirect, unless that is known to be in vain. `hops`: all of them."""
    target, *others = targets
    onward = replace(
        new_attempt(state.plan, attempt.entry, target, now),
        hops=(*hops[:-1], replace(hops[-1], target=target)),
        others=tuple(others),
        passed=attempt.passed,
    )
    if is_sent_home(state, onward):
        return stay(state, onward)
    if (refusal := state.refusal(target)) is not None:
        again = replace(state, attempt=onward)
        return attempt_failed(again, Reason.REJECTED, now, jitter, code=refusal.code, message=refusal.message)
    if may_ask_at(state, target) > now:
        return attempt_failed(replace(state, attempt=onward), Reason.UNAVAILABLE, now, jitter)
    if is_useless(state, target):
        return attempt_failed(replace(state, attempt=onward), Reason.KNOWN_DEAD, now, jitter)
    return send_register(state, onward)


def _says_nothing(state: State, reason: Reason, code: int) -> bool:
    """Whether the PBX that keeps the phone refused something else.

    Credentials with which the binding was not made, or a REGISTER that overlaps another one.
    """
    other_credentials = state.in_flight.credentials != state.held.credentials
    return code == OVERLAPPING or (reason is Reason.REJECTED and other_credentials)


# Another plan


def reconfigured(state: State, event: Reconfigured, now: float, jitter: float) -> Step:
    """Take the new plan. With nothing in flight act on it at once, else when the answer is there."""
    before = state.plan
    state = _adopt(state, event.plan, now)
    if state.plan.rests:
        return stop(state, now)
    if state.is_returning:  # with what was so before: the binding that there is counts
        staying, given_up = return_failed(state, now, jitter)
        after, actions = compare_with_plan(staying, now)
        return after, (*given_up, *actions)
    if state.phase is Phase.REGISTERED:
        return compare_with_plan(state, now)
    if _what_pbxs_see(before) == _what_pbxs_see(state.plan):
        return state, ()
    if state.phase is Phase.WAITING:
        return replace(state, wake_at=now, failed_rounds=0, round=NEW_ROUND), ()
    if state.round.refusals:
        return replace(state, round=replace(state.round, refusals=())), ()
    return state, ()


def reconfigured_at_rest(state: State, event: Reconfigured, now: float, jitter: float) -> Step:
    """Begin, if the new plan says so."""
    return rest(_adopt(state, event.plan, now), now)


def reconfigured_while_stopping(state: State, event: Reconfigured, now: float, jitter: float) -> Step:
    """The new plan counts once nothing is registered."""
    return _adopt(state, event.plan, now), ()


def fault_of(plan: Plan, now: float) -> Failure | None:
    """The failure to have credentials, which stops the phone before it asks the first of its PBXes."""
    if not plan.fault or not plan.entries:
        return None
    return Failure(Reason.NO_CREDENTIALS, plan.entries[0][1], now, message=plan.fault)


def _adopt(state: State, plan: Plan, now: float) -> State:
    known = plan.fault == state.plan.fault
    same_primary = plan.entry(Entry.PRI) == state.plan.entry(Entry.PRI) and plan.fail_back_after is not None
    return replace(
        state,
        plan=plan,
        health=state.health if same_primary else with_primary(state.health, None),
        home=state.home if plan.aor == state.plan.aor else None,
        failure=state.failure if known else fault_of(plan, now) or state.failure,
    )


def _what_pbxs_see(plan: Plan) -> tuple[object, ...]:
    """Where this changed, a PBX may give another answer."""
    return plan.aor, plan.register_digest, plan.credentials, plan.entries


# The end


def stop_requested(state: State, event: StopRequested, now: float, jitter: float) -> Step:
    """Leave, and stay away."""
    return stop(replace(state, ended=True), now)


def stop_noted(state: State, event: StopRequested, now: float, jitter: float) -> Step:
    """The phone leaves or rests already: now it is for good."""
    return replace(state, ended=True), ()


def answered_while_stopping(
    state: State, event: Registered | Redirected | Rejected | Unreachable, now: float, jitter: float
) -> Step:
    """The awaited answer: remove the binding that it granted or left."""
    attempt, binding = state.in_flight, state.binding
    if isinstance(event, Registered):
        return unregister(granted(state, event.expires, now), now)
    answered = replace(state, attempt=None)
    if binding is not None and (binding.registrar != attempt.target or isinstance(event, Redirected)):
        return unregister(answered, now)
    return rest(answered, now)


def unregistered(state: State, event: Unregistered, now: float, jitter: float) -> Step:
    """The binding is removed; perhaps not the only one."""
    return rest(state, now) if state.former is None else _unregister_former_too(state, now)


def _unregister_former_too(state: State, now: float) -> Step:
    after, actions = unregister_former(state)
    return replace(after, wake_at=now + state.plan.answer_seconds), actions


# Time


def idle_over(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    """The phone begins."""
    return start_round(state, now, jitter) if now >= state.wake_at else (state, ())


def refresh_due(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    """Refresh the binding, or ask the primary PBX whether it takes the phone back."""
    if now >= state.held.refresh_at:
        return start_attempt(state, Entry.CURRENT, state.held.registrar, now, refresh=True)
    at = returns_at(state)
    return (state, ()) if at is None or now < at else start_return(state, now)


def answer_overdue(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    """No answer came in time, or the binding expires before it comes."""
    binding = state.binding
    if state.is_returning and now >= state.held.refresh_at:
        return refresh_instead(state, now, jitter)
    if now >= state.in_flight.deadline:
        return attempt_failed(state, Reason.UNREACHABLE, now, jitter, message="no final answer")
    if binding is not None and now >= binding.expires_at:
        return replace(state, phase=Phase.TRYING, binding=None, loss=Loss(binding, Reason.EXPIRED, now)), ()
    return state, ()


def wait_over(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    """Begin a round; with a binding, ask its PBX again."""
    binding = state.binding
    if binding is not None and now >= binding.expires_at:
        noted = replace(state, failure=Failure(Reason.EXPIRED, binding.registrar, now))
        lost = replace(noted, binding=None, loss=Loss(binding, Reason.EXPIRED, now), failed_rounds=0)
        return start_round(lost, now, jitter)
    if now < state.wake_at:
        return state, ()
    if binding is None and state.round.patient and state.loss is not None:
        return start_attempt(replace(state, round=NEW_ROUND), Entry.CURRENT, state.loss.binding.registrar, now)
    if binding is None:
        return start_round(state, now, jitter)
    if has_moved(state):
        return unregister(state, now)
    return start_attempt(replace(state, round=NEW_ROUND), Entry.CURRENT, binding.registrar, now)


def stop_overdue(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    """The awaited answer did not come: remove the binding that there is."""
    if now < state.wake_at:
        return state, ()
    abandoned, actions = abandon(state)
    leaving, more = remove(abandoned, now)
    return leaving, (*actions, *more)


def unregister_overdue(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    """The un-REGISTER has no answer: the binding will expire by itself."""
    if now < state.wake_at:
        return state, ()
    if state.former is not None:
        return _unregister_former_too(state, now)
    resting, _ = rest(state, now)
    return resting, (Abandon(),)
