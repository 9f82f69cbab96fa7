"""`kubectl softphone top`: counts by PBX, role and location, live."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime

from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET, Kind
from softphone_operator.decide.names import FLEET_LABEL, OWNED_SELECTOR, shorten
from softphone_plugin import pages, rendering
from softphone_plugin.cluster import Object, gather_bounded, objects, pods
from softphone_plugin.counting import Fleet, History, data, sample
from softphone_plugin.errors import PluginError
from softphone_plugin.output import document
from softphone_plugin.pages import Whereabouts
from softphone_plugin.reading import is_running, proxied
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, until_told
from softphone_plugin.streams import tell

AT_ONCE = 16
"""So many agents are asked at the same time."""
RETRY_SECONDS = 1.0


KINDS = (PBX, SOFTPHONE, SOFTPHONE_FLEET)
"""What is counted. Phones of pools are Softphones."""


class Kept:
    """The objects as they are, kept by watches."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._objects: dict[str, dict[tuple[str, str], Object]] = {kind.name: {} for kind in KINDS}
        self._listed = {kind.name: asyncio.Event() for kind in KINDS}

    def of(self, kind: Kind) -> list[Object]:
        """All objects of a kind."""
        return list(self._objects[kind.name].values())

    async def listed(self) -> None:
        """Wait until all are there."""
        for event in self._listed.values():
            await event.wait()

    async def keep(self) -> None:
        """Keep them until cancelled. Raises PluginError where they never could be had."""
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._keep(kind))

    async def _keep(self, kind: Kind) -> None:
        path, listed = objects(kind, self._session.scope), self._listed[kind.name]
        while True:
            try:
                await self._session.cluster.keep(path, self._objects[kind.name], listed.set)
            except PluginError:
                if not listed.is_set():
                    raise
                await asyncio.sleep(RETRY_SECONDS)  # it was there before; what is shown is what was seen last


async def top(session: Session, console: Console, *, once: bool, interval: float, raw: bool) -> None:
    """Show it once, or until Ctrl-C. Raises PluginError."""
    kept, history = Kept(session), History()
    keeping = asyncio.create_task(kept.keep())
    try:
        await _first(kept, keeping)
        if once:
            await look(session, kept, history)
            if raw:
                tell(document(data(history), "json"))
            else:
                console.print(rendering.top(history, _title(session), console.width))
        elif raw or not console.is_terminal:
            await until_told(_lines(session, console, kept, history, interval, raw=raw))
        else:
            await until_told(_show(session, console, kept, history, interval))
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _first(kept: Kept, keeping: asyncio.Task[None]) -> None:
    listed = asyncio.create_task(kept.listed())
    await asyncio.wait({listed, keeping}, return_when=asyncio.FIRST_COMPLETED)
    listed.cancel()
    if keeping.done():
        error: BaseException | None = keeping.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error or PluginError("the watches ended")


async def _lines(
    session: Session, console: Console, kept: Kept, history: History, interval: float, *, raw: bool
) -> None:
    while True:
        await look(session, kept, history)
        if raw:
            told = {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **data(history)}
            tell(json.dumps(told, ensure_ascii=False))
        else:
            console.print(rendering.top_line(history, f"{datetime.now():%H:%M:%S}"), soft_wrap=True)
            console.file.flush()
        await asyncio.sleep(interval)


async def _show(session: Session, console: Console, kept: Kept, history: History, interval: float) -> None:
    with rendering.screen(console) as show:
        while True:
            await look(session, kept, history)
            show(rendering.top_fitting(console, history, _title(session)))
            await asyncio.sleep(interval)


def _title(session: Session) -> str:
    return "all namespaces" if session.all_namespaces else f"namespace {session.namespace}"


async def look(session: Session, kept: Kept, history: History) -> None:
    """Add how things are now to the history."""
    fleets = kept.of(SOFTPHONE_FLEET)
    told = await _fleets(session, fleets) if fleets else []
    seen = sample(kept.of(PBX), kept.of(SOFTPHONE), told, namespaces=session.all_namespaces)
    history.add(seen, time.monotonic())


async def _fleets(session: Session, fleets: list[Object]) -> list[Fleet]:
    """Where the phones of fleets are: their agents' metrics say so, the status of a fleet does not."""
    by_place: dict[tuple[str, str], list[Object]] = {}
    try:
        found = await session.cluster.find_all(pods(session.scope), f"{OWNED_SELECTOR},{FLEET_LABEL}")
    except PluginError:
        found = []  # then the fleets' agents count as unheard
    for pod in found:
        metadata = pod["metadata"]
        if is_running(pod) and not metadata.get("deletionTimestamp"):
            by_place.setdefault((metadata["namespace"], metadata["labels"][FLEET_LABEL]), []).append(pod)
    made = []
    for obj in fleets:
        metadata = obj["metadata"]
        running = by_place.get((metadata["namespace"], shorten(metadata["name"])), [])
        said = await gather_bounded([session.cluster.text(proxied(pod, "metrics")) for pod in running], AT_ONCE)
        places: Counter[Whereabouts] = Counter()
        for page in said:
            if isinstance(page, str):
                places += pages.whereabouts(page)
        wanted = ((obj.get("status") or {}).get("agents") or {}).get("wanted", len(running))
        silent = sum(not isinstance(page, str) for page in said) + max(0, int(wanted) - len(running))
        made.append(Fleet(obj, places, silent))
    return made
