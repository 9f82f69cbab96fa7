"""The supervisor: configuration, HTTP, metrics and signals on one side, worker processes on the other.

It keeps no SIP state. A worker that dies is replaced, with back-off, and takes only its own phones with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from softphone_agent.contract import early_stop
from softphone_agent.contract.config import AgentConfig
from softphone_agent.http import endpoints
from softphone_agent.supervisor.configuration import Configuration, Outcome
from softphone_agent.supervisor.processes import Run
from softphone_agent.supervisor.showing import Showing, Versions
from softphone_agent.supervisor.workers import Workers
from softphone_agent.worker import memory

AGAIN_SECONDS = 5.0
"""After so long what failed unexpectedly is tried again."""

log = structlog.get_logger()


class Supervisor:
    """Runs one agent, whose workers run `work`. `run` returns when it was told to stop by SIGTERM or SIGINT."""

    def __init__(self, path: Path, config: AgentConfig, digest: str, versions: Versions, work: Run) -> None:
        self._versions = versions
        self._stopping = asyncio.Event()
        self._configuration = Configuration(path, config, digest)
        self._showing = Showing(self._configuration, versions)
        self._workers = Workers(self._configuration, self._showing, self._stopping, work)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then un-REGISTER all phones. Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        for number in early_stop.SIGNALS:
            loop.add_signal_handler(number, self._stopping.set)
        gc.collect()
        memory.give_back()  # what the imports left unused would be filled by each worker on its own
        gc.freeze()  # what was imported stays shared with the workers
        self._workers.assign()
        showing, config = self._showing, self._configuration.current
        sources = endpoints.Sources(
            showing.metrics.exposition,
            showing.snapshot,
            self._workers.unhealthy,
            self._unready,
            showing.watchers,
            showing.counts,
            showing.history,
        )
        runner, port = await endpoints.serve(endpoints.application(sources), config.http.address, config.http.port)
        log.info("agent started", version=self._versions.agent, phones=len(config.phones), port=port)
        tasks = [
            asyncio.create_task(self._keep_on(self._watch_files)),
            asyncio.create_task(self._keep_on(self._workers.watch)),
        ]
        try:
            await self._stopping.wait()
            await self._stop()
        finally:
            for task in [*tasks, *self._workers.look_ups.tasks]:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            showing.watchers.close()
            await runner.cleanup()
            self._workers.end()
        log.info("agent stopped")

    async def _keep_on(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Run one of the agent's loops, again if need be: one that ended unseen would be missed much later."""
        while not self._stopping.is_set():
            try:
                await loop()
            except Exception as error:
                log.exception("a loop failed, it goes on", loop=loop.__name__, reason=str(error))
                self._configuration.look_again()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _watch_files(self) -> None:
        """Take a changed configuration or secret."""
        await self._configuration.watch(self._reload, self._stopping)

    def _reload(self) -> bool:
        """Act on the files as they are now. Returns whether any was read."""
        outcome = self._configuration.read_again()
        if outcome is Outcome.UNCHANGED:
            return False
        self._showing.metrics.config_refused.set(outcome is Outcome.REFUSED)
        if outcome is Outcome.TAKEN:
            self._showing.configured()
            self._workers.assign()
        if self._configuration.renew_report():
            self._showing.config_reported()
        return True

    async def _stop(self) -> None:
        """Let the workers un-REGISTER all phones, within the time that the configuration grants."""
        config = self._configuration.current
        log.info("stopping", phones=len(config.phones), seconds=config.stop_seconds)
        await self._workers.stop(config.stop_seconds)

    def _unready(self) -> str | None:
        if self._stopping.is_set():
            return "stopping"
        missing = self._showing.missing()
        return f"{len(missing)} phones not begun" if missing else None
