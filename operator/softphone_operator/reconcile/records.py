"""Keeps the records of rehearsals: one ConfigMap for each run."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from softphone_operator.kubernetes.cluster import Cluster
from softphone_operator.kubernetes.resources import CONFIG_MAPS
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.upkeep import owned_by_another
from softphone_operator.rehearsals import manifests, record
from softphone_operator.rehearsals.record import Record, RecordError

log = structlog.get_logger()


class Records:
    """Reads, writes and removes them. All raise ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def taken(self, owner: Object, name: str) -> str | None:
        """Why a record cannot bear this name, None where it can."""
        found = await self._cluster.get(CONFIG_MAPS, owner["metadata"]["namespace"], name)
        if found is None:
            return None
        strange = owned_by_another(found, {"uid": owner["metadata"]["uid"], "kind": manifests.KIND, "name": ""})
        return strange.message if strange else None

    async def write(self, owner: Object, name: str, text: str) -> None:
        """Write a record, new or in place of the one before."""
        await self._cluster.apply(CONFIG_MAPS, manifests.config_map(owner, name, text))

    async def read(self, owner: Object, name: str) -> Record | None:
        """The record of that name, None where it is gone or is none."""
        found = await self._cluster.get(CONFIG_MAPS, owner["metadata"]["namespace"], name)
        if found is None:
            return None
        try:
            return record.read(found)
        except RecordError as error:
            log.warning("a record cannot be read", name=name, error=str(error))
            return None

    async def remove(self, owner: Object, names: Iterable[str]) -> None:
        """Delete records that the history does not name any more."""
        namespace = owner["metadata"]["namespace"]
        for name in names:
            found = await self._cluster.get(CONFIG_MAPS, namespace, name)
            references = (found or {}).get("metadata", {}).get("ownerReferences") or ()
            if found is not None and any(one.get("uid") == owner["metadata"]["uid"] for one in references):
                await self._cluster.delete(CONFIG_MAPS, namespace, name, found["metadata"]["uid"])
