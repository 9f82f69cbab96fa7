"""The state machine of one phone's registration.

    Idle          not begun yet                              wakes to begin
    Trying        REGISTER in flight, no valid binding       wakes at the safety deadline
    Registered    a binding is valid                         wakes to refresh it
    Refreshing    REGISTER in flight, a binding is valid     wakes at the deadline or the expiry
    Waiting       nothing in flight after a failed round     wakes when the back-off is over
    Stopping      stop asked for, an answer still awaited    wakes at the deadline
    Unregistering un-REGISTER in flight                      wakes at the deadline
    Stopped       at rest: suspended, ended, no credentials  sleeps

An *attempt* starts at one PBX and follows redirects until a PBX keeps the registration. A *round* tries every entry
PBX once, the primary first. `TRANSITIONS` below is the whole table: what is not in it is illegal, raises
IllegalTransition and leaves the state as it was. Answers that belong to an older serial are no events at all.

Rules: design, section 1; seed document, section Registration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from softphone_agent.registration.actions import Abandon, Action, Register, Unregister
from softphone_agent.registration.events import (
    Delayed,
    Event,
    PingAnswered,
    PingFailed,
    Reconfigured,
    Redirected,
    Registered,
    Rejected,
    StopRequested,
    TimePassed,
    TransportClosed,
    Unreachable,
    Unregistered,
)
from softphone_agent.registration.plan import Entry, Mode, Plan, Registrar
from softphone_agent.registration.policy import (
    BRIEF_SECONDS,
    LONGEST_RETRY_AFTER,
    OVERLAPPING,
    TRUSTED_ROUNDS,
    Reason,
    Role,
    answer_reason,
    backoff,
    followable,
    learned_home,
    may_stand_in,
    refresh_at,
    refusal_words,
    role,
)


class Phase(Enum):
    """What the phone is doing."""

    IDLE = "Idle"
    TRYING = "Trying"
    REGISTERED = "Registered"
    REFRESHING = "Refreshing"
    WAITING = "Waiting"
    STOPPING = "Stopping"
    UNREGISTERING = "Unregistering"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect that was followed."""

    source: Registrar
    target: Registrar
    code: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to register, from its entry PBX along the redirects. Times as `now`, in seconds."""

    entry: Entry
    target: Registrar
    asked_at: float
    deadline: float
    aor: str
    wire: str
    credentials: str
    hops: tuple[Hop, ...] = ()
    others: tuple[Registrar, ...] = ()
    """The last redirect's other Contacts, best first: asked where the target cannot serve (RFC 3261, 8.1.3.4)."""
    passed: tuple[Registrar, ...] = ()
    """Targets of redirects that could not serve, so that another Contact was asked."""

    @property
    def start(self) -> Registrar:
        """The PBX at which the attempt started."""
        return self.hops[0].source if self.hops else self.target

    @property
    def visited(self) -> tuple[Registrar, ...]:
        """Every PBX asked so far."""
        return (*(hop.source for hop in self.hops), *self.passed, self.target)


