"""What a Rehearsal asks for, read from its raw spec, or why that is refused. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import sip_uri
from softphone_agent.contract.config_faults import fault_messages
from softphone_operator.api.rehearsal import MAX_PBXS, MAX_TEMPLATE_BYTES, RehearsalSpec
from softphone_operator.decide.decisions import Caution, DesiredPbx, Refusal, refusal
from softphone_operator.decide.faults import reference_faults
from softphone_operator.rehearsals import schedule
from softphone_operator.rehearsals.schedule import ScheduleError

ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""From here on a schedule must have a next time: every day and month comes again within 50 years."""

Pbxs = Mapping[str, DesiredPbx | Refusal]
"""The decisions on the PBXes of a namespace, by name."""


@dataclass(frozen=True, slots=True)
class DesiredRehearsal:
    """An accepted spec, and the PBXes that it means now."""

    spec: RehearsalSpec
    pbxs: tuple[str, ...]
    cautions: tuple[Caution, ...] = ()

    def next_after(self, now: datetime) -> datetime | None:
        """When it is due next, None where it has no schedule or is suspended."""
        if not self.spec.schedule or self.spec.suspend:
            return None
        return schedule.next_after(self.spec.schedule, self.spec.time_zone, now)


def rehearsal(namespace: str, spec: Any, pbxs: Pbxs, *, jobs_allowed: bool) -> DesiredRehearsal | Refusal:
    """What is asked for, given the PBXes of the namespace. `jobs_allowed`: the operator may make Jobs."""
    try:
        wanted = RehearsalSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = [*_target_faults(wanted, namespace, pbxs), *_job_faults(wanted), *_time_faults(wanted)]
    if not faults and wanted.trigger == "Job" and not jobs_allowed:
        faults = [("JobsNotAllowed", "trigger: this operator may make no Jobs; the chart's rehearsals.jobs allows it")]
    return refusal(faults) if faults else DesiredRehearsal(wanted, _meant(wanted, pbxs))


def _meant(spec: RehearsalSpec, pbxs: Pbxs) -> tuple[str, ...]:
    if spec.pbx:
        return (spec.pbx,)
    found = sorted(n for n, one in pbxs.items() if isinstance(one, DesiredPbx) and one.pbx.system == spec.system)
    return tuple(found[:MAX_PBXS])


def _target_faults(spec: RehearsalSpec, namespace: str, pbxs: Pbxs) -> Iterator[tuple[str, str]]:
    if bool(spec.pbx) == bool(spec.system):
        given = f"{_shown(spec.pbx)} and {_shown(spec.system)} are both given" if spec.pbx else "none is given"
        yield "InvalidSpec", f"pbx: just one of pbx and system must be given, {given}"
    elif spec.pbx and ":" in spec.pbx:
        yield "InvalidSpec", f"pbx: {_shown(spec.pbx)} must be the name of a PBX object"
    elif spec.pbx:
        yield from reference_faults("pbx", spec.pbx, namespace, pbxs)
    elif not _meant(spec, pbxs):
        where = f"no accepted PBX of the namespace {namespace} has the system {_shown(spec.system)}"
        yield "PBXNotFound", f"system: {where}"


def _job_faults(spec: RehearsalSpec) -> Iterator[tuple[str, str]]:
    if spec.trigger == "Job" and spec.job is None:
        yield "InvalidSpec", "job: must be given with trigger Job, and only then; none is given"
    if spec.job is None:
        return
    if spec.trigger != "Job":
        yield "InvalidSpec", f"job: must be given with trigger Job, and only then; trigger is {spec.trigger}"
    of_pod = spec.job.template.get("spec")
    containers = of_pod.get("containers") if isinstance(of_pod, Mapping) else None
    if not isinstance(containers, list) or not containers:
        yield "InvalidSpec", "job.template.spec.containers: must hold a container"
    elif not all(isinstance(one, Mapping) and one.get("image") and one.get("name") for one in containers):
        yield "InvalidSpec", "job.template.spec.containers: each must have a name and an image"
    if (size := len(json.dumps(spec.job.template))) > MAX_TEMPLATE_BYTES:
        yield "InvalidSpec", f"job.template: has {size} bytes as JSON, at most {MAX_TEMPLATE_BYTES} are allowed"


def _time_faults(spec: RehearsalSpec) -> Iterator[tuple[str, str]]:
    if spec.time_zone and not spec.schedule:
        yield "InvalidSpec", f"timeZone: {_shown(spec.time_zone)} is given without a schedule"
    try:
        schedule.zone(spec.time_zone)
    except ScheduleError as error:
        yield "InvalidSpec", f"timeZone: {error}"
        return
    if not spec.schedule:
        return
    try:
        schedule.next_after(spec.schedule, spec.time_zone, ANY_TIME)
    except ScheduleError as error:
        yield "InvalidSpec", f"schedule: {error}"


def _shown(text: str | None) -> str:
    return f'"{sip_uri.without_password(text or "")}"'
