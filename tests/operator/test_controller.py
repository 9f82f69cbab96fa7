"""The controller from end to end in memory: objects in, objects and status out, agents that talk."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from operator_world import SHARD, Agent, FakeCluster, World, agent, file_of, without_waits, world
from server_side_apply import set_image
from softphone_agent.contract import reading
from softphone_agent.contract.report import (
    ConfigChanged,
    ConfigReport,
    Counts,
    LastFailure,
    PathReport,
    PathResult,
    PbxCounts,
    PbxReport,
    PhoneChanged,
    PhoneReport,
    Reason,
    Snapshot,
)
from softphone_operator.decide import desired_pbx, mounts
from softphone_operator.kubernetes.cluster import (
    ClusterError,
)
from softphone_operator.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    Resource,
)
from softphone_operator.notify.notifier import Notifier
from softphone_operator.reconcile import pbxs, upkeep, writing


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)


@pytest.fixture
def cluster() -> FakeCluster:
    made = FakeCluster()
    made.put("PBX", "master", spec={"address": "sip:10.0.0.1", "system": "acme"})
    made.put("PBX", "slave", spec={"address": "sip:10.0.0.2", "system": "acme"})
    made.secrets["demo", "anna"] = (1, {"password"})
    made.put(
        "Softphone",
        "anna",
        spec={"aor": "sip:anna@acme.example", "pri": "master", "credentials": {"secretName": "anna"}},
    )
    return made


def config_of(cluster: FakeCluster, name: str = "anna") -> str:
    return file_of(cluster, f"softphone-{name}")


def digest_of(cluster: FakeCluster, name: str = "anna") -> str:
    return reading.digest(config_of(cluster, name).encode())


async def test_an_accepted_softphone_gets_its_agent(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Ready", "False", "Starting")
        assert it.condition("Accepted") == ("True", "Accepted")
        assert it.condition("Registered") == ("Unknown", "NoAgent")
        assert it.condition("Consistent", "master", "PBX") == ("True", "Consistent")
        owner = cluster.objects["Deployment", "demo", "softphone-anna"]["metadata"]["ownerReferences"][0]
        assert owner["uid"] == cluster.objects["Softphone", "demo", "anna"]["metadata"]["uid"]
        calls = list(await it.quiet())
        assert [call for call in calls if call[0] == "apply"] == [
            ("apply", "ConfigMap", "softphone-anna"),
            ("apply", "Deployment", "softphone-anna"),
        ]


async def test_a_restart_writes_nothing(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Ready", "False", "Starting")
        await it.until(lambda: it.status("slave", "PBX"))
        await it.quiet()
    cluster.calls.clear()
    async with world(cluster) as it:
        assert await it.quiet() == []


async def test_agents_of_an_earlier_operator_are_taken_over_without_a_restart() -> None:
    cluster = FakeCluster()
    cluster.put("PBX", "master", spec={"address": "sip:10.0.0.1"})
    cluster.put("Softphone", "anna", spec={"aor": "sip:anna@acme.example", "pri": "master"})
    async with world(cluster) as it:
        await it.until_condition("Ready", "False", "Starting")
        await it.quiet()
    # Until 0.1.0 the file was indented.
    text = cluster.objects["ConfigMap", "demo", "softphone-anna"]["data"]["agent.json"]
    earlier = json.dumps(json.loads(text), indent=2) + "\n"
    cluster.put("ConfigMap", "softphone-anna", data={"agent.json": earlier})
    cluster.calls.clear()
    async with world(cluster) as it:
        await it.until(lambda: config_of(cluster) == text)
        calls = list(await it.quiet())
    assert [call for call in calls if call[0] == "apply"] == [("apply", "ConfigMap", "softphone-anna")]


async def test_bad_input_is_told_and_goes_on_when_mended(cluster: FakeCluster) -> None:
    spec = {"aor": "sip:bob@acme.example", "pri": "late", "credentials": {"secretName": "bob"}}
    cluster.put("Softphone", "bob", spec=spec)
    async with world(cluster) as it:
        await it.until_condition("Accepted", "False", "PBXNotFound", name="bob")
        assert ("Deployment", "demo", "softphone-bob") not in cluster.objects
        assert it.condition("AgentAvailable", "bob") == ("False", "NotAccepted")
        cluster.put("PBX", "late", spec={"address": "nonsense"})
        await it.until_condition("Accepted", "False", "PBXInvalid", name="bob")
        assert it.condition("Accepted", "late", "PBX") == ("False", "InvalidSpec")
        cluster.put("PBX", "late", spec={"address": "sip:10.0.0.7"})
        await it.until_condition("Accepted", "False", "SecretNotFound", name="bob")
        cluster.put_secret("bob", "pasword")
        await it.until_condition("Accepted", "False", "SecretKeyMissing", name="bob")
        cluster.put_secret("bob", "password")
        await it.until_condition("Accepted", "True", "Accepted", name="bob")
        await it.until(lambda: ("Deployment", "demo", "softphone-bob") in cluster.objects)
        assert [(kind, reason) for name, kind, reason in cluster.events if name == "bob"] == [
            ("Warning", "PBXNotFound"),
            ("Warning", "PBXInvalid"),
            ("Warning", "SecretNotFound"),
            ("Warning", "SecretKeyMissing"),
            ("Normal", "Accepted"),
        ]


async def test_bad_input_leaves_a_running_agent_alone(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        before = copy.deepcopy(cluster.objects["Deployment", "demo", "softphone-anna"]), config_of(cluster)
        cluster.put("Softphone", "anna", spec={"aor": "nonsense", "pri": "master"})
        await it.until_condition("Accepted", "False", "InvalidSpec")
        cluster.remove_secret("anna")
        cluster.remove("PBX", "master")
        await it.quiet()
        assert (cluster.objects["Deployment", "demo", "softphone-anna"], config_of(cluster)) == before


@pytest.mark.parametrize("kinds", [["Deployment"], ["ConfigMap"], ["ConfigMap", "Deployment"]], ids=" and ".join)
async def test_what_somebody_deletes_of_a_phone_whose_spec_is_refused_is_made_anew(
    cluster: FakeCluster, kinds: list[str]
) -> None:
    def kept(kind: str) -> dict[str, Any]:
        obj = copy.deepcopy(cluster.objects[kind, "demo", "softphone-anna"])
        for key in ("uid", "resourceVersion"):
            del obj["metadata"][key]
        return obj

    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        before = [kept(kind) for kind in kinds]
        good = cluster.objects["Softphone", "demo", "anna"]["spec"]
        cluster.put("Softphone", "anna", spec={"aor": "nonsense", "pri": "master"})
        await it.until_condition("Accepted", "False", "InvalidSpec")
        cluster.calls.clear()
        for kind in kinds:
            cluster.remove(kind, "softphone-anna")
        await it.until(lambda: all((kind, "demo", "softphone-anna") in cluster.objects for kind in kinds))
        assert [kept(kind) for kind in kinds] == before
        applied = [call for call in await it.quiet() if call[0] == "apply"]
        assert sorted(call[1] for call in applied) == sorted(kinds)
        cluster.put("Softphone", "anna", spec=good)
        await it.until_condition("Accepted", "True", "Accepted")
        assert [call for call in await it.quiet() if call[0] == "apply"] == applied, "nothing is another than before"


async def test_a_phone_whose_spec_is_refused_goes_for_good(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        cluster.put("Softphone", "anna", spec={"aor": "nonsense", "pri": "master"})
        await it.until_condition("Accepted", "False", "InvalidSpec")
        await it.quiet()
        cluster.calls.clear()
        cluster.remove("Softphone", "anna")
        for kind in ("ConfigMap", "Deployment"):
            cluster.remove(kind, "softphone-anna")
        assert [call for call in await it.quiet() if call[0] == "apply"] == []


async def test_a_pbx_tells_how_many_softphones_name_it(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until(lambda: it.status("master", "PBX").get("users") == {"softphones": 1})
        await it.until(lambda: it.status("slave", "PBX").get("users") == {"softphones": 0})
        cluster.put("Softphone", "bob", spec={"aor": "sip:bob@acme.example", "pri": "master", "sec": "slave"})
        await it.until(lambda: it.status("master", "PBX")["users"] == {"softphones": 2})
        await it.until(lambda: it.status("slave", "PBX")["users"] == {"softphones": 1})
        cluster.remove("Softphone", "bob")
        await it.until(lambda: it.status("master", "PBX")["users"] == {"softphones": 1})


async def test_a_pbx_that_goes_while_in_use_is_told_and_phones_keep_its_last_address(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.until_condition("Accepted", "True", "Accepted", name="master", of="PBX")
        before, old = config_of(cluster), cluster.objects["PBX", "demo", "master"]
        cluster.remove("PBX", "master")
        await it.until_condition("Accepted", "False", "PBXNotFound")
        await it.until(lambda: ("master", "Warning", "DeletedInUse") in cluster.events)
        assert ("anna", "Warning", "PBXNotFound") in cluster.events
        await it.quiet()
        assert config_of(cluster) == before
        cluster.put("PBX", "master", spec=old["spec"])
        await it.until_condition("Accepted", "True", "Accepted")
        assert config_of(cluster) == before
        assert cluster.events.count(("master", "Warning", "DeletedInUse")) == 1


async def test_a_pbx_that_goes_with_its_users_is_no_news(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pbxs, "DELETED_SECONDS", 0.05)
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        cluster.remove("PBX", "master")
        cluster.remove("Softphone", "anna")
        gone = it.metrics.reconciles.labels("PBX", "gone")
        await it.until(lambda: gone._value.get() >= 2)
        assert "DeletedInUse" not in [reason for _, _, reason in cluster.events]


async def test_a_second_softphone_of_an_aor_is_told_and_registers(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        cluster.put("Softphone", "bob", spec={"aor": "sip:anna@acme.example", "pri": "slave"})
        await it.until_condition("Accepted", "True", "DuplicateAOR", name="bob")
        told = it.status("bob")["conditions"][0]["message"]
        assert told == 'the spec is accepted; aor: "sip:anna@acme.example" is already that of the Softphone "anna"'
        assert "softphone-bob" in {name for _, _, name in cluster.objects}
        assert it.condition("Accepted") == ("True", "Accepted")
        cluster.remove("Softphone", "anna")
        await it.until_condition("Accepted", "True", "Accepted", name="bob")


async def test_a_second_pbx_of_an_address_is_told_of_and_the_first_is_not(cluster: FakeCluster) -> None:
    def created(second: str) -> dict[str, str]:
        return {"creationTimestamp": f"2026-01-02T03:04:{second}Z"}

    cluster.put("PBX", "master", metadata=created("05"))
    cluster.put("PBX", "a-twin", spec={"address": "sip:10.0.0.1:5060"}, metadata=created("06"))
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "DuplicateAddress", name="a-twin", of="PBX")
        await it.until_condition("Accepted", "True", "Accepted", name="master", of="PBX")
        assert ("a-twin", "Warning", "DuplicateAddress") in cluster.events
        cluster.put("PBX", "master", spec={"address": "sip:10.0.0.9", "system": "acme"})
        await it.until_condition("Accepted", "True", "Accepted", name="a-twin", of="PBX")


async def test_an_operator_with_a_selector_reads_every_pbx_and_writes_its_own(cluster: FakeCluster) -> None:
    cluster.put(
        "Softphone", "bob", metadata={"labels": {SHARD: "a"}}, spec=cluster.objects["Softphone", "demo", "anna"]["spec"]
    )
    cluster.put("PBX", "own", metadata={"labels": {SHARD: "a"}}, spec={"address": "sip:pbx.test"})
    async with world(cluster, watch_selector=f"{SHARD}=a") as it:
        await it.until_condition("Accepted", "True", "Accepted", name="bob")
        await it.until_condition("Accepted", "True", "Accepted", name="own", of="PBX")
        calls = await it.quiet()
        assert it.status("anna") == it.status("master", "PBX") == {}, "they are another operator's"
        assert {call[2] for call in calls} == {"bob", "own", "softphone-bob"}
        sample = it.metrics.registry.get_sample_value
        counted = [sample("softphone_operator_objects", {"kind": kind, "state": state})
                   for kind in ("PBX", "Softphone") for state in ("Ready", "NotReady")]  # fmt: skip
        assert counted == [1, 0, 0, 1]


async def test_a_pbx_that_becomes_this_operators_gets_its_status(cluster: FakeCluster) -> None:
    async with world(cluster, watch_selector=f"{SHARD}=a") as it:
        cluster.put("PBX", "master", metadata={"labels": {SHARD: "a"}})
        await it.until_condition("Accepted", "True", "Accepted", name="master", of="PBX")


async def test_a_phone_that_goes_to_another_operator_while_its_status_is_written_does_not_come_back(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = cluster.put("Softphone", "anna", metadata={"labels": {SHARD: "a"}})
    write = cluster.write_status

    async def relabelled_meanwhile(resource: Resource, *parts: Any) -> dict[str, Any] | None:
        if resource.kind != "Softphone":
            return await write(resource, *parts)
        told = cluster.watcher
        assert told is not None
        cluster.watcher = None
        answer = await write(resource, *parts)
        told(resource, {**anna, "metadata": {**anna["metadata"], "labels": {SHARD: "b"}}}, True)
        return answer

    async with world(cluster, watch_selector=f"{SHARD}=a") as it:
        monkeypatch.setattr(cluster, "write_status", relabelled_meanwhile)
        cluster.put("Softphone", "anna", spec={**anna["spec"], "phys": "graz"})
        await it.until(lambda: cluster.watcher is None)
        await it.quiet()
        assert it.controller.observed.get("Softphone", ("demo", "anna")) is None
        assert ("Deployment", "demo", "softphone-anna") in cluster.objects, "the agent runs on, for the other operator"


async def test_drift_is_corrected(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        good = config_of(cluster)
        cluster.put("ConfigMap", "softphone-anna", data={"agent.json": "{}"})
        await it.until(lambda: config_of(cluster) == good)
        cluster.remove("ConfigMap", "softphone-anna")
        await it.until(lambda: ("ConfigMap", "demo", "softphone-anna") in cluster.objects)
        spec = copy.deepcopy(cluster.objects["Deployment", "demo", "softphone-anna"]["spec"])
        cluster.put("Deployment", "softphone-anna", spec={**spec, "replicas": 0})
        await it.until(lambda: cluster.objects["Deployment", "demo", "softphone-anna"]["spec"]["replicas"] == 1)


async def test_what_is_taken_away_of_a_spec_is_taken_away_of_the_pod(cluster: FakeCluster) -> None:
    spec = cluster.objects["Softphone", "demo", "anna"]["spec"]
    agent = {"nodeSelector": {"site": "vienna"}, "priorityClassName": "phones", "resources": {"limits": {"cpu": "1"}}}
    cluster.put("Softphone", "anna", spec={**spec, "agent": agent})
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")

        def pod() -> dict[str, Any]:
            return dict(cluster.objects["Deployment", "demo", "softphone-anna"]["spec"]["template"]["spec"])

        assert pod()["nodeSelector"] == {"site": "vienna"}
        for name in ("nodeSelector", "priorityClassName"):
            del agent[name]
            cluster.put("Softphone", "anna", spec={**spec, "agent": copy.deepcopy(agent)})
            await it.until(lambda name=name: name not in pod())  # type: ignore[misc]
        assert pod()["containers"][0]["resources"]["limits"] == {"cpu": "1"}
        cluster.put("Softphone", "anna", spec=spec)
        await it.until(lambda: pod()["containers"][0]["resources"]["limits"] == {"memory": "256Mi"})
        bare = {key: value for key, value in spec.items() if key != "credentials"}
        cluster.put("Softphone", "anna", spec=bare)
        await it.until(lambda: "secret-anna" not in [volume["name"] for volume in pod()["volumes"]])
        cluster.calls.clear()
        cluster.put("Softphone", "anna", metadata={"labels": {"touched": "yes"}})
        assert [call for call in await it.quiet() if call[0] == "apply"] == []


async def test_an_image_that_somebody_sets_does_not_stay_where_images_wait_for_the_next_pod(
    cluster: FakeCluster,
) -> None:
    def image() -> str:
        pod = cluster.objects["Deployment", "demo", "softphone-anna"]["spec"]["template"]["spec"]
        return str(pod["containers"][0]["image"])

    def somebody_sets(reference: str) -> None:
        changed = set_image(cluster.objects["Deployment", "demo", "softphone-anna"], reference)
        cluster.put("Deployment", "softphone-anna", spec=changed["spec"], metadata=changed["metadata"])

    async with world(cluster, agent_image_update="OnNextPod") as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        somebody_sets("somewhere/agent:9")
        await it.until(lambda: image() == "agent:1")
        await it.quiet()
    # An image that an earlier operator chose stays; one that somebody set while there was none does not.
    before = copy.deepcopy(cluster.objects["Deployment", "demo", "softphone-anna"])
    before["spec"]["template"]["spec"]["containers"][0]["image"] = "agent:0"
    cluster.objects["Deployment", "demo", "softphone-anna"] = before
    async with world(cluster, agent_image_update="OnNextPod") as it:
        await it.quiet()
        assert image() == "agent:0"
    somebody_sets("somewhere/agent:9")
    async with world(cluster, agent_image_update="OnNextPod") as it:
        await it.until(lambda: image() == "agent:1")


async def test_what_the_server_makes_of_an_object_is_not_fought_over(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        apply = cluster.apply

        async def stubborn(resource: Resource, desired: Mapping[str, Any]) -> dict[str, Any]:
            changed = copy.deepcopy(dict(desired))
            if resource is DEPLOYMENTS:
                changed["spec"]["strategy"] = {"type": "RollingUpdate"}
            return await apply(resource, changed)

        cluster.apply = stubborn  # type: ignore[method-assign]
        cluster.calls.clear()
        cluster.remove("Deployment", "softphone-anna")
        await it.until(lambda: ("Deployment", "demo", "softphone-anna") in cluster.objects)
        cluster.put("Softphone", "anna", metadata={"labels": {"touched": "yes"}})
        assert [call for call in await it.quiet() if call[0] == "apply"] == [("apply", "Deployment", "softphone-anna")]


async def test_an_object_of_somebody_else_is_not_touched(cluster: FakeCluster) -> None:
    cluster.objects["ConfigMap", "demo", "softphone-anna"] = {
        "kind": "ConfigMap",
        "metadata": {"name": "softphone-anna", "namespace": "demo", "uid": "x", "resourceVersion": "1"},
        "data": {"mine": "yes"},
    }
    found = cluster.list

    def only_ours(resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
        return [] if resource is CONFIG_MAPS else found(resource, namespace)

    cluster.list = only_ours  # type: ignore[method-assign]
    async with world(cluster) as it:
        await it.until_condition("AgentAvailable", "False", "NameTaken")
        assert cluster.objects["ConfigMap", "demo", "softphone-anna"]["data"] == {"mine": "yes"}


async def test_the_agent_of_an_earlier_softphone_is_waited_for(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        spec = cluster.objects["Softphone", "demo", "anna"]["spec"]
        cluster.remove("Softphone", "anna")
        cluster.put("Softphone", "anna", spec=spec)
        await it.until_condition("AgentAvailable", "False", "Terminating")
        cluster.remove("ConfigMap", "softphone-anna")
        cluster.remove("Deployment", "softphone-anna")
        await it.until_condition("AgentAvailable", "False", "Starting")
        uid = cluster.objects["Softphone", "demo", "anna"]["metadata"]["uid"]
        made = cluster.objects["Deployment", "demo", "softphone-anna"]
        assert [ref["uid"] for ref in made["metadata"]["ownerReferences"]] == [uid]


async def test_a_refusal_of_the_api_server_is_told(cluster: FakeCluster) -> None:
    cluster.refusal = ClusterError(403, "Forbidden", "exceeded quota")
    async with world(cluster) as it:
        await it.until_condition("AgentAvailable", "False", "AgentRefused")
        message = next(c["message"] for c in it.status()["conditions"] if c["type"] == "Ready")
        assert message == "ConfigMap softphone-anna: exceeded quota"


async def test_an_object_that_is_being_deleted_is_left_alone(cluster: FakeCluster) -> None:
    cluster.put("Softphone", "anna", metadata={"deletionTimestamp": "now"})
    async with world(cluster) as it:
        await it.until(lambda: it.status("master", "PBX"))
        assert [call for call in await it.quiet() if "anna" in call[2]] == []


def put_pod(cluster: FakeCluster, talker: Agent, name: str = "pod-1", *, ready: bool = True) -> None:
    cluster.put(
        "Pod",
        name,
        metadata={
            "labels": {"app.kubernetes.io/instance": "softphone-anna"},
            "annotations": {"prometheus.io/port": str(talker.port)},
            "creationTimestamp": name,
        },
        status={
            "phase": "Running",
            "podIP": "127.0.0.1",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    )


def at(pbx: str | None, role: Any = "Home", state: Any = "Registered") -> PhoneReport:
    return PhoneReport(
        name="anna",
        state=state,
        registered=pbx is not None,
        pbx=pbx,
        role=role if pbx else None,
        since="2026-01-02T03:04:05.000Z",
    )


def is_at(it: World, place: str) -> bool:
    return bool(it.status().get("registration", {}).get("pbx") == place)


def snapshot(cluster: FakeCluster, *phones: PhoneReport, **pbxs: bool) -> Snapshot:
    return Snapshot(
        version="1",
        config=ConfigReport(digest=digest_of(cluster)),
        phones=phones,
        pbxs=tuple(PbxReport(name=name, reachable=reachable) for name, reachable in pbxs.items()),
    )


async def test_what_the_agent_says_becomes_status(cluster: FakeCluster) -> None:
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        talker.say(snapshot(cluster, at("slave"), slave=True, master=True))
        put_pod(cluster, talker)
        await it.until_condition("Ready", "True", "Registered")
        assert it.status()["registration"]["pbx"] == "slave"
        await it.until(lambda: it.status("slave", "PBX").get("phones") == {"registered": 1, "home": 1, "standby": 0})
        assert it.status("slave", "PBX")["reachable"] is True
        talker.say(PhoneChanged(phone=at("master", "Standby")))
        await it.until(lambda: it.status()["registration"]["pbx"] == "master")
        await it.until(lambda: it.status("master", "PBX")["phones"] == {"registered": 1, "home": 0, "standby": 1})
        await it.until(lambda: it.status("slave", "PBX")["phones"]["registered"] == 0)
        assert ("anna", "Warning", "Standby") in cluster.events
        assert it.lags() == 1
        assert b'softphone_operator_objects{kind="Softphone",state="Ready"} 1.0' in it.metrics.render()


async def test_a_standby_that_dies_while_nobody_uses_it_is_told_on_the_phone_and_on_its_system(
    cluster: FakeCluster,
) -> None:
    spec = {"aor": "sip:anna@acme.example", "pri": "master", "sec": "slave"}
    cluster.put("Softphone", "anna", spec=spec)
    pri = PathReport(via="pri", result="Holds", pbx="master")
    results: tuple[PathResult, PathResult] = ("WouldKeep", "Unreachable")
    well, lost = (PathReport(via="sec", result=result, pbx="slave") for result in results)
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        put_pod(cluster, talker)
        talker.say(snapshot(cluster, at("master").model_copy(update={"paths": (pri, well)})))
        await it.until_condition("Redundant", "True", "Redundant")
        for pbx in ("master", "slave"):
            await it.until_condition("Redundant", "True", "Redundant", name=pbx, of="PBX")
        lags = it.metrics.registry.get_sample_value("softphone_operator_status_lag_seconds_sum")
        talker.say(PhoneChanged(phone=at("master").model_copy(update={"paths": (pri, lost)})))
        await it.until_condition("Redundant", "False", "Unreachable")
        assert it.condition("Ready") == ("True", "Registered")
        for pbx in ("master", "slave"):
            await it.until_condition("Redundant", "False", "NotRedundant", name=pbx, of="PBX")
        await it.until(lambda: ("slave", "Warning", "RedundancyLost") in cluster.events)
        assert ("anna", "Warning", "RedundancyLost") in cluster.events
        after = it.metrics.registry.get_sample_value("softphone_operator_status_lag_seconds_sum")
        assert lags is not None
        assert after is not None
        assert after - lags < 3600, "what a check found is not as old as the registration"
        cluster.remove("Softphone", "anna")
        await it.until(lambda: it.condition("Redundant", "master", "PBX") is None)


async def test_a_loss_is_told_and_no_receiver_holds_up_the_work(cluster: FakeCluster) -> None:
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    taken = asyncio.Event()

    async def post(message: Mapping[str, Any]) -> None:
        await told.put(dict(message))
        await taken.wait()

    failure = LastFailure(code=0, reason=Reason.UNREACHABLE, pbx="master", time="2026-01-02T03:04:05Z")
    notifier = Notifier(post, 0.0, count=lambda result: None)
    sending = asyncio.create_task(notifier.run())
    async with agent() as talker, world(cluster, notifier) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        put_pod(cluster, talker)
        talker.say(snapshot(cluster, at("master")))
        await it.until_condition("Ready", "True", "Registered")
        lost = at(None, state="Waiting").model_copy(update={"last_failure": failure})
        talker.say(PhoneChanged(phone=lost))
        message = await asyncio.wait_for(told.get(), 5)
        assert [(one["status"], one["labels"]["softphone"]) for one in message["alerts"]] == [("firing", "anna")]
        talker.say(PhoneChanged(phone=at("slave")))
        await it.until(lambda: is_at(it, "slave"))
        taken.set()
        message = await asyncio.wait_for(told.get(), 5)
        assert [one["status"] for one in message["alerts"]] == ["resolved"]
        talker.say(PhoneChanged(phone=lost))
        assert (await asyncio.wait_for(told.get(), 5))["status"] == "firing"
        cluster.remove("Softphone", "anna")
        assert (await asyncio.wait_for(told.get(), 5))["status"] == "resolved"
    sending.cancel()


async def test_words_of_an_agent_that_fit_no_status_do_not_stop_the_reconcile(cluster: FakeCluster) -> None:
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        said = {"physical_location": "x" * 64, "contact": "y" * 600, "since": "yesterday"}
        talker.say(snapshot(cluster, at("slave").model_copy(update=said)))
        put_pod(cluster, talker)
        await it.until_condition("Ready", "True", "Registered")
        assert it.status()["registration"]["physicalLocation"] == "x" * 63
        assert "since" not in it.status()["registration"]
        seen = it.metrics.render().splitlines()
        errors = [line for line in seen if b"_total{" in line and b'result="error"' in line]
        assert {line.rpartition(b" ")[2] for line in errors} == {b"0.0"}


async def test_a_pbx_that_cannot_be_understood_stops_no_other(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    understood = desired_pbx.pbx

    def fails(name: str, *others: Any) -> Any:
        if name == "odd":
            raise RuntimeError("a fault of ours")
        return understood(name, *others)

    monkeypatch.setattr(desired_pbx, "pbx", fails)
    cluster.put("PBX", "odd", spec={"address": "sip:10.0.0.3"})
    cluster.put("Softphone", "bob", spec={"aor": "sip:bob@acme.example", "pri": "odd"})
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.until_condition("Accepted", "False", "InvalidSpec", name="odd", of="PBX")
        await it.until_condition("Accepted", "False", "PBXInvalid", name="bob")
        await it.until_condition("Accepted", "True", "Accepted", name="slave", of="PBX")


async def test_another_secret_reaches_the_phone_with_the_pod_that_mounts_it(cluster: FakeCluster) -> None:
    cluster.secrets["demo", "other"] = (2, {"password"})

    def files() -> dict[str, str]:
        return dict(cluster.objects["ConfigMap", "demo", "softphone-anna"]["data"])

    def mounted() -> str:
        return mounts.mounted_key(cluster.objects["Deployment", "demo", "softphone-anna"])

    def seen_by_its_controller(*, updated: int) -> None:
        generation = cluster.objects["Deployment", "demo", "softphone-anna"]["metadata"]["generation"]
        cluster.put(
            "Deployment", "softphone-anna", status={"observedGeneration": generation, "updatedReplicas": updated}
        )

    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        seen_by_its_controller(updated=1)
        talker.say(snapshot(cluster, at("slave")))
        put_pod(cluster, talker)
        await it.until_condition("Ready", "True", "Registered")
        old = files()["agent.json"]
        apply = cluster.apply

        async def fails(resource: Resource, desired: Mapping[str, Any]) -> dict[str, Any]:
            if resource is DEPLOYMENTS:
                raise ClusterError(403, "Forbidden", "not now")
            return await apply(resource, desired)

        cluster.apply = fails  # type: ignore[method-assign]
        spec = cluster.objects["Softphone", "demo", "anna"]["spec"]
        cluster.put("Softphone", "anna", spec={**spec, "credentials": {"secretName": "other"}})
        await it.until_condition("AgentAvailable", "False", "AgentRefused")
        assert files()["agent.json"] == old
        assert mounted() == "agent.json", "the pod that runs has its file, and the operator may end here"
        cluster.apply = apply  # type: ignore[method-assign]
    cluster.calls.clear()
    async with agent() as new, world(cluster) as it:
        await it.until(lambda: mounted() != "agent.json")
        seen_by_its_controller(updated=0)
        calls = list(await it.quiet())
        assert files()["agent.json"] == old
        assert "/other/" in files()[mounted()]
        assert [call for call in calls if call[0] == "annotate"] == [], "the pod that ends has nothing to look for"
        cluster.remove("Pod", "pod-1")
        new.say(snapshot(cluster, at("slave")))
        put_pod(cluster, new, "pod-2")
        seen_by_its_controller(updated=1)
        await it.until_condition("Ready", "True", "Registered")
        await it.until(lambda: list(files()) == [mounted()])
        cluster.put("Softphone", "anna", spec={**spec, "credentials": {"secretName": "other"}, "phys": "vienna"})
        await it.until(lambda: "vienna" in files()[mounted()])
        assert list(files()) == [mounted()]


async def test_a_pod_that_cannot_mount_its_secret_is_told_with_its_name(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        cluster.remove_secret("anna")
        await it.until_condition("Accepted", "False", "SecretNotFound")
        waiting = {"name": "agent", "state": {"waiting": {"reason": "ContainerCreating"}}}
        cluster.put(
            "Pod",
            "pod-1",
            metadata={"labels": {"app.kubernetes.io/instance": "softphone-anna"}, "creationTimestamp": "1"},
            status={"phase": "Pending", "containerStatuses": [waiting]},
        )
        await it.until_condition("AgentAvailable", "False", "FailedMount")
        told = next(c["message"] for c in it.status()["conditions"] if c["type"] == "AgentAvailable")
        assert told == 'the pod pod-1 cannot start: the Secret "anna" that it mounts does not exist'
        assert ("anna", "Warning", "FailedMount") in cluster.events
        cluster.put_secret("anna", "password")
        await it.until_condition("AgentAvailable", "False", "Starting")


async def test_ready_waits_for_the_present_configuration(cluster: FakeCluster) -> None:
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        talker.say(snapshot(cluster, at("slave")))
        put_pod(cluster, talker)
        await it.until_condition("Ready", "True", "Registered")
        assert not [call for call in await it.quiet() if call[0] == "annotate"]
        spec = cluster.objects["Softphone", "demo", "anna"]["spec"]
        cluster.put("Softphone", "anna", spec={**spec, "phys": "vienna"})
        await it.until_condition("Ready", "False", "ConfigPending")
        assert it.condition("Registered") == ("True", "Registered")
        assert it.status()["observedGeneration"] == 2
        assert [call for call in await it.quiet() if call[0] == "annotate"] == [("annotate", "Pod", "pod-1")]
        talker.say(ConfigChanged(config=ConfigReport(digest=digest_of(cluster))))
        await it.until_condition("Ready", "True", "Registered")


async def test_who_looks_while_a_pbxs_secret_is_read_is_not_told_that_there_is_no_pbx(cluster: FakeCluster) -> None:
    cluster.secrets["demo", "ca"] = (1, {"ca.crt"})
    cluster.put("PBX", "master", spec={"address": "sip:192.0.2.1", "tls": {"caSecretName": "ca"}})
    spec = {"aor": "sip:bob@acme.example", "pri": "master"}
    cluster.put("Softphone", "bob", spec=spec)
    read = cluster.secret_keys

    async def slowly(namespace: str, name: str) -> frozenset[str] | None:
        await asyncio.sleep(0.05)
        return await read(namespace, name)

    cluster.secret_keys = slowly  # type: ignore[method-assign]
    async with world(cluster) as it:
        for name in ("anna", "bob"):
            await it.until_condition("Accepted", "True", "Accepted", name=name)
        assert ("Warning", "PBXNotFound") not in [event[:2] for event in cluster.events]


async def test_a_changed_secret_syncs_the_volumes(cluster: FakeCluster) -> None:
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        talker.say(snapshot(cluster, at("slave")))
        put_pod(cluster, talker)
        await it.until_condition("Ready", "True", "Registered")
        await it.quiet()
        cluster.put_secret("anna", "password")
        await it.until(lambda: ("annotate", "Pod", "pod-1") in cluster.calls)
    cluster.calls.clear()
    async with agent() as talker, world(cluster) as it:
        assert [call for call in await it.quiet() if call[0] == "annotate"] == []


async def test_the_volumes_are_synced_again_while_the_configuration_is_pending(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FIRST_SYNC_WAIT_SECONDS", 0.01)
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        talker.say(Snapshot(version="1", config=ConfigReport(digest="f" * 16)))
        put_pod(cluster, talker)
        await it.until(lambda: cluster.calls.count(("annotate", "Pod", "pod-1")) >= 3)


async def test_a_refused_configuration_is_told(cluster: FakeCluster) -> None:
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        refused = ConfigReport(digest="f" * 16, refused=("phones[0].aor: bad",))
        talker.say(Snapshot(version="1", config=refused, phones=(at("slave"),)))
        put_pod(cluster, talker)
        await it.until_condition("Ready", "False", "ConfigRefused")


async def test_an_agent_that_falls_silent_is_unknown_after_a_moment(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softphone_operator.observe.agents.GRACE_SECONDS", 0.05)
    async with world(cluster) as it:
        async with agent() as talker:
            await it.until_condition("Accepted", "True", "Accepted")
            talker.say(snapshot(cluster, at("slave")))
            put_pod(cluster, talker)
            await it.until_condition("Ready", "True", "Registered")
            await it.until(lambda: it.status("slave", "PBX").get("phones", {}).get("registered") == 1)
            talker.hang_up()
        await it.until_condition("Registered", "Unknown", "AgentUnreachable")
        assert it.status()["registration"] == {"state": "Unknown"}
        await it.until(lambda: it.status("slave", "PBX")["phones"]["registered"] == 0)


async def test_the_new_pod_is_followed(cluster: FakeCluster) -> None:
    async with agent() as one, agent() as two, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        one.say(snapshot(cluster, at("slave")))
        two.say(snapshot(cluster, at("master", "Standby")))
        put_pod(cluster, one, "pod-1")
        await it.until(lambda: it.status().get("registration", {}).get("pbx") == "slave")
        cluster.remove("Pod", "pod-1")
        put_pod(cluster, two, "pod-2")
        await it.until(lambda: it.status().get("registration", {}).get("pbx") == "master")


async def test_a_restart_tells_no_lies_and_writes_nothing_while_all_is_the_same(cluster: FakeCluster) -> None:
    async with agent() as talker:
        async with world(cluster) as it:
            await it.until_condition("Accepted", "True", "Accepted")
            talker.say(snapshot(cluster, at("slave"), slave=True))
            put_pod(cluster, talker)
            await it.until_condition("Ready", "True", "Registered")
            await it.until(lambda: it.status("slave", "PBX").get("phones", {}).get("registered") == 1)
            await it.quiet()
        cluster.calls.clear()
        async with world(cluster) as it:
            assert await it.quiet() == []
            assert it.condition("Ready") == ("True", "Registered")


async def test_a_deleted_softphone_counts_no_more(cluster: FakeCluster) -> None:
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        talker.say(snapshot(cluster, at("slave")))
        put_pod(cluster, talker)
        await it.until(lambda: it.status("slave", "PBX").get("phones", {}).get("registered") == 1)
        cluster.remove("Softphone", "anna")
        await it.until(lambda: it.status("slave", "PBX")["phones"]["registered"] == 0)


async def test_events_of_single_phones_are_bounded(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "EVENT_BURST", 2)
    monkeypatch.setattr(writing, "EVENTS_PER_SECOND", 0.0)
    async with agent() as talker, world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        talker.say(snapshot(cluster, at("slave")))
        put_pod(cluster, talker)
        for place in ("master", "slave", "master", "slave"):
            talker.say(PhoneChanged(phone=at(place)))
            await it.until(partial(is_at, it, place))
        assert len([event for event in cluster.events if event[0] == "anna"]) == 2


async def test_who_stops_in_the_midst_of_a_reconcile_follows_no_agent_any_more(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, read = asyncio.Event(), cluster.secret_keys

    async def to_the_end(namespace: str, name: str) -> frozenset[str] | None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
        return await read(namespace, name)

    async with agent() as talker:
        cluster.secret_keys = to_the_end  # type: ignore[method-assign]
        put_pod(cluster, talker)
        async with world(cluster):
            await begun.wait()
    assert not [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("follow")]


async def test_what_vanished_unseen_is_noticed_by_the_resync(cluster: FakeCluster) -> None:
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        del cluster.objects["PBX", "demo", "master"]
        await it.controller._resync()
        await it.until_condition("Accepted", "False", "PBXNotFound")


# Fleets.


def put_fleet(cluster: FakeCluster, **spec: Any) -> None:
    template = {"aor": "sip:load{index}@acme.example", "pri": "master"} | spec.pop("template", {})
    cluster.put("SoftphoneFleet", "load", spec={"phonesPerAgent": 10, "template": template, **spec})


def slice_of(cluster: FakeCluster, number: int) -> list[str]:
    text = file_of(cluster, f"fleet-load-{number}")
    return [phone.name for phone in reading.parse(text).phones]


def put_fleet_pod(cluster: FakeCluster, talker: Agent, number: int, name: str) -> None:
    """A pod as the Deployment that is there makes it."""
    template = cluster.objects["Deployment", "demo", f"fleet-load-{number}"]["spec"]["template"]["metadata"]
    annotations = template["annotations"] | {"prometheus.io/port": str(talker.port)}
    cluster.put(
        "Pod",
        name,
        metadata={"labels": template["labels"], "annotations": annotations, "creationTimestamp": name},
        status={"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    )


def counts_of(cluster: FakeCluster, number: int, registered: int, phones: int = 10) -> Counts:
    text = file_of(cluster, f"fleet-load-{number}")
    return Counts(
        version="1",
        config=ConfigReport(digest=reading.digest(text.encode())),
        phones=phones,
        registered=registered,
        pbxs=(PbxCounts(name="master", registered=registered, home=registered, reachable=True),),
    )


async def test_a_fleet_has_an_agent_for_each_slice_and_a_budget(cluster: FakeCluster) -> None:
    put_fleet(cluster, replicas=25, firstIndex=100, maxUnavailable=2)
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        assert [len(slice_of(cluster, number)) for number in range(3)] == [10, 10, 5]
        assert (slice_of(cluster, 0)[0], slice_of(cluster, 2)[-1]) == ("load-100", "load-124")
        budget = cluster.objects["PodDisruptionBudget", "demo", "fleet-load"]["spec"]
        assert budget["maxUnavailable"] == 2
        pod = cluster.objects["Deployment", "demo", "fleet-load-2"]["spec"]["template"]["metadata"]["labels"]
        assert budget["selector"]["matchLabels"].items() <= pod.items()
        status = it.status("load", "SoftphoneFleet")
        assert status["agents"] == {"wanted": 3, "ready": 0, "updated": 3}
        all_of_them = '{fleet="load",fleet_namespace="demo",state="replicas"} ' + str(float(status["replicas"]))
        await it.until(lambda: f"softphone_operator_fleet_phones{all_of_them}".encode() in it.metrics.render())
        assert dict(part.split("=") for part in status["selector"].split(",")).items() <= pod.items()


async def test_another_size_touches_the_last_agents_only(cluster: FakeCluster) -> None:
    put_fleet(cluster, replicas=40)
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        await it.quiet()
        cluster.calls.clear()
        put_fleet(cluster, replicas=25)
        await it.until(lambda: ("ConfigMap", "demo", "fleet-load-3") not in cluster.objects)
        changed = [call for call in await it.quiet() if call[0] != "status"]
        assert changed == [
            ("apply", "ConfigMap", "fleet-load-2"),
            ("delete", "Deployment", "fleet-load-3"),
            ("delete", "ConfigMap", "fleet-load-3"),
        ]
        cluster.calls.clear()
        put_fleet(cluster, replicas=40)
        await it.until(lambda: ("Deployment", "demo", "fleet-load-3") in cluster.objects)
        assert {call[2] for call in await it.quiet() if call[0] != "status"} == {"fleet-load-2", "fleet-load-3"}


async def test_aors_that_a_fleet_shares_with_others_are_told_and_register(cluster: FakeCluster) -> None:
    def message(name: str, kind: str) -> str:
        return str(next(c["message"] for c in it.status(name, kind)["conditions"] if c["type"] == "Accepted"))

    put_fleet(cluster, replicas=10)
    spec = {"replicas": 5, "firstIndex": 8, "template": {"aor": "sips:load{index}@acme.example", "pri": "slave"}}
    cluster.put("SoftphoneFleet", "more", metadata={"creationTimestamp": "2026-01-02T03:04:05Z"}, spec=spec)
    cluster.put("Softphone", "bob", spec={"aor": "sip:load9@acme.example", "pri": "master"})
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        await it.until_condition("Accepted", "True", "DuplicateAOR", name="more", of="SoftphoneFleet")
        await it.until_condition("Accepted", "True", "DuplicateAOR", name="bob")
        assert message("more", "SoftphoneFleet").endswith(
            'template.aor: "sips:load{index}@acme.example" makes at index 8 what index 8 of the SoftphoneFleet "load" '
            "is already"
        )
        assert message("bob", "Softphone").endswith(
            'aor: "sip:load9@acme.example" is also that of index 9 of the SoftphoneFleet "load"'
        )
        put_fleet(cluster, replicas=5)
        await it.until_condition("Accepted", "True", "Accepted", name="more", of="SoftphoneFleet")
        await it.until(lambda: 'SoftphoneFleet "more"' in message("bob", "Softphone"))
        cluster.remove("SoftphoneFleet", "more")
        await it.until_condition("Accepted", "True", "Accepted", name="bob")


async def test_a_refused_edit_leaves_the_agents_of_a_fleet_alone(cluster: FakeCluster) -> None:
    put_fleet(cluster, replicas=20)
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        await it.quiet()
        cluster.calls.clear()
        put_fleet(cluster, replicas=5, template={"pri": "mastre"})
        await it.until_condition("Accepted", "False", "PBXNotFound", name="load", of="SoftphoneFleet")
        assert [call for call in await it.quiet() if call[0] != "status"] == []
        cluster.remove("Deployment", "fleet-load-1")
        await it.until(lambda: ("Deployment", "demo", "fleet-load-1") in cluster.objects)
        calls = [call for call in await it.quiet() if call[0] != "status"]
        assert calls == [("apply", "Deployment", "fleet-load-1")]


async def test_of_a_fleet_without_its_secret_that_lost_an_agent_half_the_phones_are_missing(
    cluster: FakeCluster,
) -> None:
    cluster.put_secret("load", "password")
    put_fleet(cluster, replicas=20, template={"credentials": {"secretName": "load"}})
    async with world(cluster) as it, agent() as one, agent() as other:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        for number, talker in enumerate((one, other)):
            talker.say(counts_of(cluster, number, 10))
            put_fleet_pod(cluster, talker, number, f"pod-{number}")
        await it.until_condition("Ready", "True", "Registered", name="load", of="SoftphoneFleet")
        cluster.remove_secret("load")
        cluster.remove("Pod", "pod-1")
        await it.until_condition("Registered", "False", "Registering", name="load", of="SoftphoneFleet")
        status = it.status("load", "SoftphoneFleet")
        assert (status["replicas"], status["registered"]) == (20, 10)


async def test_a_fleet_tells_what_its_agents_tell_and_the_pbx_counts_its_phones(
    cluster: FakeCluster,
) -> None:
    put_fleet(cluster, replicas=20)
    async with world(cluster) as it, agent() as one, agent() as other:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        for number, talker in enumerate((one, other)):
            talker.say(counts_of(cluster, number, 10))
            put_fleet_pod(cluster, talker, number, f"pod-{number}")
        await it.until_condition("Ready", "True", "Registered", name="load", of="SoftphoneFleet")
        await it.until(lambda: it.status("master", "PBX").get("phones", {}).get("registered") == 20)
        told = it.lags()
        other.say(counts_of(cluster, 1, 7))
        await it.until(lambda: it.status("load", "SoftphoneFleet")["registered"] == 17)
        assert it.lags() == told + 1
        assert it.condition("Registered", "load", "SoftphoneFleet") == ("False", "Registering")
        await it.until(lambda: it.status("master", "PBX")["phones"]["registered"] == 17)
        cluster.remove("SoftphoneFleet", "load")
        await it.until(lambda: it.status("master", "PBX")["phones"]["registered"] == 0)


async def test_another_secret_reaches_an_agent_with_its_new_pod_only(cluster: FakeCluster) -> None:
    cluster.put_secret("others", "password")
    put_fleet(cluster, replicas=20)
    async with world(cluster) as it, agent() as one, agent() as other, agent() as new:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        for number, talker in enumerate((one, other)):
            talker.say(counts_of(cluster, number, 10))
            put_fleet_pod(cluster, talker, number, f"pod-{number}")
        await it.until_condition("Ready", "True", "Registered", name="load", of="SoftphoneFleet")

        def told(number: int) -> bool:
            return "/others" in file_of(cluster, f"fleet-load-{number}")

        put_fleet(cluster, replicas=20, template={"credentials": {"secretName": "others"}})
        await it.until(lambda: told(0))
        await it.quiet()
        assert not told(1), "its pod does not mount the other Secret yet"
        cluster.remove("Pod", "pod-0")
        new.say(counts_of(cluster, 0, 10))
        put_fleet_pod(cluster, new, 0, "pod-2")
        await it.until(lambda: told(1))


async def test_pods_are_changed_one_after_the_other_when_the_phones_are_back(
    cluster: FakeCluster,
) -> None:
    put_fleet(cluster, replicas=20)
    async with world(cluster) as it, agent() as one, agent() as other, agent() as new:
        await it.until_condition("Accepted", "True", "Accepted", name="load", of="SoftphoneFleet")
        for number, talker in enumerate((one, other)):
            talker.say(counts_of(cluster, number, 10))
            put_fleet_pod(cluster, talker, number, f"pod-{number}")
        await it.until_condition("Ready", "True", "Registered", name="load", of="SoftphoneFleet")

        def changed(number: int) -> bool:
            pod = cluster.objects["Deployment", "demo", f"fleet-load-{number}"]["spec"]["template"]["spec"]
            return bool(pod.get("priorityClassName") == "high")

        put_fleet(cluster, replicas=20, template={"agent": {"priorityClassName": "high"}})
        await it.until(lambda: changed(0))
        await it.quiet()
        assert not changed(1), "the pod of the first is not replaced yet, though all its phones are still registered"
        cluster.remove("Pod", "pod-0")
        new.say(counts_of(cluster, 0, 4))
        put_fleet_pod(cluster, new, 0, "pod-2")
        await it.until(lambda: it.status("load", "SoftphoneFleet")["registered"] == 14)
        await it.quiet()
        assert not changed(1), "six phones are not registered again yet"
        assert it.condition("Ready", "load", "SoftphoneFleet") == ("False", "Updating")
        new.say(counts_of(cluster, 0, 10))
        await it.until(lambda: changed(1))
