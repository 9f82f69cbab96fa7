"""The Kubernetes objects of an agent: pure builders, and the comparison with what was observed.

An agent is one ConfigMap and one Deployment of one pod. The pod's template depends on nothing that the agent can take
while it runs, so that an edit of a phone never restarts it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from softphone_agent.config import AgentConfig
from softphone_agent.config import digest as config_digest
from softphone_operator import names, pod_defaults
from softphone_operator.api import AgentSpec, Resources
from softphone_operator.pod_defaults import NONE, PodDefaults

Object = dict[str, Any]

CONFIG_FILE = f"{names.CONFIG_DIRECTORY}/{names.CONFIG_KEY}"
STOP_MARGIN_SECONDS = 10
DEFAULT_REQUESTS: dict[str, int | str] = {"cpu": "10m", "memory": "64Mi"}
DEFAULT_LIMITS: dict[str, int | str] = {"memory": "256Mi"}


@dataclass(frozen=True, slots=True)
class Image:
    """Where agents come from."""

    reference: str
    pull_policy: str = ""
    pull_secrets: tuple[str, ...] = ()
    at_once: bool = True
    """Whether agents that run get it at once, else with the next pod that they get for another reason."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that an agent belongs to and disappears with."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Agent:
    """All that the objects of an agent are made of."""

    name: str
    namespace: str
    owner: Owner
    labels: Mapping[str, str]
    config: AgentConfig
    image: Image
    pod: AgentSpec = field(default_factory=AgentSpec)
    secrets: tuple[names.SecretUse, ...] = ()
    replicas: int = 1
    scrape: bool = True
    """Whether its pod asks for being scraped, by an annotation."""
    defaults: PodDefaults = NONE
    own_resources: Resources | None = None
    """What its object itself says of them, before any defaults."""


def config_text(config: AgentConfig) -> str:
    """The configuration file: the same compact text for the same configuration, defaults left out."""
    wanted = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(wanted, separators=(",", ":"), ensure_ascii=False) + "\n"


def text_digest(text: str) -> str:
    """The digest by which the agent will tell that it runs this file."""
    return config_digest(text.encode())


def phones_of(config_map: Mapping[str, Any]) -> int:
    """How many phones of fleets are in the file of this ConfigMap; 0 where somebody else has spoilt it."""
    try:
        file = json.loads(config_map["data"][names.CONFIG_KEY])
        return sum(fleet["count"] for fleet in file.get("fleets", ()))
    except (KeyError, TypeError, ValueError, AttributeError):
        return 0


def config_map(agent: Agent) -> Object:
    """The ConfigMap that holds the agent's configuration file."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(agent),
        "data": {names.CONFIG_KEY: config_text(agent.config)},
    }


def deployment(agent: Agent, observed: Mapping[str, Any] | None = None) -> Object:
    """The Deployment of the agent's pod, in place of the `observed` one where there is one."""
    made = _deployment(agent)
    if observed is None:
        return made
    # What is common to all agents comes like the image: at once, or with the next pod.
    same = agent if agent.image.at_once else replace(agent, defaults=pod_defaults.of(observed))
    kept = _with_scraping_of(observed, _deployment(same))
    if not agent.image.at_once:
        kept = _with_image_of(observed, kept)
    there = observed["spec"].get("template")
    return kept if difference(kept["spec"]["template"], there) is None else made


def _with_scraping_of(observed: Mapping[str, Any], made: Object) -> Object:
    """What was made, but asking for being scraped if the observed pod template does: that is not worth a restart."""
    theirs = ((observed["spec"].get("template") or {}).get("metadata") or {}).get("annotations") or {}
    template = made["spec"]["template"]
    annotations = dict(template["metadata"]["annotations"])
    annotations.pop(names.SCRAPE_ANNOTATION, None)
    if names.SCRAPE_ANNOTATION in theirs:
        annotations[names.SCRAPE_ANNOTATION] = theirs[names.SCRAPE_ANNOTATION]
    metadata = {**template["metadata"], "annotations": annotations}
    return {**made, "spec": {**made["spec"], "template": {**template, "metadata": metadata}}}


def _with_image_of(observed: Mapping[str, Any], made: Object) -> Object:
    """What was made, but with the image, and all that belongs to it, of the observed pod template."""
    pod = (observed["spec"].get("template") or {}).get("spec") or {}
    template = made["spec"]["template"]
    (container,) = template["spec"]["containers"]
    theirs: Mapping[str, Any] = next((c for c in pod.get("containers") or () if c.get("name") == container["name"]), {})
    image = {key: theirs[key] for key in ("image", "imagePullPolicy") if key in theirs and key in container}
    kept = {**template["spec"], "containers": [{**container, **image}]}
    kept.pop("imagePullSecrets", None)
    if "imagePullSecrets" in pod:
        kept["imagePullSecrets"] = pod["imagePullSecrets"]
    return {**made, "spec": {**made["spec"], "template": {**template, "spec": kept}}}