@dataclass(frozen=True, slots=True)
class Binding:
    """A registration that a PBX has granted. Times as `now`, in seconds."""

    registrar: Registrar
    entry: Entry
    start: Registrar
    hops: tuple[Hop, ...]
    role: Role
    aor: str
    wire: str
    since: float
    refresh_at: float
    expires_at: float
    tried: frozenset[Entry] = frozenset()
    """Entry PBXes that its round had tried, and `failed_rounds` before it: where it is brief, that round goes on."""
    failed_rounds: int = 0
    credentials: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The last thing that went wrong. `code` 0: no answer."""

    reason: Reason
    registrar: Registrar
    at: float
    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """A binding that was lost and not made up for yet."""

    binding: Binding
    reason: Reason
    at: float
    """Since when the PBX is known to have been silent: the time of the first request that it did not answer."""


@dataclass(frozen=True, slots=True)
class State:
    """All there is to know about one phone. `begin` makes the first one."""

    plan: Plan
    phase: Phase = Phase.IDLE
    serial: int = 0
    attempt: Attempt | None = None
    binding: Binding | None = None
    loss: Loss | None = None
    home: Registrar | None = None
    """Learned from redirects."""
    wake_at: float = 0.0
    """Counts while Idle, Waiting, Stopping and Unregistering."""
    tried: frozenset[Entry] = frozenset()
    """Entry PBXes that this round has asked or passed over."""
    failed_rounds: int = 0
    brief: int = 0
    """Bindings in a row that were lost soon after they were made."""
    silent: frozenset[Registrar] = frozenset()
    """PBXes that did not answer in this round."""
    dead: frozenset[Registrar] = frozenset()
    """PBXes that answer no pings."""
    not_before: tuple[tuple[Registrar, float], ...] = ()
    """Retry-After: PBXes that must not be asked before a time, each once."""
    rejected: bool = False
    """Whether a PBX of this round rejected the phone."""
    back: bool = False
    """Whether an entry PBX that was dead answered a ping while this round was asking."""
    failure: Failure | None = None
    ended: bool = False
    """StopRequested was seen: nothing begins any more."""


class IllegalTransition(Exception):  # noqa: N818
    """An event that cannot happen in this phase: a fault in the caller. The state is unchanged."""


Step = tuple[State, tuple[Action, ...]]


def begin(plan: Plan, start_at: float) -> State:
    """The state of a phone that is to begin at `start_at`."""
    phase = Phase.STOPPED if plan.rests else Phase.IDLE
    return State(plan=plan, phase=phase, wake_at=start_at, failure=_fault(plan, start_at))


def step(state: State, event: Event, now: float, jitter: float) -> Step:
    """The next state and what is to be done.

    `now` in seconds on a clock that never goes back; `jitter` a random number in [0, 1), used at most once.
    Raises IllegalTransition for an event that the table does not have in this phase.
    """
    if getattr(event, "serial", state.serial) != state.serial:
        return state, ()
    transition = TRANSITIONS.get((state.phase, type(event)))
    if transition is None:
        raise IllegalTransition(f"{type(event).__name__} while {state.phase.value}")
    handler, _ = transition
    return handler(state, event, now, jitter)


def next_wakeup(state: State) -> float | None:
    """When TimePassed is due if nothing happens before; None for never."""
    binding_ends = state.binding.expires_at if state.binding else float("inf")
    match state.phase:
        case Phase.STOPPED:
            return None
        case Phase.REGISTERED if state.binding:
            return min(state.binding.refresh_at, binding_ends)
        case Phase.TRYING | Phase.REFRESHING if state.attempt:
            return min(state.attempt.deadline, binding_ends)
        case Phase.WAITING:
            return min(state.wake_at, binding_ends)
        case _:
            return state.wake_at


# Asking a PBX


def _ask(state: State, attempt: Attempt, *, refresh: bool = False) -> Step:
    """Send the attempt's REGISTER."""
    phase = Phase.REFRESHING if state.binding else Phase.TRYING
    asking = replace(state, phase=phase, attempt=attempt, serial=state.serial + 1)
    return asking, (Register(asking.serial, attempt.target, refresh),)


def _start(state: State, entry: Entry, at: Registrar, now: float, *, refresh: bool = False) -> Step:
    """Start an attempt at `at`."""
    plan = state.plan
    attempt = Attempt(entry, at, now, now + plan.answer_seconds, plan.aor, plan.wire, plan.credentials)
    if entry is not Entry.CURRENT:
        state = replace(state, tried=state.tried | {entry})
    return _ask(state, attempt, refresh=refresh)


def _start_round(state: State, now: float, jitter: float) -> Step:
    """Alternate anew, from the primary PBX."""
    fresh = replace(state, tried=frozenset(), silent=frozenset(), rejected=False, back=False)
    return _try_next(fresh, now, jitter)


def _try_next(state: State, now: float, jitter: float) -> Step:
    """Go to the next entry PBX of this round, or wait if there is none."""
    asked = [
        (entry, at) for entry, at in state.plan.entries if entry not in state.tried and _may_ask_at(state, at) <= now
    ]
    alive = [(entry, at) for entry, at in asked if not _is_dead(state, at)]
    nobody_asked = not state.tried and not state.silent
    for entry, at in alive or (asked if nobody_asked else []):
        return _start(state, entry, at, now)
    return _wait(state, now, jitter)


