"""CallChecks from end to end in memory: agents get who calls whom, and what both ends tell becomes one status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operator_world import Agent, FakeCluster, World, agent, file_of, without_waits, world
from softphone_agent.contract import reading
from softphone_agent.contract.call_check import CallCheck
from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.report import CallChanged, ConfigReport, Counts, PhoneReport, Snapshot
from softphone_operator.decide import assignment, call_plan


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)
    monkeypatch.setattr(assignment, "SPARED_SECONDS", 0.0)


@pytest.fixture
def told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls is told at once, without waiting for whoever is called."""
    monkeypatch.setattr(call_plan, "is_expected", lambda *of: True)


@pytest.fixture
def cluster() -> FakeCluster:
    made = FakeCluster()
    made.put("PBX", "master", spec={"address": "sip:10.0.0.1", "location": "vienna"})
    made.put("PBX", "slave", spec={"address": "sip:10.0.0.2", "location": "graz"})
    put_phone(made, "anna")
    put_phone(made, "berta", pri="slave")
    return made


BACK: dict[str, Any] = {"from": {"softphone": "berta"}, "to": {"softphone": "anna"}}
PROBES: dict[str, Any] = {"from": {"selector": "tier=probe"}}
POOLED: dict[str, Any] = {"from": {"softphone": "pooled"}, "to": {"softphone": "load-3"}}


def put_phone(cluster: FakeCluster, name: str, **more: Any) -> None:
    labels = {"tier": "probe"} | more.pop("labels", {})
    spec = {"aor": f"sip:{name}@acme.example", "pri": "master", **more}
    cluster.put("Softphone", name, spec=spec, metadata={"labels": labels})


def put_check(cluster: FakeCluster, check: str = "sites", **spec: Any) -> None:
    said = {"from": {"softphone": "anna"}, "to": {"softphone": "berta"}} | spec
    cluster.put("CallCheck", check, spec=said)


def calls(cluster: FakeCluster, name: str) -> tuple[CallCheck, ...]:
    """The calls in the file of an agent, as it reads it."""
    if ("Deployment", "demo", name) not in cluster.objects:
        return ()
    return reading.parse(file_of(cluster, name)).call_checks


def called(cluster: FakeCluster, name: str) -> list[tuple[str, str]]:
    """Who is called in the file of an agent, and by which check."""
    if ("Deployment", "demo", name) not in cluster.objects:
        return []
    return [(one.phone, one.check) for one in reading.parse(file_of(cluster, name)).callees]


