"""What a phone does when a ping or a connection tells of a PBX: functions that the table of `machine` names.

Each takes the state, the event, `now` and `jitter` as `machine.step` does, and returns the next state and the actions.
"""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.asking import soon
from softphone_agent.registration.events import BindingForgotten, PingAnswered, PingFailed, TransportClosed
from softphone_agent.registration.handlers import attempt_failed
from softphone_agent.registration.health import is_useless, may_ask_at, with_alive, with_dead, with_primary
from softphone_agent.registration.holding import lose
from softphone_agent.registration.plan import Entry, Registrar
from softphone_agent.registration.policy import Reason
from softphone_agent.registration.states import NEVER_TRIED, Failure, State, Step


def ping_failed(state: State, event: PingFailed, now: float, jitter: float) -> Step:
    """A PBX is silent: a binding there is lost, and a REGISTER to it is not waited for."""
    at, state = event.registrar, _with_ping(state, event, now)
    if state.binding is not None and state.binding.registrar == at:
        noted = replace(state, failure=Failure(Reason.PING_FAILED, at, now))
        since = max(event.since, state.binding.since)
        return lose(noted, Reason.PING_FAILED, now, jitter, since=since)
    if state.attempt is not None and state.attempt.target == at and is_useless(state, at):
        return attempt_failed(state, Reason.PING_FAILED, now, jitter)
    return state, ()


def ping_answered_while_waiting(state: State, event: PingAnswered, now: float, jitter: float) -> Step:
    """Where the wait was for this PBX, it ends soon."""
    at, alive = event.registrar, _with_ping(state, event, now)
    if _is_awaited(state, at) and not state.rejected and may_ask_at(state, at) <= now:
        alive = replace(alive, wake_at=min(state.wake_at, soon(state, now, jitter)))
    return alive, ()


def ping_answered_while_trying(state: State, event: PingAnswered, now: float, jitter: float) -> Step:
    """A round is asking, perhaps this PBX, or has asked it before. If the round fails, the next one follows soon."""
    back = state.round.back or _is_awaited(state, event.registrar)
    return replace(_with_ping(state, event, now), round=replace(state.round, back=back)), ()


def note_ping(state: State, event: PingFailed | PingAnswered, now: float, jitter: float) -> Step:
    """Remember which PBXes are dead, and no more."""
    return _with_ping(state, event, now), ()


def _with_ping(state: State, event: PingFailed | PingAnswered, now: float) -> State:
    """Which PBXes are dead after a ping. One that has other servers is not dead for one of them."""
    at, health = event.registrar, state.health
    returns_to = at == state.plan.entry(Entry.PRI) and state.plan.fail_back_after is not None
    if isinstance(event, PingAnswered):
        alive = with_alive(health, at)
        return replace(state, health=with_primary(alive, now) if returns_to else alive)
    if event.elsewhere:
        return state
    if not returns_to:
        return replace(state, health=with_dead(health, at))
    return replace(state, health=with_primary(with_dead(health, at), None), returns=NEVER_TRIED)


def _is_awaited(state: State, at: Registrar) -> bool:
    """Whether it was dead, and is an entry PBX or the phone's home: the entry PBXes may have led there in vain."""
    leads_to = {state.plan.home, state.home, *(entry for _, entry in state.plan.entries)}
    return at in state.dead and at in leads_to


def transport_closed(state: State, event: TransportClosed, now: float, jitter: float) -> Step:
    """A binding over this connection is lost: the PBX cannot reach the phone any more."""
    at = event.registrar
    if state.binding is None or state.binding.registrar != at:
        return state, ()
    if state.attempt is not None and state.attempt.target == at:
        return state, ()  # the REGISTER in flight fails by itself, and says more
    noted = replace(state, failure=Failure(Reason.TRANSPORT_CLOSED, at, now))
    if event.refused:
        noted = replace(noted, round=replace(noted.round, silent=noted.silent | {at}))
    since = now if event.since is None else max(event.since, state.binding.since)
    return lose(noted, Reason.TRANSPORT_CLOSED, now, jitter, since=since)


def forgotten(state: State, event: BindingForgotten, now: float, jitter: float) -> Step:
    """The PBX has lost the binding that it granted: ask it again, at this phone's own moment."""
    if state.held.registrar != event.registrar:
        return state, ()
    at = min(state.held.refresh_at, now + jitter * event.within)
    return replace(state, binding=replace(state.held, refresh_at=at)), ()