def _wait(state: State, now: float, jitter: float) -> Step:
    """Every PBX of the round failed: back off, and respect Retry-After."""
    failed_rounds = state.failed_rounds + 1
    wake_at = now + backoff(state.plan, failed_rounds, jitter, rejected=state.rejected)
    if state.back and not state.rejected:
        wake_at = min(wake_at, _soon(state, now, jitter))
    soonest = min((_may_ask_at(state, at) for _, at in state.plan.entries), default=wake_at)
    wake_at = max(wake_at, soonest)
    return _give_up(replace(state, phase=Phase.WAITING, wake_at=wake_at, failed_rounds=failed_rounds))


def _soon(state: State, now: float, jitter: float) -> float:
    """When to ask a PBX that is back: each phone at its own moment, so that it is not run over."""
    return now + jitter * state.plan.backoff_initial


def _give_up(state: State) -> Step:
    """Leave whatever is in flight; later answers to it are none of ours."""
    if state.attempt is None:
        return state, ()
    return replace(state, attempt=None, serial=state.serial + 1), (Abandon(),)


def _is_dead(state: State, at: Registrar) -> bool:
    """Whether asking would only cost a time-out."""
    return at in state.silent or (at in state.dead and state.failed_rounds < TRUSTED_ROUNDS)


def _may_ask_at(state: State, at: Registrar) -> float:
    return dict(state.not_before).get(at, float("-inf"))


# Answers


def _registered(state: State, event: Registered, now: float, jitter: float) -> Step:
    return _settle(_bound(state, event, now), now)


def _bound(state: State, event: Registered, now: float) -> State:
    """The state with the binding that the answer grants, and a clean slate for the next loss."""
    attempt = state.attempt
    assert attempt is not None
    before = state.binding or (state.loss.binding if state.loss else None)
    again = attempt.entry is Entry.CURRENT and before is not None
    hops = before.hops if again and before and not attempt.hops else attempt.hops
    kept = state.binding if state.binding and state.binding.registrar == attempt.target else None
    found = _role(state, attempt, before)
    lasted = state.binding is not None and now - state.binding.since >= BRIEF_SECONDS
    binding = Binding(
        registrar=attempt.target,
        entry=before.entry if again and before else attempt.entry,
        start=before.start if again and before else attempt.start,
        hops=hops,
        role=found,
        aor=attempt.aor,
        wire=attempt.wire,
        since=kept.since if kept else now,
        refresh_at=refresh_at(state.plan, event.expires, now),
        expires_at=now + event.expires,
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
        home=binding.registrar if hops and found is Role.HOME else state.home,
        tried=frozenset(),
        silent=frozenset(),
        dead=state.dead - {binding.registrar},
        not_before=tuple((at, when) for at, when in state.not_before if when > now),
        failed_rounds=0,
        rejected=False,
        back=False,
        brief=0 if lasted else state.brief,
    )


def _role(state: State, attempt: Attempt, before: Binding | None) -> Role:
    """The role at the attempt's end, also where the PBX goes on keeping the phone: more may be known by now."""
    stayed = before if attempt.entry is Entry.CURRENT and not attempt.hops else None
    redirected = bool(stayed.hops if stayed else attempt.hops)
    in_doubt = _is_in_doubt(state, attempt.target)
    return role(state.plan.home or state.home, attempt.target, redirected=redirected, in_doubt=in_doubt)


def _is_in_doubt(state: State, at: Registrar) -> bool:
    return may_stand_in(state.plan, at, state.dead | state.silent)


def _settle(state: State, now: float) -> Step:
    """Hold the binding against the plan. Where they differ it is removed, and the phone begins anew.

    Other credentials are no reason to give it up: they are shown to the PBX over the binding.
    """
    binding, plan = state.binding, state.plan
    assert binding is not None
    if (binding.aor, binding.wire) != (plan.aor, plan.wire) or _is_moved(state):
        return _unregister(state, now)
    if binding.credentials != plan.credentials:
        return _start(state, Entry.CURRENT, binding.registrar, now, refresh=True)
    return state, ()


def _is_moved(state: State) -> bool:
    """Whether the entry PBX from which the binding was made is configured no more."""
    binding = state.binding
    return binding is not None and state.plan.entry(binding.entry) != binding.start


