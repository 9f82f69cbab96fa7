"""`kubectl softphone console`: opens the console of the cluster through a port of this machine."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Sequence

from softphone_plugin.cluster import Cluster, Object, RefusedError, others
from softphone_plugin.errors import NOT_FOUND, USAGE, PluginError
from softphone_plugin.forwarding import Target, forwarded
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, Where, until_told

SELECTOR = "app.kubernetes.io/part-of=softphone-fleet,app.kubernetes.io/component=console"
ABSENT = "there is no console{}: helm upgrade … --set console.enabled=true"


async def show(session: Session, console: Console, where: Where, port: int, *, browse: bool) -> None:
    """Forward until Ctrl-C. Raises PluginError where there is no console, or kubectl ends before."""
    service = one_of(await _services(session, where), where.namespace)
    metadata = service["metadata"]
    to = Target(metadata["namespace"], metadata["name"], _port(service), where.context, where.kubeconfig)
    async with forwarded(to, port) as found:
        url = f"http://{found.address}"
        console.print(f"{url}  ({to.service} in {to.namespace}; Ctrl-C ends it)")
        if browse:
            await asyncio.to_thread(webbrowser.open, url)
        if not await until_told(_until(found.ended)):
            raise PluginError(f"kubectl has stopped forwarding: {found.ended.result()}")


async def _until(ended: asyncio.Task[str]) -> None:
    await asyncio.wait([ended])


async def _services(session: Session, where: Where) -> Sequence[Object]:
    """The Services of consoles: in the given namespace, else in all, or in ours where one may not look into all."""
    cluster: Cluster = session.cluster
    if where.namespace:
        return await cluster.find_all(others("v1", where.namespace, "services"), SELECTOR)
    try:
        return await cluster.find_all(others("v1", None, "services"), SELECTOR)
    except RefusedError as error:
        if error.status != 403:
            raise
        return await cluster.find_all(others("v1", session.namespace, "services"), SELECTOR)


def one_of(found: Sequence[Object], namespace: str | None) -> Object:
    """The one Service that is meant. Raises PluginError where there is none, or several."""
    if not found:
        raise PluginError(ABSENT.format(f" in the namespace {namespace}" if namespace else ""), NOT_FOUND)
    if len(found) > 1:
        places = ", ".join(sorted(f"{one['metadata']['name']} in {one['metadata']['namespace']}" for one in found))
        raise PluginError(f"there are several consoles: {places}; -n says which", USAGE)
    return found[0]


def _port(service: Object) -> int:
    return int(next(iter(service["spec"]["ports"]))["port"])
