"""Watches the fail-over of one rehearsal: follows all agents of the namespace, phone by phone, as long as it runs."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp

from softphone_agent.contract.report import CallChanged, Counts, PhoneReport, Snapshot, WatchLine
from softphone_operator.observe.agents import AgentKey, Change, Lost
from softphone_operator.reconcile.listening import Listening
from softphone_operator.rehearsals import record
from softphone_operator.rehearsals.calls import Calls
from softphone_operator.rehearsals.drill import Drill
from softphone_operator.rehearsals.events import Looked

PATIENCE_SECONDS = 15.0
"""So long an agent that runs is waited for before a rehearsal begins."""


class RunWatch:
    """The streams and the drill of a run. `news` is called when something has changed for it."""

    def __init__(
        self,
        name: str,
        namespace: str,
        drill: Drill,
        calls: Calls,
        session: aiohttp.ClientSession,
        *,
        news: Callable[[], None],
        jitter: Callable[[], float],
    ) -> None:
        self.name = name
        """Of the run's record."""
        self.drill = drill
        self.calls = calls
        self._over_at: float | None = None
        self.written: str | None = None
        """The record as it was written last."""
        self.written_at = 0.0
        self.pointed_at = -math.inf
        """When it was told last which pods there are; both on `clock`."""
        self._namespace = namespace
        self._news = news
        self._began = clock()
        self._versions: dict[str, str] = {}
        self._pods: dict[str, str] = {}
        self._listening = Listening(session, said=self._said, unsaid=lambda _, __: None, jitter=jitter)
        self.close = self._listening.close

    def point(self, pods: Mapping[str, Mapping[str, Any]]) -> None:
        """Follow the agents in these pods from now on, by agent; what another pod told counts no more."""
        self.pointed_at = clock()
        for agent in self._pods.keys() - pods.keys():
            self._listening.point(self._namespace, agent, None)
        for agent, pod in pods.items():
            uid = pod["metadata"].get("uid", "")
            if self._pods.get(agent, uid) != uid and (view := self._listening.view((self._namespace, agent))):
                self.drill.unheard(self._key(name) for name in view.phones)
            self._listening.point(self._namespace, agent, pod)
        self._pods = {agent: pod["metadata"].get("uid", "") for agent, pod in pods.items()}

    @property
    def lost(self) -> dict[str, str]:
        """The agents that are not heard, with the reason."""
        views = {agent: self._listening.view((self._namespace, agent)) for agent in self._pods}
        return {agent: view.why for agent, view in views.items() if view is not None and not view.connected}

    @property
    def is_complete(self) -> bool:
        """Whether all agents are heard, or their time is over."""
        return not self.lost or clock() - self._began >= PATIENCE_SECONDS

    @property
    def versions(self) -> dict[str, int]:
        """How many agents of each version were heard."""
        return dict(sorted(Counter(self._versions.values()).items()))

    def phones(self) -> dict[str, PhoneReport]:
        """What the agents tell now of all phones, by namespace/name."""
        views = (self._listening.view((self._namespace, agent)) for agent in self._pods)
        return {self._key(name): report for view in views if view for name, report in view.phones.items()}

    def begin(self) -> dict[str, PhoneReport]:
        """Those who take part from now on, as their agents tell of them."""
        told = self.phones()
        self.drill.begin(told)
        return {name: told[name] for name in self.drill.phones}

    def looked(self, *, with_calls: bool) -> Looked:
        """How the fail-over stands. `with_calls`: it is not over before the calls after it have told."""
        parts, now = self.drill.parts, clock()
        first, last = record.span(parts.values())
        over = self.drill.is_over(now)
        self._over_at = (self._over_at or now) if over else None
        if with_calls and self._over_at is not None:
            over = self.calls.settled(self._over_at, now)
        slowest = next(iter(self.calls.all), None)
        return Looked(self.drill.result(), over, record.worst(parts), first, last, slowest)

    def _said(self, key: AgentKey, change: Change, line: WatchLine | Lost) -> None:
        view = self._listening.view(key)
        if view is None or isinstance(line, Counts):
            return
        if isinstance(line, Snapshot):
            self._versions[key[1]] = line.version
        calls = line.calls if isinstance(line, Snapshot) else (line.call,) if isinstance(line, CallChanged) else ()
        news = [self.calls.told(self._key(call.phone), call, clock()) for call in calls]
        if any(news):
            self._news()
        names: Iterable[str] = view.phones if change.everything else change.phones
        if isinstance(line, Lost):
            self.drill.unheard(self._key(name) for name in names)
            self._news()
            return
        now = clock()
        told = [self.drill.told(self._key(name), view.phones[name], now) for name in names if name in view.phones]
        if any(told):
            self._news()

    def _key(self, name: str) -> str:
        return f"{self._namespace}/{name}"


def clock() -> float:
    """Seconds on a clock that never goes back."""
    return asyncio.get_running_loop().time()
