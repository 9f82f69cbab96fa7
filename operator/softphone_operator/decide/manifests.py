"""The Kubernetes objects of an agent: pure builders.

An agent is one ConfigMap and one Deployment of one pod. The pod's template depends on nothing that the agent can take
while it runs, so that an edit of a phone never restarts it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.reading import digest as config_digest
from softphone_operator.api.spec import AgentSpec, Resources
from softphone_operator.decide import comparing, mounts, names, pod_defaults
from softphone_operator.decide.pod_defaults import NONE, PodDefaults
from softphone_operator.decide.resources import with_defaults

Object = dict[str, Any]

CONFIG_FILE = f"{names.CONFIG_DIRECTORY}/{names.CONFIG_KEY}"
STOP_MARGIN_SECONDS = 10
DEFAULT_REQUESTS = {"cpu": "10m", "memory": "64Mi"}
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
    entries: Mapping[str, str] = field(default_factory=dict)
    """The phones of its file by name, as JSON, where `config` has none."""


def config_text(config: AgentConfig, entries: Iterable[str] = ()) -> str:
    """The configuration file: the same compact text for the same configuration, defaults left out.

    `entries`: the phones, as JSON, where `config` has none. They are very many, and so they are not read for this.
    """
    wanted = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = json.dumps(wanted, separators=(",", ":"), ensure_ascii=False)
    if phones := ",".join(entries):
        text = f'{text[:-1]}{"," if wanted else ""}"phones":[{phones}]}}'
    return text + "\n"


def text_digest(text: str) -> str:
    """The digest by which the agent reports that it runs this file."""
    return config_digest(text.encode())


def config_map(
    agent: Agent,
    observed: Mapping[str, Any] | None = None,
    deployment: Mapping[str, Any] | None = None,
    *,
    settled: bool = False,
) -> Object:
    """The ConfigMap that holds the agent's configuration file, in place of the `observed` one where there is one.

    `deployment` is what is there of the agent's Deployment; `settled`: it has no pods of an earlier template.
    """
    key = mounts.config_key(agent.secrets, deployment)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(agent),
        "data": mounts.config_data(
            config_text(agent.config, agent.entries.values()), key, observed, deployment, settled=settled
        ),
    }


def deployment(agent: Agent, observed: Mapping[str, Any] | None = None) -> Object:
    """The Deployment of the agent's pod, in place of the `observed` one where there is one."""
    made = _deployment(agent, mounts.config_key(agent.secrets, observed))
    if observed is None:
        return made
    # What is common to all agents comes like the image: at once, or with the next pod.
    same = agent if agent.image.at_once else replace(agent, defaults=pod_defaults.of(observed))
    kept = _with_scraping_of(observed, _deployment(same, mounts.config_key(agent.secrets, observed)))
    if not agent.image.at_once and comparing.owns(observed, *_CONTAINER, "f:image"):
        kept = _with_image_of(observed, kept)
    mark = template_mark(observed["spec"].get("template") or {})
    compared = kept if mark is None else _with_mark(kept, mark)
    return kept if comparing.part_differs(compared, observed, "spec", "template") is None else made


def _with_scraping_of(observed: Mapping[str, Any], made: Object) -> Object:
    """The Deployment, scraped if the observed pod template is: a change of that is not worth a restart."""
    theirs = ((observed["spec"].get("template") or {}).get("metadata") or {}).get("annotations") or {}
    template = made["spec"]["template"]
    annotations = dict(template["metadata"]["annotations"])
    annotations.pop(names.SCRAPE_ANNOTATION, None)
    if names.SCRAPE_ANNOTATION in theirs:
        annotations[names.SCRAPE_ANNOTATION] = theirs[names.SCRAPE_ANNOTATION]
    metadata = {**template["metadata"], "annotations": annotations}
    return {**made, "spec": {**made["spec"], "template": {**template, "metadata": metadata}}}