def _redirected(state: State, event: Redirected, now: float, jitter: float) -> Step:
    attempt, plan = state.attempt, state.plan
    assert attempt is not None
    if plan.mode is Mode.BROWSER:
        return _attempt_failed(state, Reason.UNEXPECTED_REDIRECT, now, jitter, code=event.code)
    if len(attempt.hops) + len(attempt.passed) >= plan.max_redirects:
        return _attempt_failed(state, Reason.TOO_MANY_REDIRECTS, now, jitter, code=event.code)
    targets = followable(plan, attempt.target, event.targets, attempt.visited)
    if isinstance(targets, Reason):
        words = refusal_words(plan, attempt.target, event.targets) if targets is Reason.REDIRECT_REFUSED else ""
        return _attempt_failed(state, targets, now, jitter, code=event.code, message=words)
    home = learned_home(state.home, attempt.target, targets[0], in_doubt=_is_in_doubt(state, targets[0]))
    hops = (*attempt.hops, Hop(attempt.target, targets[0], event.code))
    return _follow(replace(state, home=home), replace(attempt, hops=hops, others=targets), now, jitter)


def _follow(state: State, attempt: Attempt, now: float, jitter: float) -> Step:
    """Ask the first of `attempt.others`, the Contacts of its last redirect."""
    plan, hop = state.plan, attempt.hops[-1]
    target, *others = attempt.others
    onward = replace(
        attempt,
        target=target,
        asked_at=now,
        deadline=now + plan.answer_seconds,
        aor=plan.aor,
        wire=plan.wire,
        credentials=plan.credentials,
        hops=(*attempt.hops[:-1], replace(hop, target=target)),
        others=tuple(others),
    )
    if _may_ask_at(state, target) > now:
        return _attempt_failed(replace(state, attempt=onward), Reason.UNAVAILABLE, now, jitter)
    if _is_dead(state, target):
        return _attempt_failed(replace(state, attempt=onward), Reason.KNOWN_DEAD, now, jitter)
    return _ask(state, onward)


def _rejected(state: State, event: Rejected, now: float, jitter: float) -> Step:
    assert state.attempt is not None
    if event.retry_after is not None:
        at, wait = state.attempt.target, min(event.retry_after, LONGEST_RETRY_AFTER)
        others = tuple((other, when) for other, when in state.not_before if other != at and when > now)
        state = replace(state, not_before=(*others, (at, now + wait)))
    reason = answer_reason(event.code)
    return _attempt_failed(state, reason, now, jitter, code=event.code, message=event.message)


def _unreachable(state: State, event: Unreachable, now: float, jitter: float) -> Step:
    return _attempt_failed(state, Reason.UNREACHABLE, now, jitter, message=event.message)


_CANNOT_SERVE = frozenset({Reason.UNREACHABLE, Reason.UNAVAILABLE, Reason.KNOWN_DEAD, Reason.PING_FAILED})


def _attempt_failed(
    state: State, reason: Reason, now: float, jitter: float, *, code: int = 0, message: str = ""
) -> Step:
    """Note why, then lose the binding, go on to the next PBX, or wait."""
    attempt, binding = state.attempt, state.binding
    assert attempt is not None
    state = replace(
        state,
        failure=Failure(reason, attempt.target, now, code, message),
        rejected=state.rejected or reason is Reason.REJECTED,
    )
    if reason is Reason.UNREACHABLE:
        state = replace(state, silent=state.silent | {attempt.target})
    if binding is not None and attempt.target == binding.registrar and not _says_nothing(state, reason, code):
        silent_since = attempt.asked_at if reason is Reason.UNREACHABLE else now
        return _lost(state, reason, now, jitter, since=silent_since)
    if (
        attempt.others
        and reason in _CANNOT_SERVE
        and len(attempt.hops) + len(attempt.passed) < state.plan.max_redirects
    ):
        return _follow(state, replace(attempt, passed=(*attempt.passed, attempt.target)), now, jitter)
    if binding is not None:
        # The present PBX points to one that cannot be had, or its answer says nothing of the binding, which is as good
        # as before: ask again later.
        return _wait(state, now, jitter)
    return _try_next(state, now, jitter)


def _says_nothing(state: State, reason: Reason, code: int) -> bool:
    """Whether the PBX that keeps the phone refused something else.

    Credentials with which the binding was not made, or a REGISTER that overlaps another one.
    """
    attempt, binding = state.attempt, state.binding
    assert attempt is not None
    assert binding is not None
    return code == OVERLAPPING or (reason is Reason.REJECTED and attempt.credentials != binding.credentials)


