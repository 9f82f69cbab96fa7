"""What an earlier version left in a cluster is understood by this one: its CRDs. Its agents: test_controller.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from softphone_operator.api.crd import crd
from softphone_operator.api.kinds import KINDS

STORED = sorted((Path(__file__).parent / "data" / "stored").glob("*/*.schema.yaml"))
Schema = dict[str, Any]


def narrowed(old: Schema, new: Schema, path: str = "") -> Iterator[str]:
    """Where `new` refuses, or forgets, something that `old` could hold."""
    if old.get("type") != new.get("type"):
        yield f"{path}: was {old.get('type')}, is {new.get('type')}"
    for least in ("minLength", "minItems", "minProperties", "minimum"):
        if new.get(least, float("-inf")) > old.get(least, float("-inf")):
            yield f"{path}: {least} grew"
    for most in ("maxLength", "maxItems", "maxProperties", "maximum"):
        if new.get(most, float("inf")) < old.get(most, float("inf")):
            yield f"{path}: {most} shrank"
    if "enum" in new and not set(old.get("enum", ())) <= set(new["enum"]):
        yield f"{path}: a choice is gone"
    if "enum" in new and "enum" not in old:
        yield f"{path}: only some values are left"
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{path}.{name}: is required now"
    for name, part in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield from narrowed(part, new["properties"][name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: is gone"
    for name in ("items", "additionalProperties"):
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            yield from narrowed(old[name], new[name], f"{path}[]")


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_the_crds_still_hold_what_earlier_ones_could(path: Path) -> None:
    (kind,) = [kind for kind in KINDS if kind.plural == path.name.partition(".")[0]]
    present = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(narrowed(yaml.safe_load(path.read_text()), present)) == []


def test_what_is_narrower_is_found() -> None:
    old = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}, "b": {"type": "integer"}}}
    new = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "maxLength": 5, "enum": ["x"]}}}
    assert list(narrowed(old, new)) == [
        ".a: is required now",
        ".a: maxLength shrank",
        ".a: only some values are left",
        ".b: is gone",
    ]
