"""The agent's HTTP side: metrics, probes, status and its stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiohttp import web

from softphone_agent.contract.connection_limiter import ConnectionLimiter
from softphone_agent.contract.history import History
from softphone_agent.contract.peer_limit import PeerLimit
from softphone_agent.contract.probes import add_probes
from softphone_agent.contract.report import (
    COUNTS_SECONDS,
    HEARTBEAT_SECONDS,
    Counts,
    Heartbeat,
    Snapshot,
    WatchLine,
    to_line,
)
from softphone_agent.http.metrics import CONTENT_TYPE

QUEUE_LINES = 10_000
"""A watcher that is so many lines behind is cut off; it comes back and gets a snapshot."""
WATCHERS = 16
"""So many may watch at the same time: the operator, and people who look for themselves."""


class Watchers:
    """Those who follow `/status?watch=1`."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[WatchLine | None]] = set()
        self._bells: set[asyncio.Event] = set()
        self._watchers: PeerLimit[asyncio.Transport] = PeerLimit(WATCHERS)
        self.closed = False

    def publish(self, line: WatchLine) -> None:
        """Give a line to every watcher."""
        for bell in self._bells:
            bell.set()
        for queue in list(self._queues):
            if queue.qsize() >= QUEUE_LINES:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(line)

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        for bell in self._bells:
            bell.set()
        for queue in self._queues:
            queue.put_nowait(None)
        self._queues.clear()

    def join(self) -> asyncio.Queue[WatchLine | None]:
        """A new watcher's queue; None ends it."""
        queue: asyncio.Queue[WatchLine | None] = asyncio.Queue()
        self._queues.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[WatchLine | None]) -> None:
        """Forget a watcher."""
        self._queues.discard(queue)

    @contextlib.contextmanager
    def place(self, request: web.Request) -> Iterator[None]:
        """A watcher's place; where there is none, another one's connection is closed for it."""
        ours = request.transport
        gone = self._watchers.enter(ours, request.remote or "") if ours is not None else None
        if gone is not None:
            gone.abort()
        try:
            yield
        finally:
            if ours is not None:
                self._watchers.leave(ours)

    @contextlib.contextmanager
    def bell(self) -> Iterator[asyncio.Event]:
        """Set whenever something changes: for a watcher that looks for itself."""
        made = asyncio.Event()
        self._bells.add(made)
        try:
            yield made
        finally:
            self._bells.discard(made)


@dataclass(frozen=True)
class Sources:
    """What the endpoints show. Each is asked anew for every request."""

    metrics: Callable[[], bytes]
    snapshot: Callable[[], Snapshot]
    unhealthy: Callable[[], str | None]
    """Why the SIP loop is not alive, None if it is."""
    unready: Callable[[], str | None]
    """Why the agent is not ready, None if it is. A phone that is not registered is no reason."""
    watchers: Watchers
    counts: Callable[[], Counts]
    history: Callable[[str | None], History]
    """Of the phone with this name, or of all."""


def application(sources: Sources) -> web.Application:
    """The web application of the agent."""

    async def status(request: web.Request) -> web.StreamResponse:
        counts = request.query.get("view") == "counts"
        if request.query.get("watch") not in (None, "", "0", "false"):
            with sources.watchers.place(request):
                return await (_stream_counts if counts else _stream)(request, sources)
        shown: Snapshot | Counts = sources.counts() if counts else sources.snapshot()
        body = shown.model_dump_json(by_alias=True, exclude_none=True, indent=2)
        return web.Response(text=body + "\n", content_type="application/json")

    async def history(request: web.Request) -> web.Response:
        body = sources.history(request.query.get("phone")).model_dump_json(by_alias=True, exclude_none=True)
        return web.Response(text=body + "\n", content_type="application/json")

    app = web.Application(client_max_size=16 * 1024)
    add_probes(
        app,
        metrics=sources.metrics,
        content_type=CONTENT_TYPE,
        unhealthy=sources.unhealthy,
        unready=sources.unready,
    )
    app.router.add_get("/status", status)
    app.router.add_get("/history", history)
    return app


async def _stream(request: web.Request, sources: Sources) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    response.enable_chunked_encoding()
    queue = sources.watchers.join()
    try:
        await response.prepare(request)
        await response.write(to_line(sources.snapshot()))
        while True:
            try:
                line: WatchLine | None = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                line = Heartbeat()
            if line is None:
                return response
            await response.write(to_line(line))
    except ConnectionError:
        return response  # the watcher went away
    finally:
        sources.watchers.leave(queue)


async def _stream_counts(request: web.Request, sources: Sources) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    response.enable_chunked_encoding()
    with sources.watchers.bell() as bell:
        try:
            await response.prepare(request)
            last = None
            while not sources.watchers.closed:
                bell.clear()
                counts = sources.counts()
                if counts != last:
                    await response.write(to_line(counts))
                    last = counts
                    await asyncio.sleep(COUNTS_SECONDS)
                try:
                    await asyncio.wait_for(bell.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    await response.write(to_line(Heartbeat()))
        except ConnectionError:
            pass  # the watcher went away
    return response


async def serve(app: web.Application, address: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; returns the runner, to be cleaned up, and the port in use. Raises OSError where it is taken."""
    runner = await ConnectionLimiter().serve(app, address, port)
    return runner, runner.addresses[0][1]
