"""A cluster in memory, a controller that runs on it, and agents that talk: what tests of the operator are made of."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from server_side_apply import entry
from softphone_agent.contract.report import WatchLine, to_line
from softphone_operator.decide import label_selector, mounts
from softphone_operator.decide.settings import Settings
from softphone_operator.kubernetes.cluster import (
    ClusterError,
    SecretChanged,
    SecretDeleted,
    SecretMark,
    SecretNews,
    SecretsListed,
)
from softphone_operator.kubernetes.resources import (
    BUDGETS,
    CALL_CHECKS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FLEETS,
    JOBS,
    PBXS,
    PODS,
    POOLS,
    REHEARSALS,
    SOFTPHONES,
    Resource,
    watched,
)
from softphone_operator.notify.notifier import Notifier
from softphone_operator.observe.metrics import Metrics
from softphone_operator.reconcile import controller as subject
from softphone_operator.reconcile import pbxs, writing
from softphone_operator.reconcile.controller import Controller

KINDS = {
    resource.kind: resource
    for resource in (
        *(BUDGETS, CALL_CHECKS, CONFIG_MAPS, DEPLOYMENTS, FLEETS, JOBS, PBXS, PODS, POOLS, REHEARSALS, SOFTPHONES),
    )
}


@dataclass
class FakeCluster:
    """A cluster in memory with the calls of cluster.Cluster. Every change is told to `watcher`, as watches do."""

    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    secrets: dict[tuple[str, str], tuple[int, set[str]]] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    watcher: Callable[[Resource, Mapping[str, Any], bool], None] | None = None
    refusal: ClusterError | None = None
    versions: Any = field(default_factory=lambda: itertools.count(1))
    news: asyncio.Queue[SecretNews] = field(default_factory=asyncio.Queue)

    def put(self, kind: str, name: str, namespace: str = "demo", **parts: Any) -> dict[str, Any]:
        key = (kind, namespace, name)
        before = self.objects.get(key)
        metadata = {"name": name, "namespace": namespace, "generation": 1, **parts.pop("metadata", {})}
        if before is not None:
            changed = "spec" in parts and parts["spec"] != before.get("spec")
            metadata = {
                **before["metadata"],
                **metadata,
                "generation": before["metadata"]["generation"] + int(changed),
            }
        else:
            metadata.setdefault("uid", f"uid-{next(self.versions)}")
        metadata["resourceVersion"] = str(next(self.versions))
        resource = KINDS[kind]
        version = f"{resource.group}/{resource.version}" if resource.group else resource.version
        obj = {**(before or {}), "apiVersion": version, "kind": kind, "metadata": metadata, **parts}
        self.objects[key] = obj
        if self.watcher and resource not in (BUDGETS, JOBS) and not is_record(obj):
            self.watcher(KINDS[kind], copy.deepcopy(obj), False)
        return obj

    def remove(self, kind: str, name: str, namespace: str = "demo") -> None:
        obj = self.objects.pop((kind, namespace, name))
        if self.watcher and not is_record(obj):
            self.watcher(KINDS[kind], obj, True)

    def put_secret(self, name: str, *keys: str) -> None:
        self.secrets["demo", name] = (next(self.versions), set(keys))
        self.news.put_nowait(SecretChanged(SecretMark("demo", name, str(self.secrets["demo", name][0]))))

    def remove_secret(self, name: str) -> None:
        version, _ = self.secrets.pop(("demo", name))
        self.news.put_nowait(SecretDeleted(SecretMark("demo", name, str(version))))

    async def each(self, resource: Resource, namespace: str | None) -> AsyncIterator[dict[str, Any]]:
        for obj in self.list(resource, namespace):
            yield obj

    def list(self, resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
        return [
            copy.deepcopy(obj)
            for (kind, where, _), obj in self.objects.items()
            if kind == resource.kind and namespace in (None, where) and not is_record(obj)
            if resource not in OF_SHARD
            or label_selector.parse(resource.selector).matches(obj["metadata"].get("labels"))
        ]

    async def get(
        self, resource: Resource, namespace: str, name: str, *, cached: bool = False
    ) -> dict[str, Any] | None:
        return copy.deepcopy(self.objects.get((resource.kind, namespace, name)))

    async def names(self, resource: Resource, namespace: str, selector: str) -> frozenset[str]:
        listed = self.list(resource, namespace)
        return frozenset(obj["metadata"]["name"] for obj in listed if matches(selector, obj))

    async def apply(self, resource: Resource, desired: Mapping[str, Any]) -> dict[str, Any]:
        if self.refusal:
            raise self.refusal
        self.calls.append(("apply", resource.kind, desired["metadata"]["name"]))
        parts = copy.deepcopy({k: v for k, v in desired.items() if k not in ("apiVersion", "kind", "metadata")})
        metadata = {**desired["metadata"], "managedFields": [entry(desired)]}
        made = self.put(resource.kind, metadata.pop("name"), metadata.pop("namespace"), metadata=metadata, **parts)
        return copy.deepcopy(made)

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
        metadata = dict(obj["metadata"])
        self.calls.append(("create", resource.kind, metadata["name"]))
        parts = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata")}
        return copy.deepcopy(
            self.put(resource.kind, metadata.pop("name"), metadata.pop("namespace"), metadata=metadata, **parts)
        )

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        assert self.objects[resource.kind, namespace, name]["metadata"]["uid"] == uid
        self.calls.append(("delete", resource.kind, name))
        self.remove(resource.kind, name, namespace)

    async def budgets(self) -> Resource | None:
        return BUDGETS

    async def write_status(
        self, resource: Resource, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        obj = self.objects.get((resource.kind, namespace, name))
        if obj is None or obj["metadata"]["uid"] != uid:
            return None
        self.calls.append(("status", resource.kind, name))
        return copy.deepcopy(self.put(resource.kind, name, namespace, status=copy.deepcopy(dict(status))))

    async def annotate_pod(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        self.calls.append(("annotate", "Pod", name))
        pod = self.objects["Pod", namespace, name]
        known = pod["metadata"].get("annotations", {})
        self.put("Pod", name, namespace, metadata={"annotations": {**known, **annotations}})

    async def post_event(
        self, about: Mapping[str, str], *, kind: str, reason: str, message: str, name: str, time: str
    ) -> None:
        self.events.append((about["name"], kind, reason))

    async def count_event(self, namespace: str, name: str, message: str, count: int, time: str) -> bool:
        return True

    async def secret_keys(self, namespace: str, name: str) -> frozenset[str] | None:
        found = self.secrets.get((namespace, name))
        return frozenset(found[1]) if found else None

    async def follow_secrets(self, namespace: str | None, watch_seconds: float) -> AsyncIterator[SecretNews]:
        yield SecretsListed(
            tuple(SecretMark(where, name, str(version)) for (where, name), (version, _) in self.secrets.items())
        )
        while True:
            yield await self.news.get()


def is_record(obj: Mapping[str, Any]) -> bool:
    """Whether it is the record of a rehearsal, which no operator watches."""
    return (obj["metadata"].get("labels") or {}).get("app.kubernetes.io/component") == "record"


def matches(selector: str, obj: Mapping[str, Any]) -> bool:
    """Whether a label selector of equalities and inequalities matches."""
    labels = obj["metadata"].get("labels") or {}
    for part in selector.split(","):
        key, unequal, value = part.partition("!=")
        if not unequal:
            key, _, value = part.partition("=")
        if (labels.get(key) == value) == bool(unequal):
            return False
    return True


class World:
    """A controller that runs on a fake cluster, and what a test asks of them."""

    def __init__(self, cluster: FakeCluster, controller: Controller, metrics: Metrics) -> None:
        self.cluster = cluster
        self.controller = controller
        self.metrics = metrics

    def status(self, name: str = "anna", kind: str = "Softphone") -> dict[str, Any]:
        return dict(self.cluster.objects[kind, "demo", name].get("status") or {})

    def condition(self, kind: str, name: str = "anna", of: str = "Softphone") -> tuple[str, str] | None:
        for condition in self.status(name, of).get("conditions", ()):
            if condition["type"] == kind:
                return condition["status"], condition["reason"]
        return None

    def lags(self) -> float:
        """How many transitions of phones, or of a fleet's counts, were followed to a status that tells of them."""
        return self.metrics.registry.get_sample_value("softphone_operator_status_lag_seconds_count") or 0.0

    async def until(self, wanted: Callable[[], Any]) -> None:
        try:
            async with asyncio.timeout(5):
                while not wanted():
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"never came; the last calls: {self.cluster.calls[-5:]}") from None

    async def until_condition(self, kind: str, *wanted: str, name: str = "anna", of: str = "Softphone") -> None:
        await self.until(lambda: self.condition(kind, name, of) == wanted)

    async def quiet(self) -> list[tuple[str, ...]]:
        """The calls until nothing happens any more."""
        async with asyncio.timeout(5):
            seen = -1
            while len(self.cluster.calls) != seen:
                seen = len(self.cluster.calls)
                await asyncio.sleep(0.05)
        return self.cluster.calls


