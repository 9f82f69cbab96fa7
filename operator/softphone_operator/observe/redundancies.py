"""What the conditions Redundant say of Softphones and fleets, kept apart: PBXes sum them up often. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from softphone_operator.decide.redundancy import Verdict, verdict
from softphone_operator.kubernetes.resources import FLEETS, SOFTPHONES
from softphone_operator.observe.slimming import Object

RATED = (SOFTPHONES.kind, FLEETS.kind)


class Redundancies:
    """The verdicts by kind and namespace, and by name; objects that count in no sum have none."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str], dict[str, Verdict]] = {}

    def take(self, kind: str, object_key: tuple[str, str], slim: Object) -> bool:
        """Take an object in; returns whether a sum changes by it."""
        if kind not in RATED:
            return False
        namespace, name = object_key
        known = self._verdicts.setdefault((kind, namespace), {})
        before, now = known.get(name), verdict(slim)
        if now is None:
            known.pop(name, None)
        else:
            known[name] = now
        return before != now

    def drop(self, kind: str, object_key: tuple[str, str]) -> bool:
        """An object is gone; returns whether a sum changes by it."""
        return self._verdicts.get((kind, object_key[0]), {}).pop(object_key[1], None) is not None

    def of(self, kind: str, namespace: str, names: Iterable[str]) -> list[tuple[str, Verdict]]:
        """The verdicts on these objects of a kind, with their names."""
        known = self._verdicts.get((kind, namespace), {})
        return [(name, known[name]) for name in names if name in known]
