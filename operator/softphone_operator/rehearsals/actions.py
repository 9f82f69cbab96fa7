"""What a Rehearsal's machine wants done: actions in the imperative. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_operator.api.rehearsal import RehearsalResult, RehearsalRun


@dataclass(frozen=True, slots=True)
class KeepBaseline:
    """Write the record with those who take part. The phase Breaking is told only after that."""


@dataclass(frozen=True, slots=True)
class StartJob:
    """Make the Job of the run."""


@dataclass(frozen=True, slots=True)
class Close:
    """The run is over: write the whole record, and forget the watch."""

    result: RehearsalResult
    run: RehearsalRun


@dataclass(frozen=True, slots=True)
class Tell:
    """Post a Kubernetes Event. `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


Action = KeepBaseline | StartJob | Close | Tell
