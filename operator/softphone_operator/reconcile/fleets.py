"""Reconciles a SoftphoneFleet: its agents, their number, and the sum of what they report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from softphone_operator.decide import (
    availability,
    comparing,
    decisions,
    desired_fleet,
    fleet_status,
    manifests,
    mounts,
    names,
    outcome,
    redundancy,
    references,
    rollout,
    status,
)
from softphone_operator.decide.facts import Statement
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, FLEETS
from softphone_operator.observe import agents
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.upkeep import Upkeep, again
from softphone_operator.reconcile.writing import Writer

log = structlog.get_logger()


class Fleets:
    """Reconciles fleets by the parts that the controller has made."""

    def __init__(
        self,
        observed: Observed,
        prerequisites: Prerequisites,
        upkeep: Upkeep,
        listening: Listening,
        writer: Writer,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._upkeep = upkeep
        self._listening = listening
        self._writer = writer
        self._now = now
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
            self._upkeep.forget_budget(object_key)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        pbxs = await self._prerequisites.decisions_on_pbxs(namespace)
        keys = await self._prerequisites.keys_of_secrets(namespace, references.fleet_needs(obj["spec"]).secrets)
        same_aors = self._observed.earlier_fleet_with_aors(object_key)
        decided = desired_fleet.fleet(name, namespace, obj["metadata"]["uid"], obj["spec"], pbxs, keys, same_aors)
        waits: list[float | None] = []
        made = self._observed.agents_of_fleet(object_key)
        if isinstance(decided, decisions.DesiredFleet):
            facts = await self._ensure_agents(obj, decided, waits)
            for agent in sorted(made - {one.agent for one in decided.agents}):
                await self._upkeep.remove(obj, agent)
                self._listening.point(namespace, agent, None)
            await self._upkeep.ensure_budget(obj, decided.max_unavailable)
        else:
            if trouble := await self._upkeep.restore(obj):
                waits.append(again(trouble))
            made = self._observed.agents_of_fleet(object_key)
            facts = [await self._facts_as_it_runs(namespace, agent) for agent in sorted(made)]
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
            selector=",".join(f"{label}={value}" for label, value in names.fleet_selector(name).items()),
            now=self._now(),
        )
        events = fleet_status.events(obj["status"], written)
        waits.append(await self._writer.write_status(FLEETS, key, obj, status.dump(written), events))
        return outcome.result(decided), min((wait for wait in waits if wait is not None), default=None)

    async def _ensure_agents(
        self, obj: Object, decided: decisions.DesiredFleet, waits: list[float | None]
    ) -> list[fleet_status.AgentFacts]:
        """Bring a fleet's agents to what is desired: all files at once, and as many pods at a time as may be away.

        A file that names Secrets which the present pod does not mount waits for the new pod: it would cost all phones
        of all agents their passwords at once.
        """
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        facts, objects = [], []
        for number, wanted in enumerate(decided.agents):
            agent = self._upkeep.agent(obj, wanted, names.fleet_labels(name, number))
            there = self._observed.get(DEPLOYMENTS.kind, (namespace, agent.name))
            config_map, deployment = self._upkeep.objects(agent)
            deployment = manifests.marked(deployment)
            pod = deployment["spec"]["template"]
            updated = (
                there is None
                or comparing.difference(pod, there["spec"].get("template")) is None
                or self._upkeep.is_settled(DEPLOYMENTS, (namespace, agent.name), deployment, there)
            )
            waits_for_pod = (
                there is not None and not updated and mounts.mounted_key(deployment) != mounts.mounted_key(there)
            )
            trouble = None if waits_for_pod else await self._upkeep.ensure(CONFIG_MAPS, config_map)
            if updated and trouble is None:
                trouble = await self._upkeep.ensure(DEPLOYMENTS, deployment)
            if trouble:
                waits.append(again(trouble))
            digest = manifests.text_digest(manifests.config_text(wanted.config))
            phones = sum(part.count for part in wanted.config.fleets)
            objects.append(((CONFIG_MAPS, config_map), (DEPLOYMENTS, deployment)))
            one = await self._facts(namespace, agent.name, digest, phones, trouble, updated=updated)
            facts.append(one)
            if trouble is None and not waits_for_pod:
                contents = self._upkeep.contents(namespace, digest, wanted.secrets)
                pods = self._observed.pods(namespace, agent.name)
                waits.append(await self._upkeep.sync_volumes(pods, one.reported, contents, digest))
        slices = [rollout.Slice(n, outdated=not one.updated, up=one.up) for n, one in enumerate(facts)]
        for number in rollout.may_change(slices, decided.max_unavailable):
            log.info("agent is changed", agent=facts[number].name)
            for resource, desired in objects[number]:
                await self._upkeep.ensure(resource, desired)
        return facts

    async def _facts_as_it_runs(self, namespace: str, agent: str) -> fleet_status.AgentFacts:
        """The facts of an agent whose fleet's spec is refused: it goes on with the file that it has."""
        file = self._observed.get(CONFIG_MAPS.kind, (namespace, agent))
        deployment = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        phones = mounts.phones_of(file, deployment) if file else 0
        return await self._facts(namespace, agent, None, phones, None, updated=True)

    async def _facts(
        self, namespace: str, agent: str, digest: str | None, phones: int, trouble: Statement | None, *, updated: bool
    ) -> fleet_status.AgentFacts:
        pods = self._observed.pods(namespace, agent)
        deployment = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        reported = self._listening.listen(namespace, agent, "", pods, counts=True)
        view = self._listening.view((namespace, agent))
        unmountable = await self._prerequisites.unmountable(deployment) if availability.is_mounting(pods) else None
        available = trouble or availability.availability(deployment, pods, reported, unmountable)
        pod = availability.current_pod(pods)
        if pod is not None and deployment is not None and available.status == "True":
            # The pod of the template before is still there until it is replaced.
            mark = manifests.template_mark(deployment["spec"].get("template") or {})
            if manifests.template_mark(pod) != mark:
                available = Statement("False", "Terminating", f"the pod {pod['metadata']['name']} is to be replaced")
        counts = view.counts if view else None
        return fleet_status.AgentFacts(agent, available, reported, counts, digest, phones, updated)


def _asked(decided: decisions.DesiredFleet | decisions.Refusal) -> redundancy.Asked | None:
    """What the template asks for, None where it is refused or makes no phones."""
    if isinstance(decided, decisions.Refusal) or not decided.agents:
        return None
    return redundancy.asked(decided.agents[0].config.fleets[0].template)
