"""The state machine of one call, for who calls and who is called.

    Calling      INVITE sent, nothing but 100 has come      wakes to cancel it
    Ringing      a provisional answer has come              wakes to cancel it
    Cancelling   CANCEL sent, the INVITE's end is awaited   wakes at the deadline
    Alerting     180 sent, it rings here                    wakes to answer
    Refusing     a refusal sent, its ACK is awaited         wakes to send it again
    Answering    200 sent, its ACK is awaited               wakes to send it again
    Talking      both ends have agreed                      wakes to hang up, to ask, or to send a 200 again
    Ending       BYE sent, its answer is awaited            wakes at the deadline
    Ended        over                                       sleeps

As with the machine of the registration, the caller holds a State for each call, calls `step` with an event (events.py),
keeps the state that comes back, and does what the actions say (actions.py). When nothing happens until `next_wakeup` it
calls `step` with TimePassed. The machine knows no clock.

`TRANSITIONS` is the whole table: phase, event, who handles it (handlers.py), the phases to which it may lead. What the
table does not have changes nothing: the network may bring anything at any time.

Sources: RFC 3261, sections 9, 13, 14, 15 and 17.2.1; RFC 3264 for the descriptions; RFC 3891 for calls that replace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from softphone_agent.calls import handlers
from softphone_agent.calls.events import (
    Acknowledged,
    Answered,
    AskAnswered,
    ByeAnswered,
    ByeCame,
    CancelCame,
    Doubted,
    Event,
    FellSilent,
    HangUpRequested,
    Progressed,
    Refused,
    Reoffered,
    Replaced,
    TimePassed,
)
from softphone_agent.calls.handlers import Step
from softphone_agent.calls.handlers import calls as calls
from softphone_agent.calls.handlers import is_called as is_called
from softphone_agent.calls.states import Phase, State


def step(state: State, event: Event, now: float) -> Step:
    """The state after this event, and what is to be done."""
    row = TRANSITIONS.get((state.phase, type(event)))
    if row is None:
        return state, []
    after, actions = row.handler(state, event, now)
    assert after.phase in row.targets, f"{event} led from {state.phase} to {after.phase}"
    return after, actions


def next_wakeup(state: State) -> float | None:
    """When `step` is to be called with TimePassed; None for never."""
    if state.phase is Phase.ENDED:
        return None
    repeat_at = state.repeating.at if state.repeating is not None else None
    return min(at for at in (state.deadline, repeat_at, state.ask_at) if at is not None)


class Transition(NamedTuple):
    """What an event does in a phase."""

    handler: Callable[[State, Any, float], Step]
    targets: frozenset[Phase]
    """The phases to which it may lead."""


def _row(
    phase: Phase, event: type[Event], handler: Callable[[State, Any, float], Step], *targets: Phase
) -> tuple[tuple[Phase, type[Event]], Transition]:
    return (phase, event), Transition(handler, frozenset(targets))


CALLING, RINGING, CANCELLING, ALERTING, REFUSING, ANSWERING, TALKING, ENDING, ENDED = Phase

TRANSITIONS: dict[tuple[Phase, type[Event]], Transition] = dict(
    [
        # Calling
        _row(CALLING, Progressed, handlers.progressed, CALLING, RINGING),
        _row(CALLING, Answered, handlers.answered, TALKING, ENDING),
        _row(CALLING, Refused, handlers.refused, ENDED),
        _row(CALLING, Reoffered, handlers.reoffered_too_early, CALLING),
        _row(CALLING, HangUpRequested, handlers.cancel, CANCELLING),
        _row(CALLING, TimePassed, handlers.cancel, CALLING, CANCELLING),
        # Ringing
        _row(RINGING, Progressed, handlers.progressed, RINGING),
        _row(RINGING, Answered, handlers.answered, TALKING, ENDING),
        _row(RINGING, Refused, handlers.refused, ENDED),
        _row(RINGING, Reoffered, handlers.reoffered_too_early, RINGING),
        _row(RINGING, HangUpRequested, handlers.cancel, CANCELLING),
        _row(RINGING, TimePassed, handlers.cancel, RINGING, CANCELLING),
        # Cancelling
        _row(CANCELLING, Answered, handlers.answered_too_late, ENDING),
        _row(CANCELLING, Refused, handlers.cancelled, ENDED),
        _row(CANCELLING, Reoffered, handlers.reoffered_too_early, CANCELLING),
        _row(CANCELLING, TimePassed, handlers.end_awaited, CANCELLING, ENDED),
        # Alerting
        _row(ALERTING, CancelCame, handlers.given_up, REFUSING),
        _row(ALERTING, ByeCame, handlers.given_up, REFUSING),
        _row(ALERTING, HangUpRequested, handlers.refuse, REFUSING),
        _row(ALERTING, TimePassed, handlers.rung, ALERTING, ANSWERING),
        # Refusing
        _row(REFUSING, Acknowledged, handlers.refusal_acknowledged, ENDED),
        _row(REFUSING, TimePassed, handlers.refuse_again, REFUSING, ENDED),
        # Answering
        _row(ANSWERING, Acknowledged, handlers.acknowledged, TALKING, ENDING),
        _row(ANSWERING, Reoffered, handlers.reoffered_too_early, ANSWERING),
        _row(ANSWERING, ByeCame, handlers.bye_came, ENDED),
        _row(ANSWERING, HangUpRequested, handlers.hang_up_after_ack, ANSWERING),
        _row(ANSWERING, TimePassed, handlers.time_passed, ANSWERING, ENDING),
        # Talking
        _row(TALKING, Acknowledged, handlers.acknowledged, TALKING, ENDING),
        _row(TALKING, Reoffered, handlers.reoffered, TALKING),
        _row(TALKING, ByeCame, handlers.bye_came, ENDED),
        _row(TALKING, FellSilent, handlers.fell_silent, ENDING),
        _row(TALKING, HangUpRequested, handlers.hang_up_requested, ENDING),
        _row(TALKING, Doubted, handlers.doubted, TALKING),
        _row(TALKING, AskAnswered, handlers.ask_answered, TALKING, ENDING),
        _row(TALKING, Replaced, handlers.replaced, ENDING),
        _row(TALKING, TimePassed, handlers.time_passed, TALKING, ENDING),
        # Ending
        _row(ENDING, Reoffered, handlers.reoffered_too_early, ENDING),
        _row(ENDING, ByeCame, handlers.bye_came, ENDED),
        _row(ENDING, ByeAnswered, handlers.bye_answered, ENDED),
        _row(ENDING, TimePassed, handlers.end_awaited, ENDING, ENDED),
    ]
)
