"""What each event does to a call: the functions that the table of the machine (machine.py) names. Pure."""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.calls.actions import (
    Accept,
    AcceptAgain,
    Acknowledge,
    Action,
    Ask,
    Bye,
    Cancel,
    FallSilent,
    Refuse,
    RefuseAgain,
    RefuseChange,
    Ring,
    Talk,
)
from softphone_agent.calls.events import (
    Acknowledged,
    Answered,
    AskAnswered,
    ByeAnswered,
    ByeCame,
    CancelCame,
    Doubted,
    FellSilent,
    HangUpRequested,
    Progressed,
    Refused,
    Reoffered,
    Replaced,
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
NOT_ACCEPTABLE, UNAVAILABLE, TERMINATED = 488, 480, 487
NO_SUCH_CALL = 481
NO_WAY = frozenset({0, 404, 408, 500, 502, 503, 504})
"""Answers to an OPTIONS within a call that are not the other end's, but of one on the way who does not reach it."""


def calls(limits: Limits, now: float) -> State:
    """A call whose INVITE goes out now."""
    return State(Phase.CALLING, limits, now + limits.answer, now)


def is_called(limits: Limits, now: float) -> Step:
    """A call whose INVITE came now. It rings for as long as the limits say, and is answered then.

    No media is sent before its ACK has come: an INVITE may have come in the name of one who is to be flooded.
    """
    if limits.ring > 0:
        return State(Phase.ALERTING, limits, now + limits.ring, now, rang_at=now), [Ring()]
    return _accepted(State(Phase.ALERTING, limits, now, now), now)


# Who calls


def progressed(state: State, event: Progressed, now: float) -> Step:
    """It rings there."""
    if event.code <= 100:
        return state, []
    return replace(state, phase=Phase.RINGING, rang_at=state.rang_at if state.rang_at is not None else now), []


def answered(state: State, event: Answered, now: float) -> Step:
    """The other end has taken the call."""
    state = replace(state, answered_at=now, code=event.code)
    if not event.usable:
        after, actions = _hang_up(state, Ending.NO_MEDIA, now)
        return after, [Acknowledge(), *actions]
    return _talking(replace(state, deadline=now + state.limits.talk), now), [Acknowledge(), Talk()]


def answered_too_late(state: State, event: Answered, now: float) -> Step:
    """The 2xx and our CANCEL have crossed: the call is there, and ends at once."""
    after, actions = _hang_up(replace(state, answered_at=now, code=event.code), state.ending, now)
    return after, [Acknowledge(), *actions]


def refused(state: State, event: Refused, now: float) -> Step:
    """The other end does not take the call, or nobody answers."""
    ending = Ending.REFUSED if event.code else Ending.UNREACHABLE
    return _ended(replace(state, code=event.code, reason=event.reason, ending=ending), now)


def cancelled(state: State, event: Refused, now: float) -> Step:
    """The end of a cancelled INVITE, mostly 487: it keeps the reason for which it was cancelled."""
    return _ended(replace(state, code=event.code, reason=event.reason), now)


def cancel(state: State, event: HangUpRequested | TimePassed, now: float) -> Step:
    """Nobody has answered in time, or the call is to end."""
    if isinstance(event, TimePassed) and now < state.deadline:
        return state, []
    ending = Ending.HUNG_UP if isinstance(event, HangUpRequested) else Ending.UNANSWERED
    return replace(state, phase=Phase.CANCELLING, ending=ending, deadline=now + CANCEL_SECONDS), [Cancel()]


# Who is called


def rung(state: State, event: TimePassed, now: float) -> Step:
    """It has rung for long enough."""
    return _accepted(state, now) if now >= state.deadline else (state, [])


def given_up(state: State, event: CancelCame | ByeCame, now: float) -> Step:
    """The caller does not wait any more (RFC 3261, section 9.2; a BYE in an early dialog: section 15)."""
    return _refusing(state, TERMINATED, Ending.CANCELLED, now)


def refuse(state: State, event: HangUpRequested, now: float) -> Step:
    """The phone is taken away while it rings."""
    return _refusing(state, UNAVAILABLE, Ending.HUNG_UP, now)


def refusal_acknowledged(state: State, event: Acknowledged, now: float) -> Step:
    """The caller knows that it was refused."""
    return _ended(state, now)


def refuse_again(state: State, event: TimePassed, now: float) -> Step:
    """No ACK has come to the refusal yet (RFC 3261, section 17.2.1: timers G and H)."""
    repeating = _repeated(state.repeating, now)
    if repeating is None:
        return _ended(state, now)
    return replace(state, repeating=repeating), [RefuseAgain()] * (repeating != state.repeating)


# Both


def acknowledged(state: State, event: Acknowledged, now: float) -> Step:
    """The ACK to our 200."""
    state = replace(state, repeating=None)
    if not event.usable:
        return _hang_up(state, Ending.NO_MEDIA, now)
    if state.ending is not None:
        return _hang_up(state, state.ending, now)
    return _talking(state, now), [Talk()]


def reoffered(state: State, event: Reoffered, now: float) -> Step:
    """A re-INVITE in the midst of the call."""
    if not event.usable:
        return state, [RefuseChange(NOT_ACCEPTABLE)]
    if state.repeating is not None:
        return state, [RefuseChange(BUSY_WITH_AN_OFFER)]
    return replace(state, repeating=_first_repeat(now)), [Accept()]


def reoffered_too_early(state: State, event: Reoffered, now: float) -> Step:
    """A re-INVITE while there is no call yet, or none any more."""
    return state, [RefuseChange(BUSY_WITH_AN_OFFER)]


def time_passed(state: State, event: TimePassed, now: float) -> Step:
    """The talk is over, or no ACK has come yet, or it is time to ask the other end."""
    repeating = _repeated(state.repeating, now)
    if state.repeating is not None and repeating is None:
        return _hang_up(state, Ending.NO_ACK, now)
    if now >= state.deadline:
        return _hang_up(state, Ending.HUNG_UP, now)
    actions: list[Action] = [AcceptAgain()] * (repeating != state.repeating)
    after = replace(state, repeating=repeating)
    if state.ask_at is not None and now >= state.ask_at:
        return replace(after, ask_at=None), [*actions, Ask()]
    return after, actions


def doubted(state: State, event: Doubted, now: float) -> Step:
    """Ask at once, unless an answer is awaited."""
    return (state, []) if state.ask_at is None else (replace(state, ask_at=None), [Ask()])


def ask_answered(state: State, event: AskAnswered, now: float) -> Step:
    """Whether the other end is there, and knows the call."""
    if state.ask_at is not None or state.limits.ask <= 0:
        return state, []  # nobody has asked
    if event.code == NO_SUCH_CALL:
        return _hang_up(state, Ending.GONE, now)
    state = replace(state, ask_at=now + state.limits.ask, is_broken=event.code in NO_WAY)
    if state.is_broken and state.broken_at is None:
        state = replace(state, broken_at=now)
    return state, []


def replaced(state: State, event: Replaced, now: float) -> Step:
    """Another call goes on in its place (RFC 3891, section 3: a BYE ends this one)."""
    return _hang_up(state, Ending.REPLACED, now)


def hang_up_requested(state: State, event: HangUpRequested, now: float) -> Step:
    """The call is to end."""
    return _hang_up(state, Ending.HUNG_UP, now)


def hang_up_after_ack(state: State, event: HangUpRequested, now: float) -> Step:
    """Who is called may not send BYE before the ACK has come (RFC 3261, section 15)."""
    deadline = min(state.deadline, now + state.limits.bye)
    return replace(state, ending=state.ending or Ending.HUNG_UP, deadline=deadline), []


def fell_silent(state: State, event: FellSilent, now: float) -> Step:
    """Nothing comes of the other end."""
    return _hang_up(state, Ending.SILENT, now)


def bye_came(state: State, event: ByeCame, now: float) -> Step:
    """The other end has hung up; a reason for which the call was ending counts more."""
    return _ended(replace(state, ending=state.ending or Ending.REMOTE), now)


def bye_answered(state: State, event: ByeAnswered, now: float) -> Step:
    """The other end knows that we have hung up, or there is none."""
    return _ended(replace(state, bye_code=event.code), now)


def end_awaited(state: State, event: TimePassed, now: float) -> Step:
    """What ends the call does not come."""
    return _ended(state, now) if now >= state.deadline else (state, [])


# What they have in common


def _first_repeat(now: float) -> Repeating:
    return Repeating(now + T1_SECONDS, T1_SECONDS, now + ACK_SECONDS)


def _repeated(repeating: Repeating | None, now: float) -> Repeating | None:
    """What waits for its ACK, after a look at the clock: another one where it is sent again, None where given up."""
    if repeating is None or now < repeating.at:
        return repeating
    if now >= repeating.until:
        return None
    wait = min(2 * repeating.wait, T2_SECONDS)
    return Repeating(min(now + wait, repeating.until), wait, repeating.until)


def _accepted(state: State, now: float) -> Step:
    state = replace(state, phase=Phase.ANSWERING, deadline=now + state.limits.talk, answered_at=now, code=200)
    return replace(state, repeating=_first_repeat(now)), [Accept()]


def _refusing(state: State, code: int, ending: Ending, now: float) -> Step:
    state = replace(state, phase=Phase.REFUSING, ending=ending, code=code, deadline=now + ACK_SECONDS)
    return replace(state, repeating=_first_repeat(now)), [Refuse(code)]


def _talking(state: State, now: float) -> State:
    if state.phase is Phase.TALKING:
        return state
    return replace(state, phase=Phase.TALKING, ask_at=now + state.limits.ask if state.limits.ask > 0 else None)


def _hang_up(state: State, ending: Ending | None, now: float) -> Step:
    after = replace(state, phase=Phase.ENDING, ending=ending, repeating=None, deadline=now + state.limits.bye)
    return replace(after, bye_code=0, bye_at=now, ask_at=None), [FallSilent(), Bye()]


def _ended(state: State, now: float) -> Step:
    return replace(state, phase=Phase.ENDED, ended_at=now), [FallSilent()]
