"""Objects for other programs, in kubectl's formats: json, yaml and name. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import yaml

from softphone_operator.api.kinds import GROUP, KINDS
from softphone_plugin.phones import Object


class Format(StrEnum):
    """What -o may ask for."""

    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    WIDE = "wide"


class Data(StrEnum):
    """What -o may ask for where there are no objects."""

    JSON = "json"
    YAML = "yaml"


class Raw(StrEnum):
    """What -o may ask for where lines come."""

    JSON = "json"


DATA = (Format.JSON, Format.YAML, Format.NAME)
"""The formats for other programs."""


def document(value: Any, form: str) -> str:
    """Any value as JSON or YAML text."""
    if form == Format.JSON:
        return json.dumps(value, indent=4, ensure_ascii=False)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")


def listed(objects: Sequence[Object], form: Format | None, *, one: bool = False) -> str:
    """Objects as `kubectl get -o` shows them; `one`: that one alone, without a List around it."""
    if form is Format.NAME:
        return "\n".join(name(obj) for obj in objects)
    shown: Any = objects[0] if one else {"apiVersion": "v1", "kind": "List", "items": list(objects), "metadata": {}}
    return document(shown, form or Format.JSON)


def name(obj: Object) -> str:
    """An object's name as kubectl takes it back, such as softphone.softphone-fleet.io/anna."""
    kind = next((one.singular for one in KINDS if one.name == obj.get("kind")), str(obj.get("kind", "")).lower())
    return f"{kind}.{GROUP}/{obj['metadata']['name']}"
