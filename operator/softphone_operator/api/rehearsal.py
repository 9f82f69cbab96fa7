"""Spec and status of Rehearsal: a fail-over that is tried on purpose, watched, and judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from softphone_agent.contract.fields import Model
from softphone_operator.api.spec import MAX_PBX_LABEL, NameText, Spec
from softphone_operator.api.status import ObjectStatus

MAX_HISTORY = 50
MAX_PBXS = 32
"""PBXes of a system that a rehearsal may concern."""
MAX_REASONS = 16
MAX_TEMPLATE_BYTES = 64 * 1024
DAY_SECONDS = 86400

Trigger = Literal["Manual", "Job"]
Phase = Literal["Pending", "Waiting", "Breaking", "Watching", "Passed", "Failed", "Expired"]
RunPhase = Literal["Preparing", "Breaking", "Watching"]
Verdict = Literal["Passed", "Failed", "Expired"]
Cause = Literal["Request", "Schedule"]
JobOutcome = Literal["Running", "Succeeded", "Failed"]

Free = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]
"""An object of Kubernetes' own, whose fields the API server checks when it is made."""


class RehearsalLimits(Spec):
    """What is allowed at most. Without any limit a rehearsal passes when all phones come back."""

    longest_outage_seconds: Annotated[float, Field(gt=0, le=DAY_SECONDS)] | None = Field(
        default=None,
        description="No phone may be without registration for longer, in seconds, from the first request that was not "
        "answered until a PBX had accepted it again.",
    )
    all_back_within_seconds: Annotated[float, Field(gt=0, le=DAY_SECONDS)] | None = Field(
        default=None,
        description="From the first loss of any phone until the last one is registered again, in seconds.",
    )
    callable_within_seconds: Annotated[float, Field(gt=0, le=DAY_SECONDS)] | None = Field(
        default=None,
        description="From the loss of a phone until a call of it, or to it, was answered with audio both ways, in "
        "seconds. CallChecks of the namespace with after: [FailedOver] make such calls; where none was answered, the "
        "rehearsal has failed.",
    )


class RehearsalJob(Spec):
    """A Job that breaks the PBX and mends it."""

    template: Free = Field(
        description="Pod template, as in spec.template of a Job. Where it says nothing, the pod gets what Pod Security "
        "asks for in its level restricted, no token of a service account, and is not started a second time."
    )


class RehearsalSpec(Spec):
    """A fail-over that is tried on purpose, watched, and judged. Just one of pbx and system must be given."""

    pbx: NameText | None = Field(default=None, description="PBX object of the same namespace that is to fail.")
    system: NameText | None = Field(
        default=None, description="System of which all PBXes are to fail, or any of them: as on their spec.system."
    )
    limits: RehearsalLimits = Field(
        default_factory=RehearsalLimits, description="What a fail-over may take; more than that, and it has failed."
    )
    trigger: Trigger = Field(
        default="Manual",
        description="Who breaks the PBX. Manual: a person, whom the phase Breaking tells. Job: the Job of spec.job, "
        "where the operator may make Jobs. The operator itself never breaks a PBX.",
    )
    job: RehearsalJob | None = Field(default=None, description="The Job, with trigger Job.")
    schedule: Annotated[str, Field(max_length=128)] | None = Field(
        default=None,
        description="When it begins by itself: five fields of cron, such as 0 3 1 * * for 03:00 on the first of each "
        "month. None: when asked to, by kubectl softphone rehearsal start.",
    )
    time_zone: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Time zone of the schedule, such as Europe/Vienna. Default: UTC."
    )
    window_seconds: Annotated[int, Field(ge=30, le=DAY_SECONDS)] = Field(
        default=1800,
        description="How long a rehearsal lasts at most, in seconds: by then the PBX was broken, and all phones are "
        "registered again.",
    )
    every_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None,
        description="One must pass at least once in so many days, else there is the alert SoftphoneRehearsalOverdue. "
        "None: no such alert.",
    )
    suspend: bool = Field(
        default=False,
        description="Begin none until this is false again. One that runs goes on.",
    )
    history_limit: Annotated[int, Field(ge=1, le=MAX_HISTORY)] = Field(
        default=10, description="How many are kept in status, each with its record in a ConfigMap."
    )


