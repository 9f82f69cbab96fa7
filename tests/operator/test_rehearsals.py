"""Rehearsals as the operator carries them out: on a cluster in memory, with agents that talk over HTTP."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from operator_world import Agent, FakeCluster, World, agent, without_waits, world
from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.report import (
    CallChanged,
    ConfigReport,
    Outage,
    PathReport,
    PhoneChanged,
    PhoneReport,
    Reason,
    Snapshot,
)
from softphone_operator.decide.names import REQUEST_ANNOTATION
from softphone_operator.kubernetes.cluster import ClusterError
from softphone_operator.reconcile import rehearsals
from softphone_operator.rehearsals import calls, drill

TEMPLATE = {"spec": {"containers": [{"name": "break", "image": "tools:1", "command": ["break-vienna"]}]}}
JOB: dict[str, Any] = {"trigger": "Job", "job": {"template": TEMPLATE}}
VIENNA = {"address": "sip:10.0.0.11:5060;transport=tcp", "system": "acme"}
GRAZ = {"address": "sip:10.0.0.12:5060;transport=tcp", "system": "acme"}
BEGAN = "2026-11-30T02:00:10.000Z"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)
    monkeypatch.setattr(rehearsals, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(rehearsals, "POINT_SECONDS", 0.0)
    monkeypatch.setattr(drill, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(calls, "SETTLED_SECONDS", 0.5)


def phone(name: str, pbx: str | None = "vienna", ended: str | None = None, **more: Any) -> PhoneReport:
    lost = ended or pbx is None
    outage = Outage(began=BEGAN, ended=ended, pbx="vienna", reason=Reason.PING_FAILED) if lost else None
    return PhoneReport(
        name=name,
        state="Registered" if pbx else "Waiting",
        registered=pbx is not None,
        pbx=pbx,
        since="2026-11-30T01:00:00.000Z",
        last_outage=outage,
        **more,
    )


def snapshot(*phones: PhoneReport) -> Snapshot:
    return Snapshot(version="0.2.0", config=ConfigReport(digest="d"), phones=phones)


def put_pod(cluster: FakeCluster, talker: Agent, name: str = "pod-1") -> None:
    cluster.put(
        "Pod",
        name,
        metadata={
            "labels": {"app.kubernetes.io/instance": "fleet-load-0"},
            "annotations": {"prometheus.io/port": str(talker.port)},
            "creationTimestamp": name,
        },
        status={"phase": "Running", "podIP": "127.0.0.1"},
    )


def put(cluster: FakeCluster, name: str = "monthly", *, asked: bool = True, **spec: Any) -> None:
    annotations = {REQUEST_ANNOTATION: datetime.now(UTC).isoformat()} if asked else {}
    spec = {"pbx": "vienna", "windowSeconds": 600, **spec}
    cluster.put("Rehearsal", name, metadata={"annotations": annotations}, spec=spec)


def system(cluster: FakeCluster) -> None:
    cluster.put("PBX", "vienna", spec=VIENNA, status={})
    cluster.put("PBX", "graz", spec=GRAZ, status={})


def status(it: World, name: str = "monthly") -> dict[str, Any]:
    return it.status(name, "Rehearsal")


async def until_phase(it: World, phase: str, name: str = "monthly") -> dict[str, Any]:
    await it.until(lambda: status(it, name).get("phase") == phase)
    return status(it, name)


def records(cluster: FakeCluster) -> list[str]:
    return sorted(name for kind, _, name in cluster.objects if kind == "ConfigMap" and name.startswith("rehearsal-"))


def record_of(cluster: FakeCluster, name: str) -> dict[str, Any]:
    return dict(json.loads(cluster.objects["ConfigMap", "demo", name]["data"]["record.json"]))


def lose(talker: Agent, *names: str) -> None:
    for name in names:
        talker.say(PhoneChanged(phone=phone(name, None)))


def come_back(talker: Agent, *names: str, ended: str = "2026-11-30T02:00:12.500Z") -> None:
    for name in names:
        talker.say(PhoneChanged(phone=phone(name, "graz", ended)))


@contextlib.asynccontextmanager
async def rehearsing(*phones: PhoneReport, **settings: Any) -> AsyncIterator[tuple[FakeCluster, Agent, World]]:
    """A system of PBXes, and an agent that tells of these phones."""
    cluster = FakeCluster()
    system(cluster)
    async with agent() as talker, world(cluster, **settings) as it:
        put_pod(cluster, talker)
        talker.say(snapshot(*phones))
        yield cluster, talker, it


async def until_job(cluster: FakeCluster, it: World) -> str:
    """Ask for a rehearsal by a Job, and wait until that runs; its name."""
    put(cluster, **JOB)
    await it.until(lambda: status(it).get("run", {}).get("job") == "Running")
    (name,) = [name for kind, _, name in cluster.objects if kind == "Job"]
    return name


async def test_a_person_breaks_the_pbx_and_all_phones_come_back() -> None:
    async with rehearsing(phone("load-0"), phone("load-1"), phone("load-2", "graz")) as (cluster, talker, it):
        put(cluster, limits={"longestOutageSeconds": 5})
        said = await until_phase(it, "Breaking")
        assert said["run"]["phones"] == 2
        assert said["message"].startswith("2 phones are registered at vienna: break it now, until ")
        (kept,) = records(cluster)
        assert [row["name"] for row in record_of(cluster, kept)["phones"]] == ["demo/load-0", "demo/load-1"]
        lose(talker, "load-0", "load-1")
        await until_phase(it, "Watching")
        come_back(talker, "load-0", "load-1")
        said = await until_phase(it, "Passed")
        assert "run" not in said
        (result,) = said["history"]
        assert {k: v for k, v in result.items() if k not in ("began", "ended")} == {
            "verdict": "Passed",
            "cause": "Request",
            "phones": 2,
            "lost": 2,
            "longestOutageSeconds": 2.5,
            "allBackSeconds": 2.5,
            "record": kept,
        }
        assert said["lastPassed"] == result["ended"]
        assert said["message"] == "2 of 2 phones lost it, the longest outage took 2.50 s, all were back after 2.50 s"
        whole = record_of(cluster, kept)
        assert whole["result"] == result
        assert whole["versions"]["agents"] == {"0.2.0": 1}
        assert [(pbx["name"], pbx.get("failed", False)) for pbx in whole["pbxs"]] == [("graz", False), ("vienna", True)]
        assert whole["phones"][0] == {
            "name": "demo/load-0",
            "pbx": "graz",
            "outages": [{"began": BEGAN, "seconds": 2.5}],
        }
        assert [reason for name, _, reason in cluster.events if name == "monthly"] == [
            "Began",
            "Breaking",
            "Watching",
            "Passed",
        ]


async def test_with_a_limit_for_calls_it_waits_until_they_have_told() -> None:
    async with rehearsing(phone("load-0")) as (cluster, talker, it):
        put(cluster, limits={"callableWithinSeconds": 3})
        await until_phase(it, "Breaking")
        lose(talker, "load-0")
        come_back(talker, "load-0")
        await until_phase(it, "Watching")
        began = datetime.now(UTC).isoformat()
        call = CallReport(end="Caller", phone="load-0", peer="bert", state="Ended", began=began, callable_seconds=3.25)
        talker.say(CallChanged(call=call))
        said = await until_phase(it, "Failed")
        (result,) = said["history"]
        assert result["callableSeconds"] == 3.25
        assert result["reasons"] == [
            "demo/load-0 called bert: audio both ways 3.25 s after the loss, allowed are 3 s",
        ]
        assert [one["seconds"] for one in record_of(cluster, result["record"])["calls"]] == [3.25]


async def test_a_job_breaks_and_mends() -> None:
    async with rehearsing(phone("load-0"), rehearsal_jobs=True) as (cluster, talker, it):
        name = await until_job(cluster, it)
        assert name == status(it)["run"]["record"]
        lose(talker, "load-0")
        come_back(talker, "load-0")
        await until_phase(it, "Watching")
        cluster.put("Job", name, status={"conditions": [{"type": "Complete", "status": "True"}]})
        await until_phase(it, "Passed")
        assert len([call for call in cluster.calls if call[:2] == ("create", "Job")]) == 1


async def test_a_job_that_fails_is_told_in_words() -> None:
    async with rehearsing(phone("load-0"), rehearsal_jobs=True) as (cluster, _, it):
        name = await until_job(cluster, it)
        failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "its pod failed"}
        cluster.put("Job", name, status={"conditions": [failed]})
        said = await until_phase(it, "Failed")
        assert said["history"][0]["reasons"] == ["the Job has failed: its pod failed"]


@pytest.mark.parametrize("status_code", [403, 422])
async def test_a_job_that_the_api_server_refuses_is_told_in_words(
    status_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster()
    system(cluster)

    async def refuse(*_: Any) -> dict[str, Any]:
        raise ClusterError(status_code, "Forbidden", "violates PodSecurity")

    monkeypatch.setattr(cluster, "create", refuse)
    async with agent() as talker, world(cluster, rehearsal_jobs=True) as it:
        put_pod(cluster, talker)
        talker.say(snapshot(phone("load-0")))
        put(cluster, **JOB)
        said = await until_phase(it, "Failed")
        assert said["history"][0]["reasons"] == [
            "the Job has failed: it could not be made: violates PodSecurity",
        ]


async def test_nothing_is_broken_where_the_second_way_is_lost_already() -> None:
    cluster = FakeCluster()
    system(cluster)
    lost = PathReport(via="sec", result="Unreachable", pbx="graz")
    async with agent() as talker, world(cluster, rehearsal_jobs=True) as it:
        put_pod(cluster, talker)
        talker.say(snapshot(phone("load-0", paths=(lost,))))
        put(cluster, **JOB)
        said = await until_phase(it, "Failed")
        assert said["history"][0]["reasons"] == ["not begun: 1 of 1 phones have lost a way already: demo/load-0"]
        assert not [call for call in cluster.calls if call[:2] == ("create", "Job")]
        assert records(cluster) == []


async def test_without_phones_there_is_nothing_to_rehearse() -> None:
    cluster = FakeCluster()
    system(cluster)
    async with world(cluster) as it:
        put(cluster)
        said = await until_phase(it, "Failed")
        assert said["history"][0]["reasons"] == ["not begun: no phone is registered at vienna"]


async def test_an_operator_that_is_restarted_in_the_middle_goes_on() -> None:
    cluster = FakeCluster()
    system(cluster)
    async with agent() as talker:
        put_pod(cluster, talker)
        talker.say(snapshot(phone("load-0"), phone("load-1")))
        async with world(cluster) as it:
            put(cluster, limits={"longestOutageSeconds": 2})
            await until_phase(it, "Breaking")
        talker.lines = [snapshot(phone("load-0", "graz", "2026-11-30T02:00:12.500Z"), phone("load-1", None))]
        async with world(cluster) as it:
            said = await until_phase(it, "Watching")
            assert (said["run"]["lost"], said["run"]["missing"]) == (2, 1)
            come_back(talker, "load-1", ended="2026-11-30T02:00:11.000Z")
            said = await until_phase(it, "Failed")
            (result,) = said["history"]
            assert (result["phones"], result["lost"], result["longestOutageSeconds"]) == (2, 2, 2.5)
            assert result["reasons"] == ["the longest outage took 2.50 s (demo/load-0), allowed are 2 s"]


async def test_a_record_that_somebody_deleted_ends_the_run_of_an_operator_that_starts() -> None:
    cluster = FakeCluster()
    system(cluster)
    async with agent() as talker:
        put_pod(cluster, talker)
        talker.say(snapshot(phone("load-0")))
        async with world(cluster) as it:
            put(cluster)
            await until_phase(it, "Breaking")
        (kept,) = records(cluster)
        cluster.remove("ConfigMap", kept)
        async with world(cluster) as it:
            said = await until_phase(it, "Failed")
            assert said["history"][0]["reasons"] == [f"the record {kept} is gone"]


async def test_one_at_a_time_in_a_namespace() -> None:
    async with rehearsing(phone("load-0")) as (cluster, _, it):
        put(cluster)
        await until_phase(it, "Breaking")
        put(cluster, "weekly")
        await it.until(lambda: ("weekly", "Warning", "NotBegun") in cluster.events)
        assert status(it, "weekly")["phase"] == "Pending"


async def test_one_that_is_due_while_another_runs_waits_and_begins_after_it() -> None:
    async with rehearsing(phone("load-0")) as (cluster, talker, it):
        put(cluster)
        await until_phase(it, "Breaking")
        put(cluster, "weekly", asked=False, schedule="0 3 1 1 *")
        waiting = await until_phase(it, "Waiting", "weekly")
        cluster.put("Rehearsal", "weekly", status={**waiting, "nextTime": datetime.now(UTC).isoformat()})
        calls = len(await it.quiet())
        assert status(it, "weekly")["phase"] == "Waiting"
        assert len(cluster.calls) - calls < 5, "it waits, and does nothing meanwhile"
        lose(talker, "load-0")
        come_back(talker, "load-0")
        await until_phase(it, "Passed")
        talker.say(snapshot(phone("load-0")))
        said = await until_phase(it, "Breaking", "weekly")
        assert said["run"]["cause"] == "Schedule"


async def test_records_that_the_history_names_no_more_are_deleted() -> None:
    async with rehearsing(phone("load-0")) as (cluster, talker, it):
        old = "rehearsal-monthly-20261001-020000"
        put(cluster, historyLimit=1, asked=False)
        await until_phase(it, "Pending")
        uid = cluster.objects["Rehearsal", "demo", "monthly"]["metadata"]["uid"]
        labels = {"app.kubernetes.io/component": "record"}
        cluster.put("ConfigMap", old, metadata={"labels": labels, "ownerReferences": [{"uid": uid}]}, data={})
        before = {"verdict": "Passed", "began": BEGAN, "ended": BEGAN, "cause": "Request", "record": old}
        cluster.put("Rehearsal", "monthly", status={**status(it), "history": [before]})
        put(cluster, historyLimit=1)
        await until_phase(it, "Breaking")
        lose(talker, "load-0")
        come_back(talker, "load-0")
        await it.until(lambda: status(it)["history"][0].get("record") != old)
        await it.until(lambda: old not in records(cluster))
        assert len(records(cluster)) == 1


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        ({"pbx": "paris"}, "PBXNotFound", 'pbx: there is no PBX "paris" in the namespace demo'),
        (JOB, "JobsNotAllowed", "trigger: this operator may make no Jobs; the chart's rehearsals.jobs allows it"),
        ({"schedule": "every day"}, "InvalidSpec", None),
    ],
)
async def test_a_spec_that_is_refused_begins_nothing(spec: dict[str, Any], reason: str, message: str | None) -> None:
    cluster = FakeCluster()
    system(cluster)
    async with world(cluster) as it:
        put(cluster, **spec)
        await it.until_condition("Accepted", "False", reason, name="monthly", of="Rehearsal")
        said = {c["type"]: c for c in status(it)["conditions"]}
        assert message is None or said["Accepted"]["message"] == message
        await it.until(lambda: ("monthly", "Warning", "NotBegun") in cluster.events)
        assert (status(it)["phase"], status(it)["message"]) == ("Pending", said["Accepted"]["message"])


async def test_a_pbx_that_comes_later_makes_it_accepted() -> None:
    cluster = FakeCluster()
    async with world(cluster) as it:
        put(cluster, asked=False)
        await it.until_condition("Accepted", "False", "PBXNotFound", name="monthly", of="Rehearsal")
        system(cluster)
        await it.until_condition("Accepted", "True", "Accepted", name="monthly", of="Rehearsal")


async def test_a_schedule_is_told_and_nothing_more_happens() -> None:
    cluster = FakeCluster()
    system(cluster)
    async with world(cluster) as it:
        put(cluster, asked=False, schedule="0 3 1 1 *", timeZone="Europe/Vienna", everyDays=400)
        said = await until_phase(it, "Waiting")
        assert said["nextTime"].endswith("-01-01T02:00:00Z")
        calls = len(await it.quiet())
        put(cluster, asked=False, schedule="0 3 1 1 *", timeZone="Europe/Vienna", everyDays=400)
        assert len(await it.quiet()) == calls
        text = it.metrics.render().decode()
        assert 'softphone_rehearsal_running{rehearsal="monthly",rehearsal_namespace="demo"} 0.0' in text
        assert "softphone_rehearsal_passed{" not in text