def _deployment(agent: Agent) -> Object:
    """Recreate: two pods with the same AORs would fight for the bindings.

    A PBX that knows a phone by its +sip.instance, or keeps one binding of an AOR, has just the new pod's binding, and
    the old pod's un-REGISTER would remove it.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(agent) | _annotations(pod_defaults.annotation(agent.defaults)),
        "spec": {
            "replicas": agent.replicas,
            "revisionHistoryLimit": 2,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": names.selector_labels(agent.name)},
            "template": {
                "metadata": {
                    "labels": agent.defaults.labels | _labels(agent),
                    "annotations": {
                        **agent.defaults.annotations,
                        **({names.SCRAPE_ANNOTATION: "true"} if agent.scrape else {}),
                        # Where the operator finds the agent, too.
                        names.PORT_ANNOTATION: str(agent.config.http.port),
                    },
                },
                "spec": _pod_spec(agent),
            },
        },
    }


def marked(deployment: Object) -> Object:
    """The Deployment with a mark on its pods, by which a pod tells which template it was made from."""
    template = deployment["spec"]["template"]
    mark = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16]
    metadata = template["metadata"]
    annotations = {**metadata["annotations"], names.TEMPLATE_ANNOTATION: mark}
    made = {**template, "metadata": {**metadata, "annotations": annotations}}
    return {**deployment, "spec": {**deployment["spec"], "template": made}}


def mounts_differ(desired: Object, observed: Mapping[str, Any]) -> bool:
    """Whether the pods of two Deployments would mount different things."""
    volumes, others = (of["spec"]["template"]["spec"].get("volumes") or [] for of in (desired, observed))
    if {volume["name"] for volume in volumes} != {volume["name"] for volume in others}:
        return True
    return difference(volumes, others, "volumes") is not None


def template_mark(obj: Mapping[str, Any]) -> str | None:
    """The mark of a pod, or of a pod template."""
    found: str | None = (obj.get("metadata", {}).get("annotations") or {}).get(names.TEMPLATE_ANNOTATION)
    return found


def budget(fleet: str, namespace: str, owner: Owner, api_version: str, max_unavailable: int) -> Object:
    """The PodDisruptionBudget of a fleet: how many of its agents a drain may take away at the same time."""
    return {
        "apiVersion": api_version,
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": names.fleet(fleet),
            "namespace": namespace,
            "labels": {
                names.APP: "softphone-agent",
                names.PART_OF: "softphone-fleet",
                names.MANAGED_BY: names.FIELD_MANAGER,
                names.FLEET_LABEL: names.shorten(fleet),
            },
            "ownerReferences": [_reference(owner)],
        },
        "spec": {"maxUnavailable": max_unavailable, "selector": {"matchLabels": names.fleet_selector(fleet)}},
    }


def _reference(owner: Owner) -> Object:
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
    }


def _labels(agent: Agent) -> dict[str, str]:
    return names.agent_labels(agent.name) | dict(agent.labels)


def _annotations(annotations: Object) -> Object:
    return {"annotations": annotations} if annotations else {}


def _metadata(agent: Agent) -> Object:
    return {
        "name": agent.name,
        "namespace": agent.namespace,
        "labels": _labels(agent),
        "ownerReferences": [_reference(agent.owner)],
    }


def _pod_spec(agent: Agent) -> Object:
    pod = agent.pod
    spec: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(agent.config.stop_seconds) + STOP_MARGIN_SECONDS,
        "securityContext": pod_defaults.security_context(agent.defaults),
        "containers": [_container(agent)],
        "volumes": [
            {"name": "config", "configMap": {"name": agent.name}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *(_secret_volume(use) for use in agent.secrets),
        ],
    }
    if agent.image.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in agent.image.pull_secrets]
    if node_selector := pod_defaults.node_selector(agent.defaults, pod):
        spec["nodeSelector"] = node_selector
    if tolerations := pod_defaults.tolerations(agent.defaults, pod):
        spec["tolerations"] = tolerations
    if pod.priority_class_name:
        spec["priorityClassName"] = pod.priority_class_name
    if pod.host_network:
        spec["hostNetwork"] = True
        spec["dnsPolicy"] = "ClusterFirstWithHostNet"
    return spec


def _container(agent: Agent) -> Object:
    container: Object = {
        "name": "agent",
        "image": agent.image.reference,
        "args": ["run", "--config", CONFIG_FILE],
        "ports": [{"name": "http", "containerPort": agent.config.http.port, "protocol": "TCP"}],
        "resources": pod_defaults.resources(
            agent.defaults, agent.own_resources, _resources(agent.pod.resources), scaled=bool(agent.config.fleets)
        ),
        "startupProbe": {
            "httpGet": {"path": "/healthz", "port": "http"},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "http"},
            "periodSeconds": 5,
            "timeoutSeconds": 2,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": names.CONFIG_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
            *(
                {
                    "name": names.secret_volume(use.name),
                    "mountPath": f"{names.SECRETS_DIRECTORY}/{use.name}",
                    "readOnly": True,
                }
                for use in agent.secrets
            ),
        ],
    }
    if agent.image.pull_policy:
        container["imagePullPolicy"] = agent.image.pull_policy
    return container


def _resources(wanted: Resources | None) -> Object:
    """Requests and limits; what is not said is the default, what is said to be empty is left out."""
    requests = DEFAULT_REQUESTS if wanted is None or wanted.requests is None else wanted.requests
    limits = DEFAULT_LIMITS if wanted is None or wanted.limits is None else wanted.limits
    parts = {"requests": dict(requests), "limits": dict(limits)}
    return {name: part for name, part in parts.items() if part}


def _secret_volume(use: names.SecretUse) -> Object:
    """A projection, since it can hold an optional key beside a required one.

    A whole Secret is projected without a list of keys, so that keys may come and go while the pod runs.
    A Secret that disappears, or loses a required key, leaves the files of a running pod as they were.
    """
    if use.whole:
        whole: Object = {"secret": {"name": use.name}}
        return {"name": names.secret_volume(use.name), "projected": {"defaultMode": 0o440, "sources": [whole]}}
    sources: list[Object] = [{"secret": {"name": use.name, "items": [{"key": k, "path": k} for k in use.required]}}]
    if use.optional:
        items = [{"key": k, "path": k} for k in use.optional]
        sources.append({"secret": {"name": use.name, "items": items, "optional": True}})
    return {"name": names.secret_volume(use.name), "projected": {"defaultMode": 0o440, "sources": sources}}


def difference(desired: Any, observed: Any, path: str = "") -> str | None:
    """The first place where `observed` lacks something desired, None where it holds all of it.

    What the API server or others added is no difference. Quantities are compared by value.
    """
    found = _difference(desired, observed, path.rpartition(".")[2])
    return None if found is None else f"{path}{found}".removeprefix(".") or "the object"


def _difference(desired: Any, observed: Any, name: str) -> str | None:
    """The place below what its parent calls `name`; empty: all of it. Most is equal."""
    if desired == observed:
        return None
    if isinstance(desired, dict):
        if not isinstance(observed, dict):
            return ""
        quantities = name in ("requests", "limits")
        for key, value in desired.items():
            if key not in observed:
                return f".{key}"
            if quantities and _quantity(value) == _quantity(observed[key]):
                continue
            if (found := _difference(value, observed[key], key)) is not None:
                return f".{key}{found}"
        return None
    if isinstance(desired, list):
        return _list_difference(desired, observed, name)
    return ""


def _list_difference(desired: list[Any], observed: Any, name: str) -> str | None:
    if not isinstance(observed, list):
        return ""
    key = _MERGE_KEYS.get(name)
    if key is None:
        if len(desired) != len(observed):
            return ""
        pairs: Iterator[tuple[Any, Any]] = iter(zip(desired, observed, strict=True))
    else:
        by_key = {item.get(key): item for item in observed if isinstance(item, dict)}
        pairs = iter([(item, by_key.get(item[key])) for item in desired])
    for index, (one, other) in enumerate(pairs):
        if (found := _difference(one, other, "")) is not None:
            return f"[{index}]{found}"
    return None


_MERGE_KEYS = {
    "containers": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "ownerReferences": "uid",
}
"""The keys by which the API server merges lists; others are taken as a whole."""


_SUFFIXES = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def _quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number, None where it is none."""
    text = str(value)
    factor = Decimal(1)
    if text.endswith("i") and text[-2:-1] in ("K", "M", "G", "T", "P", "E"):
        factor, text = Decimal(1024) ** ("KMGTPE".index(text[-2]) + 1), text[:-2]
    elif text[-1:] in _SUFFIXES:
        factor, text = Decimal(10) ** _SUFFIXES[text[-1]], text[:-1]
    try:
        return Decimal(text) * factor
    except ArithmeticError:
        return None
