"""Objects of others that bear a name of ours are found, whether one is looked for or a thousand at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, Resource
from softphone_operator.reconcile import unowned
from softphone_operator.reconcile.unowned import FEW, UnownedObjects

MANAGED, COMPONENT = "app.kubernetes.io/managed-by", "app.kubernetes.io/component"
OURS = {MANAGED: "softphone-operator", COMPONENT: "agent"}


class Api:
    """What there is, by name with labels, and the calls that came."""

    def __init__(self, **there: dict[str, str]) -> None:
        self.there = there
        self.calls: list[tuple[str, ...]] = []

    async def get(self, resource: Resource, namespace: str, name: str, *, cached: bool) -> dict[str, Any] | None:
        self.calls.append(("get", resource.plural, namespace, name))
        await asyncio.sleep(0)
        return {"metadata": {"name": name}} if name in self.there else None

    async def names(self, resource: Resource, namespace: str, selector: str) -> frozenset[str]:
        self.calls.append(("names", resource.plural, namespace, selector))
        await asyncio.sleep(0)
        ours = [part.partition("=")[2] for part in selector.split(",") if "!=" not in part]
        return frozenset(
            name
            for name, labels in self.there.items()
            if (labels.get(MANAGED) in ours and labels.get(COMPONENT) != OURS[COMPONENT])
            or (not ours and labels.get(MANAGED) != OURS[MANAGED])
        )


async def look(it: UnownedObjects, *wanted: str, resource: Resource = CONFIG_MAPS) -> list[str]:
    """The names that are found to be somebody else's, of those looked for at the same time."""
    found = await asyncio.gather(*(it.find(resource, "demo", name) for name in wanted))
    return [name for name, obj in zip(wanted, found, strict=True) if obj is not None]


async def test_a_single_look_is_a_single_question() -> None:
    api = Api(bob={})
    it = UnownedObjects(api)  # type: ignore[arg-type]
    assert await look(it, "anna", "bob") == ["bob"]
    assert [call[0] for call in api.calls] == ["get", "get"]


async def test_a_thousand_looks_share_a_list_and_find_every_stranger() -> None:
    api = Api(p7={}, p800={MANAGED: "helm"}, p900={**OURS, COMPONENT: "x"})
    it = UnownedObjects(api)  # type: ignore[arg-type]
    assert await look(it, *(f"p{number}" for number in range(1000))) == ["p7", "p800", "p900"]
    gets = [call for call in api.calls if call[0] == "get"]
    lists = [call for call in api.calls if call[0] == "names"]
    assert len(gets) == FEW + 3, "the first few, and each stranger, to see whose it is"
    assert len(lists) == 2


async def test_one_of_ours_whose_labels_were_taken_away_is_found() -> None:
    api = Api(p999={MANAGED: "softphone-operator"})
    assert await look(UnownedObjects(api), *(f"p{number}" for number in range(1000))) == ["p999"]  # type: ignore[arg-type]


async def test_the_list_is_made_anew_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unowned, "FEW", 0)
    now = 100.0
    monkeypatch.setattr(unowned, "_clock", lambda: now)
    api = Api()
    it = UnownedObjects(api)  # type: ignore[arg-type]
    assert await look(it, "anna") == []
    api.there["anna"] = {}
    now += unowned.KEPT_SECONDS
    assert await look(it, "anna") == ["anna"]


async def test_looks_far_apart_are_single_questions_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(unowned, "_clock", lambda: now)
    api = Api()
    it = UnownedObjects(api)  # type: ignore[arg-type]
    for _ in range(3 * FEW):
        await look(it, "anna")
        now += unowned.FEW_SECONDS / 2
    assert {call[0] for call in api.calls} == {"get"}


async def test_each_collection_has_a_list_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unowned, "FEW", 0)
    api = Api()
    it = UnownedObjects(api)  # type: ignore[arg-type]
    for resource in (CONFIG_MAPS, DEPLOYMENTS):
        await look(it, "anna", resource=resource)
    assert {call[1] for call in api.calls} == {"configmaps", "deployments"}
