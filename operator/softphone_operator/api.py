"""The Kubernetes API of softphone-fleet.io/v1alpha1: PBX, Softphone and SoftphoneFleet, spec and status.

The models are the one source of the CRDs (crd.py) and of the reference page (reference.py). They are lenient where
the operator can explain a fault better than a schema can: texts are only bounded here, plan.py reads their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from softphone_agent.contract.config import Metrics
from softphone_agent.contract.fields import MAX_LOCATION, Mode, Model, TraceFlag
from softphone_agent.contract.fleet import MAX_PHONES
from softphone_agent.contract.phone import LocationCarrier, Registration
from softphone_agent.contract.report import LastFailure, Redirect, Role, State, Via

GROUP = "softphone-fleet.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "telephony"

MAX_CONDITIONS = 16
MAX_REDIRECTS = 32
MAX_URI, MAX_PBX_LABEL = 512, 300
"""Characters of a URI, and of what a PBX is called: its object's name, or host:port."""
MAX_AGENTS = 1000
"""A fleet has at most so many agents."""

ConditionStatus = Literal["True", "False", "Unknown"]
Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
Operator = Literal["Exists", "Equal"]

UriText = Annotated[str, Field(max_length=MAX_URI)]
NameText = Annotated[str, Field(max_length=253)]
Quantity = Annotated[int | Annotated[str, Field(max_length=64)], Field()]


class Spec(Model):
    """A part of a spec. An empty text says as little as none, as templates write it, but where a field is required."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_texts(cls, given: Any) -> Any:
        return without_empty_texts(given, cls)


def without_empty_texts(given: Any, of: type[Model]) -> Any:
    """What was given for a part of the spec, without the empty texts of fields that need not be given."""
    if not isinstance(given, Mapping):
        return given
    optional = {field.alias or name for name, field in of.model_fields.items() if not field.is_required()}
    return {name: value for name, value in given.items() if value != "" or name not in optional}


class PbxTls(Spec):
    """TLS towards a PBX."""

    ca_secret_name: NameText | None = Field(
        default=None, description="Secret whose key ca.crt holds the CAs that are trusted, in PEM."
    )
    certificate_secret_name: NameText | None = Field(
        default=None,
        description="Secret of type kubernetes.io/tls with the client certificate: tls.crt, tls.key.",
    )
    server_name: NameText | None = Field(
        default=None, description="Name expected in the PBX's certificate. Default: the host of the address."
    )


class PBXSpec(Spec):
    """A PBX that softphones register with or may be redirected to."""

    address: UriText = Field(
        description="SIP URI of the registrar: host, port and transport (udp, tcp or tls), "
        "such as sip:10.0.0.11:5060;transport=tcp."
    )
    system: NameText = Field(
        default="", description="Which PBXes belong together: the same text on all PBXes of a system."
    )
    location: Annotated[str, Field(max_length=63)] | None = Field(
        default=None,
        description="Physical location that the PBX stands for. Default: the name of the object; one of more than 63 "
        "characters needs a location.",
    )
    no_physical_location: bool = Field(
        default=False,
        description='The PBX setting "No physical location" (from 13r3 SR7). '
        "It must be the same on all PBXes of a system.",
    )
    location_carrier: Annotated[
        LocationCarrier, BeforeValidator(lambda given: without_empty_texts(given, LocationCarrier))
    ] = Field(default_factory=LocationCarrier, description="How the physical location travels in REGISTER.")
    tls: PbxTls | None = Field(default=None, description="TLS towards the PBX.")
    register_rate: float = Field(
        default=1000.0, gt=0, le=100000, description="REGISTERs per second that one agent may send there."
    )


class CredentialsSpec(Model):
    """What a softphone authenticates with."""

    secret_name: NameText = Field(
        description="Secret in the same namespace. Key password: the SIP password. Key username (optional): the user "
        "name for digest authentication, where it is not the user part of the AOR. Empty: no digest."
    )


def _no_secret(given: Any) -> Any:
    """What was given as credentials; none where no Secret is named, as templates write it."""
    return None if isinstance(given, Mapping) and given == {"secretName": ""} else given


def _no_empty_quantities(given: Any) -> Any:
    return {name: value for name, value in given.items() if value != ""} if isinstance(given, Mapping) else given


Quantities = Annotated[dict[str, Quantity] | None, BeforeValidator(_no_empty_quantities)]


class Resources(Spec):
    """Compute resources of the agent's container."""

    requests: Quantities = Field(
        default=None, max_length=16, description="What is reserved. Default: cpu 10m, memory 64Mi."
    )
    limits: Quantities = Field(
        default=None, max_length=16, description="What is allowed at most. Default: memory 256Mi."
    )


