"""What happens in each row of the table of `machine`.

Each takes the state, the event and `now` as `machine.step` does, and returns the next state and the actions.
"""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.contract.report import PathResult
from softphone_agent.paths.actions import Ask, Drop
from softphone_agent.paths.events import (
    Doubted,
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
from softphone_agent.paths.moments import AGAIN_SECONDS, full_second, next_check, soon, validity
from softphone_agent.paths.plan import CheckPlan
from softphone_agent.paths.states import Phase, State, Step, Walk, Way
from softphone_agent.paths.verdicts import MOST_OVERLAPS, end_of_way, is_overlap, redirect_result, tells_nothing
from softphone_agent.registration.plan import Entry, Mode
from softphone_agent.registration.policy import LONGEST_RETRY_AFTER, Reason, answer_reason, followable, refusal_words
from softphone_agent.registration.states import Hop

PATIENCE = 4.0
"""Safety net: a PBX has so many times the time of one REGISTER, since its name may have several servers."""
NOT_FOLLOWED = "in Browser mode a phone follows no redirect"


def ignored(state: State, event: object, now: float) -> Step:
    """It says nothing in this phase."""
    return state, ()


# The phone


def held(state: State, event: Held, now: float) -> Step:
    """The phone has a binding. A new one, or one at another PBX, makes all its ways worth a check."""
    before = state.holding
    is_news = before is None or before.registrar != event.holding.registrar
    after = replace(state, holding=event.holding, busy=False)
    if is_news:
        return _dropped(_due_soon(after, now))
    return (after, ()) if state.phase is Phase.CHECKING else (replace(after, phase=Phase.WAITING), ())


def refreshing(state: State, event: Refreshing, now: float) -> Step:
    """The phone's own REGISTER goes before: its PBX is not asked meanwhile."""
    busy = replace(state, busy=True)
    if state.phase is Phase.CHECKING and state.walking.target != state.held.registrar:
        return busy, ()
    return _dropped(busy)


def lost(state: State, event: Lost, now: float) -> Step:
    """The phone has no binding: it has more urgent things to do."""
    return _dropped(replace(state, holding=None, busy=False))


def reconfigured(state: State, event: Reconfigured, now: float) -> Step:
    """Other entry PBXes are other ways; another interval or other credentials make all worth a check."""
    known = {(way.entry, way.start): way for way in state.ways}
    ways = tuple(known.get((way.entry, way.start), way) for way in ways_of(event.plan))
    after, actions = _dropped(replace(state, plan=event.plan, ways=ways))
    return (_due_soon(after, now) if after.holding is not None else after), actions


def doubted(state: State, event: Doubted, now: float) -> Step:
    """A PBX fell silent or is back: the ways over it are checked soon."""
    plan = state.plan
    at = soon(plan.fraction, plan.interval, now)
    ways = tuple(
        replace(way, due=min(way.due, at)) if way.leads_over(event.registrar) and way.may_hurry else way
        for way in state.ways
    )
    return replace(state, ways=ways), ()


# Time


def time_passed(state: State, event: TimePassed, now: float) -> Step:
    """Results grow old."""
    return _aged(state, now), ()


def check_due(state: State, event: TimePassed, now: float) -> Step:
    """Begin with the way that is due for longest."""
    aged = _aged(state, now)
    way = min(aged.ways, key=lambda one: one.due, default=None)
    if way is None or now < way.due:
        return aged, ()
    walk = Walk(way.entry, way.start, now, now)
    return _ask(replace(aged, walk=walk), walk, now)


def answer_overdue(state: State, event: TimePassed, now: float) -> Step:
    """The safety net."""
    if now < state.walking.deadline:
        return state, ()
    after, actions = _unreachable(state, "no final answer", now, was_sent=True)
    return after, (Drop(), *actions)


# Answers


def found(state: State, event: Found, now: float) -> Step:
    """The end of the way."""
    result, words = end_of_way(state.walking.target, state.held, lists=event.lists)
    return _ended(state, result, now, code=200, message=words), ()


def redirected(state: State, event: Redirected, now: float) -> Step:
    """The PBX points to others: ask the best of those that may be asked."""
    walk, plan = state.walking, state.plan.phone
    if plan.mode is Mode.BROWSER:
        return _not_followed(state, Reason.UNEXPECTED_REDIRECT, event.code, NOT_FOLLOWED, now)
    if walk.redirects >= plan.max_redirects:
        return _not_followed(state, Reason.TOO_MANY_REDIRECTS, event.code, "", now)
    targets = followable(plan, walk.target, event.targets, walk.visited)
    if isinstance(targets, Reason):
        refused = targets is Reason.REDIRECT_REFUSED
        words = refusal_words(walk.target, event.targets) if refused else event.message
        return _not_followed(state, targets, event.code, words, now)
    hop = Hop(walk.target, targets[0], event.code)
    onward = replace(walk, target=targets[0], hops=(*walk.hops, hop), others=targets[1:])
    return _ask(state, onward, now)


def refused(state: State, event: Refused, now: float) -> Step:
    """The PBX refuses the phone, or the request, or cannot serve now."""
    walk = state.walking
    overlaps = is_overlap(event.code)
    if overlaps and state.checked.overlaps + 1 < MOST_OVERLAPS:
        return _later(state, full_second(now + AGAIN_SECONDS), overlaps=state.checked.overlaps + 1), ()
    if overlaps or tells_nothing(event.code, walk.target, state.held):
        return _ended(state, "CheckNotSupported", now, code=event.code, message=event.message), ()
    if answer_reason(event.code) is Reason.UNAVAILABLE and _has_another(state):
        return _ask_another(state, now)
    ended = _ended(state, "Refused", now, code=event.code, message=event.message)
    if event.retry_after is not None:
        ended = _not_before(ended, walk.entry, now + min(event.retry_after, LONGEST_RETRY_AFTER))
    return ended, ()


def silent(state: State, event: Silent, now: float) -> Step:
    """No answer."""
    return _unreachable(state, event.message, now, was_sent=event.was_sent)


def not_supported(state: State, event: NotSupported, now: float) -> Step:
    """There is no use in asking this PBX."""
    return _ended(state, "CheckNotSupported", now, message=event.message), ()


def postponed(state: State, event: Postponed, now: float) -> Step:
    """Not now: the way is walked anew a little later."""
    return _later(state, full_second(now + AGAIN_SECONDS)), ()


# What they have in common


def ways_of(plan: CheckPlan) -> tuple[Way, ...]:
    """The ways of a phone, of which nothing is known."""
    return tuple(Way(entry, at) for entry, at in plan.phone.entries)


def _ask(state: State, walk: Walk, now: float) -> Step:
    """Ask the walk's target, unless it must not be asked now."""
    wait_until = state.held.may_ask_at(walk.target)
    if wait_until > now or (state.busy and walk.target == state.held.registrar):
        return _later(replace(state, walk=walk), max(wait_until, full_second(now + AGAIN_SECONDS))), ()
    deadline = now + PATIENCE * state.plan.phone.answer_seconds
    asking = replace(state, phase=Phase.CHECKING, serial=state.serial + 1, walk=replace(walk, deadline=deadline))
    return asking, (Ask(asking.serial, walk.target),)


def _has_another(state: State) -> bool:
    return bool(state.walking.others) and state.walking.redirects < state.plan.phone.max_redirects


def _ask_another(state: State, now: float) -> Step:
    """The target of a redirect cannot serve: ask the next of its Contacts."""
    walk = state.walking
    target, *others = walk.others
    hops = (*walk.hops[:-1], replace(walk.hops[-1], target=target))
    passed = (*walk.passed, walk.target)
    return _ask(state, replace(walk, target=target, hops=hops, others=tuple(others), passed=passed), now)


def _unreachable(state: State, message: str, now: float, *, was_sent: bool) -> Step:
    """No answer: another Contact is asked. If the PBX that holds the phone got the request, it has no use for such."""
    if was_sent and state.walking.target == state.held.registrar:
        words = "it holds the phone, and does not answer a REGISTER without Contact"
        return _ended(state, "CheckNotSupported", now, message=words), ()
    if _has_another(state):
        return _ask_another(state, now)
    return _ended(state, "Unreachable", now, message=message), ()


def _not_followed(state: State, reason: Reason, code: int, message: str, now: float) -> Step:
    return _ended(state, redirect_result(reason), now, code=code, message=message), ()


def _ended(state: State, result: PathResult, now: float, *, code: int = 0, message: str = "") -> State:
    """The check is over, with this result."""
    walk, before, plan = state.walking, state.checked, state.plan
    same = (before.result, before.end, before.code) == (result, walk.target, code)
    way = Way(
        entry=before.entry,
        start=before.start,
        due=next_check(result, plan.fraction, plan.interval, now),
        result=result,
        end=walk.target,
        hops=walk.hops,
        code=code,
        message=message,
        since=before.since if same else now,
        checked_at=now,
        seconds=now - walk.began_at,
    )
    return _at_rest(replace(state, ways=_with(state, way)))


def _later(state: State, due: float, overlaps: int = 0) -> State:
    """The check is given up for now; what was known of its way stays."""
    return _at_rest(replace(state, ways=_with(state, replace(state.checked, due=due, overlaps=overlaps))))


def _not_before(state: State, entry: Entry, due: float) -> State:
    ways = tuple(replace(way, due=max(way.due, due)) if way.entry is entry else way for way in state.ways)
    return replace(state, ways=ways)


def _with(state: State, way: Way) -> tuple[Way, ...]:
    return tuple(way if one.entry is way.entry else one for one in state.ways)


def _at_rest(state: State) -> State:
    """Nothing is in flight."""
    phase = Phase.RESTING if state.holding is None else Phase.PAUSED if state.busy else Phase.WAITING
    return replace(state, phase=phase, walk=None)


def _dropped(state: State) -> Step:
    """Give up the check that is under way, if there is one. Its way stays due."""
    if state.walk is None:
        return _at_rest(state), ()
    return replace(_at_rest(state), serial=state.serial + 1), (Drop(),)


def _due_soon(state: State, now: float) -> State:
    at = soon(state.plan.fraction, state.plan.interval, now)
    return replace(state, ways=tuple(replace(way, due=at) for way in state.ways))


def ends_at(way: Way, interval: float) -> float:
    """When the way's result counts no more; never while there is none."""
    if way.checked_at is None:
        return float("inf")
    return way.checked_at + validity(way.result, interval)


def _aged(state: State, now: float) -> State:
    """Results that are too old are none."""
    interval = state.plan.interval
    ways = tuple(Way(way.entry, way.start, way.due) if ends_at(way, interval) <= now else way for way in state.ways)
    return replace(state, ways=ways)