def _with_image_of(observed: Mapping[str, Any], made: Object) -> Object:
    """The Deployment with the image, and what belongs to it, of the observed pod template.

    Only what the operator chose itself is kept; what somebody else has set since is not.
    """
    pod = (observed["spec"].get("template") or {}).get("spec") or {}
    template = made["spec"]["template"]
    (container,) = template["spec"]["containers"]
    theirs: Mapping[str, Any] = next((c for c in pod.get("containers") or () if c.get("name") == container["name"]), {})
    image = {
        key: theirs[key]
        for key in ("image", "imagePullPolicy")
        if key in theirs and key in container and comparing.owns(observed, *_CONTAINER, f"f:{key}")
    }
    kept = {**template["spec"], "containers": [{**container, **image}]}
    kept.pop("imagePullSecrets", None)
    if secrets := [one for one in pod.get("imagePullSecrets") or () if _is_our_pull_secret(one, observed)]:
        kept["imagePullSecrets"] = secrets
    return {**made, "spec": {**made["spec"], "template": {**template, "spec": kept}}}


_POD = (*mounts.TEMPLATE, "f:spec")
_CONTAINER = (*_POD, "f:containers", 'k:{"name":"agent"}')


def _is_our_pull_secret(secret: Mapping[str, Any], observed: Mapping[str, Any]) -> bool:
    return comparing.owns(observed, *_POD, "f:imagePullSecrets", f'k:{{"name":"{secret.get("name")}"}}')


def _deployment(agent: Agent, config_key: str) -> Object:
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
                "spec": _pod_spec(agent, config_key),
            },
        },
    }


def marked(deployment: Object) -> Object:
    """The Deployment with a mark on its pods, which says which template a pod was made from."""
    template = deployment["spec"]["template"]
    return _with_mark(deployment, hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16])


def _with_mark(deployment: Object, mark: str) -> Object:
    template = deployment["spec"]["template"]
    metadata = template["metadata"]
    annotations = {**metadata["annotations"], names.TEMPLATE_ANNOTATION: mark}
    made = {**template, "metadata": {**metadata, "annotations": annotations}}
    return {**deployment, "spec": {**deployment["spec"], "template": made}}


def template_mark(obj: Mapping[str, Any]) -> str | None:
    """The mark of a pod, or of a pod template."""
    found: str | None = (obj.get("metadata", {}).get("annotations") or {}).get(names.TEMPLATE_ANNOTATION)
    return found


def budget(group: names.Group, name: str, namespace: str, owner: Owner, api_version: str, away: int) -> Object:
    """The PodDisruptionBudget of an object with several agents: so many a drain may take away at the same time."""
    return {
        "apiVersion": api_version,
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": group.whole(name),
            "namespace": namespace,
            "labels": {
                names.APP: "softphone-agent",
                names.PART_OF: "softphone-fleet",
                names.MANAGED_BY: names.FIELD_MANAGER,
                group.label: names.shorten(name),
            },
            "ownerReferences": [_reference(owner)],
        },
        "spec": {"maxUnavailable": away, "selector": {"matchLabels": group.selector(name)}},
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


def _pod_spec(agent: Agent, config_key: str) -> Object:
    pod = agent.pod
    spec: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(agent.config.stop_seconds) + STOP_MARGIN_SECONDS,
        "securityContext": pod_defaults.security_context(agent.defaults),
        "containers": [_container(agent)],
        "volumes": mounts.volumes(agent.name, config_key, agent.secrets),
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
            agent.defaults,
            agent.own_resources,
            _resources(agent.pod.resources),
            scaled=bool(agent.config.fleets or agent.entries),
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
    """Requests and limits: the default if not given, left out if given as empty."""
    made = with_defaults(wanted, {**DEFAULT_REQUESTS}, DEFAULT_LIMITS)
    parts = {"requests": made.requests, "limits": made.limits}
    return {name: part for name, part in parts.items() if part}
