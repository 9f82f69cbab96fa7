"""What was observed of the cluster: the objects, and who depends on whom. No I/O, no decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from softphone_operator.decide import names, references, status
from softphone_operator.decide.aors import FleetAors, shared
from softphone_operator.decide.redundancy import Verdict
from softphone_operator.kubernetes.cluster import SecretMark
from softphone_operator.kubernetes.resources import (
    CALL_CHECKS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FLEETS,
    PBXS,
    PODS,
    POOLS,
    REHEARSALS,
    SECRETS,
    SOFTPHONES,
    Resource,
)
from softphone_operator.observe.carried import Carried
from softphone_operator.observe.groups import Groups
from softphone_operator.observe.packing import Packed
from softphone_operator.observe.parts import object_key_of, registrar_of, spec_in_force, system_of
from softphone_operator.observe.redundancies import Redundancies
from softphone_operator.observe.slimming import MADE, Object, slimmed, what_matters
from softphone_operator.observe.versions import ObjectKey as ObjectKey
from softphone_operator.observe.versions import is_newer

WorkKey = tuple[str, str, str]
"""Kind, namespace and name of an object to reconcile."""

AOR = "AOR"
"""In the index of users, beside the kinds of objects: who has an AOR."""

FEW = (PBXS.kind, FLEETS.kind, POOLS.kind, CALL_CHECKS.kind, REHEARSALS.kind)
"""Of these there are few, and they are often gone through. The others are looked at one at a time, and kept packed."""


class Observed:
    """The objects by kind and key, slimmed, and the indices from an object to those that depend on it."""

    def __init__(self) -> None:
        self._objects: dict[str, MutableMapping[ObjectKey, Object]] = {kind: {} for kind in FEW} | {
            r.kind: Packed() for r in (SOFTPHONES, DEPLOYMENTS, CONFIG_MAPS, PODS)
        }
        self._states: dict[ObjectKey, str] = {}
        self.secrets: dict[ObjectKey, SecretMark] = {}
        self._agents: dict[ObjectKey, str] = {}
        self._pods: dict[ObjectKey, set[str]] = {}
        self.groups = Groups()
        self.carried = Carried()
        self._fleet_needs: dict[ObjectKey, references.Needs] = {}
        self._fleet_aors: dict[ObjectKey, FleetAors] = {}
        self._needs: dict[ObjectKey, references.Needs] = {}
        self._users: dict[tuple[str, str, str], set[str]] = {}
        self.redundancies = Redundancies()

    def get(self, kind: str, object_key: ObjectKey) -> Object | None:
        """An object, None where it is not known."""
        return self._objects[kind].get(object_key)

    def has(self, kind: str, object_key: ObjectKey) -> bool:
        """Whether an object is known."""
        return object_key in self._objects[kind]

    def all(self, kind: str, namespace: str | None = None) -> Iterator[tuple[ObjectKey, Object]]:
        """The objects of a kind with their keys, in a namespace or in all."""
        objects = self._objects[kind]
        for object_key in objects:
            if namespace in (None, object_key[0]):
                yield object_key, objects[object_key]

    def states_of_softphones(self) -> Counter[str]:
        """How many Softphones there are in each state."""
        return Counter(self._states.values())

    def take(self, kind: str, obj: Mapping[str, Any]) -> set[WorkKey]:
        """Take an object in; returns what must be reconciled: nothing if this version is known."""
        object_key = object_key_of(obj)
        before = self.get(kind, object_key)
        if before is not None and not is_newer(before, obj):
            return set()
        slim = slimmed(kind, obj)
        needed = self._needs.get(object_key, references.Needs())
        rated = self.redundancies.take(kind, object_key, slim)
        self._objects[kind][object_key] = slim
        self._index(kind, object_key, slim)
        if kind == SOFTPHONES.kind:
            needs = self._needs[object_key]
            return self._affected_by_needs(object_key, needed, needs) | self._summed(object_key[0], needs, rated=rated)
        if kind == FLEETS.kind:
            if before is not None and spec_in_force(before) == spec_in_force(slim):
                needs = self._fleet_needs.get(object_key, references.Needs())
                return {(FLEETS.kind, *object_key)} | self._summed(object_key[0], needs, rated=rated)
            spec = spec_in_force(slim)
            return self._set_fleet_needs(object_key, references.fleet_needs(spec)) | self._set_fleet_aors(
                object_key, spec
            )
        if kind == POOLS.kind:
            same = before is not None and spec_in_force(before) == spec_in_force(slim)
            return {(POOLS.kind, *object_key)} if same else self._pool_and_phones(object_key)
        if kind == CALL_CHECKS.kind:
            return {(kind, *object_key)}
        if before is not None and what_matters(kind, before) == what_matters(kind, slim):
            return set()
        return self._affected(kind, object_key, before, slim)

    def drop(self, kind: str, object_key: ObjectKey) -> set[WorkKey]:
        """An object is gone; returns what must be reconciled."""
        before = self.get(kind, object_key)
        if before is None:
            return set()
        del self._objects[kind][object_key]
        if kind == PODS.kind:
            self._pods.get(self._agent_of(before), set()).discard(object_key[1])
        if kind == SOFTPHONES.kind:
            needed = self._needs[object_key]
            self._set_needs(object_key, references.Needs())
            del self._needs[object_key], self._states[object_key]
            self._agents.pop((object_key[0], names.softphone_agent(object_key[1])), None)
            rated = self.redundancies.drop(kind, object_key)
            affected = self._affected_by_needs(object_key, needed, references.Needs())
            return affected | self._summed(object_key[0], needed, rated=rated)
        if kind == FLEETS.kind:
            needs = self._fleet_needs.get(object_key, references.Needs())
            summed = self._summed(object_key[0], needs, rated=self.redundancies.drop(kind, object_key))
            affected = self._set_fleet_needs(object_key, references.Needs()) | self._set_fleet_aors(object_key, None)
            return affected | summed
        if kind == POOLS.kind:
            return self._pool_and_phones(object_key)
        if kind == CALL_CHECKS.kind:
            return {(kind, *object_key)}
        affected = self._affected(kind, object_key, before, None)
        if kind == CONFIG_MAPS.kind:
            self.carried.drop(self._agent_of(before))
        if kind in MADE and all(self.get(other, object_key) is None for other in MADE):
            self.groups.drop(self._agent_of(before))
        return affected

    def phones_of_pool(self, object_key: ObjectKey) -> list[str]:
        """The Softphones that name a pool, those that are being deleted left out."""
        return sorted(self._users.get((POOLS.kind, *object_key), ()))

    def pool_of(self, object_key: ObjectKey) -> str:
        """The pool that a Softphone names, empty for none."""
        return self._needs.get(object_key, references.Needs()).pool

    def take_secret(self, mark: SecretMark) -> set[WorkKey]:
        """A Secret is there, in this version; returns what must be reconciled."""
        object_key = (mark.namespace, mark.name)
        if self.secrets.get(object_key) == mark:
            return set()
        self.secrets[object_key] = mark
        return self._users_of_secret(object_key)

    def drop_secret(self, object_key: ObjectKey) -> set[WorkKey]:
        """A Secret is gone; returns what must be reconciled."""
        return self._users_of_secret(object_key) if self.secrets.pop(object_key, None) else set()

    def versions(self, kind: str, namespace: str | None) -> dict[ObjectKey, str]:
        """The versions of the objects of a kind, in a namespace or in all."""
        return {object_key: obj["metadata"]["resourceVersion"] for object_key, obj in self.all(kind, namespace)}

    def pods(self, namespace: str, agent: str) -> list[Object]:
        """The pods of an agent."""
        found = (self.get(PODS.kind, (namespace, name)) for name in self._pods.get((namespace, agent), ()))
        return [pod for pod in found if pod is not None]

    def owner(self, namespace: str, agent: str) -> WorkKey | None:
        """The object that an agent belongs to, None where it is not known."""
        if (name := self._agents.get((namespace, agent))) is not None:
            return SOFTPHONES.kind, namespace, name
        group = self.groups.of((namespace, agent))
        return group if group and group[1:] in self._objects[group[0]] else None

    def use_of_pbx(self, object_key: ObjectKey, obj: Mapping[str, Any]) -> references.PbxUse:
        """Who uses a PBX, present or just gone; `obj` is what is known of it.

        Its status says how many phones are registered there. They count only if an object may have made them.
        """
        reached = any(kind != PBXS.kind for kind, _, _ in self._users_of_pbx(object_key, dict(obj), None))
        phones = ((obj.get("status") or {}).get("phones") or {}) if reached else {}
        fleets = tuple(self.fleets_naming_pbx(object_key))
        return references.PbxUse(tuple(self.namers_of_pbx(object_key)), phones.get("registered", 0), fleets)

    def fleets_naming_pbx(self, object_key: ObjectKey) -> list[str]:
        """The SoftphoneFleets that name a PBX. There are few, so no index is kept."""
        return sorted(
            name
            for (where, name), needs in self._fleet_needs.items()
            if where == object_key[0] and object_key[1] in needs.pbxs
        )

    def namers_of_pbx(self, object_key: ObjectKey) -> list[str]:
        """The Softphones that name a PBX, those that are being deleted left out."""
        return sorted(self._users.get((PBXS.kind, *object_key), ()))

    def redundancy_of_system(self, object_key: ObjectKey) -> list[tuple[str, Verdict]]:
        """The verdicts on the Softphones and fleets that name a PBX or another one of its system."""
        namespace, singles, fleets, of = object_key[0], set[str](), set[str](), self.redundancies.of
        for _, _, name in self._pbxs_of_systems(namespace, [object_key[1]]) | {(PBXS.kind, *object_key)}:
            singles |= self._users.get((PBXS.kind, namespace, name), set())
            fleets |= set(self.fleets_naming_pbx((namespace, name)))
        return of(SOFTPHONES.kind, namespace, singles) + of(FLEETS.kind, namespace, fleets)

    def _summed(self, namespace: str, needs: references.Needs, *, rated: bool) -> set[WorkKey]:
        """The PBXes that sum up the redundancy of an object with these needs, where that is another one now."""
        return self._pbxs_of_systems(namespace, needs.pbxs) if rated else set()

    def _pbxs_of_systems(self, namespace: str, pbxs: Iterable[str]) -> set[WorkKey]:
        """These PBXes, and the others of their systems."""
        there = {key[1]: system_of(obj) for key, obj in self.all(PBXS.kind, namespace)}
        named = {name for name in pbxs if name in there}
        meant = {there[name] for name in named} - {""}
        return {(PBXS.kind, namespace, name) for name, system in there.items() if name in named or system in meant}

    def first_of_aor(self, object_key: ObjectKey) -> str | None:
        """The Softphone that was made first of those with the same AOR; None if that is this one."""
        aor = self._needs[object_key].aor
        sharing = self._users.get((AOR, object_key[0], aor), set()) if aor else set()
        if len(sharing) < 2:
            return None
        first = min(sharing, key=lambda name: self.age(object_key[0], name))
        return None if first == object_key[1] else first

    def softphones_of_aor(self, namespace: str, aor: str) -> list[str]:
        """The Softphones with a canonical AOR, the one that was made first at the head."""
        return sorted(self._users.get((AOR, namespace, aor), ()), key=lambda name: self.age(namespace, name))

    def fleet_with_aor(self, object_key: ObjectKey) -> tuple[str, int] | None:
        """A fleet of which a phone has the AOR of this Softphone, and its index; None where there is none."""
        aor = self._needs[object_key].aor
        for (namespace, name), aors in sorted(self._fleet_aors.items()) if aor else ():
            if namespace == object_key[0] and (index := aors.index_of(aor)) is not None:
                return name, index
        return None

    def earlier_fleet_with_aors(self, object_key: ObjectKey) -> tuple[int, str, int] | None:
        """An AOR that an earlier fleet has too: its first index here, the name of that fleet, the index there."""
        own, age = self._fleet_aors.get(object_key), self.age(*object_key, FLEETS)
        for (namespace, name), aors in sorted(self._fleet_aors.items()) if own else ():
            if namespace != object_key[0] or self.age(namespace, name, FLEETS) >= age:
                continue
            if own and (both := shared(own, aors)):
                return both[0], name, both[1]
        return None

    def pbxs_by_age(self, namespace: str, names: Iterable[str]) -> list[str]:
        """These PBXes of a namespace, the one that was made first at the head."""
        return sorted(names, key=lambda name: self.age(namespace, name, PBXS))

    def age(self, namespace: str, name: str, resource: Resource = SOFTPHONES) -> tuple[str, str]:
        """By which objects of a kind are in the order in which they were made."""
        known = self.get(resource.kind, (namespace, name)) or {"metadata": {}}
        return known["metadata"].get("creationTimestamp", ""), name

    def everything(self) -> set[WorkKey]:
        """All that can be reconciled."""
        return {(kind, *object_key) for kind in (*FEW, SOFTPHONES.kind) for object_key in self._objects[kind]}

    def _index(self, kind: str, object_key: ObjectKey, obj: Object) -> None:
        if kind == SOFTPHONES.kind:
            self._agents[object_key[0], names.softphone_agent(object_key[1])] = object_key[1]
            self._states[object_key] = status.state(obj)
            leaving = obj["metadata"].get("deletionTimestamp")
            self._set_needs(object_key, references.Needs() if leaving else references.softphone_needs(obj.get("spec")))
        elif kind in MADE and (group := self.groups.take(agent := self._agent_of(obj), obj)):
            if kind == CONFIG_MAPS.kind and group[0] == POOLS.kind:
                self.carried.take(agent, group[2], obj)
        elif kind == PODS.kind:
            self._pods.setdefault(self._agent_of(obj), set()).add(object_key[1])

    def _set_needs(self, object_key: ObjectKey, needs: references.Needs) -> None:
        before = self._needs.get(object_key, references.Needs())
        for kind, old, new in (
            (PBXS.kind, before.pbxs, needs.pbxs),
            (SECRETS.kind, before.secrets, needs.secrets),
            (AOR, frozenset({before.aor}), frozenset({needs.aor})),
            (POOLS.kind, frozenset({before.pool}) - {""}, frozenset({needs.pool}) - {""}),
        ):
            for name in old - new:
                self._users.get((kind, object_key[0], name), set()).discard(object_key[1])
            for name in new:
                self._users.setdefault((kind, object_key[0], name), set()).add(object_key[1])
        self._needs[object_key] = needs

    def _set_fleet_needs(self, object_key: ObjectKey, needs: references.Needs) -> set[WorkKey]:
        """Returns the fleet, and the PBXes that it names from now on, or no more."""
        before = self._fleet_needs.pop(object_key, references.Needs())
        if needs != references.Needs():
            self._fleet_needs[object_key] = needs
        named = {(PBXS.kind, object_key[0], name) for name in before.pbxs ^ needs.pbxs}
        return {(FLEETS.kind, *object_key)} | {key for key in named if key[1:] in self._objects[PBXS.kind]}

    def _set_fleet_aors(self, object_key: ObjectKey, spec: Any) -> set[WorkKey]:
        """Returns the Softphones and the other fleets of the namespace that share an AOR with the fleet, or did."""
        before, after = self._fleet_aors.pop(object_key, None), references.fleet_aors(spec)
        if after is not None:
            self._fleet_aors[object_key] = after
        found: set[WorkKey] = set()
        for aors in {before, after} - {None} if before != after else ():
            assert aors is not None
            for (kind, namespace, aor), sharing in self._users.items():
                if kind == AOR and namespace == object_key[0] and sharing and aors.index_of(aor) is not None:
                    found |= {(SOFTPHONES.kind, namespace, name) for name in sharing}
            found |= {
                (FLEETS.kind, *other)
                for other, theirs in self._fleet_aors.items()
                if other[0] == object_key[0] and other != object_key and shared(theirs, aors)
            }
        return found

    def _affected(self, kind: str, object_key: ObjectKey, before: Object | None, after: Object | None) -> set[WorkKey]:
        if kind == PBXS.kind:
            own: WorkKey = (kind, *object_key)
            if before and after and before.get("spec") == after.get("spec"):
                return {own}
            rehearsals: set[WorkKey] = {(REHEARSALS.kind, *key) for key, _ in self.all(REHEARSALS.kind, object_key[0])}
            return {own} | self._users_of_pbx(object_key, before, after) | rehearsals
        if kind == REHEARSALS.kind:
            return {(kind, *object_key)}
        owner = self.owner(*self._agent_of(after or before or {}))
        return {owner} if owner else set()

    def _affected_by_needs(
        self, object_key: ObjectKey, before: references.Needs, after: references.Needs
    ) -> set[WorkKey]:
        """A Softphone, its pools, PBXes that it names from now on or no more, and those that share its AOR, or did."""
        found: set[WorkKey] = {(SOFTPHONES.kind, *object_key)}
        pools = ({before.pool, after.pool} - {""}) | self.carried.pools(*object_key)
        found |= {(POOLS.kind, object_key[0], name) for name in pools}
        for aor in {before.aor, after.aor} - {""} if before.aor != after.aor else ():
            found |= {(SOFTPHONES.kind, object_key[0], name) for name in self._users.get((AOR, object_key[0], aor), ())}
        for name in before.pbxs ^ after.pbxs:
            if (object_key[0], name) in self._objects[PBXS.kind]:
                found.add((PBXS.kind, object_key[0], name))
        return found

    def _users_of_pbx(self, object_key: ObjectKey, before: Object | None, after: Object | None) -> set[WorkKey]:
        """Softphones and fleets that name the PBX or another of its systems; the PBXes of its systems and address."""
        namespace, name = object_key
        systems = {system_of(obj) for obj in (before, after)} - {""}
        relatives = {other[1] for other, obj in self.all(PBXS.kind, namespace) if system_of(obj) in systems}
        users: set[WorkKey] = {(PBXS.kind, namespace, other) for other in relatives}
        addresses = {registrar_of(obj) for obj in (before, after)} - {""}
        same = (other for other, obj in self.all(PBXS.kind, namespace) if registrar_of(obj) in addresses)
        users |= {(PBXS.kind, *other) for other in same}
        for pbx in relatives | {name}:
            phones = self._users.get((PBXS.kind, namespace, pbx), set())
            users |= {(SOFTPHONES.kind, namespace, n) for n in phones}
            users |= {(POOLS.kind, namespace, pool) for n in phones if (pool := self.pool_of((namespace, n)))}
            users |= {(FLEETS.kind, namespace, n) for n in self.fleets_naming_pbx((namespace, pbx))}
        return users

    def _users_of_secret(self, object_key: ObjectKey) -> set[WorkKey]:
        namespace, secret = object_key
        users: set[WorkKey] = {
            (SOFTPHONES.kind, namespace, name) for name in self._users.get((SECRETS.kind, namespace, secret), ())
        }
        users |= {
            (FLEETS.kind, where, name)
            for (where, name), needs in self._fleet_needs.items()
            if where == namespace and secret in needs.secrets
        }
        users |= {
            (POOLS.kind, *pool)
            for pool, obj in self.all(POOLS.kind, namespace)
            if secret in references.pool_needs(obj.get("spec"))
        }
        for pbx, obj in self.all(PBXS.kind, namespace):
            if secret in references.pbx_needs(obj.get("spec")):
                users |= {(PBXS.kind, *pbx)} | self._users_of_pbx(pbx, obj, obj)
        return users

    def _pool_and_phones(self, object_key: ObjectKey) -> set[WorkKey]:
        phones: set[WorkKey] = {(SOFTPHONES.kind, object_key[0], name) for name in self.phones_of_pool(object_key)}
        return {(POOLS.kind, *object_key)} | phones

    @staticmethod
    def _agent_of(obj: Mapping[str, Any]) -> ObjectKey:
        return obj.get("metadata", {}).get("namespace", ""), names.instance(obj)
