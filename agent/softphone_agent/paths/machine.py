"""The state machine of one phone's path checks, beside that of its registration.

    Resting   the phone has no binding: nothing is checked   wakes when a result grows old
    Waiting   the phone is registered                        wakes when a way is due, or a result grows old
    Paused    the phone is registered, and refreshes         wakes when a result grows old
    Checking  a REGISTER without Contact is in flight        wakes at the safety deadline

A *way* leads from an entry PBX along redirects to its end. A *check* walks it with REGISTERs without Contact (RFC 3261,
section 10.2.3), which change nothing there, until a PBX answers with something else than a redirect.

The caller holds a State for each phone that checks its ways, and calls `step` as it does for the registration. The
machine knows no clock and draws no random numbers. At most one request is in flight; each has a serial, and an answer
with an older serial is ignored in every phase.

`TRANSITIONS` is the whole table: phase, event, who handles it, and the phases to which it may lead. What is not in it
raises IllegalTransition and leaves the state as it was.

    plan.py      what the checks go by, and what holds the phone
    states.py    what is known about the ways
    handlers.py  what happens in each row of the table
    verdicts.py  what an end is worth, and which answers tell nothing
    moments.py   when a way is checked next, and how long a result counts
    support.py   which PBXes have no use for such a request

The rules in words: docs/rules.md, Path checks.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeVar

from softphone_agent.paths import handlers
from softphone_agent.paths.events import (
    Doubted,
    Event,
    Found,
    Held,
    Lost,
    NotSupported,
    Postponed,
    Reconfigured,
    Redirected,
    Refreshing,
    Refused,
    Silent,
    TimePassed,
)
from softphone_agent.paths.plan import CheckPlan
from softphone_agent.paths.states import Phase, State, Step

__all__ = ["TRANSITIONS", "IllegalTransition", "Phase", "State", "Step", "begin", "next_wakeup", "step"]

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


class Handler(Protocol[E_contra]):
    """What handles events of one type."""

    def __call__(self, state: State, event: E_contra, now: float) -> Step:
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
    return (phase, event), Transition(handler, frozenset(targets))


RESTING, WAITING, PAUSED, CHECKING = Phase

TRANSITIONS: dict[tuple[Phase, type[object]], Transition] = dict(
    [
        # Resting
        when(RESTING, Held, handlers.held, WAITING),
        when(RESTING, Refreshing, handlers.ignored, RESTING),
        when(RESTING, Lost, handlers.ignored, RESTING),
        when(RESTING, Doubted, handlers.ignored, RESTING),
        when(RESTING, Reconfigured, handlers.reconfigured, RESTING),
        when(RESTING, TimePassed, handlers.time_passed, RESTING),
        # Waiting
        when(WAITING, Held, handlers.held, WAITING),
        when(WAITING, Refreshing, handlers.refreshing, PAUSED),
        when(WAITING, Lost, handlers.lost, RESTING),
        when(WAITING, Doubted, handlers.doubted, WAITING),
        when(WAITING, Reconfigured, handlers.reconfigured, WAITING),
        when(WAITING, TimePassed, handlers.check_due, WAITING, CHECKING),
        # Paused
        when(PAUSED, Held, handlers.held, WAITING),
        when(PAUSED, Refreshing, handlers.ignored, PAUSED),
        when(PAUSED, Lost, handlers.lost, RESTING),
        when(PAUSED, Doubted, handlers.doubted, PAUSED),
        when(PAUSED, Reconfigured, handlers.reconfigured, PAUSED),
        when(PAUSED, TimePassed, handlers.time_passed, PAUSED),
        # Checking
        when(CHECKING, Held, handlers.held, WAITING, CHECKING),
        when(CHECKING, Refreshing, handlers.refreshing, PAUSED, CHECKING),
        when(CHECKING, Lost, handlers.lost, RESTING),
        when(CHECKING, Doubted, handlers.doubted, CHECKING),
        when(CHECKING, Reconfigured, handlers.reconfigured, WAITING, PAUSED),
        when(CHECKING, TimePassed, handlers.answer_overdue, WAITING, PAUSED, CHECKING),
        when(CHECKING, Found, handlers.found, WAITING, PAUSED),
        when(CHECKING, Redirected, handlers.redirected, WAITING, PAUSED, CHECKING),
        when(CHECKING, Refused, handlers.refused, WAITING, PAUSED, CHECKING),
        when(CHECKING, Silent, handlers.silent, WAITING, PAUSED, CHECKING),
        when(CHECKING, NotSupported, handlers.not_supported, WAITING, PAUSED),
        when(CHECKING, Postponed, handlers.postponed, WAITING, PAUSED),
    ]
)


class IllegalTransition(Exception):  # noqa: N818
    """An event that the table does not have in this phase, or a result that it does not allow: a fault in the code."""


def begin(plan: CheckPlan) -> State:
    """The state of a phone of which nothing is known."""
    return State(plan, handlers.ways_of(plan))


def step(state: State, event: Event, now: float) -> Step:
    """The next state and what is to be done; `now` in seconds on a clock that never goes back.

    Raises IllegalTransition where the table does not allow it; `state` holds on then.
    """
    if getattr(event, "serial", state.serial) != state.serial:
        return state, ()
    transition = TRANSITIONS.get((state.phase, type(event)))
    if transition is None:
        raise IllegalTransition(f"{type(event).__name__} while {state.phase.value}")
    after, actions = transition.handler(state, event, now)
    if after.phase not in transition.targets:
        raise IllegalTransition(f"{type(event).__name__} led from {state.phase.value} to {after.phase.value}")
    return after, actions


def next_wakeup(state: State) -> float | None:
    """When TimePassed is due if nothing happens before; None for never."""
    if state.phase is Phase.CHECKING:
        return state.walking.deadline
    times = [handlers.ends_at(way, state.plan.interval) for way in state.ways]
    if state.phase is Phase.WAITING:
        times += [way.due for way in state.ways]
    first = min(times, default=float("inf"))
    return None if first == float("inf") else first
