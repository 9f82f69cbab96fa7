"""`kubectl softphone suspend` and `resume`: phones un-REGISTER and stay so, until they are to register again."""

from __future__ import annotations

from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_POOL
from softphone_plugin.cluster import gather_bounded, objects
from softphone_plugin.errors import NOT_FOUND, USAGE, PluginError
from softphone_plugin.reading import find_one
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.suspending import Change, of_one, of_pool

AT_ONCE = 16
"""So many objects are changed at the same time."""


async def change(session: Session, console: Console, name: str, *, suspend: bool) -> None:
    """Suspend or resume a Softphone, a fleet, or what is in a pool. Raises PluginError, also where one was refused."""
    kind, obj = await find_one(session.cluster, session.namespace, name)
    if kind is PBX:
        raise PluginError(f'"{name}" is a PBX: a Softphone, a fleet or a pool can be suspended', USAGE)
    if kind is SOFTPHONE_POOL:
        softphones = await session.cluster.find_all(objects(SOFTPHONE, session.namespace))
        changes = of_pool(obj["metadata"]["name"], softphones, suspend=suspend)
        if not changes:
            raise PluginError(f"no Softphone is in the pool {obj['metadata']['name']}", NOT_FOUND)
    else:
        changes = [of_one(kind, obj, suspend=suspend)]
    done = await gather_bounded([_make(session, one) for one in changes], AT_ONCE)
    for one, outcome in zip(changes, done, strict=True):
        words = f"refused: {outcome}" if isinstance(outcome, PluginError) else one.words
        console.print(f"{one.kind.singular}/{one.name} {words}")
    if refused := [outcome for outcome in done if isinstance(outcome, PluginError)]:
        raise PluginError(f"{len(refused)} of {len(changes)} could not be changed", refused[0].code)


async def _make(session: Session, change: Change) -> None:
    if change.patch is not None:
        await session.cluster.patch(objects(change.kind, session.namespace, change.name), change.patch)
