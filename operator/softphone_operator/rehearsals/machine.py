"""The machine of a Rehearsal: `step(state, event, now) -> (state, actions)`. Pure.

A row is what an event leads to. `at rest` is Pending, Waiting, Passed, Failed or Expired: no run is under way.

| state | event | where | state after it | actions |
|---|---|---|---|---|
| at rest | Asked | it was not taken yet, is not old, and nothing is in the way | Preparing | Tell |
| at rest | Asked | it is old, the spec is refused, suspend is set, or another Rehearsal runs | at rest | Tell |
| any other | Asked | a run is under way | the same | Tell |
| at rest | Elapsed | it is due, and no other Rehearsal runs | Preparing | Tell |
| at rest | Elapsed | it is due since less than LATE_SECONDS, and another runs | at rest | |
| at rest | Elapsed | it is due since longer | at rest, the next time | Tell |
| Preparing | Counted | nothing is in the way | Breaking | KeepBaseline, Tell |
| Preparing | Counted | something is | Failed | Close, Tell |
| Preparing | Elapsed | the window is over | Failed | Close, Tell |
| Breaking, Watching | JobAbsent | it was not seen before | the same | StartJob |
| Breaking, Watching | JobAbsent | it was | the same, the Job has failed | |
| Breaking, Watching | JobRan | | the same, with the Job's outcome | |
| Breaking | Looked | a phone has lost the PBX | Watching | Tell |
| Breaking, Watching | Looked | over, and no Job runs; or the window is over | Passed, Failed, Expired | Close, Tell |
| Breaking | Looked | its Job has failed, and no phone has lost anything | Failed | Close, Tell |
| Breaking, Watching | RecordLost | | Failed | Close, Tell |

Everything else changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from softphone_operator.api.rehearsal import Cause, RehearsalResult, RehearsalRun, Verdict
from softphone_operator.decide import status
from softphone_operator.decide.names import shorten
from softphone_operator.rehearsals import verdict
from softphone_operator.rehearsals.actions import Action, Close, KeepBaseline, StartJob, Tell
from softphone_operator.rehearsals.events import Asked, Counted, Elapsed, Event, JobAbsent, JobRan, Looked, RecordLost
from softphone_operator.rehearsals.states import State

LATE_SECONDS = 300.0
"""What was asked for or due so long ago is not begun any more: nobody expects it. An operator may have been away, or an
object come back from a backup."""
MAX_REQUEST = 64
HISTORY = 10
"""How many are kept while the spec is refused."""
MAX_NAME = 50
"""Of a record and a Job: the name of the Job's pod has some characters more, and fits a label."""

Step = tuple[State, tuple[Action, ...]]


def step(state: State, event: Event, now: datetime, name: str) -> Step:
    """What follows from an event; `name` is that of the Rehearsal."""
    match event:
        case Asked() if event.request[:MAX_REQUEST] != state.request:
            return _asked(replace(state, request=event.request[:MAX_REQUEST]), event.busy, now, name)
        case Elapsed() if state.run is None:
            return _due(state, event.busy, now, name)
        case Elapsed() if state.run is not None and state.run.phase == "Preparing" and _is_over(state.run, now):
            return _closed(state, state.run, "Failed", ("the agents were not heard in time",), now)
        case Counted() if state.run is not None and state.run.phase == "Preparing":
            return _counted(state, state.run, event, now)
        case JobAbsent() | JobRan() | Looked() | RecordLost() if state.run is not None:
            return _running(state, state.run, event, now)
    return state, ()


def _asked(state: State, busy: str, now: datetime, name: str) -> Step:
    if (age := _age(state.request, now)) is None:
        why = f'"{state.request}" is no time, such as 2026-11-30T02:00:00Z'
    elif age > LATE_SECONDS:
        why = f"that was {age:.0f} s ago"
    elif state.run is not None:
        why = "one is under way"
    elif state.desired is None:
        why = "its spec is refused"
    elif state.desired.spec.suspend:
        why = "suspend is set"
    elif busy:
        why = f"the Rehearsal {busy} of the namespace is under way"
    else:
        return _begun(state, "Request", now, name)
    return state, (Tell("Warning", "NotBegun", f"it was asked to begin, but {why}"),)


def _age(request: str, now: datetime) -> float | None:
    """How many seconds ago somebody asked, None where the request does not tell."""
    try:
        asked = datetime.fromisoformat(request)
    except ValueError:
        return None
    return (now - asked).total_seconds() if asked.tzinfo else None


def _due(state: State, busy: str, now: datetime, name: str) -> Step:
    if state.desired is None or state.next is None or now < state.next:
        return state, ()
    late = (now - state.next).total_seconds()
    if late <= LATE_SECONDS and busy:
        return state, ()
    if late <= LATE_SECONDS:
        return _begun(replace(state, next=state.desired.next_after(now)), "Schedule", now, name)
    why = f"the Rehearsal {busy} was under way" if busy else "no operator ran then"
    told = f"it was due at {status.timestamp(state.next)}, and {why}; the next time counts"
    return replace(state, next=state.desired.next_after(now)), (Tell("Warning", "Missed", told),)


