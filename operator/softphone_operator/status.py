"""What is said in the status of an object: pure functions from what was observed, with `now` as an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from softphone_agent.contract.fields import Model
from softphone_agent.contract.report import FailureReason, PhoneReport
from softphone_operator import progress
from softphone_operator.api import (
    MAX_REDIRECTS,
    Condition,
    PbxPhones,
    PBXStatus,
    PbxUsers,
    RegistrationStatus,
    SoftphoneFleetStatus,
    SoftphoneStatus,
)
from softphone_operator.facts import Heard, Verdict

Object = Mapping[str, Any]

ACCEPTED = Verdict("True", "Accepted", "the spec is accepted")
NO_AGENT = Verdict("False", "NotAccepted", "there is no agent, since the spec was never accepted")
STARTING_REASONS = frozenset({"ContainerCreating", "PodInitializing"})
QUIET_REASONS = frozenset({"Starting", "NotReady", "Terminating", "NotAccepted"})
PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff"})
FAILURES: frozenset[str] = frozenset(FailureReason.__args__)  # type: ignore[attr-defined]
LOSSES = FAILURES | {"AgentUnreachable"}
STATES = ("Ready", "NotReady", "Refused")
MAX_MESSAGE = 4000


def timestamp(now: datetime) -> str:
    """A time as Kubernetes writes it: RFC 3339, UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def state(obj: Object) -> str:
    """One of STATES, as an object's conditions tell."""
    said = {c["type"]: c["status"] for c in obj["status"].get("conditions") or ()}
    if said.get("Accepted") == "False":
        return "Refused"
    return "Ready" if said.get("Ready") == "True" else "NotReady"


def availability(
    deployment: Object | None, pods: Sequence[Object], heard: Heard, unmountable: str | None = None
) -> Verdict:
    """The condition AgentAvailable, from the Deployment, its pods, and whether the agent is heard.

    `unmountable`: why a new pod cannot mount what it is to mount, None where it can.
    """
    if deployment is None and not pods:
        return NO_AGENT
    pod = current_pod(pods)
    if pod is None:
        return creation_trouble(deployment) or Verdict("False", "Starting", "the agent's pod is being made")
    name = pod["metadata"]["name"]
    if pod["metadata"].get("deletionTimestamp"):
        return Verdict("False", "Terminating", f"the pod {name} is being stopped")
    if trouble := _pod_trouble(pod):
        return trouble
    if unmountable and is_mounting(pods):
        return Verdict("False", "FailedMount", _bounded(f"the pod {name} cannot start: {unmountable}"))
    if deployment is not None and is_replacing(deployment):
        return Verdict("False", "Starting", f"the pod {name} is being replaced")
    if _condition(pod, "Ready").get("status") == "True":
        return Verdict("True", "Available", f"the pod {name} runs")
    if heard.hearing == "heard":
        return Verdict("False", "NotReady", f"the agent is heard, but its pod {name} is not ready")
    return Verdict("False", "Starting", f"the pod {name} is starting")


def current_pod(pods: Iterable[Object]) -> Object | None:
    """The pod that counts: the newest of those that are not being deleted, else the newest."""
    return max(
        pods,
        key=lambda pod: (
            not pod["metadata"].get("deletionTimestamp"),
            pod["metadata"].get("creationTimestamp", ""),
            pod["metadata"]["name"],
        ),
        default=None,
    )


def is_replacing(deployment: Object) -> bool:
    """Whether the pod that runs is one of an earlier template: Ready must not be said of it."""
    state = deployment.get("status", {})
    if "observedGeneration" not in state:
        return False
    if state["observedGeneration"] < deployment["metadata"].get("generation", 0):
        return True
    return bool(state.get("updatedReplicas", 0) < deployment["spec"].get("replicas", 1))


def has_replaced(deployment: Object) -> bool:
    """Whether it is known that no pod of an earlier template is left."""
    return "observedGeneration" in deployment.get("status", {}) and not is_replacing(deployment)


def is_mounting(pods: Iterable[Object]) -> bool:
    """Whether the pod that counts has a node and no running container yet: it may be waiting for its volumes."""
    pod = current_pod(pods)
    if pod is None or pod["metadata"].get("deletionTimestamp"):
        return False
    return pod.get("status", {}).get("phase") == "Pending" and _condition(pod, "PodScheduled").get("status") != "False"


def creation_trouble(deployment: Object | None) -> Verdict | None:
    """Why a Deployment cannot have its pod, None where nothing is said of it."""
    if deployment is None:
        return None
    failure = _condition(deployment, "ReplicaFailure")
    if failure.get("status") != "True":
        return None
    return Verdict("False", failure.get("reason") or "FailedCreate", _bounded(failure.get("message", "")))


