"""Pools from end to end in memory: many different Softphones in few agents, and phones that move without a gap."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from operator_world import Agent, FakeCluster, World, agent, file_of, without_waits, world
from softphone_agent.contract import reading
from softphone_agent.contract.report import ConfigReport, PbxReport, PhoneChanged, PhoneReport, Snapshot
from softphone_operator.decide import assignment
from softphone_operator.decide.names import POOL
from softphone_operator.reconcile import softphones


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)
    monkeypatch.setattr(assignment, "SPARED_SECONDS", 0.0)


@pytest.fixture
def cluster() -> FakeCluster:
    made = FakeCluster()
    made.put("PBX", "master", spec={"address": "sip:10.0.0.1", "system": "acme"})
    made.put("PBX", "slave", spec={"address": "sip:10.0.0.2", "system": "acme"})
    made.secrets["demo", "vienna"] = (1, {f"p{n}" for n in range(40)})
    return made


def put_pool(cluster: FakeCluster, name: str = "vienna", **spec: Any) -> None:
    cluster.put("SoftphonePool", name, spec={"credentials": {"secretNames": ["vienna"]}, "phonesPerAgent": 10, **spec})


def put_phones(cluster: FakeCluster, *numbers: int, pool: str | None = "vienna", **more: Any) -> None:
    for n in numbers:
        spec = {"aor": f"sip:p{n}@acme.example", "pri": "master", "credentials": {"secretName": "vienna"}, **more}
        agent = {"agent": {"pool": pool}} if pool else {}
        # The status that the API server gives a new object (CRD), as kstatus needs it.
        parts: dict[str, Any] = {"spec": spec | agent}
        if ("Softphone", "demo", f"p{n}") not in cluster.objects:
            parts["status"] = {"observedGeneration": -1}
        cluster.put("Softphone", f"p{n}", **parts)


def phones_of(cluster: FakeCluster, number: int, pool: str = "vienna") -> list[str]:
    """The phones in the file of a pool's agent, as the agent reads it."""
    return [phone.name for phone in reading.parse(file_of(cluster, f"pool-{pool}-{number}")).phones]


def has_agent(cluster: FakeCluster, name: str) -> bool:
    return ("Deployment", "demo", name) in cluster.objects


def in_agent(cluster: FakeCluster, number: int, pool: str = "vienna") -> set[str]:
    return set(phones_of(cluster, number, pool)) if has_agent(cluster, f"pool-{pool}-{number}") else set()


class Talker:
    """The pretended agent in a pod of one of the cluster's Deployments; it registers what it is told to."""

    def __init__(self, cluster: FakeCluster, talker: Agent, name: str) -> None:
        self._cluster, self._agent, self.name = cluster, talker, name
        self.begun = False

    def says(self, *registered: str, pbx: str = "master", idle: Iterable[str] = (), **more: Any) -> None:
        """Its whole status, with the file that it would find now."""
        text = file_of(self._cluster, self.name)
        phones = [self.phone(name, pbx, **more) for name in registered] + [self.phone(name, None) for name in idle]
        self._agent.say(
            Snapshot(
                version="1",
                config=ConfigReport(digest=reading.digest(text.encode())),
                phones=tuple(phones),
                pbxs=(PbxReport(name="master", reachable=True),),
            )
        )
        if not self.begun:
            self.begun = True
            put_pod(self._cluster, self._agent, self.name)

    def changed(self, name: str, pbx: str | None) -> None:
        self._agent.say(PhoneChanged(phone=self.phone(name, pbx)))

    @staticmethod
    def phone(name: str, pbx: str | None, **more: Any) -> PhoneReport:
        said: dict[str, Any] = {"state": "Registered" if pbx else "Registering", "role": "Home" if pbx else None}
        return PhoneReport(
            name=name, registered=pbx is not None, pbx=pbx, since="2026-01-02T03:04:05.000Z", **(said | more)
        )