class Toleration(Spec):
    """A taint that the agent's pod tolerates."""

    key: Annotated[str, Field(max_length=317)] | None = Field(
        default=None, description="Key of the taint; none: every key."
    )
    operator: Operator | None = Field(default=None, description="How the value is compared. Default: Equal.")
    value: Annotated[str, Field(max_length=63)] | None = Field(default=None, description="Value of the taint.")
    effect: Effect | None = Field(default=None, description="Effect of the taint; none: every effect.")
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How long a NoExecute taint is tolerated, in seconds; none: for ever."
    )


class AgentSpec(Spec):
    """The agent's pod. A change of anything but publicAddress restarts it."""

    resources: Resources | None = Field(default=None, description="Compute resources of the agent's container.")
    node_selector: dict[str, Annotated[str, Field(max_length=63)]] | None = Field(
        default=None, max_length=16, description="Labels of the nodes that the agent may run on."
    )
    tolerations: tuple[Toleration, ...] = Field(default=(), max_length=16, description="Taints that are tolerated.")
    priority_class_name: NameText | None = Field(default=None, description="PriorityClass of the pod.")
    host_network: bool = Field(
        default=False,
        description="Use the node's network, where the PBX must see the node's address. "
        "The agent then serves HTTP on a port of its own from 20000 to 29999.",
    )
    public_address: NameText | None = Field(
        default=None, description="Address to announce in Contact, where pods are behind NAT."
    )


class SoftphoneSpec(Spec):
    """A softphone. pri, sec, cur and home each name a PBX object of the same namespace or are a SIP URI."""

    aor: UriText = Field(description="Address of record, such as sip:anna@acme.example.")
    pri: UriText | None = Field(default=None, description="Primary PBX. Mode Launcher needs it.")
    sec: UriText | None = Field(default=None, description="Secondary PBX, tried in turn with the primary one.")
    phys: Annotated[str, Field(max_length=63)] | None = Field(
        default=None,
        description="Explicit physical location. Default in mode Launcher: the location of the primary PBX, unless its "
        "noPhysicalLocation is set; in mode Browser: none.",
    )
    mode: Mode = Field(
        default="Launcher",
        description="Launcher: alternate between pri and sec and follow redirects. Browser: register at cur only.",
    )
    cur: UriText | None = Field(default=None, description="Current PBX. Mode Browser needs it.")
    home: UriText | None = Field(
        default=None,
        description="PBX on which the user is configured, where known. Default: learned from redirects.",
    )
    credentials: Annotated[CredentialsSpec | None, BeforeValidator(_no_secret)] = Field(
        default=None, description="What the softphone authenticates with; none: no digest."
    )
    registration: Annotated[Registration, BeforeValidator(lambda given: without_empty_texts(given, Registration))] = (
        Field(default_factory=Registration, description="How the softphone registers.")
    )
    trace: tuple[TraceFlag, ...] = Field(
        default=(),
        max_length=16,
        description="What is traced into the agent's log. App: state transitions. Signaling: SIP messages, "
        "Authorization redacted.",
    )
    suspend: bool = Field(
        default=False,
        description="Un-register and stay so until this is false again. The agent keeps running.",
    )
    agent: AgentSpec = Field(default_factory=AgentSpec, description="The agent's pod.")


