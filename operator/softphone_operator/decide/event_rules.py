"""Which Kubernetes Events a change of status leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from softphone_operator.api.status import (
    Condition,
    PBXStatus,
    RegistrationStatus,
    SoftphoneStatus,
)
from softphone_operator.decide.availability import QUIET_REASONS
from softphone_operator.decide.redundancy import CHOSEN, REDUNDANT
from softphone_operator.decide.status import ACCEPTED, FAILURES, LOSSES, Object


class Event(NamedTuple):
    """One Event. `personal`: it is about one phone; thousands may come at once, and some may be left out."""

    type: str
    reason: str
    message: str
    personal: bool = False


def softphone_events(previous: Object, status: SoftphoneStatus) -> list[Event]:
    """The Events for a change of a Softphone's status."""
    before = {c["type"]: c for c in previous.get("conditions") or ()}
    after = {c.type: c for c in status.conditions}
    events = list(accepted_events(before.get("Accepted", {}), after["Accepted"]))
    agent, agent_before = after["AgentAvailable"], before.get("AgentAvailable", {})
    if agent.status == "False" and agent.reason not in QUIET_REASONS and agent.reason != agent_before.get("reason"):
        events.append(Event("Warning", agent.reason, agent.message, personal=True))
    registered, registered_before = after["Registered"], before.get("Registered", {})
    events += _registered_events(registered_before, registered, previous.get("registration") or {}, status.registration)
    return [*events, *redundant_events(before, after, personal=True)]


def accepted_events(before: Object, after: Condition) -> Iterable[Event]:
    """The Events for a change of the condition Accepted."""
    # Who edits an object is always answered. What others bring about, as the end of a PBX does, may concern thousands.
    personal = before.get("observedGeneration") == after.observed_generation
    if after.status == "True":
        if before.get("status") == "False":
            yield Event("Normal", after.reason, after.message, personal)
        elif after.message not in (before.get("message"), ACCEPTED.message):
            yield Event("Warning", after.reason, after.message, personal=True)
    elif (before.get("reason"), before.get("message")) != (after.reason, after.message):
        yield Event("Warning", after.reason, after.message, personal)


def _registered_events(
    before: Object, after: Condition, was: Object, now: RegistrationStatus | None
) -> Iterable[Event]:
    # As with fleets, whose phones are told of in sum: to be kept by a standby is a Warning, to be home again is not.
    if after.status == "True":
        moved = f"moved from {was['pbx']}: " if now and was.get("pbx") not in (None, now.pbx) else ""
        role, before_it = now.role if now else None, was.get("role")
        if before.get("status") != "True":
            yield Event("Normal", "Registered", after.message, personal=True)
        if role == "Standby" and before_it != "Standby":
            yield Event("Warning", "Standby", f"{moved}{after.message}", personal=True)
        elif role != "Standby" and before_it == "Standby":
            yield Event("Normal", "Home", f"{moved}{after.message}", personal=True)
        elif moved:
            yield Event("Normal", "Moved", f"{moved}{after.message}", personal=True)
    elif after.reason in LOSSES and before.get("reason") not in LOSSES:
        yield Event("Warning", after.reason, after.message, personal=True)


def redundant_events(
    before: Mapping[str, Object], after: Mapping[str, Condition], *, personal: bool
) -> Iterable[Event]:
    """The Events for a change of the condition Redundant: lost, and back. What the spec has chosen is no loss."""
    now, was = after.get(REDUNDANT), before.get(REDUNDANT, {})
    was_lost = was.get("status") == "False" and was.get("reason") not in CHOSEN
    if now is None:
        return
    if now.status == "False" and now.reason not in CHOSEN and not was_lost:
        yield Event("Warning", "RedundancyLost", now.message, personal)
    elif now.status == "True" and was_lost:
        yield Event("Normal", "RedundancyBack", now.message, personal)


def pbx_deleted_events(use: str) -> list[Event]:
    """The Events for a PBX that is gone. `use` says in words who used it, empty where nobody did."""
    if not use:
        return []
    told = f"deleted while in use: {use}; running phones that name it keep its last known address"
    return [Event("Warning", "DeletedInUse", told)]


def pbx_events(previous: Object, status: PBXStatus) -> list[Event]:
    """The Events for a change of a PBX's status."""
    before = {c["type"]: c for c in previous.get("conditions") or ()}
    after = {c.type: c for c in status.conditions}
    events = list(accepted_events(before.get("Accepted", {}), after["Accepted"]))
    consistent, was = after["Consistent"], before.get("Consistent", {})
    if consistent.status == "False" and was.get("message") != consistent.message:
        events.append(Event("Warning", consistent.reason, consistent.message))
    elif consistent.status == "True" and was.get("status") == "False":
        events.append(Event("Normal", consistent.reason, consistent.message))
    if status.reachable is False and previous.get("reachable") is not False:
        events.append(Event("Warning", "Unreachable", "no agent reaches the PBX"))
    elif status.reachable and previous.get("reachable") is False:
        events.append(Event("Normal", "Reachable", "agents reach the PBX again"))
    return [*events, *redundant_events(before, after, personal=False)]


def is_urgent(previous: Object, written: Object) -> bool:
    """Whether a new status must be written at once; otherwise it may wait for the next one that must.

    An outage makes a phone try again and again; only its first failure and its end are news.
    """
    return bool(_news(previous) != _news(written))


def _news(status: Object) -> Any:
    registration = status.get("registration") or {}
    said = []
    for condition in status.get("conditions") or ():
        about_attempts = condition["type"] in ("Registered", "Ready") and condition["status"] != "True"
        reason = "failing" if about_attempts and condition["reason"] in FAILURES else condition["reason"]
        message = condition["message"] if condition["type"] == "Accepted" else ""
        said.append((condition["type"], condition["status"], reason, message))
    fields = ("pbx", "registrar", "via", "role", "redirects", "physicalLocation", "contact")
    of_pbx = [status.get(field) for field in ("location", "phones", "users", "reachable")]
    of_many = [status.get(field) for field in ("replicas", "registered", "standby", "redundant", "agents", "agent")]
    of_checks = [status.get(field) for field in ("pairs", "failures", "callable")]
    of_run = [status.get(field) for field in ("phase", "message", "nextTime", "lastRequest", "run", "history")]
    fields_of_registration = [registration.get(f) for f in fields]
    return (status.get("observedGeneration"), said, fields_of_registration, of_pbx, of_many, of_checks, of_run)
