"""Tells a browser what changed on the page that it shows: server-sent events.

Each event is JSON: the digest of the page as it is now, and either all that is inside `main`, or elements that replace
those of the same id. Between events a comment tells that the connection lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator

from aiohttp import web

from softphone_console.html import parts
from softphone_console.html.parts import Changes, Page
from softphone_console.http.pages import Made, Pages

PAUSE_SECONDS = 0.25
"""So much time lies at least between two events."""
HEARTBEAT_SECONDS = 10.0
"""After so much silence the page is made anew, for what depends on the time, and the browser is told that we live."""


class Bells:
    """Those who want to know that something changed."""

    def __init__(self) -> None:
        self._bells: set[asyncio.Event] = set()
        self.closed = False

    def __len__(self) -> int:
        return len(self._bells)

    def ring(self) -> None:
        """Something changed."""
        for bell in self._bells:
            bell.set()

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self.ring()

    @contextlib.contextmanager
    def bell(self) -> Iterator[asyncio.Event]:
        """One that is set whenever something changes."""
        made = asyncio.Event()
        self._bells.add(made)
        try:
            yield made
        finally:
            self._bells.discard(made)


def event(of: Changes) -> bytes:
    """One event as it is sent."""
    said = {"digest": of.digest, "main": of.main, "elements": [list(item) for item in of.elements]}
    return f"data: {json.dumps(said)}\n\n".encode()


async def stream(request: web.Request, pages: Pages, bells: Bells, version: Callable[[], int]) -> web.StreamResponse:
    """The changes of the page at `path`, from the state with `digest` on, until the browser goes."""
    address, digest = request.query.get("path", ""), request.query.get("digest", "")
    first = await pages.at(address)
    if first.status != 200 and first.page.digest != digest:
        return web.Response(status=404, text="no such page\n")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    with bells.bell() as bell, contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n" if first.page.digest == digest else event(parts.whole(first.page)))
        await _follow(response, pages, address, first, bell, bells, version)
    return response


async def _follow(
    response: web.StreamResponse,
    pages: Pages,
    address: str,
    first: Made,
    bell: asyncio.Event,
    bells: Bells,
    version: Callable[[], int],
) -> None:
    shown: Page = first.page
    made = first
    while not bells.closed:
        if made.version == version():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), HEARTBEAT_SECONDS)
        bell.clear()
        made = await pages.at(address)
        found = parts.changes(shown, made.page)
        shown = made.page
        await response.write(event(found) if found else b": alive\n\n")
        await asyncio.sleep(PAUSE_SECONDS)
