"""What the kubelet and Prometheus ask every program for: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

Problem = Callable[[], str | None]
"""Why a probe fails; None where it does not."""


def add_probes(
    application: web.Application,
    *,
    metrics: Callable[[], bytes],
    content_type: str,
    unhealthy: Problem,
    unready: Problem,
) -> None:
    """Add the three. Each is asked anew for every request; a probe that fails answers 503 and the reason."""

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": content_type})

    application.router.add_get("/metrics", show_metrics)
    application.router.add_get("/healthz", _probe(unhealthy))
    application.router.add_get("/readyz", _probe(unready))


def _probe(problem: Problem) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        fault = problem()
        return web.Response(text=f"{fault or 'ok'}\n", status=503 if fault else 200)

    return answer
