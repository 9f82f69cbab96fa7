"""The HTTP server: pages, their changes, files, metrics, probes. It knows GET and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from softphone_agent.contract.connection_limiter import ConnectionLimiter, Limits
from softphone_agent.contract.probes import Problem, add_probes
from softphone_console.html import layout
from softphone_console.http import files, hosts, live
from softphone_console.http.live import Bells
from softphone_console.http.metrics import CONTENT_TYPE, Metrics
from softphone_console.http.pages import Pages
from softphone_console.http.routes import route

VIEWERS = 512
"""So many may look at the same time; an ingress brings all of them from one address."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer: nothing runs but our script, nothing comes from elsewhere, nobody frames the page."""
KEPT = "public, max-age=31536000, immutable"
NEVER_KEPT = "no-store"

UNKNOWN_HOST = "the console does not know the host name by which it was asked: tell it by console.hosts\n"


@dataclass(frozen=True)
class Served:
    """What is served."""

    pages: Pages
    bells: Bells
    version: Callable[[], int]
    metrics: Metrics
    unready: Problem
    unhealthy: Problem
    release: str
    """The version of the program."""
    hosts: frozenset[str]
    """Host names under which it may be opened, beside those that hosts.py knows."""


def application(of: Served) -> web.Application:
    """The web application."""
    known = files.read()
    addresses = files.addresses(known)

    async def page(request: web.Request) -> web.Response:
        began = time.monotonic()
        made = await of.pages.at(request.path_qs if not request.raw_path.startswith("/") else request.raw_path)
        found = route(request.raw_path)
        label = found.label if found and made.status == 200 else "none"
        text = layout.whole(made.page, addresses, of.release)
        of.metrics.answered(label, made.status, time.monotonic() - began)
        response = web.Response(text=text, status=made.status, content_type="text/html")
        response.enable_compression()
        return response

    async def changes(request: web.Request) -> web.StreamResponse:
        of.metrics.began_stream()
        return await live.stream(request, of.pages, of.bells, of.version)

    async def file(request: web.Request) -> web.Response:
        found = known.get(request.match_info["name"])
        if found is None or found.digest != request.match_info["digest"]:
            return web.Response(status=404, text="no such file\n")
        headers = {"Cache-Control": KEPT}
        return web.Response(body=found.body, content_type=found.content_type, charset="utf-8", headers=headers)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hosts.is_known(request.host, of.hosts):
            return web.Response(status=421, text=UNKNOWN_HOST)
        return await _refused(request, handler)

    app = web.Application(client_max_size=1024, middlewares=[guarded])
    add_probes(app, metrics=of.metrics.render, content_type=CONTENT_TYPE, unhealthy=of.unhealthy, unready=of.unready)
    app.router.add_get("/live", changes)
    app.router.add_get("/static/{digest}/{name}", file)
    app.router.add_get("/{page:.*}", page)
    return app


async def _refused(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The answer; what aiohttp refuses is an answer, too, which gets our headers."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return web.Response(status=refusal.status, text=f"{refusal.reason}\n")


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", NEVER_KEPT)


async def serve(of: Served, address: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; returns the runner, to be cleaned up, and the port in use. Raises OSError where it is taken."""
    app = application(of)
    app.on_response_prepare.append(_protect)
    runner = await ConnectionLimiter(Limits(waiting=VIEWERS, busy=VIEWERS)).serve(app, address, port)
    return runner, runner.addresses[0][1]