def _begun(state: State, cause: Cause, now: datetime, name: str) -> Step:
    assert state.desired is not None
    spec = state.desired.spec
    run = RehearsalRun(
        phase="Preparing",
        began=status.timestamp(now),
        ends=status.timestamp(now + timedelta(seconds=spec.window_seconds)),
        cause=cause,
        pbxs=state.desired.pbxs,
        trigger=spec.trigger,
        limits=spec.limits,
        record=record_name(name, now),
    )
    said = "somebody asked for it" if cause == "Request" else "it was due"
    return replace(state, run=run), (Tell("Normal", "Began", f"{said}; {', '.join(run.pbxs)} is to fail"),)


def record_name(name: str, began: datetime) -> str:
    """Name of a run's ConfigMap and Job."""
    moment = began.astimezone(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{shorten(f'rehearsal-{name}', MAX_NAME - len(moment) - 1).rstrip('-.')}-{moment}".replace(".", "-")


def _counted(state: State, run: RehearsalRun, counted: Counted, now: datetime) -> Step:
    if counted.obstacles:
        return _closed(state, run, "Failed", tuple(f"not begun: {each}" for each in counted.obstacles), now)
    now_breaking = run.model_copy(update={"phase": "Breaking", "phones": counted.phones})
    who = "its Job breaks it now" if run.trigger == "Job" else "break it now"
    told = f"{counted.phones} phones are registered at {', '.join(run.pbxs)}: {who}, until {run.ends}"
    return replace(state, run=now_breaking), (KeepBaseline(), Tell("Normal", "Breaking", told))


def _running(state: State, run: RehearsalRun, event: JobAbsent | JobRan | Looked | RecordLost, now: datetime) -> Step:
    if run.phase == "Preparing":
        return state, ()
    match event:
        case RecordLost():
            return _closed(state, run, "Failed", (f"the record {run.record} is gone",), now)
        case JobAbsent() if run.job is None and state.desired is not None and state.desired.spec.job is not None:
            return state, (StartJob(),)
        case JobAbsent():
            lost = "it is gone" if run.job else "the spec has none any more"
            event = JobRan("Failed", run.job_message or lost)
            return _running(state, run, event, now)
        case JobRan():
            update = {"job": event.outcome, "job_message": event.message[:1024]}
            return replace(state, run=run.model_copy(update=update)), ()
        case Looked():
            return _looked(state, run, event, now)


def _looked(state: State, run: RehearsalRun, seen: Looked, now: datetime) -> Step:
    result = seen.result
    touched = result.lost + result.moved > 0
    counts = {"lost": result.lost, "missing": len(result.missing)}
    update = counts | ({"phase": "Watching"} if touched else {})
    there = run.model_copy(update=update)
    given_up = there.job == "Failed" and not touched
    done = seen.over and there.job in (None, "Succeeded", "Failed") and not (run.trigger == "Job" and run.job is None)
    if done or given_up or _is_over(run, now):
        window = (datetime.fromisoformat(run.ends) - datetime.fromisoformat(run.began)).total_seconds()
        found, reasons = verdict.judge(there, seen, window)
        return _closed(state, there, found, reasons, now, seen)
    actions: tuple[Action, ...] = ()
    if touched and run.phase == "Breaking":
        actions = (Tell("Normal", "Watching", f"phones lose {', '.join(run.pbxs)}"),)
    return replace(state, run=there), actions


def _is_over(run: RehearsalRun, now: datetime) -> bool:
    return now >= datetime.fromisoformat(run.ends)


def _closed(
    state: State, run: RehearsalRun, found: Verdict, reasons: tuple[str, ...], now: datetime, seen: Looked | None = None
) -> Step:
    result = RehearsalResult(
        verdict=found,
        began=run.began,
        ended=status.timestamp(now),
        cause=run.cause,
        reasons=reasons[:16],
        phones=run.phones,
        lost=run.lost,
        missing=run.missing,
        longest_outage_seconds=round(seen.worst[1], 3) if seen and seen.worst else None,
        all_back_seconds=_rounded(verdict.all_back_seconds(seen)) if seen else None,
        callable_seconds=seen.slowest_call.seconds if seen and seen.slowest_call else None,
        record=run.record if seen else None,
    )
    limit = state.desired.spec.history_limit if state.desired else HISTORY
    after = replace(
        state,
        run=None,
        history=(result, *state.history)[:limit],
        last_passed=result.ended if found == "Passed" else state.last_passed,
    )
    told = "; ".join(reasons) or summary(result)
    return after, (Close(result, run), Tell("Normal" if found == "Passed" else "Warning", found, told))


def summary(result: RehearsalResult) -> str:
    """What came out, in a sentence."""
    said = f"{result.lost} of {result.phones} phones lost it"
    if result.longest_outage_seconds is not None:
        said += f", the longest outage took {result.longest_outage_seconds:.2f} s"
    if result.all_back_seconds is not None:
        said += f", all were back after {result.all_back_seconds:.2f} s"
    if result.callable_seconds is not None:
        said += f", all could be called after {result.callable_seconds:.2f} s"
    return said


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
