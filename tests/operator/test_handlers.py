"""kopf's part: what it watches reaches the controller, and it reads nothing else and writes nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from kmock import KubernetesEmulator
from kmock import resource as kmock_resource

from softphone_operator.decide.settings import Settings
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import (
    CALL_CHECKS,
    FLEETS,
    POOLS,
    REHEARSALS,
    SOFTPHONES,
    WATCHED,
    Resource,
)
from softphone_operator.kubernetes.watching import Watches
from softphone_operator.program import kopf_door, lifecycle

GROUP = "softphone-fleet.io/v1alpha1"


class Recorder:
    """Takes the controller's place and notes what it is told."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue()

    def observe(self, resource: Resource, obj: Mapping[str, Any], *, deleted: bool) -> None:
        self.seen.put_nowait((resource.kind, obj["metadata"]["name"], deleted))

    async def told(self, news: tuple[str, str, bool]) -> None:
        """Wait for news; others come before, since the emulator repeats itself."""
        while await self.seen.get() != news:
            continue


KINDS = {
    f"{GROUP}/softphones": "Softphone",
    f"{GROUP}/softphonefleets": "SoftphoneFleet",
    f"{GROUP}/softphonepools": "SoftphonePool",
    f"{GROUP}/callchecks": "CallCheck",
    f"{GROUP}/rehearsals": "Rehearsal",
    f"{GROUP}/pbxs": "PBX",
    "v1/pods": "Pod",
    "v1/configmaps": "ConfigMap",
    "apps/v1/deployments": "Deployment",
    # kopf looks these up and waits for ever where they are missing.
    "v1/namespaces": "Namespace",
    "v1/events": "Event",
    "apiextensions.k8s.io/v1/customresourcedefinitions": "CustomResourceDefinition",
}


