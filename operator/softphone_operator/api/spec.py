"""The spec of PBX, Softphone, SoftphoneFleet and SoftphonePool, as users write it.

Lenient where the operator can explain a fault better than a schema can: texts are only bounded here, and decide/ reads
their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from softphone_agent.contract.config import Metrics
from softphone_agent.contract.fields import (
    ANSWERING_WORDS,
    MEDIA_ENCRYPTION_WORDS,
    Answering,
    MediaEncryption,
    Mode,
    Model,
    RequestUri,
    TraceFlag,
)
from softphone_agent.contract.fleet import MAX_PHONES
from softphone_agent.contract.phone import LocationCarrier, Registration

MAX_URI, MAX_PBX_LABEL = 512, 300
"""Characters of a URI, and of what a PBX is called: its object's name, or host:port."""


MAX_AGENTS = 1000
"""A fleet has at most so many agents."""


MAX_POOLED_PHONES, MAX_POOL_SECRETS = 1000, 32
"""So many phones an agent of a pool may have: their file must fit a ConfigMap, which the API server limits to 1 MiB."""


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
    if not isinstance(given, Mapping) or "" not in given.values():
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
    ] = Field(
        default_factory=LocationCarrier,
        description="How the physical location travels in REGISTER. The default, a header, is this project's own: no "
        "published page says what innovaphone's PBX reads.",
    )
    request_uri: RequestUri = Field(
        default="Address",
        description="Request-URI of a REGISTER. Address: that of the PBX. Domain: the domain of the AOR, as registrars "
        "that serve several domains want it (RFC 3261, section 10.2); the request goes to the address all the same.",
    )
    tls: PbxTls | None = Field(default=None, description="TLS towards the PBX.")
    register_rate: float = Field(
        default=1000.0, gt=0, le=100000, description="REGISTERs per second that one agent may send there."
    )


class TemplateCredentials(Spec):
    """What a softphone authenticates with."""

    secret_name: NameText = Field(
        description="Secret in the same namespace. Key password: the SIP password. Key username (optional): the user "
        "name for digest authentication, where it is not the user part of the AOR. Empty: no digest."
    )


class CredentialsSpec(TemplateCredentials):
    """What a softphone authenticates with."""

    secret_name: NameText = Field(
        description="Secret in the same namespace; for a softphone in a pool one of the pool's "
        "credentials.secretNames. Empty: no digest."
    )
    password_key: NameText | None = Field(
        default=None,
        description="Key of the Secret that holds the SIP password. Default: password; in a pool the softphone's name.",
    )
    username_key: NameText | None = Field(
        default=None,
        description="Key of the Secret that holds the user name for digest authentication. Default: username, if there "
        "is such a key, else the user part of the AOR; in a pool that.",
    )


def _no_secret(given: Any) -> Any:
    """What was given as credentials; none where no Secret is named, as templates write it."""
    return None if isinstance(given, Mapping) and given and not any(given.values()) else given


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


class TemplateSpec(Spec):
    """A softphone of many. pri, sec, cur and home each name a PBX object of the same namespace or are a SIP URI."""

    aor: UriText = Field(description="Address of record, such as sip:anna@acme.example.")
    pri: UriText | None = Field(default=None, description="Primary PBX. Mode Launcher needs it.")
    sec: UriText | None = Field(default=None, description="Secondary PBX, tried in turn with the primary one.")
    phys: Annotated[str, Field(max_length=63)] | None = Field(
        default=None,
        description="Explicit physical location. Default in mode Launcher: the location of the primary PBX, unless its "
        "noPhysicalLocation is set; in mode Browser: none.",
    )
    mode: Mode = Field(
        default=Mode.LAUNCHER,
        description="Launcher: alternate between pri and sec and follow redirects. Browser: register at cur only.",
    )
    cur: UriText | None = Field(default=None, description="Current PBX. Mode Browser needs it.")
    home: UriText | None = Field(
        default=None,
        description="PBX on which the user is configured, where known. Default: learned from redirects.",
    )
    credentials: Annotated[TemplateCredentials | None, BeforeValidator(_no_secret)] = Field(
        default=None, description="What the softphone authenticates with; none: no digest."
    )
    registration: Annotated[Registration, BeforeValidator(lambda given: without_empty_texts(given, Registration))] = (
        Field(default_factory=Registration, description="How the softphone registers.")
    )
    answer: Answering = Field(default="Checks", description=ANSWERING_WORDS)
    media_encryption: MediaEncryption = Field(default="Never", description=MEDIA_ENCRYPTION_WORDS)
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


class SoftphoneAgentSpec(AgentSpec):
    """Where the softphone runs: in an agent of its own, with these fields of its pod, or in a pool."""

    pool: NameText | None = Field(
        default=None,
        description="SoftphonePool of the same namespace whose agents carry the softphone; the other fields of agent "
        "must not be given then, they are the pool's. Another pool, or none, moves the softphone: its new agent "
        "registers it before the old one lets it go.",
    )


class SoftphoneSpec(TemplateSpec):
    """A softphone. pri, sec, cur and home each name a PBX object of the same namespace or are a SIP URI."""

    credentials: Annotated[CredentialsSpec | None, BeforeValidator(_no_secret)] = Field(
        default=None, description="What the softphone authenticates with; none: no digest."
    )
    agent: SoftphoneAgentSpec = Field(
        default_factory=SoftphoneAgentSpec, description="The agent's pod, or the pool whose agents carry it."
    )


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
    path_checks_one_in: Annotated[int, Field(ge=1, le=MAX_PHONES)] = Field(
        default=100,
        description="One softphone in so many checks its ways (registration.pathCheckSeconds): those whose index is a "
        "multiple of it, and the first of each agent. 1: all of them.",
    )
    metrics: Metrics = Field(default_factory=Metrics, description="What the agents show at /metrics.")
    template: TemplateSpec = Field(
        description="What the softphones have in common. aor, pri, sec, phys, cur and home may hold {index}, with a "
        "format as in {index:05d}; a literal brace is written twice. credentials.secretName: its key password is for "
        "all, or without that each has a key named like the user of its AOR."
    )


class PoolCredentials(Spec):
    """Where the passwords of a pool's softphones lie."""

    secret_names: tuple[NameText, ...] = Field(
        default=(),
        max_length=MAX_POOL_SECRETS,
        description="Secrets of the same namespace that all agents of the pool mount whole. Keys may come, go and "
        "change at any time; another list of Secrets makes new pods.",
    )


class SoftphonePoolSpec(Spec):
    """Few agents that carry many different Softphones: those whose agent.pool names the pool."""

    phones_per_agent: Annotated[int, Field(ge=1, le=MAX_POOLED_PHONES)] = Field(
        default=250,
        description="How many softphones one agent carries at most. Fewer where their file would not fit a ConfigMap.",
    )
    max_unavailable: Quantity = Field(
        default=1,
        description="How many agents, or what share of them such as 25%, may be away at the same time while agents are "
        "changed or their nodes are drained. A share is rounded down, to one agent at least.",
    )
    metrics: Metrics = Field(default_factory=Metrics, description="What the agents show at /metrics.")
    agent: AgentSpec = Field(
        default_factory=AgentSpec,
        description="The agents' pods. Default resources grow with phonesPerAgent.",
    )
    credentials: PoolCredentials = Field(
        default_factory=PoolCredentials, description="Where the passwords of the softphones lie."
    )
