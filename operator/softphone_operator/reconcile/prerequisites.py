"""What a spec rests on: the plans of the PBXes of its namespace, and the keys of Secrets. Looked up once, then kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from softphone_operator.decide import mounts, pbx_plan, plan_types, references
from softphone_operator.kubernetes.cluster import Cluster
from softphone_operator.kubernetes.resources import PBXS
from softphone_operator.observe.observed import Observed, Place

log = structlog.get_logger()


class Prerequisites:
    """The plans and keys. Whoever observes a change tells it by `pbx_changed` and `secret_gone`."""

    def __init__(self, cluster: Cluster, observed: Observed) -> None:
        self._cluster = cluster
        self._observed = observed
        self._secret_keys: dict[Place, tuple[str, frozenset[str]]] = {}
        self._pbx_plans: dict[str, dict[str, plan_types.PbxPlan | plan_types.Refusal]] = {}
        self._pbx_changes: Counter[str] = Counter()

    def pbx_changed(self, namespace: str) -> None:
        """A PBX of the namespace, or what it rests on, is another now."""
        self._pbx_plans.pop(namespace, None)
        self._pbx_changes[namespace] += 1

    def secret_gone(self, place: Place) -> None:
        """A Secret is there no more."""
        self._secret_keys.pop(place, None)

    async def plans_of_pbxs(self, namespace: str) -> dict[str, plan_types.PbxPlan | plan_types.Refusal]:
        """The plan of every PBX of a namespace, by name."""
        known = self._pbx_plans.get(namespace)
        if known is not None:
            return known
        changes = self._pbx_changes[namespace]
        specs = {place[1]: obj["spec"] for place, obj in self._observed.all(PBXS.kind, namespace)}
        needs = frozenset().union(*(references.pbx_needs(spec) for spec in specs.values()))
        keys = await self.keys_of_secrets(namespace, needs)
        planned = {name: _planned(name, namespace, spec, keys) for name, spec in sorted(specs.items())}
        made = pbx_plan.with_duplicate_addresses(planned, self._observed.pbxs_by_age(namespace, planned))
        # Meanwhile others may have looked, or something may have changed: only what is whole and fresh is kept.
        if self._pbx_changes[namespace] == changes:
            self._pbx_plans[namespace] = made
        return made

    async def unmountable(self, deployment: Mapping[str, Any] | None) -> str | None:
        """Why a new pod of a Deployment cannot mount its Secrets, None where it can. Raises ClusterError."""
        if deployment is None:
            return None
        keys = await self.keys_of_secrets(deployment["metadata"]["namespace"], mounts.mounted(deployment))
        return mounts.unmountable(deployment, keys)

    async def keys_of_secrets(self, namespace: str, wanted: Iterable[str]) -> dict[str, frozenset[str]]:
        """The key names of those of the wanted Secrets that there are. Raises ClusterError."""
        found = {}
        for name in sorted(wanted):
            place = (namespace, name)
            mark = self._observed.secrets.get(place)
            if mark is None:
                continue
            known = self._secret_keys.get(place)
            if known is None or known[0] != mark.version:
                keys = await self._cluster.secret_keys(namespace, name)
                if keys is None:
                    continue
                known = self._secret_keys[place] = (mark.version, keys)
            found[name] = known[1]
        return found


def _planned(name: str, namespace: str, spec: Any, keys: plan_types.Secrets) -> plan_types.PbxPlan | plan_types.Refusal:
    """The plan of one PBX. One that is too much for us must not stop all the others, and all phones, of a namespace."""
    try:
        return pbx_plan.pbx(name, namespace, spec, keys)
    except Exception as error:
        log.exception("a pbx could not be planned", namespace=namespace, name=name)
        return plan_types.Refusal(
            "InvalidSpec", f"the operator does not understand it: {type(error).__name__}, see its log"
        )
