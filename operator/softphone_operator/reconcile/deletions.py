"""Objects of agents that somebody else has deleted, as they were. No I/O.

An object can be made again from an accepted spec, but not from a refused one. The phone must go on all the same. So the
last observed object is kept until it is there again, or until its owner is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softphone_operator.decide import comparing
from softphone_operator.kubernetes.cluster import Object
from softphone_operator.kubernetes.resources import APPLIED, Resource
from softphone_operator.observe.observed import ObjectKey, Observed


class Deletions:
    """Remembers deletions. `expect` announces those that the operator makes itself."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._expected: set[str] = set()
        self._kept: dict[str, dict[tuple[Resource, ObjectKey], Object]] = {}

    def expect(self, uid: str) -> None:
        """The operator itself deletes the object with this uid."""
        self._expected.add(uid)

    def note(self, resource: Resource, object_key: ObjectKey, known: Mapping[str, Any]) -> None:
        """An object is gone; `known` is what was observed of it last."""
        uid = known["metadata"].get("uid", "")
        self._kept.pop(uid, None)
        if uid in self._expected:
            self._expected.discard(uid)
        elif resource in APPLIED and (owner := _controller(known)) and self._lives(object_key[0], owner):
            self._kept.setdefault(owner["uid"], {})[resource, object_key] = _applicable(known)

    def there(self, resource: Resource, object_key: ObjectKey, owner_uid: str) -> None:
        """An object of an owner is there, so there is nothing to remember."""
        kept = self._kept.get(owner_uid, {})
        kept.pop((resource, object_key), None)
        if not kept:
            self._kept.pop(owner_uid, None)

    def of(self, owner_uid: str) -> list[tuple[Resource, Object]]:
        """The missing objects of an owner's agents, in the order in which they must be made again."""
        kept = self._kept.get(owner_uid, {})
        wanted = sorted(kept, key=lambda key: (APPLIED.index(key[0]), key[1]))
        return [(key[0], kept[key]) for key in wanted]

    def _lives(self, namespace: str, owner: Mapping[str, Any]) -> bool:
        found = self._observed.get(owner["kind"], (namespace, owner["name"]))
        return (
            found is not None
            and found["metadata"].get("uid") == owner.get("uid")
            and not found["metadata"].get("deletionTimestamp")
        )


def _controller(obj: Mapping[str, Any]) -> dict[str, Any]:
    references = obj["metadata"].get("ownerReferences") or ()
    return next((dict(reference) for reference in references if reference.get("controller")), {})


def _applicable(known: Mapping[str, Any]) -> Object:
    """An object as it was observed, in the form in which it is applied again."""
    metadata = {key: known["metadata"][key] for key in ("name", "namespace", "labels") if key in known["metadata"]}
    kept = {key: known[key] for key in ("apiVersion", "kind") if key in known}
    fields = comparing.ours(known) or []
    for part in ("data", "spec"):
        if part in known:
            # What the API server or others filled in is theirs, and comes again by itself.
            of_part = fields[0].get(f"f:{part}", {}) if len(fields) == 1 else {}
            kept[part] = comparing.owned_part(known[part], of_part)
    made: Object = _without_nulls({**kept, "metadata": {**metadata, "ownerReferences": [_controller(known)]}})
    return made


def _without_nulls(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _without_nulls(value) for key, value in part.items() if value is not None}
    return [_without_nulls(each) for each in part] if isinstance(part, list) else part