class SoftphoneFleetSpec(Spec):
    """Many softphones of one kind, in few agents."""

    replicas: Annotated[int, Field(ge=0, le=100000)] = Field(default=1, description="How many softphones.")
    phones_per_agent: Annotated[int, Field(ge=1, le=MAX_PHONES)] = Field(
        default=1000,
        description="How many softphones one agent carries. Another value makes other slices, and softphones move "
        "between agents.",
    )
    first_index: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=0, description="Index of the first softphone; it is named after the fleet and its index."
    )
    max_unavailable: Quantity = Field(
        default=1,
        description="How many agents, or what share of them such as 25%, may be away at the same time while agents are "
        "changed or their nodes are drained. A share is rounded down, to one agent at least.",
    )
    metrics: Metrics = Field(default_factory=Metrics, description="What the agents show at /metrics.")
    template: SoftphoneSpec = Field(
        description="What the softphones have in common. aor, pri, sec, phys, cur and home may hold {index}, with a "
        "format as in {index:05d}; a literal brace is written twice. credentials.secretName: its key password is for "
        "all, or without that each has a key named like the user of its AOR."
    )


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
        default=None, description="Physical location sent in REGISTER."
    )
    contact: UriText | None = Field(default=None, description="Contact that was registered.")
    since: str | None = Field(
        default=None, description="Since when it is so.", json_schema_extra={"format": "date-time"}
    )
    last_failure: LastFailure | None = Field(default=None, description="The last thing that went wrong.")


class SoftphoneStatus(Model):
    """What is known about a softphone. It is written on transitions only."""

    observed_generation: int | None = Field(
        default=None,
        description="Generation of the spec that the status is about; -1: the operator has not looked at it yet.",
        json_schema_extra={"format": "int64"},
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=MAX_CONDITIONS,
        description="Accepted: the spec makes sense. AgentAvailable: its agent runs. Registered: a PBX holds its "
        "registration. Ready: all of them, with the present spec. Only while they are true: Reconciling and Stalled.",
    )
    registration: RegistrationStatus | None = Field(default=None, description="The registration.")


class PbxPhones(Model):
    """Softphones registered at a PBX, as their agents report it."""

    registered: int = Field(description="All.")
    home: int = Field(description="Those at home here.")
    standby: int = Field(description="Those that are kept here while their home is away.")


class PbxUsers(Model):
    """Objects whose spec names a PBX, accepted or not."""

    softphones: int = Field(description="Softphones whose pri, sec, cur or home is this PBX.")
    fleets: int = Field(default=0, description="SoftphoneFleets whose template names it there.")


class PBXStatus(Model):
    """What is known about a PBX. It is written on transitions only."""

    observed_generation: int | None = Field(
        default=None,
        description="Generation of the spec that the status is about; -1: the operator has not looked at it yet.",
        json_schema_extra={"format": "int64"},
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=MAX_CONDITIONS,
        description="Accepted: the spec makes sense. Consistent: noPhysicalLocation is the same on all PBXes of the "
        "system. Ready: both. Only while they are true: Reconciling and Stalled.",
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


class FleetAgents(Model):
    """The agents of a fleet."""

    wanted: int = Field(description="As many as the softphones need.")
    ready: int = Field(description="Those that run and are heard.")
    updated: int = Field(description="Those whose pod is as it should be.")


class SoftphoneFleetStatus(Model):
    """What is known about a fleet. While things move it is written about once a second, at rest not at all."""

    observed_generation: int | None = Field(
        default=None,
        description="Generation of the spec that the status is about; -1: the operator has not looked at it yet.",
        json_schema_extra={"format": "int64"},
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=MAX_CONDITIONS,
        description="Accepted: the spec makes sense. AgentsAvailable: all agents run. Registered: PBXes hold the "
        "registrations of all softphones. Ready: all of them, with the present spec. Only while they are true: "
        "Reconciling and Stalled.",
    )
    replicas: int = Field(default=0, description="Softphones that the agents carry.")
    registered: int = Field(default=0, description="Those that a PBX holds the registration of.")
    standby: int = Field(default=0, description="Those that are kept by a PBX while their home is away.")
    failures: dict[str, int] | None = Field(
        default=None, max_length=32, description="Those without registration, by their last failure."
    )
    agents: FleetAgents | None = Field(default=None, description="The agents.")
    selector: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Label selector of the agents' pods."
    )


