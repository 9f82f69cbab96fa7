"""What suspend and resume change: of a Softphone, of a fleet's template, or of all Softphones of a pool. Pure.

A pool has no such field. Softphones that were suspended with their pool bear an annotation, so that its resume leaves
those alone that somebody suspended one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from softphone_operator.api.kinds import GROUP, SOFTPHONE, SOFTPHONE_FLEET, Kind
from softphone_plugin.phones import Object

WITH_POOL = f"{GROUP}/suspended-with"
"""The annotation. Its value is the pool's name."""


class Change(NamedTuple):
    """A merge patch of an object; None where it stays as it is, and `words` say why."""

    kind: Kind
    name: str
    patch: dict[str, Any] | None
    words: str


def of_one(kind: Kind, obj: Object, *, suspend: bool) -> Change:
    """Of a Softphone or a fleet."""
    name, spec = obj["metadata"]["name"], obj.get("spec") or {}
    of = (spec.get("template") or {}) if kind is SOFTPHONE_FLEET else spec
    done = "suspended" if suspend else "resumed"
    annotated = WITH_POOL in (obj["metadata"].get("annotations") or {})
    if bool(of.get("suspend")) is suspend and not annotated:
        return Change(kind, name, None, "is suspended already" if suspend else "is not suspended")
    wanted = {"suspend": True if suspend else None}
    change: dict[str, Any] = {"spec": {"template": wanted} if kind is SOFTPHONE_FLEET else wanted}
    if annotated:  # it is by itself from now on
        change["metadata"] = {"annotations": {WITH_POOL: None}}
    return Change(kind, name, change, done)


def of_pool(pool: str, softphones: Iterable[Object], *, suspend: bool) -> list[Change]:
    """Of the Softphones in a pool, by name."""
    members = [obj for obj in softphones if ((obj.get("spec") or {}).get("agent") or {}).get("pool") == pool]
    return [
        _member(pool, obj, suspend=suspend) for obj in sorted(members, key=lambda obj: str(obj["metadata"]["name"]))
    ]


def _member(pool: str, obj: Object, *, suspend: bool) -> Change:
    name = obj["metadata"]["name"]
    suspended = bool((obj.get("spec") or {}).get("suspend"))
    of_this = (obj["metadata"].get("annotations") or {}).get(WITH_POOL) == pool
    if suspend:
        if suspended:
            return Change(SOFTPHONE, name, None, "is suspended already")
        change = {"spec": {"suspend": True}, "metadata": {"annotations": {WITH_POOL: pool}}}
        return Change(SOFTPHONE, name, change, "suspended")
    if not suspended:
        return Change(SOFTPHONE, name, None, "is not suspended")
    if not of_this:
        return Change(SOFTPHONE, name, None, "was suspended by itself, and stays so")
    return Change(
        SOFTPHONE, name, {"spec": {"suspend": None}, "metadata": {"annotations": {WITH_POOL: None}}}, "resumed"
    )
