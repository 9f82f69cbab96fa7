"""Calls again and again after a fail-over, until one is answered with audio both ways. Pure.

How long after the loss of its binding a phone could be called is what is measured. So the first call goes out at once,
and each further one soon; a call of which nothing is heard does not hold up the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.calls.session import Heard
from softphone_agent.calls.states import Phase, State
from softphone_agent.calls.tone import HEARD

FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0
"""Seconds from one call to the next; each wait is half as long again as the one before."""
DEAF_SECONDS = 2.0
"""A call of which not even a ringing was heard for so long is given up: its PBX does not reach the callee."""
GIVEN_UP_SECONDS = 600.0
LEAST_PACKETS = 10
"""So many packets of the other end's, 0.2 s, are listened to before it counts as heard."""


@dataclass(frozen=True, slots=True)
class Pursuit:
    """Where it stands. Times are seconds of one clock."""

    since: float
    """When the binding was lost, or where none was: when the phone moved."""
    next_at: float
    """When the next call is to be made."""
    wait: float = FIRST_WAIT


def begun(known: Pursuit | None, since: float, now: float) -> Pursuit:
    """A phone of the check is registered again: call at once. The earliest loss counts."""
    return Pursuit(since if known is None else min(since, known.since), now)


def called(pursuit: Pursuit, now: float) -> Pursuit:
    """A call was made now."""
    return Pursuit(pursuit.since, now + pursuit.wait, min(1.5 * pursuit.wait, LONGEST_WAIT))


def is_given_up(pursuit: Pursuit, now: float) -> bool:
    """Whether nobody will wait for it any more."""
    return now - pursuit.since >= GIVEN_UP_SECONDS


def is_deaf(state: State, now: float) -> bool:
    """Whether nothing at all has come to this INVITE for too long."""
    return state.phase is Phase.CALLING and now - state.began_at >= DEAF_SECONDS


def hears_both_ways(heard: Heard) -> bool:
    """Whether both ends hear each other: we the tone that is expected, or anything that is no silence; they by RTCP."""
    if heard.packets < LEAST_PACKETS or heard.told is None or not heard.told.hears_us:
        return False
    return not heard.silent if heard.tone_part is None else heard.tone_part >= HEARD