@asynccontextmanager
async def world(cluster: FakeCluster, notifier: Notifier | None = None, **settings: Any) -> AsyncIterator[World]:
    metrics = Metrics()
    async with aiohttp.ClientSession() as session:
        made = Settings("agent:1", **settings)
        controller = Controller(
            made,
            cluster,  # type: ignore[arg-type]
            session,
            metrics,
            notifier=notifier,
            jitter=lambda: 0.0,
        )
        primed = asyncio.Event()
        task = asyncio.create_task(controller.run(primed))
        try:
            await primed.wait()
            cluster.watcher = lambda resource, obj, deleted: controller.observe(resource, obj, deleted=deleted)
            yield World(cluster, controller, metrics)
        finally:
            cluster.watcher = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


SHARD = "softphone-fleet.io/shard"
OF_SHARD = watched(f"{SHARD}=a")[1:5]


def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for more to come does not, in a test."""
    kinds = ("", "PBX_", "POOL_", "CALL_", "REHEARSAL_")
    for name in (f"{kind}COALESCE_SECONDS" for kind in kinds):
        monkeypatch.setattr(subject, name, 0.001)
    monkeypatch.setattr(pbxs, "DELETED_SECONDS", 0.001)
    monkeypatch.setattr(writing, "SHARED_WRITE_SECONDS", 0.0)


def file_of(cluster: FakeCluster, agent: str) -> str:
    """The file that the pod of an agent's Deployment mounts."""
    key = mounts.mounted_key(cluster.objects["Deployment", "demo", agent])
    return str(cluster.objects["ConfigMap", "demo", agent]["data"][key])


class Agent:
    """A pretended agent: tells everyone who watches all lines so far, and those to come."""

    def __init__(self) -> None:
        self.lines: list[WatchLine] = []
        self._watchers: list[asyncio.Queue[WatchLine | None]] = []
        self.url = ""
        self.port = 0

    def say(self, line: WatchLine) -> None:
        self.lines.append(line)
        for watcher in self._watchers:
            watcher.put_nowait(line)

    def hang_up(self) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(None)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[WatchLine | None] = asyncio.Queue()
        for line in self.lines:
            queue.put_nowait(line)
        self._watchers.append(queue)
        while (line_or_end := await queue.get()) is not None:
            await response.write(to_line(line_or_end))
        self._watchers.remove(queue)
        return response


@asynccontextmanager
async def agent() -> AsyncIterator[Agent]:
    made = Agent()
    application = web.Application()
    application.router.add_get("/status", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()
