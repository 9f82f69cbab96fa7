"""The state machine of one call, for who calls and who is called.

    Calling      INVITE sent, nothing but 100 has come      wakes to cancel it
    Ringing      a provisional answer has come              wakes to cancel it
    Cancelling   CANCEL sent, the INVITE's end is awaited   wakes at the deadline
    Answering    200 sent, its ACK is awaited               wakes to send it again
    Talking      both ends have agreed                      wakes to hang up, or to send a 200 to a re-INVITE again
    Ending       BYE sent, its answer is awaited            wakes at the deadline
    Ended        over                                       sleeps

As with the machine of the registration, the caller holds a State for each call, calls `step` with an event (events.py),
keeps the state that comes back, and does what the actions say (actions.py). When nothing happens until `next_wakeup` it
calls `step` with TimePassed. The machine knows no clock.

`TRANSITIONS` is the whole table: phase, event, who handles it, the phases to which it may lead. What the table does not
have changes nothing: the network may bring anything at any time.

Sources: RFC 3261, sections 9, 13, 14 and 15; RFC 3264 for the descriptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from softphone_agent.calls.actions import (
    Accept,
    AcceptAgain,
    Acknowledge,
    Action,
    Bye,
    Cancel,
    FallSilent,
    RefuseChange,
    Talk,
)
from softphone_agent.calls.events import (
    Acknowledged,
    Answered,
    ByeAnswered,
    ByeCame,
    Event,
    FellSilent,
    HangUpRequested,
    Progressed,
    Refused,
    Reoffered,
    TimePassed,
)
from softphone_agent.calls.states import (
    ACK_SECONDS,
    CANCEL_SECONDS,
    T1_SECONDS,
    T2_SECONDS,
    Ending,
    Limits,
    Phase,
    Repeating,
    State,
)

Step = tuple[State, list[Action]]
"""The state after an event, and what is to be done."""

BUSY_WITH_AN_OFFER = 491
"""Request Pending (RFC 3261, section 14.2): the offer before is not through yet."""
NOT_ACCEPTABLE = 488


def calls(limits: Limits, now: float) -> State:
    """A call whose INVITE goes out now."""
    return State(Phase.CALLING, limits, now + limits.answer, now)


def is_called(limits: Limits, now: float) -> Step:
    """A call whose INVITE came now, and which is answered at once.

    No media is sent before its ACK has come: an INVITE may have come in the name of one who is to be flooded.
    """
    state = State(Phase.ANSWERING, limits, now + limits.talk, now, answered_at=now, code=200)
    return replace(state, repeating=_first_repeat(now)), [Accept()]


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
    return state.deadline if state.repeating is None else min(state.deadline, state.repeating.at)


# Who calls


def _progressed(state: State, event: Progressed, now: float) -> Step:
    if event.code <= 100:
        return state, []
    return replace(state, phase=Phase.RINGING, rang_at=state.rang_at if state.rang_at is not None else now), []


def _answered(state: State, event: Answered, now: float) -> Step:
    state = replace(state, answered_at=now, code=event.code)
    if not event.usable:
        after, actions = _hang_up(state, Ending.NO_MEDIA, now)
        return after, [Acknowledge(), *actions]
    return replace(state, phase=Phase.TALKING, deadline=now + state.limits.talk), [Acknowledge(), Talk()]


def _answered_too_late(state: State, event: Answered, now: float) -> Step:
    """The 2xx and our CANCEL have crossed: the call is there, and ends at once."""
    after, actions = _hang_up(replace(state, answered_at=now, code=event.code), Ending.UNANSWERED, now)
    return replace(after, ending=state.ending), [Acknowledge(), *actions]


def _refused(state: State, event: Refused, now: float) -> Step:
    ending = Ending.REFUSED if event.code else Ending.UNREACHABLE
    return _ended(replace(state, code=event.code, reason=event.reason), ending, now)


def _cancelled(state: State, event: Refused, now: float) -> Step:
    """The end of a cancelled INVITE, mostly 487: it keeps the reason for which it was cancelled."""
    return _ended(replace(state, code=event.code, reason=event.reason), Ending.UNANSWERED, now)


def _cancel(state: State, event: HangUpRequested | TimePassed, now: float) -> Step:
    """Nobody has answered in time, or the call is to end."""
    if isinstance(event, TimePassed) and now < state.deadline:
        return state, []
    ending = Ending.HUNG_UP if isinstance(event, HangUpRequested) else Ending.UNANSWERED
    return replace(state, phase=Phase.CANCELLING, ending=ending, deadline=now + CANCEL_SECONDS), [Cancel()]


# Both


def _acknowledged(state: State, event: Acknowledged, now: float) -> Step:
    state = replace(state, repeating=None, phase=Phase.TALKING)
    if not event.usable:
        return _hang_up(state, Ending.NO_MEDIA, now)
    if state.ending is not None:
        return _hang_up(state, state.ending, now)
    return state, [Talk()]


def _reoffered(state: State, event: Reoffered, now: float) -> Step:
    if not event.usable:
        return state, [RefuseChange(NOT_ACCEPTABLE)]
    if state.repeating is not None:
        return state, [RefuseChange(BUSY_WITH_AN_OFFER)]
    return replace(state, repeating=_first_repeat(now)), [Accept()]


def _reoffered_too_early(state: State, event: Reoffered, now: float) -> Step:
    return state, [RefuseChange(BUSY_WITH_AN_OFFER)]


def _time_passed(state: State, event: TimePassed, now: float) -> Step:
    """The talk is over, or no ACK has come yet."""
    repeating = state.repeating
    if repeating is not None and now >= repeating.until:
        return _hang_up(state, Ending.NO_ACK, now)
    if now >= state.deadline:
        return _hang_up(state, Ending.HUNG_UP, now)
    if repeating is None or now < repeating.at:
        return state, []
    wait = min(2 * repeating.wait, T2_SECONDS)
    return replace(state, repeating=Repeating(min(now + wait, repeating.until), wait, repeating.until)), [AcceptAgain()]


def _hang_up_requested(state: State, event: HangUpRequested, now: float) -> Step:
    return _hang_up(state, Ending.HUNG_UP, now)


def _hang_up_after_ack(state: State, event: HangUpRequested, now: float) -> Step:
    """Who is called may not send BYE before the ACK has come (RFC 3261, section 15)."""
    deadline = min(state.deadline, now + state.limits.bye)
    return replace(state, ending=state.ending or Ending.HUNG_UP, deadline=deadline), []


def _fell_silent(state: State, event: FellSilent, now: float) -> Step:
    return _hang_up(state, Ending.SILENT, now)


def _bye_came(state: State, event: ByeCame, now: float) -> Step:
    return _ended(state, Ending.REMOTE, now)


def _bye_answered(state: State, event: ByeAnswered, now: float) -> Step:
    return _ended(replace(state, bye_code=event.code), Ending.HUNG_UP, now)


def _given_up(state: State, event: TimePassed, now: float) -> Step:
    if now < state.deadline:
        return state, []
    return _ended(state, Ending.UNANSWERED, now)


# What they have in common


def _first_repeat(now: float) -> Repeating:
    return Repeating(now + T1_SECONDS, T1_SECONDS, now + ACK_SECONDS)


def _hang_up(state: State, ending: Ending, now: float) -> Step:
    deadline = now + state.limits.bye
    after = replace(state, phase=Phase.ENDING, ending=ending, repeating=None, deadline=deadline, bye_code=0)
    return after, [FallSilent(), Bye()]


def _ended(state: State, ending: Ending, now: float) -> Step:
    """It is over; a reason for which it was ending counts more than how the end came."""
    after = replace(state, phase=Phase.ENDED, ending=state.ending or ending, repeating=None, ended_at=now)
    return after, [FallSilent()]


class Transition(NamedTuple):
    """What an event does in a phase."""

    handler: Callable[[State, Any, float], Step]
    targets: frozenset[Phase]
    """The phases to which it may lead."""


def _row(
    phase: Phase, event: type[Event], handler: Callable[[State, Any, float], Step], *targets: Phase
) -> tuple[tuple[Phase, type[Event]], Transition]:
    return (phase, event), Transition(handler, frozenset(targets))


CALLING, RINGING, CANCELLING, ANSWERING, TALKING, ENDING, ENDED = Phase

TRANSITIONS: dict[tuple[Phase, type[Event]], Transition] = dict(
    [
        # Calling
        _row(CALLING, Progressed, _progressed, CALLING, RINGING),
        _row(CALLING, Answered, _answered, TALKING, ENDING),
        _row(CALLING, Refused, _refused, ENDED),
        _row(CALLING, Reoffered, _reoffered_too_early, CALLING),
        _row(CALLING, HangUpRequested, _cancel, CANCELLING),
        _row(CALLING, TimePassed, _cancel, CALLING, CANCELLING),
        # Ringing
        _row(RINGING, Progressed, _progressed, RINGING),
        _row(RINGING, Answered, _answered, TALKING, ENDING),
        _row(RINGING, Refused, _refused, ENDED),
        _row(RINGING, Reoffered, _reoffered_too_early, RINGING),
        _row(RINGING, HangUpRequested, _cancel, CANCELLING),
        _row(RINGING, TimePassed, _cancel, RINGING, CANCELLING),
        # Cancelling
        _row(CANCELLING, Answered, _answered_too_late, ENDING),
        _row(CANCELLING, Refused, _cancelled, ENDED),
        _row(CANCELLING, Reoffered, _reoffered_too_early, CANCELLING),
        _row(CANCELLING, TimePassed, _given_up, CANCELLING, ENDED),
        # Answering
        _row(ANSWERING, Acknowledged, _acknowledged, TALKING, ENDING),
        _row(ANSWERING, Reoffered, _reoffered_too_early, ANSWERING),
        _row(ANSWERING, ByeCame, _bye_came, ENDED),
        _row(ANSWERING, HangUpRequested, _hang_up_after_ack, ANSWERING),
        _row(ANSWERING, TimePassed, _time_passed, ANSWERING, ENDING),
        # Talking
        _row(TALKING, Acknowledged, _acknowledged, TALKING, ENDING),
        _row(TALKING, Reoffered, _reoffered, TALKING),
        _row(TALKING, ByeCame, _bye_came, ENDED),
        _row(TALKING, FellSilent, _fell_silent, ENDING),
        _row(TALKING, HangUpRequested, _hang_up_requested, ENDING),
        _row(TALKING, TimePassed, _time_passed, TALKING, ENDING),
        # Ending
        _row(ENDING, Reoffered, _reoffered_too_early, ENDING),
        _row(ENDING, ByeCame, _bye_came, ENDED),
        _row(ENDING, ByeAnswered, _bye_answered, ENDED),
        _row(ENDING, TimePassed, _given_up, ENDING, ENDED),
    ]
)