def _time(description: str, *, needed: bool = False) -> Any:
    extra: dict[str, Any] = {"format": "date-time"}
    if needed:
        return Field(description=description, json_schema_extra=extra)
    return Field(default=None, description=description, json_schema_extra=extra)


class RehearsalRun(Model):
    """A rehearsal that is under way."""

    phase: RunPhase = Field(
        description="Preparing: it is found out who is registered there. Breaking: the PBX is to be broken now. "
        "Watching: a phone has lost it."
    )
    began: str = _time("When it began.", needed=True)
    ends: str = _time("When it ends at the latest.", needed=True)
    cause: Cause = Field(description="Request: somebody asked for it. Schedule: it was due.")
    pbxs: tuple[Annotated[str, Field(max_length=MAX_PBX_LABEL)], ...] = Field(
        default=(), max_length=MAX_PBXS, description="The PBXes whose phones are watched."
    )
    trigger: Trigger = Field(default="Manual", description="Who breaks the PBX, as in spec.trigger when it began.")
    limits: RehearsalLimits = Field(default_factory=RehearsalLimits, description="The limits when it began.")
    record: NameText = Field(description="ConfigMap with its record, which is made when the PBX is to be broken.")
    job: JobOutcome | None = Field(default=None, description="How its Job, named like its record, fares; absent: none.")
    job_message: Annotated[str, Field(max_length=1024)] = Field(default="", description="Why the Job has failed.")
    phones: int = Field(default=0, description="Phones that were registered there when it began.")
    lost: int = Field(default=0, description="Those that have lost their registration.")
    missing: int = Field(default=0, description="Those that are not registered, or not heard of.")


class RehearsalResult(Model):
    """A rehearsal that is over."""

    verdict: Verdict = Field(
        description="Passed: all is within the limits. Failed: not so, the reasons say why. Expired: no phone lost "
        "the PBX within the window."
    )
    began: str = _time("When it began.", needed=True)
    ended: str = _time("When it was over.", needed=True)
    cause: Cause = Field(description="Request: somebody asked for it. Schedule: it was due.")
    reasons: tuple[Annotated[str, Field(max_length=512)], ...] = Field(
        default=(), max_length=MAX_REASONS, description="Why it has not passed, in words."
    )
    phones: int = Field(default=0, description="Phones that were registered there when it began.")
    lost: int = Field(default=0, description="Those that lost their registration.")
    missing: int = Field(default=0, description="Those that were not registered, or not heard of, at the end.")
    longest_outage_seconds: float | None = Field(default=None, description="The longest outage, in seconds.")
    all_back_seconds: float | None = Field(
        default=None, description="From the first loss until the last phone was registered again, in seconds."
    )
    callable_seconds: float | None = Field(
        default=None,
        description="The longest time from a loss until a call was answered with audio both ways, in seconds; absent "
        "where no test call told.",
    )
    record: NameText | None = Field(
        default=None, description="ConfigMap with the whole record; absent where nothing was watched."
    )


class RehearsalStatus(ObjectStatus):
    """What is known about a rehearsal. Its conditions: Accepted, Ready; while they are true Reconciling, Stalled."""

    phase: Phase | None = Field(
        default=None,
        description="Pending: it begins when asked to. Waiting: it begins by its schedule. Breaking: the PBX is to be "
        "broken now. Watching: a phone has lost it. Passed, Failed, Expired: how the last one ended.",
    )
    message: Annotated[str, Field(max_length=1024)] = Field(default="", description="The same in a sentence.")
    next_time: str | None = _time("When it begins by its schedule.")
    last_request: Annotated[str, Field(max_length=64)] = Field(
        default="", description="The last request to begin that was taken: value of the annotation."
    )
    last_passed: str | None = _time("When one passed last.")
    run: RehearsalRun | None = Field(default=None, description="The one that is under way.")
    history: tuple[RehearsalResult, ...] = Field(
        default=(), max_length=MAX_HISTORY, description="Those that are over, the last one first."
    )
