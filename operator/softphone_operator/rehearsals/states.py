"""The state of a Rehearsal's machine, and how it is read from the object's status when an operator starts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from softphone_operator.api.rehearsal import RehearsalResult, RehearsalRun, RehearsalStatus, Verdict
from softphone_operator.rehearsals.desired import DesiredRehearsal


@dataclass(frozen=True, slots=True)
class State:
    """Where a Rehearsal stands. `desired` None: its spec is refused, so it begins none; one that runs goes on.

    `next`: when it is due. `request`: the last request that was taken. `run`: the one that is under way.
    `history`: those that are over, the last one first.
    """

    desired: DesiredRehearsal | None
    next: datetime | None = None
    request: str = ""
    run: RehearsalRun | None = None
    history: tuple[RehearsalResult, ...] = ()
    last_passed: str | None = None

    @property
    def verdict(self) -> Verdict | None:
        """How the last one ended, None where there was none."""
        return self.history[0].verdict if self.history else None


def resume(status: RehearsalStatus, desired: DesiredRehearsal | None, now: datetime, *, same_spec: bool) -> State:
    """The state that a status tells. `same_spec`: it is about the present spec, else the next time is reckoned anew."""
    due = datetime.fromisoformat(status.next_time) if status.next_time and same_spec else None
    state = State(desired, due, status.last_request, status.run, status.history, status.last_passed)
    if desired is None or desired.spec.suspend or not desired.spec.schedule:
        return replace(state, next=None)
    return state if due else replace(state, next=desired.next_after(now))
