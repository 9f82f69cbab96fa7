"""Reconciles a SoftphoneFleet: its agents, their number, and the sum of what they report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from softphone_operator.decide import (
    decisions,
    desired_fleet,
    fleet_status,
    names,
    outcome,
    redundancy,
    references,
    status,
)
from softphone_operator.kubernetes.resources import FLEETS
from softphone_operator.observe import agents
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.reconcile.call_checks import CallChecks
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.many_agents import ManyAgents
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.upkeep import Upkeep, again
from softphone_operator.reconcile.writing import Writer


class Fleets:
    """Reconciles fleets by the parts that the controller has made."""

    def __init__(
        self,
        observed: Observed,
        prerequisites: Prerequisites,
        upkeep: Upkeep,
        listening: Listening,
        writer: Writer,
        calls: CallChecks,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._upkeep = upkeep
        self._listening = listening
        self._writer = writer
        self._calls = calls
        self._now = now
        self._agents_of = ManyAgents(observed, prerequisites, upkeep, listening, counts=True)
        self._agents: dict[ObjectKey, frozenset[str]] = {}

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Bring a fleet to what its spec says; returns the result, and the seconds after which to look again."""
        key: WorkKey = (FLEETS.kind, namespace, name)
        object_key = (namespace, name)
        obj = self._observed.get(FLEETS.kind, object_key)
        if obj is None:
            for agent in self._agents.pop(object_key, ()):
                self._listening.point(namespace, agent, None)
            self._writer.forget(key)
            self._upkeep.forget_budget(key)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        pbxs = await self._prerequisites.decisions_on_pbxs(namespace)
        keys = await self._prerequisites.keys_of_secrets(namespace, references.fleet_needs(obj["spec"]).secrets)
        same_aors = self._observed.earlier_fleet_with_aors(object_key)
        decided = desired_fleet.fleet(name, namespace, obj["metadata"]["uid"], obj["spec"], pbxs, keys, same_aors)
        waits: list[float | None] = []
        made = self._observed.groups.agents(key)
        if isinstance(decided, decisions.DesiredFleet):
            with_calls = [await self._calls.with_calls(namespace, one) for one in decided.agents]
            wanted_agents = [(one, names.FLEET.labels(name, number)) for number, one in enumerate(with_calls)]
            facts = await self._agents_of.ensure(obj, wanted_agents, decided.max_unavailable, waits)
            for one, fact in zip(with_calls, facts, strict=True):
                self._calls.runs(namespace, one, fact.reported, fact.digest)
            for agent in sorted(made - {one.agent for one in decided.agents}):
                await self._agents_of.remove(obj, agent)
            await self._upkeep.ensure_budget(obj, names.FLEET, decided.max_unavailable)
        else:
            if trouble := await self._upkeep.restore(obj):
                waits.append(again(trouble))
            made = self._observed.groups.agents(key)
            facts = [await self._agents_of.as_it_runs(namespace, agent) for agent in sorted(made)]
        self._agents[object_key] = frozenset(one.name for one in facts)
        if any(one.reported.stream == "connecting" for one in facts):
            waits.append(agents.GRACE_SECONDS)
        wanted, template = obj["spec"].get("replicas", 1), obj["spec"].get("template")
        written = fleet_status.fleet(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=outcome.accepted(decided),
            agents=facts,
            wanted=wanted if isinstance(decided, decisions.DesiredFleet) else None,
            suspended=isinstance(template, Mapping) and template.get("suspend") is True,
            asked=_asked(decided),
            selector=",".join(f"{label}={value}" for label, value in names.FLEET.selector(name).items()),
            now=self._now(),
        )
        events = fleet_status.events(obj["status"], written)
        waits.append(await self._writer.write_status(FLEETS, key, obj, status.dump(written), events))
        return outcome.result(decided), min((wait for wait in waits if wait is not None), default=None)


def _asked(decided: decisions.DesiredFleet | decisions.Refusal) -> redundancy.Asked | None:
    """What the template asks for, None where it is refused or makes no phones."""
    if isinstance(decided, decisions.Refusal) or not decided.agents:
        return None
    return redundancy.asked(decided.agents[0].config.fleets[0].template)
