"""The operator's life: start, election, watches, webhook, end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from softphone_operator.decide.settings import Settings
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import SECRETS
from softphone_operator.kubernetes.watching import Watches
from softphone_operator.notify.notifier import Notifier
from softphone_operator.notify.receiver import Receiver
from softphone_operator.observe import metrics as measured
from softphone_operator.program import server
from softphone_operator.program.election import Election
from softphone_operator.program.kopf_door import first_done, on_signals, operator_settings, registry, watch, watches_of
from softphone_operator.program.webhook import Certificate, Webhook
from softphone_operator.reconcile.controller import Controller

log = structlog.get_logger()

CRD_WAIT_SECONDS = 2.0


HEALTH_CHECK_SECONDS = 5.0


class Operator:
    """The running operator: controller, kopf and HTTP server together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watches = Watches(settings.watch_seconds, lambda: asyncio.get_running_loop().time())
        self.unready: str | None = "starting"

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises if it cannot go on: then a restart helps."""
        metrics = measured.Metrics()
        runner = await server.serve(
            self._settings.http_address,
            self._settings.http_port,
            metrics=metrics.render,
            content_type=measured.CONTENT_TYPE,
            unready=lambda: self.unready or self._watches.missing(),
            unhealthy=self._watches.deaf,
        )
        try:
            cluster = await Cluster.connect(self._settings.concurrency)
            cluster.counted = metrics.count_request
            try:
                connector = aiohttp.TCPConnector(limit=0)
                async with aiohttp.ClientSession(connector=connector) as session:
                    notifier = self._notifier(session, metrics)
                    controller = Controller(
                        self._settings, cluster, session, metrics, watches=self._watches, notifier=notifier
                    )
                    await self._run(cluster, controller, metrics, notifier)
            finally:
                await cluster.close()
        finally:
            await runner.cleanup()

    def _notifier(self, session: aiohttp.ClientSession, metrics: measured.Metrics) -> Notifier | None:
        """Who tells of losses, None where nobody is to be told."""
        url, directory = self._settings.notify_url, self._settings.notify_directory
        if not url:
            return None
        receiver = Receiver(session, url, Path(directory) if directory else None)
        return Notifier(receiver.post, self._settings.notify_wait_seconds, count=metrics.count_notification)

    async def _run(
        self, cluster: Cluster, controller: Controller, metrics: measured.Metrics, notifier: Notifier | None
    ) -> None:
        """Controller and kopf side by side; when one of them ends, so does the other."""
        stop = asyncio.Event()
        on_signals(stop)
        election = self._election(cluster)
        primed, leading = asyncio.Event(), asyncio.Event()
        serves_webhook = bool(self._settings.webhook_directory)
        tasks: list[asyncio.Task[Any]] = []

        def begin(work: Awaitable[Any], name: str) -> asyncio.Task[Any]:
            async def run() -> Any:
                return await work

            task = asyncio.create_task(run(), name=name)
            tasks.append(task)
            return task

        try:
            stopping = begin(stop.wait(), "wait for a signal")
            if await first_done(begin(self.wait_for_kinds(cluster), "wait for CRDs"), stopping) is stopping:
                return
            enders = [stopping]
            if election is not None and not serves_webhook:
                # One that waits for its turn is ready: it does what it is there for.
                self.unready = None
                if await first_done(begin(election.acquire(), "wait for the Lease"), stopping) is stopping:
                    return
                enders.append(begin(election.keep(), "keep the Lease"))
                leading.set()
            if election is None:
                leading.set()
            self.unready = "the first lists are not done"
            working = begin(controller.run(primed, leading), "controller")
            enders.append(working)
            listed = begin(primed.wait(), "first lists")
            if await first_done(listed, *enders) is stopping:
                return
            watching = begin(self._watch(controller, stop, metrics), "kopf")
            enders += [watching, begin(self.stay_healthy(cluster), "health")]
            if notifier is not None:
                enders.append(begin(notifier.run(), "notifications"))
            if serves_webhook:
                certificate = Certificate(Path(self._settings.webhook_directory))
                address, port = self._settings.http_address, self._settings.webhook_port
                webhook = Webhook(controller.observed, cluster, certificate, address, port)
                enders.append(begin(webhook.run(), "webhook"))
            self.unready = None
            if election is not None and serves_webhook:
                # The webhook answers from what is observed, so this one watches before it leads.
                acquiring = begin(election.acquire(), "wait for the Lease")
                if await first_done(acquiring, *enders) is not acquiring:
                    return
                enders.append(begin(election.keep(), "keep the Lease"))
                leading.set()
            log.info("ready")
            await first_done(*enders)
            log.info("stopping")
        finally:
            self.unready = "stopping"
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if election is not None:
                await election.release()

    def _election(self, cluster: Cluster) -> Election | None:
        place = self._settings.lease_place
        if place is None:
            return None
        made = Election(
            cluster,
            place,
            self._settings.identity,
            now=lambda: datetime.now(UTC),
            clock=lambda: asyncio.get_running_loop().time(),
        )
        cluster.may_write = lambda: made.leads
        return made

    async def _watch(self, controller: Controller, stop: asyncio.Event, metrics: measured.Metrics) -> None:
        namespaces = self._settings.watch_namespaces
        for resource, namespace in (*watches_of(namespaces), *((SECRETS, each) for each in namespaces or (None,))):
            self._watches.expect(resource.kind, namespace)
        await watch(
            stop,
            registry=registry(controller, self._watches, namespaces, metrics.count_request),
            settings=operator_settings(self._settings.watch_seconds, self._settings.watch_selector),
            namespaces=namespaces,
            clusterwide=not namespaces,
        )

    async def stay_healthy(self, cluster: Cluster) -> None:
        """If a watch is overdue, ask the API server something else: while it is away no watch is deaf."""
        told = None
        while True:
            self._watches.server_answers(bool(self._watches.overdue()) and await _answers(cluster))
            deaf = self._watches.deaf()
            if deaf and not told:
                log.error("not healthy", reason=deaf)
            told = deaf
            await asyncio.sleep(HEALTH_CHECK_SECONDS)

    async def wait_for_kinds(self, cluster: Cluster) -> None:
        """Wait until the API server serves our kinds; `unready` says what is missing."""
        while True:
            try:
                missing = await cluster.missing_kinds()
                problem = f"CRDs are missing: {', '.join(missing)}" if missing else None
            except ClusterError as error:
                problem = f"the API server cannot be asked: {error}"
            if problem is None:
                return
            if problem != self.unready:
                log.warning("not ready", reason=problem)
            self.unready = problem
            await asyncio.sleep(CRD_WAIT_SECONDS)


async def _answers(cluster: Cluster) -> bool:
    """Whether the API server answers a question that has nothing to do with watches."""
    try:
        await cluster.missing_kinds()
    except ClusterError as error:
        log.warning("the API server does not answer", error=str(error))
        return False
    return True
