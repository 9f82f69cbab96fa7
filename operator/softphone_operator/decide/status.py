"""What is said in the status of an object: pure functions from what was observed, with `now` as an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from softphone_agent.contract.fields import Model
from softphone_agent.contract.report import PhoneReport, Reason
from softphone_operator.api.call_checks import CallCheckStatus
from softphone_operator.api.status import (
    MAX_REDIRECTS,
    Condition,
    ManyPhonesStatus,
    ObjectStatus,
    PbxPhones,
    PBXStatus,
    PbxUsers,
    RegistrationStatus,
    SoftphoneStatus,
)
from softphone_operator.decide import progress, redundancy
from softphone_operator.decide.facts import Reported, Statement

Object = Mapping[str, Any]


ACCEPTED = Statement("True", "Accepted", "the spec is accepted")


FAILURES: frozenset[str] = frozenset(Reason)


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


def condition(owner: Object, kind: str) -> Object:
    """A condition for the status; its time stays where its value stays."""
    conditions: Iterable[Object] = owner.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), {})


def softphone(
    previous: Object,
    *,
    generation: int,
    accepted: Statement,
    agent: Statement,
    reported: Reported,
    wanted_digest: str | None,
    carrier: str | None = None,
    asked: redundancy.Asked | None = None,
    now: datetime,
) -> SoftphoneStatus:
    """The status of a Softphone. `previous` is its present one, raw.

    `wanted_digest` and `asked`, what the spec asks for, are None where it is refused. `carrier`: the agent that has it,
    None for none.
    """
    stored = previous.get("registration") or {}
    registration: RegistrationStatus | None
    if reported.stream == "connecting" and agent.status == "True" and stored.get("state", "Unknown") != "Unknown":
        registered = _previous_statement(previous, "Registered")
        registration = _stored(RegistrationStatus, stored)
    else:
        registered = _registered(agent, reported)
        registration = _registration(reported, stored)
    ready = _ready(accepted, agent, registered, reported, wanted_digest)
    statements = {"Accepted": accepted, "AgentAvailable": agent, "Registered": registered, "Ready": ready}
    paths = redundancy.paths(reported, asked, previous, generation)
    redundant = redundancy.phone(asked, paths, registered)
    statements |= {redundancy.REDUNDANT: redundant} if redundant else {}
    statements |= progress.progress(accepted, agent, ready)
    return SoftphoneStatus(
        observed_generation=generation,
        conditions=conditions(previous, statements, generation, now),
        agent=carrier,
        registration=registration,
        paths=paths,
    )


def _previous_statement(previous: Object, kind: str) -> Statement:
    found = condition({"status": previous}, kind)
    if not found:
        return Statement("Unknown", "NoAgent", "the agent has not been heard yet")
    return Statement(found["status"], found["reason"], found["message"])


def _registered(agent: Statement, reported: Reported) -> Statement:
    if reported.stream != "connected":
        if agent.status == "True" and reported.stream == "lost":
            return Statement("Unknown", "AgentUnreachable", bounded(f"the agent cannot be heard: {reported.why}"))
        return Statement("Unknown", "NoAgent", "there is no agent that could tell")
    phone = reported.phone
    if phone is None:
        return Statement("False", "Registering", "the agent does not know the phone yet")
    if phone.registered:
        return Statement("True", "Registered", where(phone))
    if phone.state in ("Suspended", "Unregistering", "Stopped"):
        return Statement("False", phone.state, f"the phone is {phone.state.lower()}")
    if phone.last_failure:
        failure = phone.last_failure
        said = (
            f": {failure.code} {failure.message}" if failure.code else f": {failure.message}" if failure.message else ""
        )
        return Statement("False", failure.reason, bounded(f"{failure.reason} at {failure.pbx}{said}"))
    return Statement("False", "Registering", "the first attempt is under way")


def where(phone: PhoneReport) -> str:
    """At which PBX a phone is registered, in words."""
    walked = "".join(f", redirected by {r.pbx}" for r in phone.redirects)
    role = f" as {phone.role}" if phone.role and phone.role != "Unknown" else ""
    return f"registered at {phone.pbx}{role}{walked}"


def _registration(reported: Reported, stored: Object) -> RegistrationStatus | None:
    phone = reported.phone
    if reported.stream != "connected" or phone is None:
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


def _ready(
    accepted: Statement, agent: Statement, registered: Statement, reported: Reported, wanted_digest: str | None
) -> Statement:
    for statement in (accepted, agent):
        if statement.status != "True":
            return Statement("False", statement.reason, statement.message)
    if reported.stream == "connected" and reported.config and reported.config.digest != wanted_digest:
        if reported.config.refused:
            faults = "; ".join(reported.config.refused)
            return Statement("False", "ConfigRefused", bounded(f"the agent refused its configuration: {faults}"))
        return Statement("False", "ConfigPending", "the agent still runs an earlier configuration")
    return Statement("True" if registered.status == "True" else "False", registered.reason, registered.message)


def conditions(
    previous: Object, statements: Mapping[str, Statement], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions for `statements`. A transition time moves only when the status of its condition does."""
    made = []
    for kind, statement in statements.items():
        before = condition({"status": previous}, kind)
        same = before.get("status") == statement.status and before.get("lastTransitionTime")
        made.append(
            Condition(
                type=kind,
                status=statement.status,
                reason=statement.reason[:128],
                message=statement.message[:MAX_MESSAGE],
                last_transition_time=before["lastTransitionTime"] if same else timestamp(now),
                observed_generation=generation,
            )
        )
    return tuple(made)


