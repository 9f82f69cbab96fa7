"""One run of a command: which cluster and namespace, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from softphone_plugin.cluster import Cluster

Result = TypeVar("Result")


@dataclass(frozen=True)
class Where:
    """What the command line says of the cluster; None: what the kubeconfig says."""

    namespace: str | None = None
    all_namespaces: bool = False
    context: str | None = None
    kubeconfig: Path | None = None


@dataclass(frozen=True)
class Session:
    """The cluster, and the namespace that is meant."""

    cluster: Cluster
    namespace: str
    all_namespaces: bool = False

    @property
    def scope(self) -> str | None:
        """The namespace to list in, None for all."""
        return None if self.all_namespaces else self.namespace


def run(where: Where, work: Callable[[Session], Awaitable[Result]]) -> Result:
    """Do the work with a connection to the cluster. Raises PluginError."""

    async def whole() -> Result:
        from softphone_plugin.cluster import Cluster  # half a second that `--help` and `lint` can do without

        cluster = await Cluster.connect(where.kubeconfig, where.context)
        try:
            return await work(Session(cluster, where.namespace or cluster.namespace, where.all_namespaces))
        finally:
            await cluster.close()

    return asyncio.run(whole())


async def until_told(work: Coroutine[Any, Any, None]) -> bool:
    """Work until it ends, or Ctrl-C or SIGTERM says so; whether somebody said so. The work is cancelled then."""
    task = asyncio.ensure_future(work)
    told = False

    def stop() -> None:
        nonlocal told
        told = True
        task.cancel()

    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for one in signals:
        loop.add_signal_handler(one, stop)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if task.cancelled() and not told:
            raise asyncio.CancelledError
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
    return told
