"""The agents of an object that has several: all their files at once, their pods a few at a time, and what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog

from softphone_operator.decide import (
    availability,
    comparing,
    decisions,
    fleet_status,
    manifests,
    mounts,
    rollout,
)
from softphone_operator.decide.facts import Statement
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS
from softphone_operator.observe.observed import Observed
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.upkeep import Upkeep, again

log = structlog.get_logger()


class ManyAgents:
    """Keeps such agents by the parts that the controller has made.

    `counts`: the agents are asked for counts only, not for each phone.
    """

    def __init__(
        self,
        observed: Observed,
        prerequisites: Prerequisites,
        upkeep: Upkeep,
        listening: Listening,
        *,
        counts: bool,
    ) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._upkeep = upkeep
        self._listening = listening
        self._counts = counts

    async def ensure(
        self,
        obj: Object,
        agents: Iterable[tuple[decisions.DesiredAgent, Mapping[str, str]]],
        max_unavailable: int,
        waits: list[float | None],
    ) -> list[fleet_status.AgentFacts]:
        """Bring the agents of `obj`, each with its labels, to what is desired.

        All files at once, and as many pods at a time as may be away. `waits` gets the seconds until the next look.

        A file that names Secrets which the present pod does not mount waits for the new pod: it would cost all phones
        of all agents their passwords at once.
        """
        namespace = obj["metadata"]["namespace"]
        facts, objects = [], []
        for wanted, labels in agents:
            agent = self._upkeep.agent(obj, wanted, labels)
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
            digest = manifests.text_digest(manifests.config_text(wanted.config, wanted.entries.values()))
            objects.append(((CONFIG_MAPS, config_map), (DEPLOYMENTS, deployment)))
            one = await self._facts(namespace, agent.name, digest, wanted.phones, trouble, updated=updated)
            facts.append(one)
            if trouble is None and not waits_for_pod:
                contents = self._upkeep.contents(namespace, digest, wanted.secrets)
                pods = self._observed.pods(namespace, agent.name)
                waits.append(await self._upkeep.sync_volumes(pods, one.reported, contents, digest))
        slices = [rollout.Slice(n, outdated=not one.updated, up=one.up) for n, one in enumerate(facts)]
        for number in rollout.may_change(slices, max_unavailable):
            log.info("agent is changed", agent=facts[number].name)
            for resource, desired in objects[number]:
                await self._upkeep.ensure(resource, desired)
        return facts

    async def remove(self, obj: Object, agent: str) -> None:
        """Delete an agent that `obj` no longer needs."""
        await self._upkeep.remove(obj, agent)
        self._listening.point(obj["metadata"]["namespace"], agent, None)

    async def as_it_runs(self, namespace: str, agent: str) -> fleet_status.AgentFacts:
        """The facts of an agent whose owner's spec is refused: it goes on with the file that it has."""
        file = self._observed.get(CONFIG_MAPS.kind, (namespace, agent))
        deployment = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        phones = mounts.phones_of(file, deployment) if file else 0
        return await self._facts(namespace, agent, None, phones, None, updated=True)

    async def _facts(
        self, namespace: str, agent: str, digest: str | None, phones: int, trouble: Statement | None, *, updated: bool
    ) -> fleet_status.AgentFacts:
        pods = self._observed.pods(namespace, agent)
        deployment = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        reported = self._listening.listen(namespace, agent, "", pods, counts=self._counts)
        view = self._listening.view((namespace, agent))
        unmountable = await self._prerequisites.unmountable(deployment) if availability.is_mounting(pods) else None
        available = trouble or availability.availability(deployment, pods, reported, unmountable)
        pod = availability.current_pod(pods)
        if pod is not None and deployment is not None and available.status == "True":
            # The pod of the template before is still there until it is replaced.
            mark = manifests.template_mark(deployment["spec"].get("template") or {})
            if manifests.template_mark(pod) != mark:
                available = Statement("False", "Terminating", f"the pod {pod['metadata']['name']} is to be replaced")
        counts = view.counted() if view else None
        return fleet_status.AgentFacts(agent, available, reported, counts, digest, phones, updated)
