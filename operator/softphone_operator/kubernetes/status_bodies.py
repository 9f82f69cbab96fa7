"""What is sent to write a status: applied as ours, or, where that goes wrong, in the place of all there is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from softphone_operator.api.kinds import API_VERSION
from softphone_operator.kubernetes.resources import Resource

Status = Mapping[str, Any]


def applied(resource: Resource, namespace: str, name: str, uid: str, status: Status) -> Mapping[str, Any]:
    """The object to apply; of another one of that name the API server refuses it."""
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid},
        "status": status,
    }


def replaced(uid: str, status: Status) -> Sequence[Mapping[str, Any]]:
    """A JSON Patch that puts the status in the place of the present one, whoever made that; `add` does so."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]


def left_over(answered: Mapping[str, Any], status: Status) -> bool:
    """Whether a condition is in the answered object that is said no more."""
    return bool(_conditions(answered.get("status") or {}) - _conditions(status))


def _conditions(status: Status) -> set[str]:
    return {str(condition.get("type")) for condition in status.get("conditions") or ()}
