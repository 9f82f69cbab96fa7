"""Finds objects of somebody else that bear a name which the operator wants for its own.

Its own objects are watched; others are not, since there may be very many. So it looks before it makes an object. One
look is one GET. Of many at a time each would cost as much as the write that follows it, so they share a list of the
names that others have taken: that is short, whatever the operator makes itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from softphone_operator.decide import names
from softphone_operator.kubernetes.cluster import Cluster, Object
from softphone_operator.kubernetes.resources import Resource

FEW = 5
FEW_SECONDS = 2.0
KEPT_SECONDS = 1.0
LISTING_SHARE = 0.1

SELECTORS = (
    f"{names.MANAGED_BY}!={names.FIELD_MANAGER}",
    f"{names.MANAGED_BY}={names.FIELD_MANAGER},{names.COMPONENT}!=agent",
)
"""Together all that is not watched."""


@dataclass(slots=True)
class _Looks:
    """The looks in one collection: how many since when, and the names that were listed last."""

    since: float
    count: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    listed: frozenset[str] = frozenset()
    until: float = 0.0


class UnownedObjects:
    """What others have made, as the API server remembers it: it is there for long or not at all."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._looks: dict[tuple[Resource, str], _Looks] = {}

    async def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object of that name that is not watched, None where there is none. Raises ClusterError."""
        now = _clock()
        looks = self._looks.setdefault((resource, namespace), _Looks(now))
        if now - looks.since >= FEW_SECONDS:
            looks.since, looks.count = now, 0
        looks.count += 1
        if looks.count > FEW and name not in await self._listed(resource, namespace, looks):
            return None
        return await self._cluster.get(resource, namespace, name, cached=True)

    async def _listed(self, resource: Resource, namespace: str, looks: _Looks) -> frozenset[str]:
        async with looks.lock:
            begun = _clock()
            if begun >= looks.until:
                found = [await self._cluster.names(resource, namespace, selector) for selector in SELECTORS]
                looks.listed = frozenset().union(*found)
                # Where there is much to list, it is done less often.
                looks.until = begun + max(KEPT_SECONDS, (_clock() - begun) / LISTING_SHARE)
            return looks.listed


def _clock() -> float:
    return asyncio.get_running_loop().time()
