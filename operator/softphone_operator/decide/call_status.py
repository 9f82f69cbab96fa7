"""The status of a CallCheck, from the verdicts on its pairs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract.call_report import CallReport
from softphone_operator.api.call_checks import (
    MAX_FAILURES_KEPT,
    CallCheckStatus,
    CallFailure,
    PairCounts,
    TimeToCallable,
)
from softphone_operator.decide import progress, status
from softphone_operator.decide.call_verdicts import REASONS, Verdict
from softphone_operator.decide.desired_call_check import DesiredCallCheck, Pair
from softphone_operator.decide.event_rules import Event, accepted_events
from softphone_operator.decide.facts import Statement

Object = Mapping[str, Any]
Judged = Sequence[tuple[Pair, Verdict]]

PASSING = "Passing"


def call_check(
    previous: Object,
    *,
    generation: int,
    accepted: Statement,
    decided: DesiredCallCheck | None,
    judged: Judged,
    failures: Sequence[CallFailure] = (),
    now: datetime,
) -> CallCheckStatus:
    """The status of a CallCheck. `previous` is its present one, raw; `decided` None where its spec is refused.

    `failures`: those that were noted, stored already or not.
    """
    ready = progress.pbx_ready(accepted)
    passing = passing_statement(decided, judged)
    statements = {"Accepted": accepted, PASSING: passing, "Ready": ready} | progress.pbx_progress(ready)
    counts = Counter(verdict.state for _, verdict in judged)
    pairs = None
    if decided is not None:
        pairs = PairCounts(
            total=len(judged), passing=counts["passing"], failing=counts["failing"], unknown=counts["unknown"]
        )
    return CallCheckStatus(
        observed_generation=generation,
        conditions=status.conditions(previous, statements, generation, now),
        pairs=pairs,
        failures=_failures(previous, failures),
        callable=_callable(previous, judged),
    )


def passing_statement(decided: DesiredCallCheck | None, judged: Judged) -> Statement:
    """The condition Passing: whether the last call of each pair was as expected, and the worst pair in words."""
    if decided is None:
        return Statement("Unknown", "NotAccepted", "the spec is not accepted: no calls are made")
    if decided.spec.suspend:
        return Statement("Unknown", "Suspended", "spec.suspend is set: no calls are made")
    failing = [(pair, verdict) for pair, verdict in judged if verdict.state == "failing"]
    unknown = [(pair, verdict) for pair, verdict in judged if verdict.state == "unknown"]
    if failing:
        pair, verdict = min(failing, key=lambda one: (REASONS.index(one[1].reason), one[1].time, one[0].entry))
        told = f"{len(failing)} of {len(judged)} pairs fail; the worst: {words(pair)} {verdict.message}"
        return Statement(
            "False", verdict.reason, status.bounded(told if len(judged) > 1 else f"{words(pair)} {verdict.message}")
        )
    if unknown:
        pair, verdict = unknown[0]
        passing = len(judged) - len(unknown)
        told = f"{passing} of {len(judged)} pairs pass; {words(pair)} {pair.called}: {verdict.message}"
        return Statement("Unknown", verdict.reason, status.bounded(told))
    if not judged:
        return Statement(
            "Unknown", "NotCalled", "no pair is called: other CallChecks of the namespace have all there may be"
        )
    pair, verdict = judged[0]
    one = f"{words(pair)} {pair.called}: {verdict.message}"
    return Statement("True", PASSING, f"all {len(judged)} pairs pass" if len(judged) > 1 else status.bounded(one))


def words(pair: Pair) -> str:
    """Who calls, with the sites where they are known: `anna (vienna to graz) called`."""
    sites = f" ({pair.from_site} to {pair.to_site})" if pair.from_site and pair.to_site else ""
    return f"{pair.caller.name}{sites} called"


def noted(previous: Object, pair: Pair, last: Verdict, now: Verdict) -> CallFailure | None:
    """What is to be noted of a pair that begins to fail, or fails in another way; None where it does neither.

    `last`: the verdict before. Of an operator that has just begun it says nothing; then the stored status does.
    """
    if now.state != "failing" or now.half is None:
        return None
    made = _failure(pair, now, now.half)
    if last.half is not None:
        return None if (last.state, last.reason) == (now.state, now.reason) else made
    stored = _stored(previous.get("failures") or ())
    kept = next((one for one in stored if (one.caller, one.callee) == (made.caller, made.callee)), None)
    goes_on = status.condition({"status": previous}, PASSING).get("status") == "False"
    return None if kept is not None and goes_on and kept.reason == made.reason else made


def _failures(previous: Object, new: Sequence[CallFailure]) -> tuple[CallFailure, ...]:
    """Those that are stored and the new ones, the newest first, each once."""
    found = {(one.time, one.caller, one.callee): one for one in [*_stored(previous.get("failures") or ()), *new]}
    return tuple(sorted(found.values(), key=lambda one: one.time, reverse=True)[:MAX_FAILURES_KEPT])


def _failure(pair: Pair, verdict: Verdict, half: CallReport) -> CallFailure:
    return CallFailure(
        time=verdict.time,
        caller=pair.caller.name,
        callee=pair.called,
        from_site=pair.from_site or None,
        to_site=pair.to_site or None,
        reason=verdict.reason,
        message=" ".join(verdict.message.split())[:512],
        code=half.code,
        pbx=half.pbx,
    )


def _stored(raw: Iterable[Any]) -> Iterable[CallFailure]:
    for one in raw:
        try:
            yield CallFailure.model_validate(one, by_name=False, by_alias=True)
        except ValidationError:
            continue  # an operator of another version may have written it


def _callable(previous: Object, judged: Judged) -> TimeToCallable | None:
    """The last time to callable that a call has told, this one or the stored one."""
    found = [
        TimeToCallable(
            time=verdict.time,
            caller=pair.caller.name,
            callee=pair.called,
            seconds=round(verdict.half.callable_seconds, 3),
        )
        for pair, verdict in judged
        if verdict.half is not None and verdict.half.callable_seconds is not None and verdict.time
    ]
    try:
        stored = previous.get("callable")
        found += [TimeToCallable.model_validate(stored, by_name=False, by_alias=True)] if stored else []
    except ValidationError:
        pass
    return max(found, key=lambda one: one.time, default=None)


def events(previous: Object, made: CallCheckStatus) -> list[Event]:
    """The Events for a change of a CallCheck's status."""
    before = {c["type"]: c for c in previous.get("conditions") or ()}
    after = {c.type: c for c in made.conditions}
    found = list(accepted_events(before.get("Accepted", {}), after["Accepted"]))
    now, was = after[PASSING], before.get(PASSING, {})
    if now.status == "False" and (was.get("status"), was.get("reason")) != ("False", now.reason):
        found.append(Event("Warning", "CallFailing", now.message))
    elif now.status == "True" and was.get("status") == "False":
        found.append(Event("Normal", "CallPassing", now.message))
    if made.callable is not None and (previous.get("callable") or {}).get("time") != made.callable.time:
        one = made.callable
        told = f"{one.caller} called {one.callee}: answered with audio both ways {one.seconds:.1f} s after the loss"
        found.append(Event("Normal", "CallableAgain", told))
    return found
