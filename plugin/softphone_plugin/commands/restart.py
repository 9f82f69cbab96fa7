"""`kubectl softphone restart`: agents get new pods, with the present image, one after the other."""

from __future__ import annotations

import asyncio
import time

from softphone_operator.decide.names import INSTANCE
from softphone_plugin.cluster import others
from softphone_plugin.errors import NOT_FOUND, PluginError
from softphone_plugin.phones import Object
from softphone_plugin.reading import agent_pod, find_one, status_of
from softphone_plugin.rendering import Console
from softphone_plugin.restarting import Wanted, image, in_order, selector
from softphone_plugin.session import Session

LOOK_SECONDS = 0.5


async def restart(session: Session, console: Console, name: str, share: float, timeout: float) -> bool:
    """Restart the agents of a Softphone, a fleet or a pool; whether all came back. Stops at one that does not.

    `share`: of the phones that an agent had registered, so many must be registered again, 0 to 1. `timeout`: in so many
    seconds. Raises PluginError.
    """
    kind, obj = await find_one(session.cluster, session.namespace, name)
    wanted = selector(kind, obj)
    agents = in_order(await session.cluster.find_all(others("apps/v1", session.namespace, "deployments"), wanted))
    if not agents:
        raise PluginError(f"{name} has no agent: kubectl softphone status {name}", NOT_FOUND)
    for number, deployment in enumerate(agents, 1):
        head = f"{number}/{len(agents)} {deployment['metadata']['name']}"
        if not await _one(session, console, head, deployment, share, timeout):
            left = len(agents) - number
            if left:
                console.print(f"Stopped: {left} of {len(agents)} agents were not restarted.", style="red")
            return False
    return True


async def _one(session: Session, console: Console, head: str, deployment: Object, share: float, timeout: float) -> bool:
    metadata = deployment["metadata"]
    agent = (metadata.get("labels") or {}).get(INSTANCE, metadata["name"])
    old, registered = await _heard(session, agent)
    wanted = Wanted(registered or 0, share)
    began = time.monotonic()
    path = others("apps/v1", session.namespace, "deployments", metadata["name"])
    await session.cluster.delete(path, metadata["uid"])
    now: int | None = None
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        pod, now = await _heard(session, agent)
        if pod is None or (old is not None and pod["metadata"]["uid"] == old["metadata"]["uid"]):
            now = None
        elif wanted.is_back(now):
            seconds = time.monotonic() - began
            console.print(f"{head}: {now} of {wanted.before} phones registered after {seconds:.0f} s, {image(pod)}")
            return True
        if time.monotonic() - began > timeout:
            break
    told = "its new pod is not heard" if now is None else f"{now} of {wanted.before} phones registered"
    console.print(f"{head}: {told} after {timeout:.0f} s; {wanted.phones} were asked for", style="red")
    return False


async def _heard(session: Session, agent: str) -> tuple[Object | None, int | None]:
    """The agent's pod, and how many of its phones are registered; None where there is none, or it is not heard."""
    try:
        pod = await agent_pod(session.cluster, session.namespace, agent)
    except PluginError:
        return None, None
    try:
        said = await status_of(session.cluster, pod)
    except PluginError:
        return pod, None
    return pod, sum(phone.registered for phone in said.phones)
