"""What the conditions Redundant say of Softphones and fleets, kept apart: PBXes sum them up often. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from softphone_operator.decide.redundancy import Verdict, verdict
from softphone_operator.kubernetes.resources import FLEETS, SOFTPHONES
from softphone_operator.observe.slimming import Object

RATED = (SOFTPHONES.kind, FLEETS.kind)


class Redundancies:
    """The verdicts by kind and object; objects that count in no sum have none."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str, str], Verdict] = {}

    def take(self, kind: str, object_key: tuple[str, str], slim: Object) -> bool:
        """Take an object in; returns whether a sum changes by it."""
        if kind not in RATED:
            return False
        key = (kind, *object_key)
        before, now = self._verdicts.get(key), verdict(slim)
        if now is None:
            self._verdicts.pop(key, None)
        else:
            self._verdicts[key] = now
        return before != now

    def drop(self, kind: str, object_key: tuple[str, str]) -> bool:
        """An object is gone; returns whether a sum changes by it."""
        return self._verdicts.pop((kind, *object_key), None) is not None

    def of(self, namespace: str, objects: Iterable[tuple[str, str]]) -> list[tuple[str, Verdict]]:
        """The verdicts on these objects, given by kind and name, with their names."""
        found = ((name, self._verdicts.get((kind, namespace, name))) for kind, name in objects)
        return [(name, one) for name, one in found if one is not None]