def _pod_trouble(pod: Object) -> Verdict | None:
    name, state = pod["metadata"]["name"], pod.get("status", {})
    for container in state.get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in STARTING_REASONS | {None}:
            reason = "ImagePullBackOff" if waiting["reason"] in PULL_REASONS else waiting["reason"]
            said = "" if reason == "ImagePullBackOff" and waiting["reason"] != reason else waiting.get("message", "")
            image = f"cannot pull the image {container.get('image', '')}" if reason == "ImagePullBackOff" else said
            return Verdict("False", reason, _bounded(f"the pod {name}: {image or reason}{_last_exit(container)}"))
        if ended := container.get("state", {}).get("terminated"):
            reason = ended.get("reason") or "Failed"
            return Verdict("False", reason, _bounded(f"the pod {name}: its container ended: {_exit(ended)}"))
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reason = scheduled.get("reason") or "Unschedulable"
        return Verdict("False", reason, _bounded(f"the pod {name}: {scheduled.get('message', reason)}"))
    if state.get("phase") == "Failed":
        reason = state.get("reason") or "Failed"
        return Verdict("False", reason, _bounded(f"the pod {name}: {state.get('message', reason)}"))
    return None


def _last_exit(container: Object) -> str:
    ended = container.get("lastState", {}).get("terminated")
    return f"; it ended before: {_exit(ended)}" if ended else ""


def _exit(ended: Object) -> str:
    return f"{ended.get('reason') or 'Error'}, exit code {ended.get('exitCode', '?')}"


def _condition(owner: Object, kind: str) -> Object:
    conditions: Iterable[Object] = owner.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), {})


def softphone(
    previous: Object,
    *,
    generation: int,
    accepted: Verdict,
    agent: Verdict,
    heard: Heard,
    wanted_digest: str | None,
    now: datetime,
) -> SoftphoneStatus:
    """The status of a Softphone. `previous` is its present one, raw; `wanted_digest` None where the spec is refused."""
    stored = previous.get("registration") or {}
    registration: RegistrationStatus | None
    if heard.hearing == "connecting" and agent.status == "True" and stored.get("state", "Unknown") != "Unknown":
        registered = _previous_verdict(previous, "Registered")
        registration = _stored(RegistrationStatus, stored)
    else:
        registered = _registered(agent, heard)
        registration = _registration(heard, stored)
    ready = _ready(accepted, agent, registered, heard, wanted_digest)
    verdicts = {"Accepted": accepted, "AgentAvailable": agent, "Registered": registered, "Ready": ready}
    verdicts |= progress.progress(accepted, agent, ready)
    return SoftphoneStatus(
        observed_generation=generation,
        conditions=conditions(previous, verdicts, generation, now),
        registration=registration,
    )


def _previous_verdict(previous: Object, kind: str) -> Verdict:
    found = _condition({"status": previous}, kind)
    if not found:
        return Verdict("Unknown", "NoAgent", "the agent has not been heard yet")
    return Verdict(found["status"], found["reason"], found["message"])


def _registered(agent: Verdict, heard: Heard) -> Verdict:
    if heard.hearing != "heard":
        if agent.status == "True" and heard.hearing == "unheard":
            return Verdict("Unknown", "AgentUnreachable", _bounded(f"the agent cannot be heard: {heard.why}"))
        return Verdict("Unknown", "NoAgent", "there is no agent that could tell")
    phone = heard.phone
    if phone is None:
        return Verdict("False", "Registering", "the agent does not know the phone yet")
    if phone.registered:
        return Verdict("True", "Registered", _where(phone))
    if phone.state in ("Suspended", "Unregistering", "Stopped"):
        return Verdict("False", phone.state, f"the phone is {phone.state.lower()}")
    if phone.last_failure:
        failure = phone.last_failure
        said = (
            f": {failure.code} {failure.message}" if failure.code else f": {failure.message}" if failure.message else ""
        )
        return Verdict("False", failure.reason, _bounded(f"{failure.reason} at {failure.pbx}{said}"))
    return Verdict("False", "Registering", "the first attempt is under way")


def _where(phone: PhoneReport) -> str:
    walked = "".join(f", redirected by {r.pbx}" for r in phone.redirects)
    role = f" as {phone.role}" if phone.role and phone.role != "Unknown" else ""
    return f"registered at {phone.pbx}{role}{walked}"


