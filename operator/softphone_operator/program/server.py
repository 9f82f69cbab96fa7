"""The operator's HTTP server: /metrics, /healthz and /readyz."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from softphone_agent.contract.connection_limiter import ConnectionLimiter

Problem = Callable[[], str | None]


async def serve(
    address: str, port: int, *, metrics: Callable[[], bytes], content_type: str, unready: Problem, unhealthy: Problem
) -> web.AppRunner:
    """Start the server; `cleanup()` of what is returned stops it. `unready`, `unhealthy` give the reason, or None."""
    application = web.Application()

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": content_type})

    def probe(problem: Problem) -> Callable[[web.Request], object]:
        async def answer(_: web.Request) -> web.Response:
            reason = problem()
            return web.Response(status=503 if reason else 200, text=f"{reason or 'ok'}\n")

        return answer

    application.router.add_get("/metrics", show_metrics)
    application.router.add_get("/healthz", probe(unhealthy))  # type: ignore[arg-type]
    application.router.add_get("/readyz", probe(unready))  # type: ignore[arg-type]
    return await ConnectionLimiter().serve(application, address, port)