@pytest.fixture
def api(kmock: KubernetesEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesEmulator:
    """An API server in memory that knows our kinds, and a kubeconfig that leads there."""
    for name, kind in KINDS.items():
        kmock.resources[name] = {
            "kind": kind,
            "singular": kind.lower(),
            "namespaced": kind not in ("Namespace", "CustomResourceDefinition"),
            "verbs": ["get", "list", "watch", "patch"],
            "shortnames": [],
            "categories": [],
            "subresources": [],
        }
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": str(kmock.url)}}],
        "users": [{"name": "x", "user": {"token": "secret"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return kmock


def obj(kind: str, name: str, version: str = "v1") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo", "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {}}


@dataclass(frozen=True)
class Running:
    """kopf under way."""

    task: asyncio.Task[None]
    stop: asyncio.Event


@asynccontextmanager
async def watching(
    recorder: Recorder, watches: Watches | None = None, selector: str = "", **where: Any
) -> AsyncIterator[Running]:
    stop = asyncio.Event()
    made = watches or Watches(60, asyncio.get_running_loop().time)
    task = asyncio.create_task(
        kopf_door.watch(
            stop,
            registry=kopf_door.registry(
                recorder,  # type: ignore[arg-type]
                made,
                tuple(where.get("namespaces", ())),
                lambda verb, code: None,
            ),
            settings=kopf_door.operator_settings(60, selector),
            **where,
        )
    )
    try:
        yield Running(task, stop)
    finally:
        stop.set()
        await asyncio.wait([task])


async def test_what_kopf_watches_reaches_the_controller(api: KubernetesEmulator) -> None:
    recorder = Recorder()
    api.objects[kmock_resource(f"{GROUP}/softphones"), "demo", "anna"] = obj("Softphone", "anna", GROUP)
    api.objects[kmock_resource(f"{GROUP}/pbxs"), "demo", "master"] = obj("PBX", "master", GROUP)
    api.objects[kmock_resource("v1/pods"), "demo", "pod"] = obj("Pod", "pod")
    async with watching(recorder, clusterwide=True), asyncio.timeout(20):
        seen = {await recorder.seen.get() for _ in range(3)}
        assert seen == {("Softphone", "anna", False), ("PBX", "master", False), ("Pod", "pod", False)}
        async with aiohttp.ClientSession(base_url=api.url) as session:
            path = f"/apis/{GROUP}/namespaces/demo/softphones"
            while not [r for r in api if r.action is not None and r.action.name == "WATCH"]:
                await asyncio.sleep(0.01)
            await session.post(path, json=obj("Softphone", "bob", GROUP))
            await recorder.told(("Softphone", "bob", False))
            await session.delete(f"{path}/bob")
            await recorder.told(("Softphone", "bob", True))


async def test_a_user_without_a_name_may_run_it(api: KubernetesEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenShift chooses a number that no /etc/passwd knows."""

    def nameless(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nameless)
    recorder = Recorder()
    api.objects[kmock_resource("v1/pods"), "demo", "pod"] = obj("Pod", "pod")
    async with watching(recorder, namespaces=["demo"]), asyncio.timeout(20):
        assert await recorder.seen.get() == ("Pod", "pod", False)


async def test_kopf_keeps_no_object_longer_than_it_takes_to_tell_it(api: KubernetesEmulator) -> None:
    recorder = Recorder()
    for number in range(20):
        api.objects[kmock_resource("v1/pods"), "demo", f"pod{number}"] = obj("Pod", f"pod{number}")
    async with watching(recorder, namespaces=["demo"]), asyncio.timeout(20):
        for _ in range(20):
            await recorder.seen.get()
        keepers = [task for task in asyncio.all_tasks() if task.get_name().startswith("worker for ")]
        _, keeping = await asyncio.wait(keepers, timeout=2)
        assert not keeping, "a start would hold all objects of the cluster at once"


async def test_kopf_reads_only_what_is_watched_and_writes_nothing(api: KubernetesEmulator) -> None:
    recorder = Recorder()
    api.objects[kmock_resource(f"{GROUP}/softphones"), "demo", "anna"] = obj("Softphone", "anna", GROUP)
    async with watching(recorder, namespaces=["demo"]), asyncio.timeout(20):
        await recorder.seen.get()
        await all_watched(api)
    asked = [request for request in api if "namespaces" in request.url.path]
    assert {str(request.method).upper().rpartition(".")[2] for request in asked} == {"GET"}
    assert {request.url.path for request in asked} == {resource.path("demo") for resource in WATCHED}
    assert selectors(asked) == {resource.path("demo"): resource.selector for resource in WATCHED}
    others = {request.url.path for request in api} - {request.url.path for request in asked}
    assert not [path for path in others if path.count("/") > 3], "anything but discovery"


async def test_the_api_server_picks_softphones_and_fleets_by_the_selector_and_tells_of_every_pbx(
    api: KubernetesEmulator,
) -> None:
    shard = "softphone-fleet.io/shard=a"
    async with watching(Recorder(), selector=shard, namespaces=["demo"]), asyncio.timeout(20):
        await all_watched(api)
    asked = [request for request in api if "namespaces" in request.url.path]
    own = {resource.path("demo"): shard for resource in (SOFTPHONES, FLEETS, POOLS, CALL_CHECKS, REHEARSALS)}
    assert selectors(asked) == {resource.path("demo"): resource.selector for resource in WATCHED} | own


async def all_watched(api: KubernetesEmulator) -> None:
    """Wait until there is a watch of each kind."""
    while len({r.url.path for r in api if r.url.query.get("watch")}) < len(WATCHED):
        await asyncio.sleep(0.01)


def selectors(asked: Iterable[Any]) -> dict[str, str]:
    """The label selector with which each path was asked for."""
    return {request.url.path: request.url.query.get("labelSelector", "") for request in asked}


class Noted(Watches):
    """Notes which watches began."""

    def __init__(self) -> None:
        super().__init__(60, lambda: 0.0)
        self.begun: set[tuple[str, str | None]] = set()
        self.changed = asyncio.Event()

    def began(self, kind: str, namespace: str | None) -> None:
        self.begun.add((kind, namespace))
        self.changed.set()


@pytest.mark.parametrize("namespaces", [(), ("demo", "other")], ids=["everywhere", "two namespaces"])
async def test_every_watch_of_kopf_is_noted_when_it_begins(
    api: KubernetesEmulator, namespaces: tuple[str, ...]
) -> None:
    watches = Noted()
    wanted = {(resource.kind, namespace) for resource in WATCHED for namespace in namespaces or (None,)}
    async with watching(Recorder(), watches, clusterwide=not namespaces, namespaces=namespaces), asyncio.timeout(20):
        while watches.begun != wanted:
            watches.changed.clear()
            await watches.changed.wait()


async def test_a_kind_that_is_gone_is_asked_for_until_it_is_back(
    api: KubernetesEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted CRD, or an API server that has just begun: by itself kopf would end all its watches."""
    monkeypatch.setattr(kopf_door, "BACKOFFS", (0.01,))
    monkeypatch.setattr(kopf_door, "LONGEST_BACKOFF", 0.01)
    recorder, watches = Recorder(), Watches(60, asyncio.get_running_loop().time)
    api.objects[kmock_resource(f"{GROUP}/softphones"), "demo", "anna"] = obj("Softphone", "anna", GROUP)
    gone = api[f"/apis/{GROUP}/softphones"][:3] << 404
    async with watching(recorder, watches, clusterwide=True), asyncio.timeout(20):
        while watches.missing() is None:
            await asyncio.sleep(0)
        assert watches.missing() == "the API server does not know the kind Softphone; was a CRD deleted?"
        await recorder.told(("Softphone", "anna", False))
        while watches.missing() is not None:
            await asyncio.sleep(0)
    assert len(gone) == 3


async def test_what_trying_again_does_not_help_ends_it_at_once(api: KubernetesEmulator) -> None:
    """The operator is to be started anew then."""
    bystander = asyncio.create_task(asyncio.Event().wait(), name="one of ours")
    api[f"/apis/{GROUP}/softphones"] << 400
    async with watching(Recorder(), clusterwide=True) as running, asyncio.timeout(20):
        await asyncio.wait([running.task])
        assert running.task.exception() is not None
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("watcher for")]
    assert not bystander.done(), "kopf neither waits for the tasks of others nor ends them"
    bystander.cancel()


async def test_signals_stop_it_however_many_there_are(api: KubernetesEmulator) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    recorder = Recorder()
    api.objects[kmock_resource("v1/pods"), "demo", "pod"] = obj("Pod", "pod")
    async with watching(recorder, clusterwide=True) as running, asyncio.timeout(20):
        await recorder.seen.get()
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait([running.task])
        assert running.stop.is_set()
    assert faults == []


def test_kopf_never_gives_up() -> None:
    waits = list(itertools.islice(kopf_door.Backoffs(), 1000))
    assert max(waits) == kopf_door.LONGEST_BACKOFF
    assert waits == sorted(waits)


class Scripted:
    """A cluster whose kinds come late."""

    def __init__(self, *answers: list[str] | ClusterError) -> None:
        self.answers = list(answers)

    async def missing_kinds(self) -> list[str]:
        answer = self.answers.pop(0)
        if isinstance(answer, ClusterError):
            raise answer
        return answer


async def test_it_waits_for_the_crds_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = []
    operator = lifecycle.Operator(Settings("agent:1"))

    async def sleep(_: float) -> None:
        reasons.append(operator.unready)

    monkeypatch.setattr("asyncio.sleep", sleep)
    cluster: Any = Scripted(ClusterError(0, "x", "nobody there"), ["pbxs.softphone-fleet.io"], [])
    await operator.wait_for_kinds(cluster)
    assert reasons == [
        "the API server cannot be asked: nobody there",
        "CRDs are missing: pbxs.softphone-fleet.io",
    ]


async def test_without_a_cluster_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(concurrency: int) -> Cluster:
        raise ClusterError(0, "NoConfiguration", "neither service account nor kubeconfig: none")

    monkeypatch.setattr(Cluster, "connect", connect)
    operator = lifecycle.Operator(Settings("agent:1", http_address="127.0.0.1", http_port=0))
    with pytest.raises(ClusterError, match="neither service account nor kubeconfig"):
        await operator.run()
