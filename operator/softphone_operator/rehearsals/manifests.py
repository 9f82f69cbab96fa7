"""The objects of a run: its Job, and the ConfigMap with its record. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from softphone_operator.api.kinds import API_VERSION, GROUP
from softphone_operator.decide.names import APP, COMPONENT, FIELD_MANAGER, MANAGED_BY, PART_OF, shorten
from softphone_operator.rehearsals.record import FILE

KIND = "Rehearsal"
LABEL = f"{GROUP}/rehearsal"
KEPT_SECONDS = 7 * 86400
"""A Job that has ended stays so long, with the log of its pod."""
POD_SECURITY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}

Object = dict[str, Any]


def labels(name: str, component: str) -> dict[str, str]:
    """Labels of what belongs to a Rehearsal."""
    return {
        APP: "softphone-rehearsal",
        COMPONENT: component,
        PART_OF: "softphone-fleet",
        MANAGED_BY: FIELD_MANAGER,
        LABEL: shorten(name),
    }


def config_map(owner: Mapping[str, Any], name: str, text: str) -> Object:
    """The ConfigMap `name` with a record; it goes with its Rehearsal `owner`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(owner, name, "record"),
        "data": {FILE: text},
    }


def job(owner: Mapping[str, Any], name: str, template: Mapping[str, Any], seconds: int) -> Object:
    """The Job `name` that breaks and mends, of the user's pod template; `seconds`: how long it may run.

    What the template does not say is as Pod Security's level restricted wants it. A pod that fails is not replaced: a
    PBX that is half broken must not be broken again.
    """
    of_template = copy.deepcopy(dict(template))
    metadata = dict(of_template.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels(owner["metadata"]["name"], "job")}
    spec = dict(of_template.get("spec") or {})
    spec.setdefault("restartPolicy", "Never")
    if "serviceAccountName" not in spec:
        spec.setdefault("automountServiceAccountToken", False)
    spec["securityContext"] = {**POD_SECURITY, **(spec.get("securityContext") or {})}
    for kind in ("containers", "initContainers"):
        if kind in spec:
            spec[kind] = [_contained(one) for one in spec[kind]]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(owner, name, "job"),
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": max(1, seconds),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": metadata, "spec": spec},
        },
    }


def _contained(container: Mapping[str, Any]) -> Object:
    return {**container, "securityContext": {**CONTAINER_SECURITY, **(container.get("securityContext") or {})}}


def _metadata(owner: Mapping[str, Any], name: str, component: str) -> Object:
    of = owner["metadata"]
    return {
        "name": name,
        "namespace": of["namespace"],
        "labels": labels(of["name"], component),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": of["name"],
                "uid": of["uid"],
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
