"""What is kept of an object, since the rest would only cost memory; and which changes of it matter. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softphone_operator.decide import availability, comparing, names
from softphone_operator.kubernetes.resources import (
    CALL_CHECKS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FLEETS,
    PBXS,
    POOLS,
    REHEARSALS,
    SOFTPHONES,
)

Object = dict[str, Any]

MADE = (DEPLOYMENTS.kind, CONFIG_MAPS.kind)
"""The kinds of the objects of which an agent consists."""

KEPT_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)
KEPT_ANNOTATIONS = (
    names.VOLUME_SYNC_ANNOTATION,
    names.PORT_ANNOTATION,
    names.TEMPLATE_ANNOTATION,
    names.DEFAULTS_ANNOTATION,
    names.REQUEST_ANNOTATION,
)
KEPT_OF_FIELDS = ("manager", "operation", "fieldsV1")
KEPT_STATUS = (
    *("conditions", "containerStatuses", "phase", "podIP", "reason", "message"),
    *("observedGeneration", "updatedReplicas"),
)


def slimmed(kind: str, obj: Mapping[str, Any]) -> Object:
    """What the operator needs of an object; the rest would only cost memory."""
    metadata = {key: obj["metadata"][key] for key in KEPT_METADATA if key in obj["metadata"]}
    annotations = obj["metadata"].get("annotations") or {}
    if kept := {key: annotations[key] for key in KEPT_ANNOTATIONS if key in annotations}:
        metadata["annotations"] = kept
    if kind in MADE and "managedFields" in obj["metadata"]:
        entries = filter(comparing.is_ours, obj["metadata"]["managedFields"] or ())
        metadata["managedFields"] = [{key: entry.get(key) for key in KEPT_OF_FIELDS} for entry in entries]
    slim: Object = {"apiVersion": obj.get("apiVersion"), "kind": kind, "metadata": metadata}
    if kind in (SOFTPHONES.kind, FLEETS.kind, POOLS.kind, PBXS.kind, CALL_CHECKS.kind, REHEARSALS.kind):
        slim |= {"spec": obj.get("spec"), "status": obj.get("status") or {}}
    elif kind == CONFIG_MAPS.kind:
        slim["data"] = obj.get("data") or {}
    else:
        told = obj.get("status") or {}
        slim["status"] = {key: told[key] for key in KEPT_STATUS if key in told}
        if kind == DEPLOYMENTS.kind:
            slim["spec"] = obj.get("spec") or {}
    return slim


def what_matters(kind: str, slim: Object) -> Any:
    """The part of a slimmed object whose changes matter. Of a Deployment's status: only what is said of it."""
    metadata = {key: value for key, value in slim["metadata"].items() if key != "resourceVersion"}
    rest = {key: value for key, value in slim.items() if key != "metadata"}
    if kind == DEPLOYMENTS.kind:
        rest["status"] = (availability.is_replacing(slim), availability.creation_trouble(slim))
    return metadata, rest