class Kind(NamedTuple):
    """A kind of object and its models."""

    name: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    spec: type[Model]
    status: type[Model]
    description: str


PBX = Kind(
    "PBX",
    "pbxs",
    "pbx",
    (),
    PBXSpec,
    PBXStatus,
    "A PBX that softphones register with or may be redirected to.",
)
SOFTPHONE = Kind(
    "Softphone",
    "softphones",
    "softphone",
    ("sp",),
    SoftphoneSpec,
    SoftphoneStatus,
    "A SIP softphone that registers with redundant PBXes.",
)
SOFTPHONE_FLEET = Kind(
    "SoftphoneFleet",
    "softphonefleets",
    "softphonefleet",
    ("spf",),
    SoftphoneFleetSpec,
    SoftphoneFleetStatus,
    "Thousands of SIP softphones in few agents.",
)
KINDS = (PBX, SOFTPHONE, SOFTPHONE_FLEET)

_PROGRESS = {
    "Reconciling": {
        "any": "True: the present spec is not carried out yet, or waits for a PBX object, a Secret or a node; goes on "
        "by itself. The reason is that of Ready. Absent where it is carried out, also while no PBX serves the phone.",
    },
    "Stalled": {
        "InvalidSpec": "True: a field's value is refused; only an edit of this object helps.",
        "ConfigRefused": "True: the agent refused the configuration; its image is of another version.",
    },
}

