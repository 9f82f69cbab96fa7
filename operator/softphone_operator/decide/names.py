"""Names: of the objects that the operator makes, their labels, and the places of files in an agent's pod."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from softphone_operator.api.kinds import GROUP

MAX_LABEL = 63
FIELD_MANAGER = "softphone-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
APP = "app.kubernetes.io/name"
PART_OF = "app.kubernetes.io/part-of"
SOFTPHONE_LABEL = f"{GROUP}/softphone"
FLEET_LABEL = f"{GROUP}/fleet"
POOL_LABEL = f"{GROUP}/pool"
SLICE_LABEL = f"{GROUP}/slice"
TEMPLATE_ANNOTATION = f"{GROUP}/template"
DEFAULTS_ANNOTATION = f"{GROUP}/pod-defaults"
VOLUME_SYNC_ANNOTATION = f"{GROUP}/config-digest"
FORCE_DELETE_ANNOTATION = f"{GROUP}/force-delete"
REQUEST_ANNOTATION = f"{GROUP}/begin"
"""On a Rehearsal: the time at which somebody asked to begin."""
SCRAPE_ANNOTATION = "prometheus.io/scrape"
PORT_ANNOTATION = "prometheus.io/port"
OWNED_SELECTOR = f"{MANAGED_BY}={FIELD_MANAGER},{COMPONENT}=agent"

CONFIG_KEY = "agent.json"
SECRET_VOLUMES = "secret-"
"""With what the names of the volumes of Secrets begin."""
CONFIG_DIRECTORY = "/etc/softphone-agent"
SECRETS_DIRECTORY = "/etc/softphone-secrets"
HTTP_PORT = 8080
HOST_PORTS = range(20000, 30000)


@dataclass(frozen=True, slots=True, order=True)
class SecretUse:
    """A Secret that an agent mounts: keys that must be there, and keys that may be; or `whole`, with all keys."""

    name: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    whole: bool = False


def shorten(text: str, limit: int = MAX_LABEL) -> str:
    """`text`, or its beginning and a hash of the whole where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 9].rstrip('-._')}-{digest(text)}"


def softphone_agent(name: str) -> str:
    """Name of a Softphone's agent: its Deployment, its ConfigMap, and the value of its instance label."""
    return shorten(f"softphone-{name}")


class Group(NamedTuple):
    """Whose objects have several agents each: a kind in one word, and the label that bears the name of an object."""

    word: str
    label: str

    def whole(self, name: str) -> str:
        """Name of what belongs to all agents of an object: its PodDisruptionBudget."""
        return shorten(f"{self.word}-{name}")

    def agent(self, name: str, number: int) -> str:
        """Name of one agent, as for softphone_agent. Agents count from 0."""
        return shorten(f"{self.word}-{name}-{number}")

    def labels(self, name: str, number: int) -> dict[str, str]:
        """Labels of what belongs to one agent, besides those of every agent."""
        return {self.label: shorten(name), SLICE_LABEL: str(number)}

    def selector(self, name: str) -> dict[str, str]:
        """The labels by which the pods of all agents are found."""
        return {APP: "softphone-agent", self.label: shorten(name)}


FLEET = Group("fleet", FLEET_LABEL)
POOL = Group("pool", POOL_LABEL)


def secret_directory(secret: str) -> str:
    """Folder with all keys of a Secret in the agent's container."""
    return f"{SECRETS_DIRECTORY}/{secret}"


def agent_labels(agent: str) -> dict[str, str]:
    """Labels of everything that belongs to an agent."""
    return {
        APP: "softphone-agent",
        INSTANCE: agent,
        COMPONENT: "agent",
        PART_OF: "softphone-fleet",
        MANAGED_BY: FIELD_MANAGER,
    }


def instance(obj: Mapping[str, Any]) -> str:
    """Name of the agent that an object belongs to, as its label says; empty where it has none."""
    labels: Mapping[str, str] = obj.get("metadata", {}).get("labels") or {}
    return labels.get(INSTANCE, "")


def selector_labels(agent: str) -> dict[str, str]:
    """The labels by which a Deployment finds its pod. They can never change."""
    return {APP: "softphone-agent", INSTANCE: agent}


def secret_file(secret: str, key: str) -> str:
    """Path of a Secret's key in the agent's container."""
    return f"{SECRETS_DIRECTORY}/{secret}/{key}"


def secret_of_file(path: str) -> tuple[str, str] | None:
    """The Secret and its key of a path that secret_file has made; None for any other path."""
    start = f"{SECRETS_DIRECTORY}/"
    secret, _, key = path.removeprefix(start).partition("/")
    return (secret, key) if path.startswith(start) and key else None


def secret_volume(secret: str) -> str:
    """Name of the volume of a Secret: a DNS label, while a Secret's name may hold dots."""
    label = re.sub(r"[^a-z0-9-]", "-", secret)
    if label != secret:
        label = f"{label}-{digest(secret)}"
    return shorten(f"{SECRET_VOLUMES}{label}")


def http_port(namespace: str, agent: str, *, host_network: bool, number: int = 0) -> int:
    """Port of an agent's HTTP server. On the node's network each has its own; `number` is that of a fleet's agent."""
    if not host_network:
        return HTTP_PORT
    return HOST_PORTS[(int(digest(f"{namespace}/{agent}"), 16) + number) % len(HOST_PORTS)]


def digest(text: str) -> str:
    """Eight characters that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
