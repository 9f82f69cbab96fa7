"""`kubectl softphone drill`: watches a fail-over that somebody makes, and tells how long who was out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from softphone_agent.contract.report import PhoneReport
from softphone_operator.decide.names import INSTANCE, OWNED_SELECTOR
from softphone_operator.rehearsals.drill import Drill, Result
from softphone_plugin import rendering
from softphone_plugin.cluster import pods
from softphone_plugin.errors import NOT_FOUND, PluginError
from softphone_plugin.following import Followed, follow
from softphone_plugin.output import Data, document
from softphone_plugin.reading import is_running
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, until_told
from softphone_plugin.streams import tell
from softphone_plugin.words import counted

LOOK_SECONDS = 0.25
HEAR_SECONDS = 15.0


async def watch(
    session: Session, console: Console, notes: Console, pbx: str, timeout: float, form: Data | None
) -> bool:
    """Watch until all are back, the time is over or Ctrl-C; whether all came back. Raises PluginError."""
    drill = Drill(pbx)
    agents = await _agents(session)
    following = asyncio.create_task(_follow(session, agents, drill))
    try:
        await _hear_all(agents, following)
        unheard = [line for agent in agents if (line := _unheard(agent))]
        if len(unheard) == len(agents):
            raise PluginError(f"no agent can be heard: {unheard[0]}")
        for agent in agents:
            drill.begin({_key(agent, name): report for name, report in agent.phones.items()})
        if not drill.phones:
            raise PluginError(f"no phone is registered at {pbx}: nothing to watch", NOT_FOUND)
        for line in unheard:
            notes.print(f"not heard, so not watched: {line}", style="yellow")
        notes.print(
            f"Watching {counted(len(drill.phones), 'phone')} at {pbx}. Make it fail now; Ctrl-C ends the watch."
        )
        await until_told(_until_over(drill, notes, timeout, following))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    result = drill.result()
    _tell(console, result, form)
    return result.all_back


def _tell(console: Console, result: Result, form: Data | None) -> None:
    if form is None:
        console.print(rendering.drill(result))
    else:
        tell(document(result.data(), form))


async def _agents(session: Session) -> list[Followed]:
    found = await session.cluster.find_all(pods(session.scope), OWNED_SELECTOR)
    running = [pod for pod in found if is_running(pod) and not pod["metadata"].get("deletionTimestamp")]
    if not running:
        raise PluginError("there are no agents that run", NOT_FOUND)
    return [Followed(pod["metadata"]["namespace"], pod["metadata"]["labels"][INSTANCE], pod) for pod in running]


async def _follow(session: Session, agents: list[Followed], drill: Drill) -> None:
    def told(agent: Followed, phones: Mapping[str, PhoneReport]) -> None:
        now = time.monotonic()
        for name, report in phones.items():
            drill.told(_key(agent, name), report, now)

    def lost(agent: Followed) -> None:
        drill.unheard(_key(agent, name) for name in agent.phones)

    await follow(session.cluster, agents, told, lost)


def _key(agent: Followed, name: str) -> str:
    return f"{agent.namespace}/{name}"


async def _hear_all(agents: list[Followed], following: asyncio.Task[None]) -> None:
    heard = asyncio.ensure_future(asyncio.gather(*(agent.heard.wait() for agent in agents)))
    waiting: set[asyncio.Future[Any]] = {heard, following}
    done, _ = await asyncio.wait(waiting, timeout=HEAR_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    heard.cancel()
    await asyncio.gather(heard, return_exceptions=True)  # else asyncio complains of what nobody asked for
    if following in done:
        _raise(following)


def _unheard(agent: Followed) -> str:
    """Which agent cannot be heard, and why; empty where it can."""
    why = agent.why_not if agent.heard.is_set() else f"it said nothing within {HEAR_SECONDS:g} s"
    return f"{agent.namespace}/{agent.agent}: {why}" if why else ""


def _raise(following: asyncio.Task[None]) -> None:
    """The reason for which the agents are followed no more."""
    error = following.exception()
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    raise error or PluginError("the agents are followed no more")


async def _until_over(drill: Drill, notes: Console, timeout: float, following: asyncio.Task[None]) -> None:
    ends, before = time.monotonic() + timeout, drill.result()
    with rendering.progress(notes) as show:
        while not drill.is_over(time.monotonic()) and time.monotonic() < ends:
            if following.done():
                _raise(following)
            await asyncio.sleep(LOOK_SECONDS)
            now = drill.result()
            if now != before:
                show(now)
                before = now
