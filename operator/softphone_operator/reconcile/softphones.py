"""Reconciles a Softphone: its agent, and what the agent reports of the phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from softphone_operator.decide import (
    availability,
    decisions,
    desired_softphone,
    event_rules,
    manifests,
    names,
    outcome,
    redundancy,
    references,
    status,
)
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, SOFTPHONES
from softphone_operator.observe import agents
from softphone_operator.observe.observed import Observed, WorkKey
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.upkeep import Upkeep, again
from softphone_operator.reconcile.writing import Writer


class Softphones:
    """Reconciles Softphones by the parts that the controller has made."""

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

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Bring a Softphone to what its spec says; returns the result, and the seconds after which to look again."""
        key: WorkKey = (SOFTPHONES.kind, namespace, name)
        agent = names.softphone_agent(name)
        obj = self._observed.get(SOFTPHONES.kind, (namespace, name))
        if obj is None:
            self._listening.point(namespace, agent, None)
            self._writer.forget(key)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        pbxs = await self._prerequisites.decisions_on_pbxs(namespace)
        keys = await self._prerequisites.keys_of_secrets(namespace, references.softphone_needs(obj["spec"]).secrets)
        decided = desired_softphone.softphone(
            name,
            namespace,
            obj["metadata"]["uid"],
            obj["spec"],
            pbxs,
            keys,
            same_aor=self._observed.first_of_aor((namespace, name)),
            fleet_aor=self._observed.fleet_with_aor((namespace, name)),
        )
        waits: list[float | None] = []
        trouble, digest, asked = None, None, None
        if isinstance(decided, decisions.DesiredAgent):
            asked = redundancy.asked(decided.config.phones[0])
            wanted = self._upkeep.agent(obj, decided, {names.SOFTPHONE_LABEL: names.shorten(name)})
            digest = manifests.text_digest(manifests.config_text(decided.config))
            config_map, deployment = self._upkeep.objects(wanted)
            for resource, desired in ((CONFIG_MAPS, config_map), (DEPLOYMENTS, deployment)):
                trouble = trouble or await self._upkeep.ensure(resource, desired)
        else:
            trouble = await self._upkeep.restore(obj)
        if trouble:
            waits.append(again(trouble))
        pods = self._observed.pods(namespace, agent)
        reported = self._listening.listen(namespace, agent, name, pods)
        if isinstance(decided, decisions.DesiredAgent) and digest is not None and trouble is None:
            contents = self._upkeep.contents(namespace, digest, decided.secrets)
            waits.append(await self._upkeep.sync_volumes(pods, reported, contents, digest))
        if reported.stream == "connecting":
            waits.append(agents.GRACE_SECONDS)
        there = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        unmountable = await self._prerequisites.unmountable(there) if availability.is_mounting(pods) else None
        available = trouble or availability.availability(there, pods, reported, unmountable)
        made = status.softphone(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=outcome.accepted(decided),
            agent=available,
            reported=reported,
            wanted_digest=digest,
            asked=asked,
            now=self._now(),
        )
        events = event_rules.softphone_events(obj["status"], made)
        waits.append(await self._writer.write_status(SOFTPHONES, key, obj, status.dump(made), events))
        return outcome.result(decided), min((wait for wait in waits if wait is not None), default=None)
