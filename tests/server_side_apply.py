"""What the API server notes of an applied object: which fields belong to which field manager (managedFields)."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from softphone_operator.decide.names import FIELD_MANAGER

Object = dict[str, Any]

KEYS = {
    "containers": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "protocol"),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
}
WHOLE = {"nodeSelector", "selector"}


def fields_of(part: Any, name: str = "") -> Object:
    """The fields of a part of an object, as `fieldsV1` names them."""
    if isinstance(part, Mapping) and name not in WHOLE:
        return {f"f:{key}": fields_of(value, key) for key, value in part.items()}
    if isinstance(part, list) and name in KEYS:
        made = {}
        for item in part:
            keys = {key: item[key] for key in KEYS[name]}
            made[f"k:{json.dumps(keys, separators=(',', ':'))}"] = {".": {}, **fields_of(item)}
        return made
    return {}


def entry(desired: Mapping[str, Any], manager: str = FIELD_MANAGER) -> Object:
    """The entry of managedFields for an object that was applied."""
    fields = fields_of({key: value for key, value in desired.items() if key not in ("apiVersion", "kind", "metadata")})
    metadata = {key: value for key, value in desired["metadata"].items() if key not in ("name", "namespace")}
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": desired["apiVersion"],
        "time": "2026-01-02T03:04:05Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": fields_of(metadata), **fields},
    }


def applied(desired: Mapping[str, Any]) -> Object:
    """The object as the API server gives it back, but for its defaults."""
    made: Object = copy.deepcopy(dict(desired))
    made["metadata"]["managedFields"] = [entry(desired)]
    return made


def set_image(deployment: Mapping[str, Any], image: str) -> Object:
    """The Deployment after `kubectl set image`: the field belongs to kubectl from then on."""
    made: Object = copy.deepcopy(dict(deployment))
    made["spec"]["template"]["spec"]["containers"][0]["image"] = image
    for one in made["metadata"].get("managedFields", ()):
        containers = one["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
        containers['k:{"name":"agent"}'].pop("f:image", None)
    return made
