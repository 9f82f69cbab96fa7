"""Compares an object as it is desired with the object as it is. Pure.

The API server keeps which fields a field manager has applied (managedFields). So a field that others have added is no
difference; a field that the operator applied earlier and no longer wants is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from softphone_operator.decide.names import FIELD_MANAGER
from softphone_operator.decide.resources import quantity

Object = Mapping[str, Any]
Fields = Mapping[str, Any]
"""Fields as the API server writes them: `f:name`, `k:{"key":"value"}` of a list's item, each with what is in it."""


def differs(desired: Object, observed: Object) -> str | None:
    """The first path at which `observed` lacks something desired, or has a field of ours that is no longer desired."""
    return part_differs(desired, observed)


def part_differs(desired: Object, observed: Object, *path: str) -> str | None:
    """The same for the part at `path`; the result begins there."""
    wanted, there = desired, observed
    for name in path:
        wanted, there = _member(wanted, name), _member(there, name)
    lacking = difference(wanted, there)
    if lacking is not None:
        return lacking
    parts = (_at(fields, tuple(f"f:{name}" for name in path)) for fields in ours(observed) or ())
    return next((found for fields in parts if fields and (found := excess(fields, wanted, there))), None)


def ours(observed: Object) -> list[Fields] | None:
    """The fields that we applied, one part for each version of the API; None without managedFields."""
    told = observed["metadata"].get("managedFields")
    if told is None:
        return None
    return [entry.get("fieldsV1") or {} for entry in told if is_ours(entry)]


def is_ours(entry: Object) -> bool:
    """Whether an entry of managedFields is about what we applied."""
    return (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply") and not entry.get("subresource")


def owns(observed: Object, *path: str) -> bool:
    """Whether a field is as we applied it last. Without managedFields it is taken to be."""
    told = ours(observed)
    return told is None or any(_at(fields, path) is not None for fields in told)


def _at(fields: Fields, path: tuple[str, ...]) -> Fields | None:
    found: Fields | None = fields
    for step in path:
        found = None if found is None else found.get(step)
    return found


def excess(fields: Fields, desired: Any, observed: Any) -> str | None:
    """The first of our fields that is no longer desired."""
    for key, inner in fields.items():
        kind, _, rest = key.partition(":")
        if kind == "f":
            place, wanted, there = f".{rest}", _member(desired, rest), _member(observed, rest)
        elif kind == "k":
            keys = json.loads(rest)
            place, wanted, there = f"[{','.join(map(str, keys.values()))}]", _item(desired, keys), _item(observed, keys)
        else:
            continue  # the object itself, or one of a list that is compared as a whole
        if wanted is _ABSENT:
            # Of what others took away before us nothing is left to take away.
            if there is _ABSENT:
                continue
            return place.removeprefix(".")
        if inner:
            found = excess(inner, wanted, there)
            if found is not None:
                return f"{place}{'' if found.startswith('[') else '.'}{found}".removeprefix(".")
        elif (more := _more(wanted, there)) is not None:
            return f"{place}{more}".removeprefix(".")
    return None


_ABSENT: Any = object()


def _member(of: Any, name: str) -> Any:
    return of.get(name, _ABSENT) if isinstance(of, Mapping) else _ABSENT


def _item(of: Any, keys: Mapping[str, Any]) -> Any:
    """The item of a list that has these values; a default that is left out counts as given."""
    for item in of if isinstance(of, list) else ():
        if isinstance(item, Mapping) and all(item.get(key, value) == value for key, value in keys.items()):
            return item
    return _ABSENT


def _more(wanted: Any, there: Any) -> str | None:
    """A key that is not desired, in a field that we own as a whole: a map (nodeSelector) or a list (tolerations).

    A map of more than texts and numbers may hold defaults of the API server.
    """
    if isinstance(wanted, list) and isinstance(there, list):
        pairs = enumerate(zip(wanted, there, strict=False))
        return next((f"[{n}]{more}" for n, (one, other) in pairs if (more := _more(one, other))), None)
    if not isinstance(wanted, Mapping) or not isinstance(there, Mapping) or not wanted:
        return None
    if any(isinstance(value, Mapping | list) for value in wanted.values()):
        return None
    return next((f".{key}" for key in there if key not in wanted), None)


def owned_part(observed: Any, fields: Fields) -> Any:
    """What of an observed part is ours."""
    if not fields:
        return observed
    if isinstance(observed, list):
        items = [(json.loads(key[2:]), inner) for key, inner in fields.items() if key.startswith("k:")]
        if not items:
            return observed
        found = ((keys, inner, _item(observed, keys)) for keys, inner in items)
        return [{**keys, **owned_part(item, inner)} for keys, inner, item in found if item is not _ABSENT]
    if not isinstance(observed, Mapping):
        return observed
    parts = {key[2:]: inner for key, inner in fields.items() if key.startswith("f:") and key[2:] in observed}
    return {name: owned_part(observed[name], inner) for name, inner in parts.items()}


def difference(desired: Any, observed: Any, path: str = "") -> str | None:
    """The first path at which `observed` lacks something desired, None if it has all of it.

    What the API server or others added is no difference. Quantities are compared by value.
    """
    found = _difference(desired, observed, path.rpartition(".")[2])
    return None if found is None else f"{path}{found}".removeprefix(".") or "the object"


def _difference(desired: Any, observed: Any, name: str) -> str | None:
    """The path below the field `name`; empty: the field itself. Most fields are equal."""
    if desired == observed:
        return None
    if isinstance(desired, dict):
        if not isinstance(observed, dict):
            return ""
        quantities = name in ("requests", "limits")
        for key, value in desired.items():
            if key not in observed:
                return f".{key}"
            if quantities and quantity(value) == quantity(observed[key]):
                continue
            if (found := _difference(value, observed[key], key)) is not None:
                return f".{key}{found}"
        return None
    if isinstance(desired, list):
        return _list_difference(desired, observed, name)
    return ""


def _list_difference(desired: list[Any], observed: Any, name: str) -> str | None:
    if not isinstance(observed, list):
        return ""
    key = _MERGE_KEYS.get(name)
    if key is None:
        if len(desired) != len(observed):
            return ""
        pairs: Iterator[tuple[Any, Any]] = iter(zip(desired, observed, strict=True))
    else:
        by_key = {item.get(key): item for item in observed if isinstance(item, dict)}
        pairs = iter([(item, by_key.get(item[key])) for item in desired])
    for index, (one, other) in enumerate(pairs):
        if (found := _difference(one, other, "")) is not None:
            return f"[{index}]{found}"
    return None


_MERGE_KEYS = {
    "containers": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "ownerReferences": "uid",
}
"""The keys by which the API server merges lists; others are taken as a whole."""
