"""What a spec needs: the decisions on the PBXes of its namespace, and the keys of Secrets. Asked once, then kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from softphone_operator.decide import decisions, desired_pbx, mounts, references
from softphone_operator.kubernetes.cluster import Cluster
from softphone_operator.kubernetes.resources import PBXS
from softphone_operator.observe.observed import ObjectKey, Observed

log = structlog.get_logger()


class Prerequisites:
    """The decisions and the keys. `pbx_changed` and `secret_gone` say that something has changed."""

    def __init__(self, cluster: Cluster, observed: Observed) -> None:
        self._cluster = cluster
        self._observed = observed
        self._secret_keys: dict[ObjectKey, tuple[str, frozenset[str]]] = {}
        self._pbx_decisions: dict[str, dict[str, decisions.DesiredPbx | decisions.Refusal]] = {}
        self._pbx_changes: Counter[str] = Counter()

    def pbx_changed(self, namespace: str) -> None:
        """A PBX of the namespace has changed, or something that it needs."""
        self._pbx_decisions.pop(namespace, None)
        self._pbx_changes[namespace] += 1

    def secret_gone(self, object_key: ObjectKey) -> None:
        """A Secret is gone."""
        self._secret_keys.pop(object_key, None)

    async def decisions_on_pbxs(self, namespace: str) -> dict[str, decisions.DesiredPbx | decisions.Refusal]:
        """The decision on every PBX of a namespace, by name: a desired PBX, or why it is refused."""
        known = self._pbx_decisions.get(namespace)
        if known is not None:
            return known
        changes = self._pbx_changes[namespace]
        specs = {object_key[1]: obj["spec"] for object_key, obj in self._observed.all(PBXS.kind, namespace)}
        needs = frozenset().union(*(references.pbx_needs(spec) for spec in specs.values()))
        keys = await self.keys_of_secrets(namespace, needs)
        decided = {name: _decided(name, namespace, spec, keys) for name, spec in sorted(specs.items())}
        made = desired_pbx.with_duplicate_addresses(decided, self._observed.pbxs_by_age(namespace, decided))
        # Meanwhile others may have looked, or something may have changed: only what is whole and fresh is kept.
        if self._pbx_changes[namespace] == changes:
            self._pbx_decisions[namespace] = made
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
            object_key = (namespace, name)
            mark = self._observed.secrets.get(object_key)
            if mark is None:
                continue
            known = self._secret_keys.get(object_key)
            if known is None or known[0] != mark.version:
                keys = await self._cluster.secret_keys(namespace, name)
                if keys is None:
                    continue
                known = self._secret_keys[object_key] = (mark.version, keys)
            found[name] = known[1]
        return found


def _decided(name: str, namespace: str, spec: Any, keys: decisions.Secrets) -> decisions.DesiredPbx | decisions.Refusal:
    """The decision on one PBX. One that we fail to understand must not stop the others and their phones."""
    try:
        return desired_pbx.pbx(name, namespace, spec, keys)
    except Exception as error:
        log.exception("a pbx could not be planned", namespace=namespace, name=name)
        return decisions.Refusal(
            "InvalidSpec", f"the operator does not understand it: {type(error).__name__}, see its log"
        )
