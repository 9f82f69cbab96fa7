"""Who leads: several candidates, one Lease, one clock that the test moves."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from softphone_operator.kubernetes.cluster import ClusterError
from softphone_operator.kubernetes.resources import Resource
from softphone_operator.program import election as subject
from softphone_operator.program.election import Election, LeaseLostError

PLACE = ("here", "operator")


class Leases:
    """An API server that has room for one Lease, and may be away."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.away = False

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        self._answer()
        return copy.deepcopy(self.lease)

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.lease is not None:
            raise ClusterError(409, "AlreadyExists", "it exists")
        return self._store(obj)

    async def replace(self, resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
        self._answer()
        assert self.lease is not None
        if obj["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ClusterError(409, "Conflict", "it changed")
        return self._store(obj)

    def _answer(self) -> None:
        if self.away:
            raise ClusterError(0, "Unreachable", "nobody there")

    def _store(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.lease = copy.deepcopy(dict(obj))
        self.lease["metadata"] = {**obj["metadata"], "resourceVersion": str(self.version)}
        return copy.deepcopy(self.lease)

    @property
    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])


class World:
    """Candidates at one Lease. Sleeping moves the clock; `meanwhile` runs at each sleep."""

    def __init__(self) -> None:
        self.leases = Leases()
        self.now = 1000.0
        self.slept = 0
        self.meanwhile: list[Any] = []

    def candidate(self, name: str) -> Election:
        leases: Any = self.leases
        return Election(leases, PLACE, name, now=lambda: datetime.fromtimestamp(self.now, UTC), clock=lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1
        for work in self.meanwhile:
            await work()
        if self.slept > 100:
            raise asyncio.CancelledError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(subject.asyncio, "sleep", made.sleep)  # type: ignore[attr-defined]
    return made


async def test_the_first_one_leads_and_makes_the_lease(world: World) -> None:
    one = world.candidate("one")
    before = one.leads
    await one.acquire()
    assert (before, one.leads) == (False, True)
    assert world.leases.lease is not None
    assert world.leases.lease["spec"] == {
        "holderIdentity": "one",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 0,
        "acquireTime": "1970-01-01T00:16:40.000000Z",
        "renewTime": "1970-01-01T00:16:40.000000Z",
    }


async def test_another_waits_as_long_as_the_leader_renews(world: World) -> None:
    one, two = world.candidate("one"), world.candidate("two")
    await one.acquire()
    world.meanwhile = [one._attempt]
    with pytest.raises(asyncio.CancelledError):
        await two.acquire()
    assert (world.leases.holder, two.leader, one.leads, two.leads) == ("one", "one", True, False)


async def test_another_takes_over_when_the_leader_is_dead_and_never_before_that_one_stopped(world: World) -> None:
    one, two = world.candidate("one"), world.candidate("two")
    await one.acquire()

    async def check() -> None:
        assert not (one.leads and two.leads)

    world.meanwhile = [check]
    await two.acquire()
    assert [it.leads for it in (one, two)] == [False, True]
    assert 1015 < world.now <= 1015 + 2 * subject.RETRY_SECONDS
    assert world.leases.lease is not None
    assert world.leases.lease["spec"]["leaseTransitions"] == 1
    with pytest.raises(LeaseLostError, match="two holds the Lease here/operator"):
        await one.keep()


async def test_an_orderly_leader_hands_over_at_once(world: World) -> None:
    one, two = world.candidate("one"), world.candidate("two")
    await one.acquire()
    await one.release()
    assert not one.leads
    await two.acquire()
    assert world.slept == 0
    assert (world.leases.holder, two.leads) == ("two", True)


async def test_who_never_led_releases_nothing(world: World) -> None:
    one, two = world.candidate("one"), world.candidate("two")
    await one.acquire()
    await two.release()
    assert world.leases.holder == "one"


async def test_a_leader_that_cannot_renew_ends_before_the_lease_runs_out(world: World) -> None:
    one = world.candidate("one")
    await one.acquire()
    world.leases.away = True
    with pytest.raises(LeaseLostError, match="could not be renewed in time"):
        await one.keep()
    assert not one.leads
    assert world.now < 1000 + subject.VALID_SECONDS
    await one.release()


async def test_a_short_outage_costs_nothing(world: World) -> None:
    one = world.candidate("one")
    await one.acquire()

    async def outage() -> None:
        world.leases.away = world.slept % 4 != 0

    world.meanwhile = [outage]
    with pytest.raises(asyncio.CancelledError):
        await one.keep()
    assert world.leases.holder == "one"


async def test_two_that_begin_at_once_do_not_both_lead(world: World) -> None:
    one, two = world.candidate("one"), world.candidate("two")
    await asyncio.gather(one._attempt(), two._attempt())
    assert [one.leads, two.leads].count(True) == 1
