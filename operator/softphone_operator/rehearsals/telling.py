"""What the status of a Rehearsal says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from softphone_operator.api.rehearsal import DAY_SECONDS, Phase, RehearsalRun, RehearsalStatus
from softphone_operator.decide import progress
from softphone_operator.decide import status as statuses
from softphone_operator.decide.facts import Statement
from softphone_operator.rehearsals.machine import summary
from softphone_operator.rehearsals.states import State

MAX_MESSAGE = 1024


def read(stored: Mapping[str, Any]) -> RehearsalStatus:
    """The stored status; an empty one where an operator of another version wrote what this one cannot read."""
    try:
        return RehearsalStatus.model_validate(stored, by_name=False, by_alias=True)
    except ValidationError:
        return RehearsalStatus()


def told(
    stored: Mapping[str, Any], state: State, accepted: Statement, generation: int, now: datetime
) -> RehearsalStatus:
    """The status to write. `stored`: the present one, raw, whose times stay where nothing changes."""
    ready = progress.pbx_ready(accepted)
    statements = {"Accepted": accepted, "Ready": ready} | progress.pbx_progress(ready)
    phase = _phase(state)
    return RehearsalStatus(
        observed_generation=generation,
        conditions=statuses.conditions(stored, statements, generation, now),
        phase=phase,
        message=_message(state, phase, accepted)[:MAX_MESSAGE],
        next_time=statuses.timestamp(state.next) if state.next else None,
        last_request=state.request,
        last_passed=state.last_passed,
        run=state.run,
        history=state.history,
    )


def _phase(state: State) -> Phase:
    if state.run is not None:
        return "Pending" if state.run.phase == "Preparing" else state.run.phase
    return state.verdict or ("Waiting" if state.next else "Pending")


def _message(state: State, phase: Phase, accepted: Statement) -> str:
    if state.run is not None:
        return _of_run(state.run)
    if state.desired is None:
        return accepted.message
    if state.history:
        last = state.history[0]
        return "; ".join(last.reasons) or summary(last)
    if state.desired.spec.suspend:
        return "suspended"
    if phase == "Waiting" and state.next:
        return f"begins at {statuses.timestamp(state.next)}"
    return "begins when asked to: kubectl softphone rehearsal start"


def _of_run(run: RehearsalRun) -> str:
    places = ", ".join(run.pbxs)
    if run.phase == "Preparing":
        return f"it is found out who is registered at {places}"
    if run.phase == "Breaking":
        who = "its Job breaks it now" if run.trigger == "Job" else "break it now"
        return f"{run.phones} phones are registered at {places}: {who}, until {run.ends}"
    return f"{run.lost} of {run.phones} phones have lost {places}, {run.missing} are not registered"


class Measured(NamedTuple):
    """What is measured of a Rehearsal; None: there is nothing to tell."""

    running: bool
    passed: bool | None
    last_passed: float | None
    """When one passed last, in seconds since 1970."""
    due: float | None
    """When it will be overdue that one passes, in seconds since 1970."""


def measured(obj: Mapping[str, Any]) -> Measured:
    """What is measured, from a raw object as the operator keeps it."""
    stored, spec = obj.get("status") or {}, obj.get("spec")
    history = stored.get("history") or ()
    days = spec.get("everyDays") if isinstance(spec, Mapping) and not spec.get("suspend") else None
    last = stored.get("lastPassed")
    since = last or obj["metadata"].get("creationTimestamp")
    return Measured(
        running="run" in stored,
        passed=history[0].get("verdict") == "Passed" if history else None,
        last_passed=_seconds(last) if last else None,
        due=_seconds(since) + days * DAY_SECONDS if isinstance(days, int) and since else None,
    )


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
