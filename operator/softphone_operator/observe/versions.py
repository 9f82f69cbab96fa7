"""Versions of objects: which of two is newer, and which objects a list does not hold any more. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

ObjectKey = tuple[str, str]
"""Namespace and name."""


def is_newer(before: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    """Whether an object is newer than the known one. A list may be older than the answer to one of our writes."""
    old, new = before["metadata"], obj["metadata"]
    if old.get("uid") != new.get("uid"):
        return True
    one, other = old.get("resourceVersion"), new.get("resourceVersion")
    if one == other:
        return False
    try:
        return int(other) > int(one)
    except (TypeError, ValueError):
        return True


def vanished(before: Mapping[ObjectKey, str], found: Set[ObjectKey], now: Mapping[ObjectKey, str]) -> list[ObjectKey]:
    """Of the versions known before a list was asked for, those that it does not hold and that did not change since."""
    return [
        object_key
        for object_key, version in before.items()
        if object_key not in found and now.get(object_key) == version
    ]
