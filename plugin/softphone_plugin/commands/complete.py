"""What a cluster has of what is sought on the command line; for shell completion."""

from __future__ import annotations

import asyncio

from softphone_operator.api.kinds import PBX, REHEARSAL, SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL, Kind
from softphone_plugin.cluster import NAMESPACES, objects
from softphone_plugin.completion import Next, phones_of
from softphone_plugin.errors import PluginError
from softphone_plugin.session import Session

PATIENCE_SECONDS = 3.0
"""Somebody sits at the keyboard meanwhile."""


async def names(session: Session, wanted: Next) -> list[str]:
    """The names of PBXes, phones or namespaces. Raises PluginError."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            match wanted.sought:
                case "pbx":
                    return await _names(session, PBX)
                case "rehearsal":
                    return await _names(session, REHEARSAL)
                case "phone":
                    fleets = await session.cluster.find_all(objects(SOFTPHONE_FLEET, session.scope))
                    of_fleets = [name for fleet in fleets for name in phones_of(fleet, wanted.last)]
                    return [*await _names(session, SOFTPHONE), *of_fleets]
                case "object":
                    return [
                        name
                        for kind in (SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL)
                        for name in await _names(session, kind)
                    ]
                case "namespace":
                    return [obj["metadata"]["name"] for obj in await session.cluster.find_all(NAMESPACES)]
                case _:
                    return []
    except TimeoutError:
        raise PluginError("the cluster does not answer in time") from None


async def _names(session: Session, kind: Kind) -> list[str]:
    return [obj["metadata"]["name"] for obj in await session.cluster.find_all(objects(kind, session.scope))]
