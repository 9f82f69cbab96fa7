"""The console as a whole: watches, pages, server, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from importlib.metadata import version

import aiohttp
import structlog

from softphone_console.http import server
from softphone_console.http.live import Bells
from softphone_console.http.metrics import Metrics
from softphone_console.http.pages import Pages, Sources
from softphone_console.http.server import Served
from softphone_console.program.command_line import Settings
from softphone_console.watch import keeping
from softphone_console.watch.agents import Agents
from softphone_console.watch.cluster import Cluster
from softphone_console.watch.memories import Memories
from softphone_console.watch.prometheus import Prometheus
from softphone_console.watch.store import Store

_log = structlog.get_logger("softphone-fleet.console")


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ClusterError where there is no cluster, OSError where the port is taken."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, end.set)
    async with serving(settings, lambda: datetime.now(UTC)) as port:
        _log.info("serving", port=port, namespaces=list(settings.namespaces) or "all")
        await end.wait()


@contextlib.asynccontextmanager
async def serving(settings: Settings, now: Callable[[], datetime]) -> AsyncGenerator[int]:
    """Serve for the time of the block; the port. Raises as run()."""
    cluster = await Cluster.connect(settings.kubeconfig)
    bells, metrics = Bells(), Metrics()
    watched = keeping.collections(settings.namespaces)
    store = Store(watched, now, bells.ring)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        agents = Agents(cluster, session, settings.namespaces, time.monotonic)
        prometheus = Prometheus(session, settings.prometheus) if settings.prometheus else None
        memories = Memories(agents, prometheus, now)
        pages = Pages(Sources(store.world, lambda: store.version, now, memories.of_phone, memories.of_all))
        metrics.observe(store.counts, store.ages, lambda: len(bells))
        watches = [asyncio.create_task(keeping.keep(cluster, *one, store)) for one in watched.items()]
        stack.push_async_callback(_end, watches)
        served = Served(
            pages=pages,
            bells=bells,
            version=lambda: store.version,
            metrics=metrics,
            unready=store.unready,
            unhealthy=lambda: _dead(watches),
            release=version("softphone-fleet"),
            hosts=settings.hosts,
        )
        runner, port = await server.serve(served, settings.http_address, settings.http_port)
        stack.push_async_callback(runner.cleanup)
        stack.callback(bells.close)
        yield port


def _dead(watches: list[asyncio.Task[None]]) -> str | None:
    """Why the program must begin anew: a watch has ended, which it never does by itself."""
    fault = next((task.exception() for task in watches if task.done() and not task.cancelled()), None)
    return f"a watch has ended: {type(fault).__name__}" if fault else None


async def _end(watches: list[asyncio.Task[None]]) -> None:
    for task in watches:
        task.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