def _lost(state: State, reason: Reason, now: float, jitter: float, *, since: float) -> Step:
    """The binding is gone: the current PBX first, unless it is known to be of no use, then alternate.

    Where one brief binding follows another, its round goes on as if the PBX had refused it.
    """
    binding, attempt = state.binding, state.attempt
    assert binding is not None
    at = binding.registrar
    brief = state.brief + 1 if since - binding.since < BRIEF_SECONDS else 0
    lost = replace(
        state, binding=None, loss=Loss(binding, reason, since), tried=frozenset(), failed_rounds=0, brief=brief
    )
    if brief > 1:
        lost = replace(lost, tried=binding.tried | {binding.entry}, failed_rounds=binding.failed_rounds)
    if attempt is not None and attempt.target != at:
        return replace(lost, phase=Phase.TRYING), ()  # a redirect is being followed: it may well succeed
    useless = brief > 1 or reason is Reason.REJECTED or _is_dead(lost, at) or _may_ask_at(lost, at) > now
    if useless or _is_moved(state):
        return _try_next(lost, now, jitter)
    return _start(lost, Entry.CURRENT, at, now)


def _delayed(state: State, event: Delayed, now: float, jitter: float) -> Step:
    later = replace(state, wake_at=state.wake_at + event.seconds)
    if state.attempt is None:
        return later, ()
    asked_at, deadline = state.attempt.asked_at + event.seconds, state.attempt.deadline + event.seconds
    return replace(later, attempt=replace(state.attempt, asked_at=asked_at, deadline=deadline)), ()


# Word from outside


def _ping_failed(state: State, event: PingFailed, now: float, jitter: float) -> Step:
    at, state = event.registrar, _with_ping(state, event)
    if state.binding is not None and state.binding.registrar == at:
        noted = replace(state, failure=Failure(Reason.PING_FAILED, at, now))
        since = max(event.since, state.binding.since)
        return _lost(noted, Reason.PING_FAILED, now, jitter, since=since)
    if state.attempt is not None and state.attempt.target == at and _is_dead(state, at):
        return _attempt_failed(state, Reason.PING_FAILED, now, jitter)
    return state, ()


def _ping_answered(state: State, event: PingAnswered, now: float, jitter: float) -> Step:
    at, alive = event.registrar, _with_ping(state, event)
    if _is_awaited(state, at) and not state.rejected and _may_ask_at(state, at) <= now:
        alive = replace(alive, wake_at=min(state.wake_at, _soon(state, now, jitter)))
    return alive, ()


def _ping_answered_meanwhile(state: State, event: PingAnswered, now: float, jitter: float) -> Step:
    """A round is asking, perhaps this PBX, or it has asked it before: where it fails the next one follows soon."""
    return replace(_with_ping(state, event), back=state.back or _is_awaited(state, event.registrar)), ()


def _is_awaited(state: State, at: Registrar) -> bool:
    """Whether it is an entry PBX that was dead."""
    return at in state.dead and any(at == entry for _, entry in state.plan.entries)


def _transport_closed(state: State, event: TransportClosed, now: float, jitter: float) -> Step:
    at = event.registrar
    if state.binding is None or state.binding.registrar != at:
        return state, ()
    if state.attempt is not None and state.attempt.target == at:
        return state, ()  # the REGISTER in flight fails by itself, and says more
    noted = replace(state, failure=Failure(Reason.TRANSPORT_CLOSED, at, now))
    if event.refused:
        noted = replace(noted, silent=noted.silent | {at})
    since = now if event.since is None else max(event.since, state.binding.since)
    return _lost(noted, Reason.TRANSPORT_CLOSED, now, jitter, since=since)


def _note_ping(state: State, event: PingFailed | PingAnswered, now: float, jitter: float) -> Step:
    return _with_ping(state, event), ()


def _with_ping(state: State, event: PingFailed | PingAnswered) -> State:
    """Which PBXes are dead after a ping. One that has other servers is not dead for one of them."""
    if isinstance(event, PingAnswered):
        return replace(state, dead=state.dead - {event.registrar})
    return state if event.elsewhere else replace(state, dead=state.dead | {event.registrar})


def _ignored(state: State, event: Event, now: float, jitter: float) -> Step:
    return state, ()


# The plan


