"""What metrics call the PBXes. Counters are kept for ever, so that there must be a bound to the names. Pure."""

from __future__ import annotations

from collections.abc import Iterable

MOST_STRANGERS = 64
"""So many PBXes that the configuration does not name, but redirects, have a label of their own: the first ones."""
OTHER = "Other"
"""All others of them. No PBX object can have this name."""


class Labels:
    """Whom a redirect names decides somebody else. The PBXes of the configuration always have their own label."""

    def __init__(self) -> None:
        self._named: frozenset[str] = frozenset()
        self._strangers: set[str] = set()

    def name(self, pbxs: Iterable[str]) -> None:
        """The configuration names these PBXes, and no others."""
        self._named = frozenset(pbxs)

    def of(self, pbx: str) -> str:
        """The label of the PBX that people call so."""
        if pbx in self._named or pbx in self._strangers:
            return pbx
        if len(self._strangers) >= MOST_STRANGERS:
            return OTHER
        self._strangers.add(pbx)
        return pbx