def pbx(
    previous: Object,
    *,
    generation: int,
    accepted: Statement,
    inconsistent: str | None,
    location: str | None,
    phones: PbxPhones | None,
    reachable: bool | None,
    certificate_expires: str | None = None,
    users: PbxUsers,
    redundant: Statement | None = None,
    now: datetime,
) -> PBXStatus:
    """The status of a PBX. `phones` None where it cannot be counted yet: then the stored counts stay.

    `redundant`: of those that use its system; None where nobody there checks ways.
    `certificate_expires`: when the certificate that it shows ends, RFC 3339; None where no agent has seen one.
    """
    if accepted.status != "True":
        consistent = Statement("Unknown", "NotAccepted", "the spec is not accepted")
    elif inconsistent:
        consistent = Statement("False", "Inconsistent", inconsistent)
    else:
        consistent = Statement("True", "Consistent", "noPhysicalLocation is the same on all PBXes of the system")
    if phones is None:
        stored = previous.get("phones")
        phones = _stored(PbxPhones, stored) if stored else None
        reachable = previous.get("reachable")
        certificate_expires = previous.get("certificateExpires")
    ready = progress.pbx_ready(accepted, consistent)
    statements = {"Accepted": accepted, "Consistent": consistent, "Ready": ready}
    statements |= {redundancy.REDUNDANT: redundant} if redundant else {}
    statements |= progress.pbx_progress(ready)
    return PBXStatus(
        observed_generation=generation,
        conditions=conditions(previous, statements, generation, now),
        location=location,
        phones=phones,
        users=users,
        reachable=reachable,
        certificate_expires=certificate_expires,
    )


def first_to_end(times: Iterable[str | None]) -> str | None:
    """The first of these times, as statuses have them; what is no time with a zone does not count. None for none."""
    found = []
    for told in times:
        try:
            time = datetime.fromisoformat(told or "")
            found += [time.astimezone(UTC)] if time.tzinfo else []
        except (ValueError, OverflowError):
            continue
    return timestamp(min(found)) if found else None


def reachable(answers: Iterable[bool | None]) -> bool | None:
    """Whether a PBX is reachable: True if any agent reaches it, False if none that knows does, None if none knows."""
    known = [answer for answer in answers if answer is not None]
    return any(known) if known else None


def dump(status: ObjectStatus) -> dict[str, Any]:
    """The status as it is written. Counts of many phones and of pairs also where they are 0: columns show them."""
    counted = isinstance(status, ManyPhonesStatus | CallCheckStatus)
    return status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=not counted)


def bounded(text: str) -> str:
    """A message as long as a condition may have it."""
    return " ".join(text.split())[:MAX_MESSAGE]