def _adopt(state: State, plan: Plan, now: float) -> State:
    told = plan.fault == state.plan.fault
    return replace(
        state,
        plan=plan,
        home=state.home if plan.aor == state.plan.aor else None,
        failure=state.failure if told else _fault(plan, now) or state.failure,
    )


def _fault(plan: Plan, now: float) -> Failure | None:
    """The failure to have credentials, which stops the phone before it asks the first of its PBXes."""
    if not plan.fault or not plan.entries:
        return None
    return Failure(Reason.NO_CREDENTIALS, plan.entries[0][1], now, message=plan.fault)


def _reconfigured(state: State, event: Reconfigured, now: float, jitter: float) -> Step:
    """Take the new plan; with nothing in flight act on it at once, else when the answer is there."""
    before = state.plan
    state = _adopt(state, event.plan, now)
    if state.plan.rests:
        return _stop(state, now)
    if state.phase is Phase.REGISTERED:
        return _settle(state, now)
    if state.phase is Phase.WAITING and _asks(before) != _asks(state.plan):
        return replace(state, wake_at=now, failed_rounds=0, rejected=False), ()
    return state, ()


def _asks(plan: Plan) -> tuple[object, ...]:
    """What a PBX may answer otherwise where it changed."""
    return plan.aor, plan.wire, plan.credentials, plan.entries


def _reconfigured_at_rest(state: State, event: Reconfigured, now: float, jitter: float) -> Step:
    return _rest(_adopt(state, event.plan, now), now)


def _reconfigured_while_stopping(state: State, event: Reconfigured, now: float, jitter: float) -> Step:
    return _adopt(state, event.plan, now), ()


def _stop_requested(state: State, event: StopRequested, now: float, jitter: float) -> Step:
    return _stop(replace(state, ended=True), now)


def _stop_noted(state: State, event: StopRequested, now: float, jitter: float) -> Step:
    return replace(state, ended=True), ()


def _stop(state: State, now: float) -> Step:
    """Un-REGISTER what is registered. An answer in flight is awaited first: it may still make a binding."""
    if state.attempt is not None:
        return replace(state, phase=Phase.STOPPING, wake_at=state.attempt.deadline), ()
    if state.binding is not None:
        return _unregister(state, now)
    return _rest(state, now)


def _unregister(state: State, now: float) -> Step:
    assert state.binding is not None
    leaving = replace(
        state,
        phase=Phase.UNREGISTERING,
        serial=state.serial + 1,
        wake_at=now + state.plan.answer_seconds,
    )
    return leaving, (Unregister(leaving.serial, state.binding.registrar),)


def _rest(state: State, now: float) -> Step:
    """Nothing is registered: stay so, or begin anew if the plan says so."""
    at_rest = State(
        plan=state.plan,
        phase=Phase.STOPPED,
        serial=state.serial + 1,
        home=state.home,
        dead=state.dead,
        not_before=state.not_before,
        failure=state.failure,
        ended=state.ended,
    )
    if state.ended or state.plan.rests:
        return at_rest, ()
    return replace(at_rest, phase=Phase.IDLE, wake_at=now), ()


def _answered_while_stopping(
    state: State, event: Registered | Redirected | Rejected | Unreachable, now: float, jitter: float
) -> Step:
    """The awaited answer: remove the binding that it made or left."""
    attempt, binding = state.attempt, state.binding
    assert attempt is not None
    if isinstance(event, Registered):
        return _unregister(_bound(state, event, now), now)
    answered = replace(state, attempt=None)
    if binding is not None and (binding.registrar != attempt.target or isinstance(event, Redirected)):
        return _unregister(answered, now)
    return _rest(answered, now)


def _unregistered(state: State, event: Unregistered, now: float, jitter: float) -> Step:
    return _rest(state, now)


# Time


