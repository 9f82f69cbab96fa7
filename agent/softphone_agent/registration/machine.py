"""The state machine of one phone's registration.

    Idle          not begun yet                              wakes to begin
    Trying        REGISTER in flight, no valid binding       wakes at the safety deadline
    Registered    a binding is valid                         wakes to refresh it
    Refreshing    REGISTER in flight, a binding is valid     wakes at the deadline or the expiry
    Waiting       nothing in flight after a failed round     wakes when the back-off is over
    Stopping      stop asked for, an answer still awaited    wakes at the deadline
    Unregistering un-REGISTER in flight                      wakes at the deadline
    Stopped       at rest: suspended, ended, no credentials  sleeps

The caller holds a State for each phone. When something happens it calls `step` with an event (events.py), keeps the
state that comes back, and does what the actions say (actions.py). When nothing happens until `next_wakeup` it calls
`step` with TimePassed. The machine knows no clock and draws no random numbers: both are arguments.

An *attempt* starts at one PBX and follows redirects until a PBX grants a *binding*. A *round* tries every entry PBX
once, the primary first. A round that fails ends in a wait, and each wait is longer than the one before.

At most one request is in flight for a phone. Each request has a serial, and its answer comes back with it; an answer
with an older serial is ignored in every phase.

`TRANSITIONS` is the whole table: phase, event, who handles it, and the phases to which it may lead. What is not in it
raises IllegalTransition and leaves the state as it was: an event that has no row, and a handler that leads elsewhere.

    states.py     what is known about a phone
    handlers.py   what happens in each row of the table
    watching.py   the same for pings and connections
    returning.py  how a phone returns to its primary PBX by itself
    waiting.py    how long a PBX that closed its connection is waited for
    holding.py    what becomes of a binding
    asking.py     which PBX is asked next
    health.py     which PBXes are dead, and which must not be asked yet
    policy.py     how long to wait, which redirect to follow, what a PBX is to the phone

The rules in words: docs/rules.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeVar

from softphone_agent.registration import handlers, watching
from softphone_agent.registration.events import (
    BindingForgotten,
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
from softphone_agent.registration.plan import Plan, Registrar
from softphone_agent.registration.returning import returns_at
from softphone_agent.registration.states import (
    NOTHING_KNOWN,
    Attempt,
    Binding,
    Failure,
    Health,
    Phase,
    State,
    Step,
)

__all__ = [
    "TRANSITIONS",
    "Attempt",
    "Binding",
    "Failure",
    "IllegalTransition",
    "Phase",
    "State",
    "Step",
    "begin",
    "next_wakeup",
    "step",
]

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


class Handler(Protocol[E_contra]):
    """What handles events of one type."""

    def __call__(self, state: State, event: E_contra, now: float, jitter: float) -> Step:
        """The next state, and what is to be done. Arguments as in `step`."""


class Transition(NamedTuple):
    """What an event does in a phase."""

    handler: Handler[Any]
    """Takes the event of its row: the type checker sees to it, by `when`."""
    targets: frozenset[Phase]
    """The phases to which it may lead."""


Row = tuple[tuple[Phase, type[object]], Transition]


def when(phase: Phase, event: type[E], handler: Handler[E], *targets: Phase) -> Row:
    """A row of the table: in this phase, this event is handled so, and leads to one of these phases."""
    return (phase, event), Transition(handler, frozenset(targets))  # pragma: no mutate (called before any test)


IDLE, TRYING, REGISTERED, REFRESHING, WAITING, STOPPING, UNREGISTERING, STOPPED = Phase

TRANSITIONS: dict[tuple[Phase, type[object]], Transition] = dict(
    [
        # Idle
        when(IDLE, TimePassed, handlers.idle_over, IDLE, TRYING, WAITING),
        when(IDLE, Reconfigured, handlers.reconfigured, IDLE, STOPPED),
        when(IDLE, StopRequested, handlers.stop_requested, STOPPED),
        when(IDLE, PingFailed, watching.note_ping, IDLE),
        when(IDLE, PingAnswered, watching.note_ping, IDLE),
        when(IDLE, TransportClosed, handlers.ignored, IDLE),
        # Trying
        when(TRYING, Registered, handlers.registered, REGISTERED, REFRESHING, UNREGISTERING),
        when(TRYING, Redirected, handlers.redirected, TRYING, WAITING),
        when(TRYING, Rejected, handlers.rejected, TRYING, WAITING),
        when(TRYING, Unreachable, handlers.unreachable, TRYING, WAITING),
        when(TRYING, TimePassed, handlers.answer_overdue, TRYING, WAITING),
        when(TRYING, PingFailed, watching.ping_failed, TRYING, WAITING),
        when(TRYING, Delayed, handlers.delayed, TRYING),
        when(TRYING, PingAnswered, watching.ping_answered_while_trying, TRYING),
        when(TRYING, TransportClosed, handlers.ignored, TRYING),
        when(TRYING, Reconfigured, handlers.reconfigured, TRYING, STOPPING),
        when(TRYING, StopRequested, handlers.stop_requested, STOPPING),
        # Registered
        when(REGISTERED, Unregistered, handlers.ignored, REGISTERED),
        when(REGISTERED, Delayed, handlers.ignored, REGISTERED),
        when(REGISTERED, TimePassed, handlers.refresh_due, REGISTERED, REFRESHING),
        when(REGISTERED, PingFailed, watching.ping_failed, REGISTERED, TRYING, WAITING),
        when(REGISTERED, PingAnswered, watching.note_ping, REGISTERED),
        when(REGISTERED, TransportClosed, watching.transport_closed, REGISTERED, TRYING, WAITING),
        when(REGISTERED, BindingForgotten, watching.forgotten, REGISTERED),
        when(REGISTERED, Reconfigured, handlers.reconfigured, REGISTERED, REFRESHING, UNREGISTERING),
        when(REGISTERED, StopRequested, handlers.stop_requested, UNREGISTERING),
        # Refreshing
        when(REFRESHING, Registered, handlers.registered, REGISTERED, REFRESHING, UNREGISTERING),
        when(REFRESHING, Redirected, handlers.redirected, REGISTERED, REFRESHING, TRYING, WAITING),
        when(REFRESHING, Rejected, handlers.rejected, REGISTERED, REFRESHING, TRYING, WAITING),
        when(REFRESHING, Unreachable, handlers.unreachable, REGISTERED, REFRESHING, TRYING, WAITING),
        when(REFRESHING, TimePassed, handlers.answer_overdue, REGISTERED, REFRESHING, TRYING, WAITING),
        when(REFRESHING, PingFailed, watching.ping_failed, REGISTERED, REFRESHING, TRYING, WAITING),
        when(REFRESHING, Delayed, handlers.delayed, REFRESHING),
        when(REFRESHING, PingAnswered, watching.note_ping, REFRESHING),
        when(REFRESHING, TransportClosed, watching.transport_closed, REFRESHING, TRYING, WAITING),
        when(REFRESHING, Reconfigured, handlers.reconfigured, REGISTERED, REFRESHING, UNREGISTERING, STOPPING),
        when(REFRESHING, StopRequested, handlers.stop_requested, STOPPING),
        # Waiting
        when(WAITING, Unregistered, handlers.ignored, WAITING),
        when(WAITING, Delayed, handlers.ignored, WAITING),
        when(WAITING, TimePassed, handlers.wait_over, WAITING, TRYING, REFRESHING, UNREGISTERING),
        when(WAITING, PingFailed, watching.ping_failed, TRYING, WAITING),
        when(WAITING, PingAnswered, watching.ping_answered_while_waiting, WAITING),
        when(WAITING, TransportClosed, watching.transport_closed, TRYING, WAITING),
        when(WAITING, Reconfigured, handlers.reconfigured, WAITING, STOPPED, UNREGISTERING),
        when(WAITING, StopRequested, handlers.stop_requested, STOPPED, UNREGISTERING),
        # Stopping
        when(STOPPING, Registered, handlers.answered_while_stopping, UNREGISTERING),
        when(STOPPING, Redirected, handlers.answered_while_stopping, UNREGISTERING, STOPPED, IDLE),
        when(STOPPING, Rejected, handlers.answered_while_stopping, UNREGISTERING, STOPPED, IDLE),
        when(STOPPING, Unreachable, handlers.answered_while_stopping, UNREGISTERING, STOPPED, IDLE),
        when(STOPPING, TimePassed, handlers.stop_overdue, STOPPING, UNREGISTERING, STOPPED, IDLE),
        when(STOPPING, PingFailed, watching.note_ping, STOPPING),
        when(STOPPING, Delayed, handlers.delayed, STOPPING),
        when(STOPPING, PingAnswered, watching.note_ping, STOPPING),
        when(STOPPING, TransportClosed, handlers.ignored, STOPPING),
        when(STOPPING, Reconfigured, handlers.reconfigured_while_stopping, STOPPING),
        when(STOPPING, StopRequested, handlers.stop_noted, STOPPING),
        # Unregistering
        when(UNREGISTERING, Unregistered, handlers.unregistered, UNREGISTERING, STOPPED, IDLE),
        when(UNREGISTERING, Delayed, handlers.delayed, UNREGISTERING),
        when(UNREGISTERING, TimePassed, handlers.unregister_overdue, UNREGISTERING, STOPPED, IDLE),
        when(UNREGISTERING, PingFailed, watching.note_ping, UNREGISTERING),
        when(UNREGISTERING, PingAnswered, watching.note_ping, UNREGISTERING),
        when(UNREGISTERING, TransportClosed, handlers.ignored, UNREGISTERING),
        when(UNREGISTERING, Reconfigured, handlers.reconfigured_while_stopping, UNREGISTERING),
        when(UNREGISTERING, StopRequested, handlers.stop_noted, UNREGISTERING),
        # Stopped
        when(STOPPED, Reconfigured, handlers.reconfigured_at_rest, STOPPED, IDLE),
        when(STOPPED, StopRequested, handlers.stop_noted, STOPPED),
        when(STOPPED, TimePassed, handlers.ignored, STOPPED),
        when(STOPPED, PingFailed, watching.note_ping, STOPPED),
        when(STOPPED, PingAnswered, watching.note_ping, STOPPED),
        when(STOPPED, TransportClosed, handlers.ignored, STOPPED),
    ]
)
"""The diagram in the docs is drawn from this, too."""


class IllegalTransition(Exception):  # noqa: N818
    """An event that the table does not have in this phase, or a result that it does not allow: a fault in the code."""


def begin(plan: Plan, start_at: float, dead: frozenset[Registrar] = frozenset()) -> State:
    """The state of a phone that is to begin at `start_at`. `dead`: PBXes that are known to answer no pings."""
    phase = Phase.STOPPED if plan.rests else Phase.IDLE
    health = Health(dead) if dead else NOTHING_KNOWN
    return State(plan, phase, wake_at=start_at, failure=handlers.fault_of(plan, start_at), health=health)


def step(state: State, event: Event, now: float, jitter: float) -> Step:
    """The next state and what is to be done.

    `now` in seconds on a clock that never goes back; `jitter` a random number in [0, 1), used at most once.
    Raises IllegalTransition where the table does not allow it; `state` holds on then.
    """
    if getattr(event, "serial", state.serial) != state.serial:
        return state, ()
    transition = TRANSITIONS.get((state.phase, type(event)))
    if transition is None:
        raise IllegalTransition(f"{type(event).__name__} while {state.phase.value}")
    after, actions = transition.handler(state, event, now, jitter)
    if after.phase not in transition.targets:
        raise IllegalTransition(f"{type(event).__name__} led from {state.phase.value} to {after.phase.value}")
    return after, actions


def next_wakeup(state: State) -> float | None:
    """When TimePassed is due if nothing happens before; None for never."""
    binding_ends = state.binding.expires_at if state.binding else float("inf")
    match state.phase:
        case Phase.STOPPED:
            return None
        case Phase.REGISTERED if state.binding:
            returns = returns_at(state)
            refresh = min(state.binding.refresh_at, binding_ends)
            return refresh if returns is None else min(refresh, returns)
        case Phase.REFRESHING if state.attempt and state.is_returning:
            return min(state.attempt.deadline, state.held.refresh_at)
        case Phase.TRYING | Phase.REFRESHING if state.attempt:
            return min(state.attempt.deadline, binding_ends)
        case Phase.WAITING:
            return min(state.wake_at, binding_ends)
        case _:
            return state.wake_at
