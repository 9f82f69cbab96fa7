"""`kubectl softphone rehearsal`: begin one, list them, and report what came out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from softphone_operator.api.kinds import API_VERSION, REHEARSAL
from softphone_operator.decide.names import REQUEST_ANNOTATION
from softphone_operator.rehearsals import record
from softphone_operator.rehearsals.record import RecordError
from softphone_plugin import rehearsing, rendering
from softphone_plugin.cluster import Object, objects, others
from softphone_plugin.errors import NO, PluginError
from softphone_plugin.output import DATA, Format, listed
from softphone_plugin.rehearsing import ReportForm, status_of
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.streams import tell

LOOK_SECONDS = 1.0
TAKEN_SECONDS = 30.0
"""So long the operator has to take a request."""


async def start(session: Session, notes: Console, name: str, *, wait: bool) -> bool:
    """Ask for one; with `wait` until it is over. Whether it was begun; with `wait`: passed. Raises PluginError."""
    path = objects(REHEARSAL, session.namespace, name)
    request = datetime.now(UTC).isoformat(timespec="milliseconds")
    obj = await session.cluster.patch(path, {"metadata": {"annotations": {REQUEST_ANNOTATION: request}}})
    try:
        async with asyncio.timeout(TAKEN_SECONDS):
            while status_of(obj).last_request != request:
                await asyncio.sleep(LOOK_SECONDS)
                obj = await session.cluster.get(path)
    except TimeoutError:
        raise PluginError(
            f"the operator did not take the request within {TAKEN_SECONDS:g} s; does it run?", NO
        ) from None
    if status_of(obj).run is None and not _has_ended_since(obj, request):
        notes.print(f"It was not begun. Why: kubectl describe rehearsal {name} -n {session.namespace}", style="yellow")
        return False
    told = ""
    while True:
        status = status_of(obj)
        if status.message != told:
            notes.print(f"{status.phase}: {status.message}")
            told = status.message
        if status.run is None:
            return status.phase == "Passed"
        if not wait:
            return True
        await asyncio.sleep(LOOK_SECONDS)
        obj = await session.cluster.get(path)


def _has_ended_since(obj: Object, request: str) -> bool:
    """Whether one has ended that was begun after the request: it may have been over at once."""
    history = status_of(obj).history
    asked = datetime.fromisoformat(request).replace(microsecond=0)
    return bool(history) and datetime.fromisoformat(history[0].began) >= asked


async def show(session: Session, console: Console, form: Format | None) -> None:
    """List them."""
    found = await session.cluster.find_all(objects(REHEARSAL, session.scope))
    if form in DATA:
        tell(listed([{"apiVersion": API_VERSION, "kind": REHEARSAL.name, **obj} for obj in found], form))
    elif found:
        of = rehearsing.table(found, datetime.now(UTC), namespaces=session.all_namespaces)
        console.print(rendering.table(of))
    else:
        where = "" if session.all_namespaces else f" in the namespace {session.namespace}"
        rendering.console(stderr=True).print(f"No Rehearsals{where}.")


async def report(session: Session, console: Console, name: str, wanted: str | None, form: ReportForm | None) -> None:
    """Report what came out of the last one, or of the wanted one. Raises PluginError."""
    obj = await session.cluster.get(objects(REHEARSAL, session.namespace, name))
    kept = rehearsing.record_of(obj, wanted)
    found = await session.cluster.get(others("v1", session.namespace, "configmaps", kept))
    try:
        read = record.read(found)
    except RecordError as error:
        raise PluginError(f"the ConfigMap {kept} is no record: {error}") from None
    if form is not None:
        tell(rehearsing.formed(read, form))
        return
    facts, phones = rehearsing.shown(read)
    console.print(rendering.pairs(facts))
    console.print(rendering.tables([phones]))
