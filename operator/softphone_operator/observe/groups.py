"""Which agents belong to a fleet or to a pool, as far as Deployments and ConfigMaps tell. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softphone_operator.kubernetes.resources import FLEETS, POOLS

AgentKey = tuple[str, str]
"""Namespace and name of an agent."""
GroupKey = tuple[str, str, str]
"""Kind, namespace and name of a fleet or pool."""


class Groups:
    """The fleet or pool of each agent, and the agents of each."""

    def __init__(self) -> None:
        self._group_of: dict[AgentKey, GroupKey] = {}
        self._agents: dict[GroupKey, set[str]] = {}

    def take(self, agent: AgentKey, obj: Mapping[str, Any]) -> GroupKey | None:
        """Take in an object of an agent; returns the fleet or pool that it is controlled by, None where by neither."""
        for reference in obj["metadata"].get("ownerReferences") or ():
            if reference.get("controller") and reference.get("kind") in (FLEETS.kind, POOLS.kind):
                group = (str(reference["kind"]), agent[0], str(reference.get("name")))
                self._group_of[agent] = group
                self._agents.setdefault(group, set()).add(agent[1])
                return group
        return None

    def drop(self, agent: AgentKey) -> None:
        """Nothing of an agent is there any more."""
        if (group := self._group_of.pop(agent, None)) is not None:
            self._agents[group].discard(agent[1])

    def of(self, agent: AgentKey) -> GroupKey | None:
        """The fleet or pool of an agent, None where it has neither."""
        return self._group_of.get(agent)

    def agents(self, group: GroupKey) -> frozenset[str]:
        """The agents of a fleet or pool."""
        return frozenset(self._agents.get(group, ()))
