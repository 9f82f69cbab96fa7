"""The operator's HTTP server: /metrics, /healthz and /readyz."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from softphone_agent.contract.connection_limiter import ConnectionLimiter
from softphone_agent.contract.probes import Problem, add_probes


async def serve(
    address: str, port: int, *, metrics: Callable[[], bytes], content_type: str, unready: Problem, unhealthy: Problem
) -> web.AppRunner:
    """Start the server; `cleanup()` of what is returned stops it. `unready`, `unhealthy` give the reason, or None."""
    application = web.Application()
    add_probes(application, metrics=metrics, content_type=content_type, unhealthy=unhealthy, unready=unready)
    return await ConnectionLimiter().serve(application, address, port)
