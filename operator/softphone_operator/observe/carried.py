"""Which phones the files of pools' agents have: what a pool knows of its own past. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softphone_operator.decide import mounts, names
from softphone_operator.decide.desired_pool import parsed, phones_in

AgentKey = tuple[str, str]
"""Namespace and name of an agent."""


class Carried:
    """The agents of pools, their numbers and their phones, as their ConfigMaps tell."""

    def __init__(self) -> None:
        self._phones: dict[AgentKey, dict[str, frozenset[str]]] = {}
        self._agents: dict[tuple[str, str], set[str]] = {}
        self._pools: dict[AgentKey, str] = {}
        self._numbers: dict[AgentKey, int | None] = {}

    def take(self, agent: AgentKey, pool: str, config_map: Mapping[str, Any]) -> None:
        """Take in the ConfigMap of a pool's agent."""
        before = self._all(agent)
        files = {key: text for key, text in (config_map.get("data") or {}).items() if mounts.is_config_key(key)}
        self._phones[agent] = {key: names_in(text) for key, text in files.items()}
        self._pools[agent] = pool
        self._numbers[agent] = number_of(config_map)
        self._reindex(agent, before)

    def drop(self, agent: AgentKey) -> None:
        """The ConfigMap of an agent is gone."""
        before = self._all(agent)
        self._phones.pop(agent, None)
        self._pools.pop(agent, None)
        self._numbers.pop(agent, None)
        self._reindex(agent, before)

    def number(self, agent: AgentKey) -> int | None:
        """The number of an agent in its pool, None where it has no file."""
        return self._numbers.get(agent)

    def phones(self, agent: AgentKey, key: str) -> frozenset[str]:
        """The phones of an agent's file that is under a key of its ConfigMap."""
        return self._phones.get(agent, {}).get(key, frozenset())

    def all_phones(self, agent: AgentKey) -> frozenset[str]:
        """The phones of all files of an agent."""
        return self._all(agent)

    def agents(self, namespace: str, phone: str) -> list[str]:
        """The agents of pools that have a phone in a file."""
        return sorted(self._agents.get((namespace, phone), ()))

    def pools(self, namespace: str, phone: str) -> set[str]:
        """The pools of those agents."""
        return {self._pools[namespace, agent] for agent in self.agents(namespace, phone)}

    def _all(self, agent: AgentKey) -> frozenset[str]:
        return frozenset().union(*self._phones.get(agent, {}).values())

    def _reindex(self, agent: AgentKey, before: frozenset[str]) -> None:
        after = self._all(agent)
        for phone in before - after:
            agents = self._agents[agent[0], phone]
            agents.discard(agent[1])
            if not agents:
                del self._agents[agent[0], phone]
        for phone in after - before:
            self._agents.setdefault((agent[0], phone), set()).add(agent[1])


def names_in(text: str) -> frozenset[str]:
    """The names of the phones in an agent's file."""
    return frozenset(str(phone["name"]) for phone in phones_in(parsed(text)))


def number_of(obj: Mapping[str, Any]) -> int | None:
    """The number of the agent that an object belongs to, as its label says."""
    said = (obj.get("metadata", {}).get("labels") or {}).get(names.SLICE_LABEL, "")
    return int(said) if said.isascii() and said.isdecimal() else None