def _registration(heard: Heard, stored: Object) -> RegistrationStatus | None:
    phone = heard.phone
    if heard.hearing != "heard" or phone is None:
        if not stored:
            return None
        last = stored.get("lastFailure")
        unknown = {"state": "Unknown", **({"lastFailure": last} if last else {})}
        return _stored(RegistrationStatus, unknown) or RegistrationStatus(state="Unknown")
    if not phone.registered:
        return RegistrationStatus(state=phone.state, since=phone.since or None, last_failure=phone.last_failure)
    return RegistrationStatus(
        state=phone.state,
        pbx=phone.pbx,
        registrar=phone.registrar,
        via=phone.via,
        role=phone.role,
        redirects=phone.redirects[:MAX_REDIRECTS],
        physical_location=phone.physical_location,
        contact=phone.contact,
        since=phone.since or None,
        last_failure=phone.last_failure,
    )


Stored = TypeVar("Stored", bound=Model)


def _stored(model: type[Stored], stored: Object) -> Stored | None:
    """A part of a stored status; None where it is none: an operator of another version may have written it."""
    try:
        return model.model_validate(stored, by_name=False, by_alias=True)
    except ValidationError:
        return None


def _ready(accepted: Verdict, agent: Verdict, registered: Verdict, heard: Heard, wanted_digest: str | None) -> Verdict:
    for verdict in (accepted, agent):
        if verdict.status != "True":
            return Verdict("False", verdict.reason, verdict.message)
    if heard.hearing == "heard" and heard.config and heard.config.digest != wanted_digest:
        if heard.config.refused:
            faults = "; ".join(heard.config.refused)
            return Verdict("False", "ConfigRefused", _bounded(f"the agent refused its configuration: {faults}"))
        return Verdict("False", "ConfigPending", "the agent still runs an earlier configuration")
    return Verdict("True" if registered.status == "True" else "False", registered.reason, registered.message)


def conditions(
    previous: Object, verdicts: Mapping[str, Verdict], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions for `verdicts`. A transition time moves only when the status of its condition does."""
    made = []
    for kind, verdict in verdicts.items():
        before = _condition({"status": previous}, kind)
        same = before.get("status") == verdict.status and before.get("lastTransitionTime")
        made.append(
            Condition(
                type=kind,
                status=verdict.status,
                reason=verdict.reason[:128],
                message=verdict.message[:MAX_MESSAGE],
                last_transition_time=before["lastTransitionTime"] if same else timestamp(now),
                observed_generation=generation,
            )
        )
    return tuple(made)


def pbx(
    previous: Object,
    *,
    generation: int,
    accepted: Verdict,
    inconsistent: str | None,
    location: str | None,
    phones: PbxPhones | None,
    reachable: bool | None,
    users: PbxUsers,
    now: datetime,
) -> PBXStatus:
    """The status of a PBX. `phones` None where it cannot be counted yet: then the stored counts stay."""
    if accepted.status != "True":
        consistent = Verdict("Unknown", "NotAccepted", "the spec is not accepted")
    elif inconsistent:
        consistent = Verdict("False", "Inconsistent", inconsistent)
    else:
        consistent = Verdict("True", "Consistent", "noPhysicalLocation is the same on all PBXes of the system")
    if phones is None:
        stored = previous.get("phones")
        phones = _stored(PbxPhones, stored) if stored else None
        reachable = previous.get("reachable")
    ready = progress.pbx_ready(accepted, consistent)
    verdicts = {"Accepted": accepted, "Consistent": consistent, "Ready": ready} | progress.pbx_progress(ready)
    return PBXStatus(
        observed_generation=generation,
        conditions=conditions(previous, verdicts, generation, now),
        location=location,
        phones=phones,
        users=users,
        reachable=reachable,
    )


def reachable(answers: Iterable[bool | None]) -> bool | None:
    """Whether a PBX is reachable: True if any agent reaches it, False if none that knows does, None if none knows."""
    known = [answer for answer in answers if answer is not None]
    return any(known) if known else None


def dump(status: SoftphoneStatus | SoftphoneFleetStatus | PBXStatus) -> dict[str, Any]:
    """The status as it is written. Counts of a fleet are written also where they are 0: kubectl scale reads them."""
    counted = isinstance(status, SoftphoneFleetStatus)
    return status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=not counted)


class Event(NamedTuple):
    """An Event that a change of status is worth. `personal`: thousands may come at once, and some may be left out."""

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
    return events


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
    return events


def is_urgent(previous: Object, written: Object) -> bool:
    """Whether a new status must be written at once, rather than with the next that must.

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
    of_fleet = [status.get(field) for field in ("replicas", "registered", "standby", "agents")]
    return (status.get("observedGeneration"), said, [registration.get(f) for f in fields], of_pbx, of_fleet)


def _bounded(text: str) -> str:
    return " ".join(text.split())[:MAX_MESSAGE]
