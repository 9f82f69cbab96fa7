"""Finds objects of others whose names the operator wants for its own objects.

The operator watches its own objects. It does not watch others, since there may be very many. So it looks before it
makes an object. One look is one GET. If it makes many objects at a time, that would cost as much as the writes
themselves. So those looks share a list of the names that others have taken, which is short.
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
    """The looks at one kind in one namespace: how many since when, and the names that were listed last."""

    since: float
    count: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    listed: frozenset[str] = frozenset()
    until: float = 0.0


class UnownedObjects:
    """Objects of others, from the API server's cache: such an object is there for long, or not at all."""

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
