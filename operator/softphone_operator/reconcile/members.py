"""The decisions on the Softphones of pools: each made once, and kept until something that it depends on changes.

A pool is looked at as a whole, and may have thousands of phones, of which one was edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from softphone_operator.decide import decisions, desired_pool, desired_softphone, references
from softphone_operator.kubernetes.resources import POOLS, SOFTPHONES
from softphone_operator.observe.observed import ObjectKey, Observed
from softphone_operator.reconcile.prerequisites import Prerequisites

Pool = decisions.DesiredPool | decisions.Refusal | None
Pbxs = Mapping[str, decisions.DesiredPbx | decisions.Refusal]
Phone = decisions.DesiredPhone | decisions.Refusal


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What the decisions on the phones of a pool depend on beside their specs."""

    pool: Pool
    pbxs: Pbxs
    keys: decisions.Secrets


@dataclass(frozen=True, slots=True)
class OfPool:
    """The decisions on a pool, on the PBXes of its namespace and on its phones; `other`: those that are new."""

    pool: Pool
    pbxs: Pbxs
    phones: dict[str, Phone] = field(default_factory=dict)
    other: frozenset[str] = frozenset()


class Members:
    """The decisions. `changed` says that one may be another now."""

    def __init__(self, observed: Observed, prerequisites: Prerequisites) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._decided: dict[ObjectKey, Phone] = {}
        self._last: dict[ObjectKey, Phone] = {}
        self._keys: dict[ObjectKey, decisions.Secrets] = {}
        self._changes = 0

    def changed(self, phone: ObjectKey) -> None:
        """A Softphone has changed, or something that it refers to."""
        self._decided.pop(phone, None)
        self._changes += 1

    def gone(self, phone: ObjectKey) -> None:
        """A Softphone is gone, or in no pool any more."""
        self._decided.pop(phone, None)
        self._last.pop(phone, None)

    def pool_gone(self, pool: ObjectKey) -> None:
        """A pool is gone."""
        self._keys.pop(pool, None)

    async def phone(self, namespace: str, name: str) -> Phone:
        """The decision on a Softphone that is in a pool. Raises ClusterError."""
        if (known := self._decided.get((namespace, name))) is not None:
            return known
        inputs = await self._inputs(namespace, self._observed.pool_of((namespace, name)))
        return self._decide(namespace, name, inputs)

    async def of_pool(self, namespace: str, pool: str) -> OfPool:
        """The decisions on a pool and on all of its phones. Raises ClusterError."""
        inputs = await self._inputs(namespace, pool)
        phones, other = {}, set()
        same_keys = self._keys.get((namespace, pool)) == inputs.keys
        self._keys[namespace, pool] = inputs.keys
        for name in self._observed.phones_of_pool((namespace, pool)):
            before = self._last.get((namespace, name))
            known = self._decided.get((namespace, name)) if same_keys else None
            phones[name] = known or self._decide(namespace, name, inputs)
            if before != phones[name]:
                other.add(name)
            self._last[namespace, name] = phones[name]
        return OfPool(inputs.pool, inputs.pbxs, phones, frozenset(other))

    async def _inputs(self, namespace: str, pool: str) -> _Inputs:
        """What belongs together: while it is asked for, nothing of it has changed."""
        while True:
            changes = self._changes
            obj = self._observed.get(POOLS.kind, (namespace, pool))
            keys: decisions.Secrets = {}
            decided: Pool = None
            if obj is not None and not obj["metadata"].get("deletionTimestamp"):
                keys = await self._prerequisites.keys_of_secrets(namespace, references.pool_needs(obj["spec"]))
                decided = desired_pool.pool(namespace, obj["spec"], keys)
            pbxs = await self._prerequisites.decisions_on_pbxs(namespace)
            if self._changes == changes:
                return _Inputs(decided, pbxs, keys)

    def _decide(self, namespace: str, name: str, inputs: _Inputs) -> Phone:
        obj = self._observed.get(SOFTPHONES.kind, (namespace, name))
        assert obj is not None, "it is in the index of its pool"
        made = self._decided[namespace, name] = desired_softphone.in_pool(
            name,
            namespace,
            obj["metadata"]["uid"],
            obj["spec"],
            inputs.pool,
            inputs.pbxs,
            inputs.keys,
            same_aor=self._observed.first_of_aor((namespace, name)),
            fleet_aor=self._observed.fleet_with_aor((namespace, name)),
        )
        return made