def put_pod(cluster: FakeCluster, talker: Agent, name: str, pod: str | None = None) -> None:
    """A pod as the Deployment that is there makes it."""
    template = cluster.objects["Deployment", "demo", name]["spec"]["template"]["metadata"]
    annotations = template["annotations"] | {"prometheus.io/port": str(talker.port)}
    cluster.put(
        "Pod",
        pod or f"{name}-pod",
        metadata={"labels": template["labels"], "annotations": annotations, "creationTimestamp": pod or "1"},
        status={"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    )


@asynccontextmanager
async def talkers(cluster: FakeCluster, *names: str) -> AsyncIterator[list[Talker]]:
    async with AsyncExitStack() as stack:
        yield [Talker(cluster, await stack.enter_async_context(agent()), name) for name in names]


def pool_status(it: World, name: str = "vienna") -> dict[str, Any]:
    return it.status(name, "SoftphonePool")


async def until_ready(it: World, *numbers: int) -> None:
    for n in numbers:
        await it.until_condition("Ready", "True", "Registered", name=f"p{n}")


def applied(calls: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [call for call in calls if call[0] != "status"]


async def test_different_phones_get_few_agents_and_each_its_status(cluster: FakeCluster) -> None:
    put_pool(cluster, maxUnavailable=2)
    put_phones(cluster, *range(15))
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
        assert [len(phones_of(cluster, number)) for number in (0, 1)] == [10, 5]
        assert not has_agent(cluster, "softphone-p0")
        for talker, number in ((one, 0), (other, 1)):
            talker.says(*phones_of(cluster, number))
        await until_ready(it, *range(15))
        await it.until_condition("Ready", "True", "Registered", name="vienna", of="SoftphonePool")
        assert it.status("p0")["agent"] == "pool-vienna-0"
        assert it.status("p0")["registration"]["pbx"] == "master"
        status = pool_status(it)
        assert (status["phones"], status["registered"], status["standby"]) == (15, 15, 0)
        assert status["agents"] == {"wanted": 2, "ready": 2, "updated": 2}
        await it.until(lambda: it.status("master", "PBX").get("phones", {}).get("registered") == 15)
        told = it.metrics.render().decode()
        for state, count in (("phones", 15.0), ("registered", 15.0), ("standby", 0.0)):
            labels = f'pool="vienna",pool_namespace="demo",state="{state}"'
            assert f"softphone_operator_pool_phones{{{labels}}} {count}\n" in told
        budget = cluster.objects["PodDisruptionBudget", "demo", "pool-vienna"]["spec"]
        assert budget["maxUnavailable"] == 2
        pod = cluster.objects["Deployment", "demo", "pool-vienna-0"]["spec"]["template"]
        assert budget["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


async def test_a_new_phone_that_is_registered_at_once_has_its_status_written_once(cluster: FakeCluster) -> None:
    """Of hundreds that are applied at once the API server need not be told that they begin."""
    put_pool(cluster)
    put_phones(cluster, 1)
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0") as (one,):
        await it.until(lambda: in_agent(cluster, 0) == {"p1"})
        one.says("p1")
        await until_ready(it, 1)
        await it.quiet()
        put_phones(cluster, 2, 3)
        await it.until(lambda: in_agent(cluster, 0) == {"p1", "p2", "p3"})
        one.says("p1", "p2", "p3")
        await until_ready(it, 2, 3)
        await it.quiet()
        assert [cluster.calls.count(("status", "Softphone", name)) for name in ("p2", "p3")] == [1, 1]


async def test_a_new_phone_whose_agent_is_not_heard_soon_has_a_status_all_the_same(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softphones, "BEGINNING_SECONDS", 0.3)
    put_pool(cluster)
    put_phones(cluster, 1)
    async with world(cluster) as it:
        await it.until_condition("Ready", "False", "Starting", name="p1")
        assert it.status("p1")["agent"] == "pool-vienna-0"


async def test_a_phone_of_a_pool_has_its_password_in_a_key_named_like_it(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, 1)
    put_phones(cluster, 2, credentials={"secretName": "vienna", "passwordKey": "p7", "usernameKey": "p8"})
    async with world(cluster) as it:
        await it.until(lambda: in_agent(cluster, 0) == {"p1", "p2"})
        phones = reading.parse(file_of(cluster, "pool-vienna-0")).phones
        said = [phone.credentials.model_dump(exclude_none=True) for phone in phones if phone.credentials]
        folder = "/etc/softphone-secrets/vienna"
        assert said == [
            {"password_file": f"{folder}/p1"},
            {"password_file": f"{folder}/p7", "username_file": f"{folder}/p8"},
        ]
        spec = cluster.objects["Deployment", "demo", "pool-vienna-0"]["spec"]["template"]["spec"]
        whole = next(volume for volume in spec["volumes"] if volume["name"] == "secret-vienna")
        assert whole["projected"]["sources"] == [{"secret": {"name": "vienna"}}], "keys may come without a new pod"


async def test_an_edit_of_one_phone_costs_one_file_and_no_other_status(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(15))
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
        for talker, number in ((one, 0), (other, 1)):
            talker.says(*phones_of(cluster, number))
        await until_ready(it, *range(15))
        await it.until_condition("Ready", "True", "Registered", name="vienna", of="SoftphonePool")
        await it.quiet()
        cluster.calls.clear()
        put_phones(cluster, 3, phys="graz")
        await it.until(lambda: "graz" in file_of(cluster, "pool-vienna-0"))
        calls = list(await it.quiet())
        assert applied(calls) == [("apply", "ConfigMap", "pool-vienna-0"), ("annotate", "Pod", "pool-vienna-0-pod")]
        assert {call[2] for call in calls if call[:2] == ("status", "Softphone")} == {"p3"}
        assert it.condition("Ready", "p3") == ("False", "ConfigPending")
        one.says(*phones_of(cluster, 0))
        await it.until_condition("Ready", "True", "Registered", name="p3")
        calls = list(await it.quiet())
        assert {call[2] for call in calls if call[:2] == ("status", "Softphone")} == {"p3"}


async def test_a_phone_more_and_a_phone_less_touch_one_agent(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(15))
    async with world(cluster) as it:
        await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
        await it.quiet()
        before = [set(phones_of(cluster, number)) for number in (0, 1)]
        cluster.calls.clear()
        put_phones(cluster, 20)
        await it.until(lambda: "p20" in in_agent(cluster, 1))
        assert applied(await it.quiet()) == [("apply", "ConfigMap", "pool-vienna-1")]
        cluster.calls.clear()
        gone = min(before[0])
        cluster.remove("Softphone", gone)
        await it.until(lambda: gone not in in_agent(cluster, 0))
        assert applied(await it.quiet()) == [("apply", "ConfigMap", "pool-vienna-0")]
        assert [set(phones_of(cluster, number)) for number in (0, 1)] == [before[0] - {gone}, before[1] | {"p20"}]


async def test_a_restart_of_the_operator_moves_nobody_and_writes_nothing(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(15))
    async with talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        async with world(cluster) as it:
            await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
            for talker, number in ((one, 0), (other, 1)):
                talker.says(*phones_of(cluster, number))
            await until_ready(it, *range(15))
            await it.until_condition("Ready", "True", "Registered", name="vienna", of="SoftphonePool")
            await it.until(lambda: it.status("master", "PBX").get("phones", {}).get("registered") == 15)
            await it.quiet()
        cluster.calls.clear()
        async with world(cluster) as it:
            reconciled = it.metrics.reconciles.labels("SoftphonePool", "accepted")._value
            await it.until(lambda: reconciled.get() >= 1)
            assert await it.quiet() == []
        files = [phones_of(cluster, number) for number in (0, 1)]
        for key in [key for key in cluster.objects if key[0] in ("Softphone", "SoftphonePool")]:
            del cluster.objects[key]["status"]
        async with world(cluster) as it:
            await until_ready(it, *range(15))
            assert [call for call in await it.quiet() if call[0] == "apply"] == []
        assert [phones_of(cluster, number) for number in (0, 1)] == files


async def test_what_is_wrong_with_a_phone_of_a_pool_is_told(cluster: FakeCluster) -> None:
    put_phones(cluster, 1)
    async with world(cluster) as it:
        await it.until_condition("Accepted", "False", "PoolNotFound", name="p1")
        put_pool(cluster, maxUnavailable=0)
        await it.until_condition("Accepted", "False", "PoolInvalid", name="p1")
        await it.until_condition("Accepted", "False", "InvalidSpec", name="vienna", of="SoftphonePool")
        put_pool(cluster, credentials={"secretNames": ["graz"]})
        await it.until_condition("Accepted", "False", "SecretNotFound", name="vienna", of="SoftphonePool")
        cluster.put_secret("graz", "p2")
        await it.until_condition("Accepted", "False", "SecretNotInPool", name="p1")
        put_phones(cluster, 1, credentials={"secretName": "graz"})
        await it.until_condition("Accepted", "False", "SecretKeyMissing", name="p1")
        cluster.put_secret("graz", "p1", "p2")
        await it.until_condition("Accepted", "True", "Accepted", name="p1")
        await it.until(lambda: in_agent(cluster, 0) == {"p1"})
        spec = cluster.objects["Softphone", "demo", "p1"]["spec"]
        cluster.put("Softphone", "p1", spec=spec | {"agent": {"pool": "vienna", "nodeSelector": {"a": "b"}}})
        await it.until_condition("Accepted", "False", "InvalidSpec", name="p1")


async def test_a_phone_whose_edit_is_refused_goes_on_with_what_it_had(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(3), sec="slave")
    async with world(cluster) as it:
        await it.until(lambda: len(in_agent(cluster, 0)) == 3)
        await it.quiet()
        before = file_of(cluster, "pool-vienna-0")
        cluster.put("Softphone", "p1", spec={"aor": "nonsense", "agent": {"pool": "vienna"}})
        await it.until_condition("Accepted", "False", "InvalidSpec", name="p1")
        cluster.remove("PBX", "slave")
        await it.until_condition("Accepted", "False", "PBXNotFound", name="p2")
        await it.quiet()
        assert file_of(cluster, "pool-vienna-0") == before
        cluster.put("Softphone", "p2", spec="nonsense")
        await it.until_condition("Accepted", "False", "InvalidSpec", name="p2")
        await it.quiet()
        assert file_of(cluster, "pool-vienna-0") == before
    async with world(cluster) as it:
        await it.quiet()
        assert file_of(cluster, "pool-vienna-0") == before, "also over a restart of the operator"
        for kind in ("ConfigMap", "Deployment"):
            cluster.remove(kind, "pool-vienna-0")
        await it.until(lambda: has_agent(cluster, "pool-vienna-0"))
        assert file_of(cluster, "pool-vienna-0") == before, "also if somebody deletes the agent"


async def test_a_refused_edit_of_a_pool_leaves_its_agents_alone(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(3))
    async with world(cluster) as it:
        await it.until(lambda: len(in_agent(cluster, 0)) == 3)
        await it.quiet()
        cluster.calls.clear()
        put_pool(cluster, phonesPerAgent="many")
        await it.until_condition("Accepted", "False", "InvalidSpec", name="vienna", of="SoftphonePool")
        await it.until_condition("Accepted", "False", "PoolInvalid", name="p1")
        assert applied(await it.quiet()) == []
        assert pool_status(it)["phones"] == 3


async def test_another_password_makes_the_kubelet_look_and_no_phone_is_looked_at(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(3))
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0") as (one,):
        await it.until(lambda: len(in_agent(cluster, 0)) == 3)
        one.says(*phones_of(cluster, 0))
        await until_ready(it, *range(3))
        await it.quiet()
        cluster.calls.clear()
        seen = it.metrics.reconciles.labels("Softphone", "accepted")._value.get()
        cluster.put_secret("vienna", *(f"p{n}" for n in range(40)))
        await it.until(lambda: ("annotate", "Pod", "pool-vienna-0-pod") in cluster.calls)
        await it.quiet()
        assert it.metrics.reconciles.labels("Softphone", "accepted")._value.get() == seen
        cluster.put_secret("vienna", "p0", "p2")
        await it.until_condition("Accepted", "False", "SecretKeyMissing", name="p1")
        assert it.condition("Accepted", "p2") == ("True", "Accepted")


async def test_a_phone_moves_into_a_pool_without_a_gap(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, 1)
    put_phones(cluster, 2, pool=None, credentials={"secretName": "vienna", "passwordKey": "p2"})
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "softphone-p2") as (pool, own):
        await it.until(lambda: has_agent(cluster, "softphone-p2") and has_agent(cluster, "pool-vienna-0"))
        pool.says("p1")
        own.says("p2")
        await until_ready(it, 1, 2)
        assert it.status("p2")["agent"] == "softphone-p2"
        put_phones(cluster, 2)
        await it.until(lambda: in_agent(cluster, 0) == {"p1", "p2"})
        await it.until_condition("Ready", "False", "ConfigPending", name="p2")
        await it.quiet()
        assert has_agent(cluster, "softphone-p2"), "the pool's agent has not registered it yet"
        assert it.condition("Registered", "p2") == ("True", "Registered")
        assert it.status("p2")["agent"] == "softphone-p2"
        pool.says("p1", idle=["p2"])
        await it.quiet()
        assert has_agent(cluster, "softphone-p2")
        pool.changed("p2", "master")
        await it.until(lambda: not has_agent(cluster, "softphone-p2"))
        assert ("ConfigMap", "demo", "softphone-p2") not in cluster.objects
        await it.until(lambda: it.status("p2")["agent"] == "pool-vienna-0")
        await it.until_condition("Ready", "True", "Registered", name="p2")


async def test_a_phone_moves_out_of_a_pool_without_a_gap(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, 1, 2)
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "softphone-p2") as (pool, own):
        await it.until(lambda: has_agent(cluster, "pool-vienna-0"))
        pool.says("p1", "p2")
        await until_ready(it, 1, 2)
        put_phones(cluster, 2, pool=None, credentials={"secretName": "vienna", "passwordKey": "p2"})
        await it.until(lambda: has_agent(cluster, "softphone-p2"))
        own.says(idle=["p2"])
        await it.until(lambda: it.condition("Registered", "p2") == ("True", "Registered"))
        await it.quiet()
        assert in_agent(cluster, 0) == {"p1", "p2"}
        own.changed("p2", "master")
        await it.until(lambda: in_agent(cluster, 0) == {"p1"})
        await it.until(lambda: it.status("p2")["agent"] == "softphone-p2")


async def test_a_phone_moves_between_pools_without_a_gap(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_pool(cluster, "graz")
    put_phones(cluster, 1, 2)
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "pool-graz-0") as (one, other):
        await it.until(lambda: has_agent(cluster, "pool-vienna-0"))
        one.says("p1", "p2")
        await until_ready(it, 1, 2)
        put_phones(cluster, 2, pool="graz")
        await it.until(lambda: in_agent(cluster, 0, "graz") == {"p2"})
        other.says(idle=["p2"])
        await it.quiet()
        assert in_agent(cluster, 0) == {"p1", "p2"}
        assert it.condition("Registered", "p2") == ("True", "Registered")
        other.changed("p2", "master")
        await it.until(lambda: in_agent(cluster, 0) == {"p1"})
        await it.until(lambda: it.status("p2")["agent"] == "pool-graz-0")
        ids = [phone.id for phone in reading.parse(file_of(cluster, "pool-graz-0")).phones]
        uid = cluster.objects["Softphone", "demo", "p2"]["metadata"]["uid"]
        assert ids != [uid], "each agent has a +sip.instance of its own for a phone"


async def test_a_phone_goes_with_its_object_from_wherever_it_is(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, 1, 2)
    async with world(cluster) as it:
        await it.until(lambda: in_agent(cluster, 0) == {"p1", "p2"})
        cluster.remove("Softphone", "p1")
        await it.until(lambda: in_agent(cluster, 0) == {"p2"})
        cluster.remove("Softphone", "p2")
        await it.until(lambda: not has_agent(cluster, "pool-vienna-0"))
        await it.until(lambda: pool_status(it)["phones"] == 0)


async def test_an_agent_too_many_is_emptied_and_an_operator_that_is_killed_meanwhile_loses_nobody(
    cluster: FakeCluster,
) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(15))
    async with talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        async with world(cluster) as it:
            await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
            for talker, number in ((one, 0), (other, 1)):
                talker.says(*phones_of(cluster, number))
            await until_ready(it, *range(15))
            first, second = phones_of(cluster, 0), phones_of(cluster, 1)
            for name in first[:4] + second[:3]:
                cluster.remove("Softphone", name)
            left = set(first[4:]) | set(second[3:])
            await it.until(lambda: in_agent(cluster, 0) == left)
            assert in_agent(cluster, 1) == set(second[3:])
            assert it.condition("Ready", second[3]) == ("True", "Registered"), "for its status nothing happens"
        async with world(cluster) as it:
            await it.quiet()
            assert (in_agent(cluster, 0), in_agent(cluster, 1)) == (left, set(second[3:]))
            one.says(*first[4:], second[3], idle=[second[4]])
            await it.until(lambda: in_agent(cluster, 1) == {second[4]})
            one.changed(second[4], "master")
            await it.until(lambda: not has_agent(cluster, "pool-vienna-1"))
            assert in_agent(cluster, 0) == left


async def test_a_phone_that_its_new_agent_does_not_get_registered_stays_and_that_is_told(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pool(cluster, phonesPerAgent=4)
    put_phones(cluster, *range(5))
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
        for talker, number in ((one, 0), (other, 1)):
            talker.says(*phones_of(cluster, number))
        await until_ready(it, *range(5))
        (alone,) = phones_of(cluster, 1)
        monkeypatch.setattr(assignment, "MOVE_SECONDS", 0.0)
        for name in phones_of(cluster, 0)[:2]:
            cluster.remove("Softphone", name)
        await it.until(lambda: (alone, "Warning", "MoveFailed") in cluster.events)
        await it.until(lambda: alone not in in_agent(cluster, 0))
        assert in_agent(cluster, 1) == {alone}
        assert it.condition("Ready", alone) == ("True", "Registered")


async def test_another_node_selector_changes_one_agent_after_the_other(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(15))
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
        for talker, number in ((one, 0), (other, 1)):
            talker.says(*phones_of(cluster, number))
        await until_ready(it, *range(15))

        def changed(number: int) -> bool:
            pod = cluster.objects["Deployment", "demo", f"pool-vienna-{number}"]["spec"]["template"]["spec"]
            return bool(pod.get("nodeSelector") == {"site": "vienna"})

        put_pool(cluster, agent={"nodeSelector": {"site": "vienna"}})
        await it.until(lambda: changed(0))
        await it.quiet()
        assert not changed(1), "the pod of the first is not replaced yet"
        cluster.remove("Pod", "pool-vienna-0-pod")
        first = phones_of(cluster, 0)
        async with talkers(cluster, "pool-vienna-0") as (new,):
            new.says(*first[:4], idle=first[4:])
            await it.until_condition("Ready", "False", "Updating", name="vienna", of="SoftphonePool")
            await it.quiet()
            assert not changed(1), "six phones are not registered again yet"
            for name in first[4:]:
                new.changed(name, "master")
            await it.until(lambda: changed(1))


async def test_an_agent_that_is_away_is_told_on_its_phones_and_no_others(cluster: FakeCluster) -> None:
    put_pool(cluster)
    put_phones(cluster, *range(15))
    async with world(cluster) as it, talkers(cluster, "pool-vienna-0", "pool-vienna-1") as (one, other):
        await it.until(lambda: has_agent(cluster, "pool-vienna-1"))
        for talker, number in ((one, 0), (other, 1)):
            talker.says(*phones_of(cluster, number))
        await until_ready(it, *range(15))
        await it.quiet()
        cluster.calls.clear()
        cluster.remove("Pod", "pool-vienna-1-pod")
        gone = phones_of(cluster, 1)
        for name in gone:
            await it.until_condition("AgentAvailable", "False", "Starting", name=name)
        written = {call[2] for call in await it.quiet() if call[:2] == ("status", "Softphone")}
        assert written == set(gone)


async def test_of_the_phones_that_two_pools_share_nothing_is_mixed_up(cluster: FakeCluster) -> None:
    """One object name is one phone in a namespace; in another namespace it is another."""
    put_pool(cluster)
    put_phones(cluster, 1)
    cluster.put("PBX", "master", "other", spec={"address": "sip:10.9.0.1"})
    cluster.put("SoftphonePool", "vienna", "other", spec={})
    cluster.put(
        "Softphone",
        "p1",
        "other",
        spec={"aor": "sip:other@acme.example", "pri": "master", "agent": {"pool": "vienna"}},
    )
    async with world(cluster) as it:
        await it.until(lambda: ("ConfigMap", "other", POOL.agent("vienna", 0)) in cluster.objects)
        await it.until(lambda: in_agent(cluster, 0) == {"p1"})
        text = cluster.objects["ConfigMap", "other", POOL.agent("vienna", 0)]["data"]["agent.json"]
        assert [phone["aor"] for phone in json.loads(text)["phones"]] == ["sip:other@acme.example"]