def _idle_over(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    return _start_round(state, now, jitter) if now >= state.wake_at else (state, ())


def _refresh_due(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    binding = state.binding
    assert binding is not None
    if now < binding.refresh_at:
        return state, ()
    return _start(state, Entry.CURRENT, binding.registrar, now, refresh=True)


def _answer_overdue(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    attempt, binding = state.attempt, state.binding
    assert attempt is not None
    if now >= attempt.deadline:
        return _attempt_failed(state, Reason.UNREACHABLE, now, jitter, message="no final answer")
    if binding is not None and now >= binding.expires_at:
        return replace(state, phase=Phase.TRYING, binding=None, loss=Loss(binding, Reason.EXPIRED, now)), ()
    return state, ()


def _wait_over(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    binding = state.binding
    if binding is not None and now >= binding.expires_at:
        noted = replace(state, failure=Failure(Reason.EXPIRED, binding.registrar, now))
        lost = replace(noted, binding=None, loss=Loss(binding, Reason.EXPIRED, now), failed_rounds=0)
        return _start_round(lost, now, jitter)
    if now < state.wake_at:
        return state, ()
    if binding is None:
        return _start_round(state, now, jitter)
    if _is_moved(state):
        return _unregister(state, now)
    fresh = replace(state, tried=frozenset(), silent=frozenset(), rejected=False)
    return _start(fresh, Entry.CURRENT, binding.registrar, now)


def _stop_overdue(state: State, event: TimePassed, now: float, jitter: float) -> Step:
    if now < state.wake_at:
        return state, ()
    abandoned, actions = _give_up(state)
    if state.phase is Phase.STOPPING and state.binding is not None:
        leaving, more = _unregister(abandoned, now)
        return leaving, (*actions, *more)
    resting, _ = _rest(abandoned, now)
    return resting, (Abandon(),)


Handler = Callable[..., Step]

_ASKING = {Phase.TRYING, Phase.REFRESHING}
_GOES_ON = {Phase.TRYING, Phase.WAITING}
_MAY_LOSE = {Phase.REFRESHING, Phase.TRYING, Phase.WAITING}
_SETTLED = {Phase.REGISTERED, Phase.REFRESHING, Phase.UNREGISTERING}
_AT_REST = {Phase.STOPPED, Phase.IDLE}

TRANSITIONS: dict[tuple[Phase, type[Event]], tuple[Handler, set[Phase]]] = {
    (Phase.IDLE, TimePassed): (_idle_over, {Phase.IDLE, Phase.TRYING, Phase.WAITING}),
    (Phase.IDLE, Reconfigured): (_reconfigured, {Phase.IDLE, Phase.STOPPED}),
    (Phase.IDLE, StopRequested): (_stop_requested, {Phase.STOPPED}),
    (Phase.IDLE, PingFailed): (_note_ping, {Phase.IDLE}),
    (Phase.IDLE, PingAnswered): (_note_ping, {Phase.IDLE}),
    (Phase.IDLE, TransportClosed): (_ignored, {Phase.IDLE}),
    (Phase.TRYING, Registered): (_registered, _SETTLED),
    (Phase.TRYING, Redirected): (_redirected, _GOES_ON),
    (Phase.TRYING, Rejected): (_rejected, _GOES_ON),
    (Phase.TRYING, Unreachable): (_unreachable, _GOES_ON),
    (Phase.TRYING, TimePassed): (_answer_overdue, _GOES_ON),
    (Phase.TRYING, PingFailed): (_ping_failed, _GOES_ON),
    (Phase.TRYING, Delayed): (_delayed, {Phase.TRYING}),
    (Phase.TRYING, PingAnswered): (_ping_answered_meanwhile, {Phase.TRYING}),
    (Phase.TRYING, TransportClosed): (_ignored, {Phase.TRYING}),
    (Phase.TRYING, Reconfigured): (_reconfigured, {Phase.TRYING, Phase.STOPPING}),
    (Phase.TRYING, StopRequested): (_stop_requested, {Phase.STOPPING}),
    (Phase.REGISTERED, TimePassed): (_refresh_due, {Phase.REGISTERED, Phase.REFRESHING}),
    (Phase.REGISTERED, PingFailed): (_ping_failed, {Phase.REGISTERED, *_GOES_ON}),
    (Phase.REGISTERED, PingAnswered): (_note_ping, {Phase.REGISTERED}),
    (Phase.REGISTERED, TransportClosed): (_transport_closed, {Phase.REGISTERED, *_GOES_ON}),
    (Phase.REGISTERED, Reconfigured): (_reconfigured, _SETTLED),
    (Phase.REGISTERED, StopRequested): (_stop_requested, {Phase.UNREGISTERING}),
    (Phase.REFRESHING, Registered): (_registered, _SETTLED),
    (Phase.REFRESHING, Redirected): (_redirected, _MAY_LOSE),
    (Phase.REFRESHING, Rejected): (_rejected, _MAY_LOSE),
    (Phase.REFRESHING, Unreachable): (_unreachable, _MAY_LOSE),
    (Phase.REFRESHING, TimePassed): (_answer_overdue, _MAY_LOSE),
    (Phase.REFRESHING, PingFailed): (_ping_failed, _MAY_LOSE),
    (Phase.REFRESHING, Delayed): (_delayed, {Phase.REFRESHING}),
    (Phase.REFRESHING, PingAnswered): (_note_ping, {Phase.REFRESHING}),
    (Phase.REFRESHING, TransportClosed): (_transport_closed, _MAY_LOSE),
    (Phase.REFRESHING, Reconfigured): (_reconfigured, {Phase.REFRESHING, Phase.STOPPING}),
    (Phase.REFRESHING, StopRequested): (_stop_requested, {Phase.STOPPING}),
    (Phase.WAITING, TimePassed): (_wait_over, {Phase.WAITING, *_ASKING, Phase.UNREGISTERING}),
    (Phase.WAITING, PingFailed): (_ping_failed, _GOES_ON),
    (Phase.WAITING, PingAnswered): (_ping_answered, {Phase.WAITING}),
    (Phase.WAITING, TransportClosed): (_transport_closed, _GOES_ON),
    (Phase.WAITING, Reconfigured): (_reconfigured, {Phase.WAITING, Phase.STOPPED, Phase.UNREGISTERING}),
    (Phase.WAITING, StopRequested): (_stop_requested, {Phase.STOPPED, Phase.UNREGISTERING}),
    (Phase.STOPPING, Registered): (_answered_while_stopping, {Phase.UNREGISTERING}),
    (Phase.STOPPING, Redirected): (_answered_while_stopping, {Phase.UNREGISTERING, *_AT_REST}),
    (Phase.STOPPING, Rejected): (_answered_while_stopping, {Phase.UNREGISTERING, *_AT_REST}),
    (Phase.STOPPING, Unreachable): (_answered_while_stopping, {Phase.UNREGISTERING, *_AT_REST}),
    (Phase.STOPPING, TimePassed): (_stop_overdue, {Phase.STOPPING, Phase.UNREGISTERING, *_AT_REST}),
    (Phase.STOPPING, PingFailed): (_note_ping, {Phase.STOPPING}),
    (Phase.STOPPING, Delayed): (_delayed, {Phase.STOPPING}),
    (Phase.STOPPING, PingAnswered): (_note_ping, {Phase.STOPPING}),
    (Phase.STOPPING, TransportClosed): (_ignored, {Phase.STOPPING}),
    (Phase.STOPPING, Reconfigured): (_reconfigured_while_stopping, {Phase.STOPPING}),
    (Phase.STOPPING, StopRequested): (_stop_noted, {Phase.STOPPING}),
    (Phase.UNREGISTERING, Unregistered): (_unregistered, _AT_REST),
    (Phase.UNREGISTERING, Delayed): (_delayed, {Phase.UNREGISTERING}),
    (Phase.UNREGISTERING, TimePassed): (_stop_overdue, {Phase.UNREGISTERING, *_AT_REST}),
    (Phase.UNREGISTERING, PingFailed): (_note_ping, {Phase.UNREGISTERING}),
    (Phase.UNREGISTERING, PingAnswered): (_note_ping, {Phase.UNREGISTERING}),
    (Phase.UNREGISTERING, TransportClosed): (_ignored, {Phase.UNREGISTERING}),
    (Phase.UNREGISTERING, Reconfigured): (_reconfigured_while_stopping, {Phase.UNREGISTERING}),
    (Phase.UNREGISTERING, StopRequested): (_stop_noted, {Phase.UNREGISTERING}),
    (Phase.STOPPED, Reconfigured): (_reconfigured_at_rest, _AT_REST),
    (Phase.STOPPED, StopRequested): (_stop_noted, {Phase.STOPPED}),
    (Phase.STOPPED, TimePassed): (_ignored, {Phase.STOPPED}),
    (Phase.STOPPED, PingFailed): (_note_ping, {Phase.STOPPED}),
    (Phase.STOPPED, PingAnswered): (_note_ping, {Phase.STOPPED}),
    (Phase.STOPPED, TransportClosed): (_ignored, {Phase.STOPPED}),
}
"""(phase, event) -> (what handles it, the phases it may lead to). The diagram in the docs is drawn from this."""