REASONS: dict[str, dict[str, dict[str, str]]] = {
    "Softphone": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "DuplicateAOR": "True: it does, but an earlier Softphone of the namespace, or a phone of a fleet, has the "
            "same AOR. Both register.",
            "Inconsistent": "True: it does, but noPhysicalLocation is not the same on all PBXes of a system it uses.",
            "MixedSystems": "True: it does, but its PBXes are of different systems, and with redirectPolicy KnownPBXes "
            "only redirects within that of pri are followed.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "PBXNotFound": "False: pri, sec, cur or home names a PBX object that does not exist in the namespace, or "
            "no more. A running phone keeps the last known address, and goes on when the PBX is back.",
            "PBXInvalid": "False: the PBX object exists, and its own spec is refused.",
            "SecretNotFound": "False: the Secret with the credentials does not exist.",
            "SecretKeyMissing": "False: the Secret lacks the key password.",
        },
        "AgentAvailable": {
            "Available": "True: the agent runs and is ready.",
            "NotAccepted": "False: there is no agent, since the spec was never accepted.",
            "Starting": "False: the agent's pod is being made or started.",
            "NotReady": "False: the agent is heard, but its pod is not ready: it was started a moment ago, or its "
            "readiness probe fails.",
            "Terminating": "False: the agent's pod is being stopped.",
            "Unschedulable": "False: no node can run the pod; the message is the scheduler's.",
            "FailedCreate": "False: the pod could not be made, for example for a quota.",
            "FailedMount": "False: the pod cannot start, since a Secret that it mounts, or a key of it, does not "
            "exist; the message names it.",
            "NameTaken": "False: an object that does not belong to this Softphone bears the name of its agent.",
            "AgentRefused": "False: the API server refused the agent's objects; the message is its own.",
            "Failed": "False: the pod ended, or its container did, and no better reason is known.",
            "ImagePullBackOff, CrashLoopBackOff, …": "False: what the kubelet says of the container, with its message.",
        },
        "Registered": {
            "Registered": "True: a PBX holds the registration.",
            "Registering": "False: the first attempts are under way.",
            "Rejected": "False: the PBX refuses the phone: wrong password, unknown user, …",
            "Unavailable, Unreachable, KnownDead, RedirectLoop, TooManyRedirects, BadRedirect, RedirectRefused, "
            "UnexpectedRedirect, PingFailed, TransportClosed, Expired": "False: the last failure; attempts go on.",
            "NoCredentials": "False: the agent finds no password where the Secret should be; it asks no PBX without.",
            "Unregistering": "False: the phone is un-registering.",
            "Stopped": "False: the phone has stopped.",
            "Suspended": "False: spec.suspend is set.",
            "NoAgent": "Unknown: there is no agent that could tell.",
            "AgentUnreachable": "Unknown: the agent is there and cannot be heard.",
        },
        "Ready": {
            "Registered": "True: accepted, agent available, and registered with the present spec.",
            "ConfigPending": "False: the agent still runs an earlier configuration.",
            "ConfigRefused": "False: the agent refused the configuration; the message is its own.",
            "Suspended": "False: spec.suspend is set.",
            "any other": "That of the first of Accepted, AgentAvailable and Registered that is not True.",
        },
        **_PROGRESS,
    },
    "SoftphoneFleet": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "DuplicateAOR": "True: it does, but an earlier fleet of the namespace has one of its AORs. Both register.",
            "Inconsistent": "True: it does, but noPhysicalLocation is not the same on all PBXes of a system it uses.",
            "MixedSystems": "True: as with a Softphone.",
            "InvalidSpec, PBXNotFound, PBXInvalid, SecretNotFound": "False: as with a Softphone.",
            "SecretKeyMissing": "False: the Secret has neither the key password nor one for each user.",
        },
        "AgentsAvailable": {
            "Available": "True: all agents run and are ready.",
            "any other": "False: that of the first agent that does not, as with a Softphone.",
        },
        "Registered": {
            "Registered": "True: all softphones are registered.",
            "Registering": "False: not all are, and none has failed.",
            "any failure of a Softphone": "False: not all are; the most frequent failure.",
            "Suspended": "False: spec.template.suspend is set.",
            "NoAgent": "Unknown: there is no agent that could tell.",
            "AgentUnreachable": "Unknown: agents are there and none can be heard.",
        },
        "Ready": {
            "Registered": "True: accepted, all agents available, and all registered with the present spec.",
            "Updating": "False: agents are being changed, as many at the same time as maxUnavailable allows.",
            "ConfigPending, ConfigRefused, Suspended": "False: as with a Softphone.",
            "any other": "That of the first of Accepted, AgentsAvailable and Registered that is not True.",
        },
        **_PROGRESS,
    },
    "PBX": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "DuplicateAddress": "True: it does, but an older PBX of the namespace has the same address. Phones keep "
            "the one that they name.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "SecretNotFound": "False: a Secret of spec.tls does not exist.",
            "SecretKeyMissing": "False: a Secret of spec.tls lacks a key.",
        },
        "Consistent": {
            "Consistent": "True: noPhysicalLocation is the same on all PBXes of the system.",
            "Inconsistent": "False: it is not; the message names who says what. Phones keep to their primary PBX.",
            "NotAccepted": "Unknown: the spec is not accepted.",
        },
        "Ready": {
            "Accepted": "True: the spec makes sense, and so does that of its system. Whether the PBX answers is told "
            "by reachable.",
            "any other": "That of the first of Accepted and Consistent that is not True.",
        },
        "Reconciling": {"SecretNotFound, SecretKeyMissing": "True: it waits for the Secret. Else absent."},
        "Stalled": {"InvalidSpec": "True: a field's value is refused; only an edit of this object helps. Else absent."},
    },
}