class Talker:
    """The pretended agent of a phone."""

    def __init__(self, cluster: FakeCluster, it: Agent, name: str, phone: str) -> None:
        self._cluster, self._agent, self.name, self.phone = cluster, it, name, phone

    def begins(self, *halves: CallReport, counts: bool = False) -> None:
        """Say that the phone is registered, and what is known of calls."""
        digest = reading.digest(file_of(self._cluster, self.name).encode())
        config = ConfigReport(digest=digest)
        phone = PhoneReport(name=self.phone, state="Registered", registered=True, pbx="master", since="2026-01-02")
        if counts:
            self._agent.say(Counts(version="1", config=config, phones=2, registered=2, calls=halves))
        else:
            self._agent.say(Snapshot(version="1", config=config, phones=(phone,), calls=halves))
        template = self._cluster.objects["Deployment", "demo", self.name]["spec"]["template"]["metadata"]
        self._cluster.put(
            "Pod",
            f"{self.name}-pod",
            metadata={
                "labels": template["labels"],
                "annotations": template["annotations"] | {"prometheus.io/port": str(self._agent.port)},
            },
            status={"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        )

    def tells(self, half: CallReport) -> None:
        self._agent.say(CallChanged(call=half))


@asynccontextmanager
async def talkers(cluster: FakeCluster, **phones: str) -> AsyncIterator[list[Talker]]:
    """Agents by their phones: `anna="softphone-anna"`."""
    async with AsyncExitStack() as stack:
        yield [Talker(cluster, await stack.enter_async_context(agent()), name, one) for one, name in phones.items()]


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def halves(entry: str, call: str = "1", ended: float = 5, **callees: Any) -> tuple[CallReport, CallReport]:
    """Both halves of a good call from anna to berta; what is given is of the callee's."""
    shared: dict[str, Any] = {
        "check": "sites",
        "call": call,
        "state": "Ended",
        "began": ago(ended + 5),
        "ended": ago(ended),
        "code": 200,
        "heard": "Tone",
    }
    caller = CallReport(end="Caller", entry=entry, phone="anna", peer="sip:berta@acme.example", passed=True, **shared)
    callee = CallReport(end="Callee", phone="berta", peer="sip:anna@acme.example", **(shared | callees))
    return caller, callee


def pairs(it: World, name: str = "sites") -> dict[str, int]:
    return dict(it.status(name, "CallCheck").get("pairs", {}))


@pytest.mark.usefixtures("told_at_once")
async def test_both_ends_are_told_and_what_they_tell_is_one_status(cluster: FakeCluster) -> None:
    put_check(cluster)
    async with (
        world(cluster) as it,
        talkers(cluster, anna="softphone-anna", berta="softphone-berta") as (anna, berta),
    ):
        await it.until(lambda: calls(cluster, anna.name) and called(cluster, berta.name))
        (entry,) = calls(cluster, anna.name)
        assert (entry.caller, entry.to, entry.callee) == ("anna", "sip:berta@acme.example", "berta")
        assert (entry.from_site, entry.to_site) == ("vienna", "graz")
        assert called(cluster, berta.name) == [("berta", "sites")]
        assert called(cluster, anna.name) == [] == list(calls(cluster, berta.name))
        await it.until_condition("Passing", "Unknown", "NotCalled", name="sites", of="CallCheck")
        good = halves(entry.name)
        anna.begins(good[0])
        berta.begins(good[1])
        await it.until_condition("Passing", "True", "Passing", name="sites", of="CallCheck")
        assert pairs(it) == {"total": 1, "passing": 1, "failing": 0, "unknown": 0}
        deaf = halves(entry.name, call="2", ended=0, heard="Nothing")
        anna.tells(deaf[0])
        berta.tells(deaf[1])
        await it.until_condition("Passing", "False", "OneWayAudio", name="sites", of="CallCheck")
        (failure,) = it.status("sites", "CallCheck")["failures"]
        assert (failure["caller"], failure["callee"], failure["reason"]) == ("anna", "berta", "OneWayAudio")
        assert ("sites", "Warning", "CallFailing") in cluster.events
        page = it.metrics.render().decode()
        labels = 'after_fail_over="false",check="sites",check_namespace="demo",from_site="vienna"'
        assert (
            f'softphone_operator_call_pairs{{{labels},reason="OneWayAudio",state="failing",to_site="graz"}} 1.0' in page
        )
        again = halves(entry.name, call="3", ended=0)
        berta.tells(again[1])
        anna.tells(again[0])
        await it.until_condition("Passing", "True", "Passing", name="sites", of="CallCheck")
        assert len(it.status("sites", "CallCheck")["failures"]) == 1


@pytest.mark.usefixtures("told_at_once")
async def test_a_call_that_is_as_the_one_before_writes_no_status(cluster: FakeCluster) -> None:
    put_check(cluster)
    async with (
        world(cluster) as it,
        talkers(cluster, anna="softphone-anna", berta="softphone-berta") as (anna, berta),
    ):
        await it.until(lambda: calls(cluster, anna.name))
        (entry,) = calls(cluster, anna.name)
        for talker, half in zip((anna, berta), halves(entry.name), strict=True):
            talker.begins(half)
        await it.until_condition("Passing", "True", "Passing", name="sites", of="CallCheck")
        before = list(await it.quiet())
        for n in range(3):
            for talker, half in zip((anna, berta), halves(entry.name, call=f"more-{n}", ended=1), strict=True):
                talker.tells(half)
        assert await it.quiet() == before


@pytest.mark.usefixtures("told_at_once")
async def test_other_test_calls_are_no_other_phone(cluster: FakeCluster) -> None:
    """The agent runs a file without them until it has read the new one; the phone is ready all the while."""
    async with world(cluster) as it, talkers(cluster, anna="softphone-anna") as (anna,):
        await it.until(lambda: ("Deployment", "demo", anna.name) in cluster.objects)
        anna.begins()
        await it.until_condition("Ready", "True", "Registered")
        put_check(cluster)
        await it.until(lambda: calls(cluster, anna.name))
        await it.quiet()
        assert it.condition("Ready") == ("True", "Registered")
        put_check(cluster, everySeconds=30)
        await it.until(lambda: [one.every_seconds for one in calls(cluster, anna.name)] == [30])
        await it.quiet()
        assert it.condition("Ready") == ("True", "Registered")
        put_phone(cluster, "anna", sec="slave")
        await it.until_condition("Ready", "False", "ConfigPending")


@pytest.mark.usefixtures("told_at_once")
async def test_a_check_that_goes_takes_its_calls_with_it(cluster: FakeCluster) -> None:
    put_check(cluster)
    put_check(cluster, "back", **BACK)
    async with world(cluster) as it:
        await it.until(lambda: calls(cluster, "softphone-anna") and calls(cluster, "softphone-berta"))
        assert called(cluster, "softphone-anna") == [("anna", "back")]
        cluster.remove("CallCheck", "sites")
        await it.until(lambda: not calls(cluster, "softphone-anna") and not called(cluster, "softphone-berta"))
        assert called(cluster, "softphone-anna") == [("anna", "back")]
        put_check(cluster, "back", suspend=True, **BACK)
        await it.until_condition("Passing", "Unknown", "Suspended", name="back", of="CallCheck")
        await it.until(lambda: not calls(cluster, "softphone-berta") and not called(cluster, "softphone-anna"))


@pytest.mark.usefixtures("told_at_once")
async def test_a_mesh_follows_phones_labels_and_locations(cluster: FakeCluster) -> None:
    put_check(cluster, mode="Mesh", to=None, **PROBES)
    async with world(cluster) as it:
        await it.until(lambda: pairs(it).get("total") == 2)
        put_phone(cluster, "carla", phys="linz")
        await it.until(lambda: pairs(it).get("total") == 6)
        put_phone(cluster, "carla", phys="linz", labels={"tier": "other"})
        await it.until(lambda: pairs(it).get("total") == 2)
        cluster.put("PBX", "slave", spec={"address": "sip:10.0.0.2", "location": "vienna"})
        await it.until_condition("Accepted", "False", "OneSite", name="sites", of="CallCheck")
        await it.until(lambda: not calls(cluster, "softphone-anna"))
        cluster.put("PBX", "slave", spec={"address": "sip:10.0.0.2", "location": "graz"})
        await it.until_condition("Accepted", "True", "Accepted", name="sites", of="CallCheck")
        cluster.remove("Softphone", "berta")
        await it.until_condition("Accepted", "False", "OneSite", name="sites", of="CallCheck")


async def test_a_phone_that_is_named_and_comes_later(cluster: FakeCluster) -> None:
    put_check(cluster, to={"softphone": "carla"})
    async with world(cluster) as it:
        await it.until_condition("Accepted", "False", "PhoneNotFound", name="sites", of="CallCheck")
        assert it.condition("Reconciling", "sites", "CallCheck") == ("True", "PhoneNotFound")
        put_phone(cluster, "carla")
        await it.until_condition("Accepted", "True", "Accepted", name="sites", of="CallCheck")
        await it.until(lambda: called(cluster, "softphone-carla") == [("carla", "sites")])


@pytest.mark.usefixtures("told_at_once")
async def test_phones_of_pools_and_of_fleets_call_each_other(cluster: FakeCluster) -> None:
    cluster.put("SoftphonePool", "vienna", spec={"phonesPerAgent": 10})
    put_phone(cluster, "pooled", agent={"pool": "vienna"})
    template = {"aor": "sip:load{index}@acme.example", "pri": "slave"}
    cluster.put("SoftphoneFleet", "load", spec={"replicas": 4, "phonesPerAgent": 2, "template": template})
    put_check(cluster, **POOLED)
    async with (
        world(cluster) as it,
        talkers(
            cluster, **{"pooled": "pool-vienna-0", "load-2": "fleet-load-0", "load-3": "fleet-load-1"}
        ) as all_three,
    ):
        pooled, first, second = all_three
        await it.until(lambda: calls(cluster, pooled.name) and called(cluster, second.name))
        (entry,) = calls(cluster, pooled.name)
        assert (entry.to, entry.from_site, entry.to_site) == ("sip:load3@acme.example", "vienna", "graz")
        assert called(cluster, first.name) == []
        caller, callee = halves(entry.name)
        pooled.begins(caller.model_copy(update={"phone": "pooled"}))
        first.begins(counts=True)
        second.begins(callee.model_copy(update={"phone": "load-3", "peer": "sip:pooled@acme.example"}), counts=True)
        await it.until_condition("Passing", "True", "Passing", name="sites", of="CallCheck")


async def test_a_namespace_has_so_many_pairs_and_the_older_check_has_them_first(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softphone_operator.reconcile.call_checks.MAX_PAIRS", 1)
    put_check(cluster, "first")
    put_check(cluster, "second", **BACK)
    for name, day in (("first", "2"), ("second", "3")):
        cluster.objects["CallCheck", "demo", name]["metadata"]["creationTimestamp"] = f"2026-01-0{day}T00:00:00Z"
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted", name="first", of="CallCheck")
        await it.until_condition("Accepted", "True", "TooManyPairs", name="second", of="CallCheck")
        assert (pairs(it, "first")["total"], pairs(it, "second")["total"]) == (1, 0)


async def test_who_calls_is_told_when_whoever_is_called_knows_of_it(cluster: FakeCluster) -> None:
    """Else the first call of a new CallCheck would be a stranger's, and refused."""
    put_check(cluster)
    async with world(cluster) as it, talkers(cluster, berta="softphone-berta") as (berta,):
        await it.until(lambda: called(cluster, berta.name))
        await it.quiet()
        assert calls(cluster, "softphone-anna") == ()
        berta.begins()
        await it.until(lambda: calls(cluster, "softphone-anna"))
    # Another operator goes on with what agents have, whether the callee is heard or not.
    async with world(cluster) as it:
        await it.until_condition("Accepted", "True", "Accepted")
        await it.quiet()
        assert calls(cluster, "softphone-anna")


@pytest.mark.parametrize("fleet", [True, False], ids=["a fleet", "a pool"])
async def test_a_callee_in_a_fleet_or_a_pool_is_waited_for_too(cluster: FakeCluster, fleet: bool) -> None:
    if fleet:
        template = {"aor": "sip:load{index}@acme.example", "pri": "slave"}
        cluster.put("SoftphoneFleet", "load", spec={"replicas": 2, "template": template})
        name, phone = "fleet-load-0", "load-1"
    else:
        cluster.put("SoftphonePool", "vienna", spec={"phonesPerAgent": 10})
        put_phone(cluster, "pooled", agent={"pool": "vienna"})
        name, phone = "pool-vienna-0", "pooled"
    put_check(cluster, to={"softphone": phone})
    async with world(cluster) as it, talkers(cluster, **{phone: name}) as (callee,):
        await it.until(lambda: called(cluster, callee.name))
        await it.quiet()
        assert calls(cluster, "softphone-anna") == ()
        callee.begins(counts=fleet)
        await it.until(lambda: calls(cluster, "softphone-anna"))
