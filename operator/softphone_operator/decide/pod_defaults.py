"""What all agents' pods have in common, from the values of the chart. What an object itself asks for wins. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import Model
from softphone_operator.api.spec import AgentSpec, Resources, Toleration
from softphone_operator.decide import names

Object = dict[str, Any]

USER = 65532
Texts = Annotated[dict[str, str], Field(max_length=64)]


class PodDefaults(Model):
    """The defaults. Those of an empty object are none."""

    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    resources: Resources = Field(default_factory=Resources)
    node_selector: Texts = Field(default_factory=dict)
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=64)] = ()
    security_context: dict[str, Any] = Field(default_factory=dict)
    """Of the pod, over what it has by itself."""
    fixed_user: bool = True
    """Whether the pod names its user and groups. OpenShift gives each namespace a range, and chooses from it."""


NONE = PodDefaults()


def parse(text: str) -> PodDefaults:
    """The defaults from JSON; raises ValueError with one message for all faults."""
    if not text:
        return NONE
    try:
        return PodDefaults.model_validate(json.loads(text), by_name=False, by_alias=True)
    except ValidationError as error:
        raise ValueError("; ".join(fault_messages(error))) from None
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None


def annotation(defaults: PodDefaults) -> Object:
    """The annotation that holds the defaults of a Deployment's pod; empty if there are none."""
    if defaults == NONE:
        return {}
    said = defaults.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {names.DEFAULTS_ANNOTATION: json.dumps(said, separators=(",", ":"), sort_keys=True)}


def of(deployment: Mapping[str, Any]) -> PodDefaults:
    """The defaults that the pod of this Deployment was made with; none if that is not known any more."""
    said = (deployment["metadata"].get("annotations") or {}).get(names.DEFAULTS_ANNOTATION, "")
    try:
        return parse(said)
    except ValueError:
        return NONE


def node_selector(defaults: PodDefaults, own: AgentSpec) -> dict[str, str]:
    """The labels that a node must have."""
    return {**defaults.node_selector, **(own.node_selector or {})}


def tolerations(defaults: PodDefaults, own: AgentSpec) -> list[Object]:
    """The tolerations: the object's and those of the defaults."""
    all_of_them = dict.fromkeys([*own.tolerations, *defaults.tolerations])
    return [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in all_of_them]


def security_context(defaults: PodDefaults) -> Object:
    """The security context of the pod."""
    user = {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER} if defaults.fixed_user else {}
    made: Object = {"runAsNonRoot": True, **user, "seccompProfile": {"type": "RuntimeDefault"}}
    return {name: value for name, value in (made | defaults.security_context).items() if value is not None}


def resources(defaults: PodDefaults, own: Resources | None, made: Object, *, scaled: bool) -> Object:
    """What a container is given: `made` of what its object says or of our own defaults, and of these.

    Where the object says nothing these stand instead of ours; but where ours are `scaled`, to the phones of a fleet's
    agent, these only add what ours do not name.
    """
    found = {}
    for part in ("requests", "limits"):
        ours, theirs = made.get(part, {}), dict(getattr(defaults.resources, part) or {})
        if own is not None and getattr(own, part) is not None:
            found[part] = ours
        else:
            found[part] = {**theirs, **ours} if scaled else {**ours, **theirs}
    return {part: names_of for part, names_of in found.items() if names_of}
