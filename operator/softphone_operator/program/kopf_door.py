"""kopf: hands what its watches see to the controller, and nothing more. Only here kopf is imported.

Only `on.event` handlers: the others keep their progress in annotations and finalizers, and react to edges.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp
import kopf
import structlog

from softphone_operator.kubernetes.resources import WATCHED, Resource, watched
from softphone_operator.kubernetes.watching import Watches, lifetime
from softphone_operator.reconcile.controller import Controller

log = structlog.get_logger()

REQUEST_SECONDS = 30.0


CONNECT_SECONDS = 5.0


BACKOFFS = (0.2, 0.5, 1.0, 2.0)


LONGEST_BACKOFF = 5.0


PAGE = 500


KEPT_SECONDS = 0.1
"""So long kopf keeps an object after it was told, in case that more comes of it. By its default of 5 s a start kept all
objects of the cluster at once, as dictionaries, each with a task."""


KOPFS_WATCHERS = "watcher for "
"""How the names of kopf's watching tasks begin."""


def registry(
    controller: Controller, watches: Watches, namespaces: tuple[str, ...], counted: Callable[[str, int], None]
) -> kopf.OperatorRegistry:
    """The registry of kopf with one event handler for each watched kind."""
    made = kopf.OperatorRegistry()
    for resource in WATCHED:
        kopf.on.event(resource.group, resource.version, resource.plural, id=resource.plural, registry=made)(
            _handler(controller, resource)
        )
    kopf.on.login(registry=made, id="login")(_login(watches, namespaces, counted))
    return made


def _handler(controller: Controller, resource: Resource) -> Callable[..., Awaitable[None]]:
    async def observe(event: kopf.RawEvent, **_: Any) -> None:
        controller.observe(resource, event["object"], deleted=event["type"] == "DELETED")

    return observe


def _login(
    watches: Watches, namespaces: tuple[str, ...], counted: Callable[[str, int], None]
) -> Callable[..., Awaitable[kopf.AiohttpSession | None]]:
    """The service account of the pod, else the kubeconfig: without the synchronous client, which costs memory.

    The session is ours, so that it can tell when a watch begins, and count. And so that a kind which is not there,
    since its CRD was deleted or the API server is just starting, is asked for again: kopf would end its watches.
    """
    keys = {resource.path(namespace): (resource.kind, namespace) for resource, namespace in watches_of(namespaces)}

    async def note(_: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams) -> None:
        counted(end.method, end.response.status)
        if end.url.query.get("watch") == "true" and end.response.status == HTTPStatus.OK and end.url.path in keys:
            watches.began(*keys[end.url.path])

    async def retried(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        answer = await send(request)
        if answer.status != HTTPStatus.NOT_FOUND or request.url.path not in keys:
            return answer
        answer.release()
        watches.absent(*keys[request.url.path])
        raise aiohttp.ClientConnectionError("the API server does not know the kind")

    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        found = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        if found is None:
            return None
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(note)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
            headers=found.as_http_headers(),
            proxy=found.proxy_url,
            trust_env=found.trust_env,
            trace_configs=[trace],
            middlewares=[retried],
        )
        return kopf.AiohttpSession(
            server=found.server,
            aiohttp_session=session,
            priority=found.priority,
            default_namespace=found.default_namespace,
            expiration=found.expiration,
        )

    return login


def watches_of(namespaces: tuple[str, ...]) -> Iterator[tuple[Resource, str | None]]:
    """Every watch of kopf: what, and in which namespace, None for all."""
    return itertools.product(WATCHED, namespaces or (None,))


class Backoffs:
    """Waits between attempts to reach the API server, without end: an outage may last, and then minutes count."""

    def __iter__(self) -> Iterator[float]:
        """The waits, in seconds."""
        return itertools.chain(BACKOFFS, itertools.repeat(LONGEST_BACKOFF))


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps nothing: no handler reacts to differences, and the copies for it were half of all the work."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing of an object is essential."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """Nothing was kept."""
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps nothing: there are no handlers with progress."""

    def fetch(self, **_: Any) -> None:
        """Nothing was kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """There is nothing to remove."""

    def touch(self, **_: Any) -> None:
        """Change nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """There is nothing to clear away."""
        return essence


def operator_settings(watch_seconds: float, selector: str = "") -> kopf.OperatorSettings:
    """The settings of kopf: no peering, no own events, no scanning of the cluster, and a time-out on everything.

    `selector`: which Softphones and fleets are watched; empty: all.
    """
    made = kopf.OperatorSettings()
    made.peering.standalone = True
    made.posting.enabled = False
    made.scanning.disabled = True
    made.persistence.diffbase_storage = NoDiffs()
    made.persistence.progress_storage = NoProgress()
    made.networking.request_timeout = REQUEST_SECONDS
    made.networking.connect_timeout = CONNECT_SECONDS
    made.networking.error_backoffs = Backoffs()
    made.queueing.idle_timeout = KEPT_SECONDS
    made.watching.connect_timeout = CONNECT_SECONDS
    made.watching.server_timeout = round(watch_seconds)
    made.watching.client_timeout = made.watching.inactivity_timeout = lifetime(watch_seconds)
    made.watching.chunk_size = PAGE
    for resource in watched(selector):
        if resource.selector:
            made.watching.label_selectors[resource.group, resource.version, resource.plural] = resource.selector
    return made


async def watch(stop: asyncio.Event, **of_kopf: Any) -> None:
    """Run kopf until `stop` is set. Raises what ended it before.

    Not by kopf.operator: that takes the signals for itself, each after the first for a fault, and waits then for all
    tasks of the process, which are ours too. And when a watch fails for good it leaves the others behind.
    """
    tasks = await kopf.spawn_tasks(stop_flag=stop, **of_kopf)
    on_signals(stop)
    try:
        await first_done(*tasks)
    except Exception as error:
        log.error("the watches ended", error=str(error) or type(error).__name__)
        raise
    finally:
        watchers = [task for task in asyncio.all_tasks() if task.get_name().startswith(KOPFS_WATCHERS)]
        for some in (watchers, tasks):
            for task in some:
                task.cancel()
            if some:
                await asyncio.wait(some)


def on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def first_done(*tasks: asyncio.Task[Any]) -> asyncio.Task[Any]:
    """The first task that is done; raises what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    first = next(task for task in tasks if task in done)
    await first
    return first
