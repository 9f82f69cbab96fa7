"""Lists and watches each collection for as long as the program runs, and tells the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from softphone_console.watch.cluster import GONE, Cluster, ClusterError, Collection
from softphone_console.watch.store import EVENTS, MAKERS, Source, Store
from softphone_operator.api.kinds import API_VERSION, KINDS

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
REFUSED_WAIT = 30.0
"""Until the API server is asked again for what it has refused: the right or the kind may come."""

_log = structlog.get_logger("softphone-fleet.console")


def collections(namespaces: Sequence[str]) -> dict[Source, Collection]:
    """What is watched: our kinds, and Events about them; in these namespaces, or in all where none is given."""
    found = {}
    for namespace in namespaces or ("",):
        for kind in KINDS:
            if kind.name in MAKERS:
                of = Collection(kind.name, API_VERSION, kind.plural, namespace or None)
                found[Source(kind.name, namespace)] = of
        about = f"involvedObject.apiVersion={API_VERSION}"
        found[Source(EVENTS, namespace)] = Collection(EVENTS, "v1", "events", namespace or None, fields=about)
    return found


async def keep(cluster: Cluster, source: Source, of: Collection, store: Store) -> None:
    """Follow a collection for ever. What is refused or breaks is asked for again."""
    wait, version = FIRST_WAIT, ""
    while True:
        try:
            if not version:
                version = await _list(cluster, source, of, store)
            async for change in cluster.watch(of, version):
                wait = FIRST_WAIT
                version = change.version or version
                store.heard(source)
                if change.type in ("ADDED", "MODIFIED"):
                    store.changed(source, change.object)
                elif change.type == "DELETED":
                    store.deleted(source, change.object)
        except ClusterError as error:
            if error.status == GONE:
                version = ""
                continue
            refused = 400 <= error.status < 500 and error.status != 429
            version = "" if refused else version
            store.broken(source, str(error) if refused else "")
            _log.warning("not heard", kind=source.kind, namespace=source.namespace, status=error.status, why=str(error))
            await asyncio.sleep(REFUSED_WAIT if refused else wait)
            wait = min(2 * wait, LONGEST_WAIT)


async def _list(cluster: Cluster, source: Source, of: Collection, store: Store) -> str:
    found, version = list[Any](), ""
    async for objects, version in cluster.each(of):  # noqa: B007
        for obj in objects:
            found += store.made(source, obj)
    store.listed(source, found)
    return version
