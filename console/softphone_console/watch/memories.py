"""What is remembered of phones: by their agents, and before that by a Prometheus, where its address is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from softphone_agent.contract.history import HistoryEntry
from softphone_console.view import raw
from softphone_console.view.facts import Phone
from softphone_console.view.timeline import Memory, Remembered
from softphone_console.watch.agents import Agents
from softphone_console.watch.prometheus import Prometheus, PrometheusError


class Memories:
    """Both of them. An agent tells more exactly, and forgets with its pod."""

    def __init__(self, agents: Agents, prometheus: Prometheus | None, now: Callable[[], datetime]) -> None:
        self._agents = agents
        self._prometheus = prometheus
        self._now = now

    async def of_phone(self, phone: Phone, span: timedelta) -> Remembered:
        """What is remembered of a Softphone."""
        told = await self._agents.of_phone(phone)
        if self._prometheus is None:
            return told
        try:
            before = await self._prometheus.history(phone.key, self._now(), span)
        except PrometheusError as error:
            return told._replace(notes=[*told.notes, f"Prometheus cannot be asked: {error}."])
        exact = [entry for memory in told.memories for entry in memory.entries]
        return told._replace(memories=[*told.memories, Memory(phone.key.namespace, older(before, exact))])

    async def of_all(self) -> Remembered:
        """What agents remember of all phones."""
        return await self._agents.of_all()


def older(entries: Iterable[HistoryEntry], than: Iterable[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    """Those of the entries that began before the first of the others: what comes after that, these have as well."""
    first = min((time for one in than if (time := raw.parsed(one.time))), default=None)
    if first is None:
        return tuple(entries)
    return tuple(one for one in entries if (time := raw.parsed(one.time)) and time < first)
