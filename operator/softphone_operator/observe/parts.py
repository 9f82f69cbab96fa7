"""What of an object the indices go by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softphone_operator.decide import systems
from softphone_operator.observe.slimming import Object
from softphone_operator.observe.versions import ObjectKey


def spec_in_force(slim: Object) -> Any:
    """The spec of an object, None where it is being deleted."""
    return None if slim["metadata"].get("deletionTimestamp") else slim.get("spec")


def object_key_of(obj: Mapping[str, Any]) -> ObjectKey:
    """Namespace and name of an object."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def system_of(obj: Mapping[str, Any] | None) -> str:
    """The system of a PBX as its raw spec has it, empty for none."""
    spec = (obj or {}).get("spec")
    system = spec.get("system") if isinstance(spec, Mapping) else None
    return system if isinstance(system, str) else ""


def registrar_of(obj: Mapping[str, Any] | None) -> str:
    """The registrar of a PBX as its raw spec has it, empty for none."""
    spec = (obj or {}).get("spec")
    return systems.registrar_of(spec.get("address")) if isinstance(spec, Mapping) else ""
