"""The status of PBX, Softphone, SoftphoneFleet and SoftphonePool, as the operator writes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from softphone_agent.contract.fields import MAX_LOCATION, Model
from softphone_agent.contract.report import LastFailure, PathResult, PathVia, Redirect, Role, State, Via
from softphone_operator.api.spec import MAX_PBX_LABEL, UriText

MAX_CONDITIONS = 16


MAX_REDIRECTS = 32


MAX_PATHS = 3
"""As many as there are names for entry PBXes: pri, sec, cur."""


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    """One statement about the object."""

    type: Annotated[str, Field(max_length=64)] = Field(description="What the statement is about.")
    status: ConditionStatus = Field(description="True, False, or Unknown.")
    reason: Annotated[str, Field(max_length=128)] = Field(description="Why, in one CamelCase word.")
    message: Annotated[str, Field(max_length=4096)] = Field(description="Why, for people.")
    last_transition_time: str = Field(
        description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int = Field(
        description="Generation of the spec that the statement is about.",
        json_schema_extra={"format": "int64"},
    )


def conditions_field(description: str) -> Any:
    """The field with the conditions of a kind; `description` says which."""
    return Field(default=(), max_length=MAX_CONDITIONS, description=description)


class ObjectStatus(Model):
    """What the status of every kind has. Each kind says which conditions it has."""

    observed_generation: int | None = Field(
        default=None,
        description="Generation of the spec that the status is about; -1: the operator has not looked at it yet.",
        json_schema_extra={"format": "int64"},
    )
    conditions: tuple[Condition, ...] = conditions_field("What is known about the object.")


class RegistrationStatus(Model):
    """The registration as the agent reports it. What is not known is left out."""

    state: State | Literal["Unknown"] = Field(description="What the phone is doing; Unknown: its agent is not heard.")
    pbx: Annotated[str, Field(max_length=MAX_PBX_LABEL)] | None = Field(
        default=None, description="PBX that holds the registration: the object's name, or host:port."
    )
    registrar: UriText | None = Field(default=None, description="SIP URI of that registrar.")
    via: Via | None = Field(
        default=None, description="How the phone came there: by pri, sec or cur itself, or by a redirect."
    )
    role: Role | None = Field(
        default=None,
        description="Home: the user's own PBX. Standby: another one keeps the registration. Unknown: not known.",
    )
    redirects: tuple[Redirect, ...] = Field(
        default=(), max_length=MAX_REDIRECTS, description="Redirects walked, in order."
    )
    physical_location: Annotated[str, Field(max_length=MAX_LOCATION)] | None = Field(
        default=None,
        description="Physical location sent in the REGISTER that made the binding, whatever the PBX did with it.",
    )
    contact: UriText | None = Field(default=None, description="Contact that was registered.")
    since: str | None = Field(
        default=None, description="Since when it is so.", json_schema_extra={"format": "date-time"}
    )
    last_failure: LastFailure | None = Field(default=None, description="The last thing that went wrong.")


class PathStatus(Model):
    """The way from one entry PBX to its end, as the last path check found it."""

    via: PathVia = Field(description="Entry PBX at which the way begins.")
    result: PathResult = Field(
        description="Holds: its end holds the phone. WouldKeep: its end would keep it. CheckNotSupported: a PBX "
        "answers a REGISTER without Contact in a way that tells nothing. Unchecked: not checked within two intervals. "
        "Any other: the way would not hold, and this is why; it stays until a check finds something else, also while "
        "the agent is away or new."
    )
    pbx: Annotated[str, Field(max_length=MAX_PBX_LABEL)] | None = Field(
        default=None, description="PBX at which the way ended, good or not."
    )
    redirects: tuple[Redirect, ...] = Field(
        default=(), max_length=MAX_REDIRECTS, description="Redirects walked, in order."
    )
    code: int = Field(default=0, description="SIP status code of the last answer, absent where there was none.")
    message: Annotated[str, Field(max_length=256)] = Field(default="", description="The PBX's own words, or ours.")
    since: str | None = Field(
        default=None,
        description="Since when this is the result; absent while Unchecked.",
        json_schema_extra={"format": "date-time"},
    )


class SoftphoneStatus(ObjectStatus):
    """What is known about a softphone. It is written on transitions only."""

    conditions: tuple[Condition, ...] = conditions_field(
        "Accepted: the spec makes sense. AgentAvailable: its agent runs. Registered: a PBX holds its "
        "registration. Ready: all of them, with the present spec. Redundant: the way from each entry PBX to its end "
        "was checked and would hold; not in mode Browser, and no part of Ready. Only while they are true: Reconciling "
        "and Stalled."
    )
    agent: Annotated[str, Field(max_length=63)] | None = Field(
        default=None,
        description="The agent that carries the softphone: name of its Deployment, alone or of a pool. While the "
        "softphone moves, the one that holds its registration.",
    )
    registration: RegistrationStatus | None = Field(default=None, description="The registration.")
    paths: tuple[PathStatus, ...] = Field(
        default=(),
        max_length=MAX_PATHS,
        description="Its ways, one for each entry PBX; none where nothing is checked.",
    )


class PbxPhones(Model):
    """Softphones registered at a PBX, as their agents report it."""

    registered: int = Field(description="All.")
    home: int = Field(description="Those at home here.")
    standby: int = Field(description="Those that are kept here while their home is away.")


class PbxUsers(Model):
    """Objects whose spec names a PBX, accepted or not."""

    softphones: int = Field(description="Softphones whose pri, sec, cur or home is this PBX.")
    fleets: int = Field(default=0, description="SoftphoneFleets whose template names it there.")


class PBXStatus(ObjectStatus):
    """What is known about a PBX. It is written on transitions only."""

    conditions: tuple[Condition, ...] = conditions_field(
        "Accepted: the spec makes sense. Consistent: noPhysicalLocation is the same on all PBXes of the "
        "system. Ready: both. Redundant: the sum over the Softphones and fleets that use its system, where any of them "
        "checks its ways. Only while they are true: Reconciling and Stalled."
    )
    location: Annotated[str, Field(max_length=253)] | None = Field(
        default=None, description="Physical location in effect: spec.location, else the name."
    )
    phones: PbxPhones | None = Field(default=None, description="Softphones registered here.")
    users: PbxUsers | None = Field(default=None, description="Who names this PBX: it is in use while anybody does.")
    reachable: bool | None = Field(
        default=None,
        description="True: an agent reaches it. False: none of those that tried does. Absent: no agent knows.",
    )
    certificate_expires: str | None = Field(
        default=None,
        description="When the certificate ends that it showed over TLS; where agents saw several, the first.",
        json_schema_extra={"format": "date-time"},
    )


class FleetPath(Model):
    """The ways from one kind of entry PBX, of the softphones of a fleet or a pool that check theirs."""

    via: PathVia = Field(description="Entry PBX at which the ways begin.")
    results: dict[str, int] = Field(
        default={}, max_length=16, description="Softphones by what their last check found, as in a Softphone's paths."
    )


class ManyAgents(Model):
    """The agents of a fleet or of a pool."""

    wanted: int = Field(description="As many as the softphones need.")
    ready: int = Field(description="Those that run and are heard.")
    updated: int = Field(description="Those whose pod is as it should be.")


class ManyPhonesStatus(ObjectStatus):
    """What the status of a fleet and of a pool have in common."""

    registered: int = Field(default=0, description="Those that a PBX holds the registration of.")
    standby: int = Field(default=0, description="Those that are kept by a PBX while their home is away.")
    redundant: int | None = Field(
        default=None,
        description="Those, of the ones that check their ways, of which all ways are known to hold: at least so many. "
        "Absent where none are checked.",
    )
    paths: tuple[FleetPath, ...] | None = Field(
        default=None, max_length=MAX_PATHS, description="What the checks found, for each kind of entry PBX."
    )
    failures: dict[str, int] | None = Field(
        default=None, max_length=32, description="Those without registration, by their last failure."
    )
    agents: ManyAgents | None = Field(default=None, description="The agents.")


class SoftphoneFleetStatus(ManyPhonesStatus):
    """What is known about a fleet. While things move it is written about once a second, at rest not at all."""

    conditions: tuple[Condition, ...] = conditions_field(
        "Accepted: the spec makes sense. AgentsAvailable: all agents run. Registered: PBXes hold the "
        "registrations of all softphones. Ready: all of them, with the present spec. Redundant: the ways of all "
        "softphones that check theirs would hold (pathChecksOneIn); not in mode Browser, and no part of Ready. Only "
        "while they are true: Reconciling and Stalled."
    )
    replicas: int = Field(default=0, description="Softphones that the agents carry.")
    selector: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Label selector of the agents' pods."
    )


class SoftphonePoolStatus(ManyPhonesStatus):
    """What is known about a pool. While things move it is written about once a second, at rest not at all."""

    conditions: tuple[Condition, ...] = conditions_field(
        "Accepted: the spec makes sense. AgentsAvailable: all agents run. Registered: PBXes hold the "
        "registrations of all softphones. Ready: all of them, with the present specs. Redundant, where ways are "
        "checked: they would hold. Only while they are true: "
        "Reconciling and Stalled."
    )
    phones: int = Field(default=0, description="Softphones that the agents carry.")
