"""`kubectl softphone trace`: switches a phone's trace flags on, shows what its agent logs, and switches them back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from softphone_operator.api.kinds import SOFTPHONE, SOFTPHONE_FLEET
from softphone_plugin import rendering
from softphone_plugin.capturing import Capture, header
from softphone_plugin.cluster import JSON_PATCH, RefusedError, objects, pods
from softphone_plugin.errors import NO, PluginError
from softphone_plugin.phones import FoundPhone
from softphone_plugin.reading import agent_pod, find_phone
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, until_told
from softphone_plugin.streams import tell
from softphone_plugin.tracing import Line, Switch, line_of, signal_of, switch

WAIT_SECONDS = 0.5
"""Between two looks for a pod."""


Show = Callable[[bytes, Line], None]
"""Gets a line of the log of the phone, as it is and as it is understood."""


def for_people(console: Console) -> Show:
    """Shows lines on a terminal, or what stands there."""

    def show(_: bytes, line: Line) -> None:
        console.print(rendering.traced(line))
        console.file.flush()

    return show


def for_programs(text: bytes, _: Line) -> None:
    """Shows the agent's own line."""
    tell(json.dumps(json.loads(text), ensure_ascii=False))


@contextlib.contextmanager
def captured(file: Path, show: Show) -> Iterator[Show]:
    """Shows lines, and writes the SIP messages in them into a capture file. Raises PluginError."""
    try:
        with file.open("wb") as to:
            to.write(header())
            to.flush()  # whoever reads it while it grows, such as Wireshark from a pipe, wants this now
            capture = Capture()

            def write(text: bytes, line: Line) -> None:
                if (signal := signal_of(text)) is not None:
                    to.write(capture.packet(signal))
                    to.flush()
                show(text, line)

            yield write
    except OSError as error:
        raise PluginError(f"{file}: {error.strerror}", NO) from None


async def trace(
    session: Session, show: Show, notes: Console, name: str, *, signaling: bool, seconds: float | None
) -> None:
    """Trace until Ctrl-C, SIGTERM, or so many seconds have passed; `show` gets each line. Raises PluginError."""
    phone = await find_phone(session.cluster, session.namespace, name)
    await agent_pod(session.cluster, phone.namespace, phone.agent)
    turn = switch(phone, signaling=signaling)
    whose = phone.owner["metadata"]["name"]
    if turn is None:
        notes.print("The flags are set already, and stay so.")
    elif phone.is_of_fleet:
        notes.print(f"The flags are those of the template: all phones of {whose} log while this runs.", style="yellow")
    try:
        await until_told(_stream(session, show, phone, turn, seconds=seconds))
    finally:
        if turn is not None:
            await _back(session, notes, phone, turn)


def _path(phone: FoundPhone) -> str:
    return objects(
        SOFTPHONE_FLEET if phone.is_of_fleet else SOFTPHONE, phone.namespace, phone.owner["metadata"]["name"]
    )


async def _back(session: Session, notes: Console, phone: FoundPhone, turn: Switch) -> None:
    what = f"spec.{'template.' if phone.is_of_fleet else ''}trace"
    try:
        await session.cluster.patch(_path(phone), turn.back, JSON_PATCH)
    except RefusedError as error:
        if error.status == 404:
            return  # the object is gone, and its flags with it
        if error.status == 422:
            notes.print(f"{what} is not as it was set: somebody else changed it, and it is left as it is.")
            return
        raise PluginError(f"{what} could not be set back: {error}", NO) from None
    except PluginError as error:
        raise PluginError(f"{what} could not be set back: {error}", NO) from None
    notes.print(f"{what} is as it was before.")


async def _stream(
    session: Session, show: Show, phone: FoundPhone, turn: Switch | None, *, seconds: float | None
) -> None:
    since = datetime.now(UTC)
    if turn is not None:
        await session.cluster.patch(_path(phone), turn.on, JSON_PATCH)
    try:
        async with asyncio.timeout(seconds):
            last = since.strftime("%Y-%m-%dT%H:%M:%S")
            while True:
                last = await _log(session, show, phone, last)
                await asyncio.sleep(WAIT_SECONDS)
    except TimeoutError:
        return


async def _log(session: Session, show: Show, phone: FoundPhone, last: str) -> str:
    """Show the log of the phone's present pod from the time `last` on, until it ends; the time of the last line."""
    try:
        pod = await agent_pod(session.cluster, phone.namespace, phone.agent)
        path = pods(phone.namespace, pod["metadata"]["name"], "log")
        query = {"follow": "true", "container": "agent", "sinceTime": last.partition(".")[0].rstrip("Z") + "Z"}
        async for text in session.cluster.lines(path, query):
            line = line_of(text, phone.name)
            if line is None or line.time <= last:
                continue
            last = line.time
            show(text, line)
    except RefusedError as error:
        if error.status not in (400, 404):  # 400: the container is not there yet
            raise
    except PluginError as error:
        rendering.console(stderr=True).print(f"{error}; it goes on when the agent is back")
    return last
