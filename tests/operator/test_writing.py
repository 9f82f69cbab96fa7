"""How often status is written: at once where it is news, and bounded where thousands of phones change it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from softphone_operator.decide.event_rules import Event
from softphone_operator.kubernetes.resources import FLEETS, PBXS, Resource
from softphone_operator.observe.metrics import Metrics
from softphone_operator.observe.observed import Observed, WorkKey
from softphone_operator.reconcile import writing
from softphone_operator.reconcile.writing import SHARED_WRITE_SECONDS, Writer

LAG = "softphone_operator_status_lag_seconds"


class Api:
    """Takes what is written."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.events: dict[str, tuple[str, int]] = {}

    async def post_event(
        self, about: Mapping[str, str], *, kind: str, reason: str, message: str, name: str, time: str
    ) -> None:
        assert name not in self.events
        self.events[name] = (message, 1)

    async def count_event(self, namespace: str, name: str, message: str, count: int, time: str) -> bool:
        if name not in self.events:
            return False
        self.events[name] = (message, count)
        return True

    async def write_status(
        self, resource: Resource, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.written.append(status["phones"]["registered"])
        return obj(resource, len(self.written) + 1, dict(status))


class Desk:
    """A writer, and a clock that stands still but for `wait`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, resource: Resource) -> None:
        self.api, self.metrics, self.resource = Api(), Metrics(), resource
        self.observed = Observed()
        self.observed.take(resource.kind, obj(resource, 1, {"observedGeneration": 1}))
        self.key: WorkKey = (resource.kind, "demo", "it")
        self.time = 1000.0
        monkeypatch.setattr(writing, "_clock", lambda: self.time)
        self.writer = Writer(
            self.api,  # type: ignore[arg-type]
            self.observed,
            self.metrics,
            changed=lambda keys, cause: None,
            now=lambda: datetime.fromtimestamp(self.time, UTC),
        )

    async def count(self, registered: int) -> float | None:
        """So many phones are registered now; after how many seconds that is to be written, None: it is."""
        known = self.observed.get(self.resource.kind, self.key[1:])
        assert known is not None
        wanted = {"observedGeneration": known["metadata"]["generation"], "phones": {"registered": registered}}
        return await self.writer.write_status(self.resource, self.key, known, wanted, [])

    def lag(self) -> float | None:
        return self.metrics.registry.get_sample_value(f"{LAG}_sum")


def obj(resource: Resource, version: int, status: dict[str, Any], generation: int = 1) -> dict[str, Any]:
    metadata = {
        "name": "it",
        "namespace": "demo",
        "uid": "u",
        "resourceVersion": str(version),
        "generation": generation,
    }
    return {"kind": resource.kind, "metadata": metadata, "spec": {}, "status": status}


@pytest.mark.parametrize("resource", [PBXS, FLEETS], ids=lambda resource: str(resource.kind))
async def test_while_a_fleet_moves_its_counts_are_written_once_a_second_and_the_last_always(
    monkeypatch: pytest.MonkeyPatch, resource: Resource
) -> None:
    it = Desk(monkeypatch, resource)
    later: float | None = None
    for registered in range(1, 501):
        later = await it.count(registered)
        it.time += 0.01
    assert 5 <= len(it.api.written) <= 6, "five seconds of phones that move"
    assert later is not None
    it.time += later
    assert await it.count(500) is None
    assert it.api.written[-1] == 500


async def test_who_edits_a_pbx_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Desk(monkeypatch, PBXS)
    assert await it.count(1) is None
    known = it.observed.get("PBX", ("demo", "it"))
    assert known is not None
    it.observed.take("PBX", obj(PBXS, 9, known["status"], generation=2))
    assert await it.count(2) is None
    assert it.api.written == [1, 2]


async def test_the_lag_of_a_status_that_had_to_wait_counts_from_the_transition(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Desk(monkeypatch, FLEETS)
    await it.count(1)
    it.writer.transition(it.key, None)
    assert await it.count(2) == SHARED_WRITE_SECONDS
    it.time += SHARED_WRITE_SECONDS
    assert await it.count(2) is None
    assert it.lag() == SHARED_WRITE_SECONDS
    it.writer.transition(it.key, None)
    await it.count(2)
    it.time += 60
    await it.count(3)
    assert it.lag() == SHARED_WRITE_SECONDS, "what changed nothing has no lag"


async def test_an_event_that_happens_again_is_counted_up(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Desk(monkeypatch, PBXS)
    known = it.observed.get("PBX", ("demo", "it"))
    assert known is not None
    for _ in range(3):
        await it.writer.post(known, Event("Warning", "Unreachable", "no agent reaches the PBX"))
        await it.writer.post(known, Event("Normal", "Reachable", "agents reach the PBX again"))
    assert sorted(it.api.events.values()) == [("agents reach the PBX again", 3), ("no agent reaches the PBX", 3)]


async def test_an_event_that_the_api_server_has_forgotten_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Desk(monkeypatch, PBXS)
    known = it.observed.get("PBX", ("demo", "it"))
    assert known is not None
    event = Event("Warning", "Unreachable", "no agent reaches the PBX")
    await it.writer.post(known, event)
    it.api.events.clear()
    await it.writer.post(known, event)
    await it.writer.post(known, event)
    assert list(it.api.events.values()) == [("no agent reaches the PBX", 2)]


@pytest.mark.parametrize("name", ["anna", "x" * 253, f"{'x' * 199}-{'y' * 9}", f"{'x' * 199}.{'y' * 9}"])
async def test_the_name_of_an_event_is_one_whatever_the_object_is_called(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    it = Desk(monkeypatch, PBXS)
    about = obj(PBXS, 1, {})
    about["metadata"]["name"] = name
    await it.writer.post(about, Event("Normal", "Accepted", "the spec is accepted"))
    (made,) = it.api.events  # its names
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", made)
    assert len(made) <= 253
