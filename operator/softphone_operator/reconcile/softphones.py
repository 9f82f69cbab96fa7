"""Reconciles a Softphone: its agent, and what the agent reports of the phone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from softphone_operator.decide import (
    availability,
    call_plan,
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
from softphone_operator.decide.availability import NO_AGENT
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.revisions import Revisions
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, POOLS, SOFTPHONES
from softphone_operator.observe import agents
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.slimming import MADE, Object
from softphone_operator.reconcile.call_checks import CallChecks
from softphone_operator.reconcile.handover import is_handed_over
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.members import Members
from softphone_operator.reconcile.pools import Pools
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.upkeep import Upkeep, again
from softphone_operator.reconcile.writing import Writer

BEGINNING_SECONDS = 2.0
CHOOSING = Statement("False", "Starting", "the pool is about to choose an agent for it")


class _Seen(NamedTuple):
    """What is decided on a Softphone, and what is known of the agent that its status tells of.

    `digest`: that of the file that the agent should run, None where it should run none that is known.
    """

    decided: decisions.Decision
    agent: str | None
    available: Statement
    reported: Reported
    digest: str | None


class Softphones:
    """Reconciles Softphones by the parts that the controller has made."""

    def __init__(
        self,
        observed: Observed,
        prerequisites: Prerequisites,
        upkeep: Upkeep,
        listening: Listening,
        writer: Writer,
        members: Members,
        pools: Pools,
        calls: CallChecks,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._upkeep = upkeep
        self._listening = listening
        self._writer = writer
        self._members = members
        self._pools = pools
        self._calls = calls
        self._begun: dict[WorkKey, float] = {}
        """When a phone of a pool was seen first that has no status yet."""
        self._now = now
        self._revisions: dict[ObjectKey, Revisions] = {}
        """Of phones that take part in test calls, or did: a change of those is no change of the phone."""

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Bring a Softphone to what its spec says; returns the result, and the seconds after which to look again."""
        key: WorkKey = (SOFTPHONES.kind, namespace, name)
        obj = self._observed.get(SOFTPHONES.kind, (namespace, name))
        if obj is None:
            self._listening.point(namespace, names.softphone_agent(name), None)
            self._members.gone((namespace, name))
            self._revisions.pop((namespace, name), None)
            self._begun.pop(key, None)
            self._writer.forget(key)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        waits: list[float | None] = []
        pool = self._observed.pool_of((namespace, name))
        if pool and not self._pools.knows((namespace, pool)) and self._observed.has(POOLS.kind, (namespace, pool)):
            return "accepted", None  # the pool has it reconciled when it knows what its agents carry
        seen = await (self._in_pool(obj, pool, waits) if pool else self._alone(obj, waits))
        if seen.reported.stream == "connecting":
            waits.append(agents.GRACE_SECONDS)
        if pool and (wait := self._beginning(key, obj, seen)) > 0:
            return outcome.result(seen.decided), min([wait, *(each for each in waits if each is not None)])
        made = status.softphone(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=outcome.accepted(seen.decided),
            agent=seen.available,
            reported=seen.reported,
            wanted_digest=seen.digest,
            carrier=seen.agent,
            asked=_asked(seen.decided),
            now=self._now(),
        )
        events = event_rules.softphone_events(obj["status"], made)
        waits.append(await self._writer.write_status(SOFTPHONES, key, obj, status.dump(made), events))
        return outcome.result(seen.decided), min((wait for wait in waits if wait is not None), default=None)

    def _beginning(self, key: WorkKey, obj: Object, seen: _Seen) -> float:
        """How many seconds a new phone of a pool may still be without a status: one that is being registered.

        Many are applied at once, and the API server has enough to do with that.
        """
        phone = seen.reported.phone
        news = phone is not None and (phone.registered or phone.last_failure is not None)
        if obj["status"].get("conditions") or news or isinstance(seen.decided, decisions.Refusal):
            self._begun.pop(key, None)
            return 0.0
        return self._begun.setdefault(key, _clock()) + BEGINNING_SECONDS - _clock()

    async def _alone(self, obj: Object, waits: list[float | None]) -> _Seen:
        """A Softphone with an agent of its own."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        agent = names.softphone_agent(name)
        self._members.gone((namespace, name))
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
        trouble, digest = None, None
        if isinstance(decided, decisions.DesiredAgent):
            decided = await self._calls.with_calls(namespace, decided)
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
        own = await self._own(obj, decided, reported, trouble)
        if isinstance(decided, decisions.DesiredAgent) and digest is not None:
            self._calls.runs(namespace, decided, reported, digest)
            digest = self._as_wanted((namespace, name), decided, digest, reported)
        return self._holding(obj, _Seen(*own, digest), decided)

    def _as_wanted(self, object_key: ObjectKey, agent: decisions.DesiredAgent, digest: str, reported: Reported) -> str:
        """The digest of the file that the agent should run; one with other test calls and the same phone will do."""
        known = self._revisions.get(object_key)
        if known is None and not (agent.config.call_checks or agent.config.callees):
            return digest
        without = manifests.config_text(call_plan.without_calls(agent).config)
        if known is None:
            known = self._revisions[object_key] = Revisions()
            known.note(manifests.text_digest(without), without, {object_key[1]: ""})
        known.note(digest, without, {object_key[1]: ""})
        return known.wanted(object_key[1], reported.config.digest if reported.config else None)

    async def _own(
        self, obj: Object, decided: decisions.Decision, reported: Reported, trouble: Statement | None
    ) -> tuple[decisions.Decision, str | None, Statement, Reported]:
        """What is known of the agent of its own."""
        namespace, agent = obj["metadata"]["namespace"], names.softphone_agent(obj["metadata"]["name"])
        pods, there = self._observed.pods(namespace, agent), self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        unmountable = await self._prerequisites.unmountable(there) if availability.is_mounting(pods) else None
        available = trouble or availability.availability(there, pods, reported, unmountable)
        return decided, agent if there else None, available, reported

    async def _in_pool(self, obj: Object, pool: str, waits: list[float | None]) -> _Seen:
        """A Softphone that an agent of a pool carries. The pool makes the agent; the agent of its own goes."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        decided = await self._members.phone(namespace, name)
        agent = self._pools.agent_of((namespace, pool), name)
        facts = self._pools.facts(namespace, agent) if agent else None
        if agent is None or facts is None:
            pending = NO_AGENT if isinstance(decided, decisions.Refusal) else CHOOSING
            seen = _Seen(decided, None, pending, Reported("lost", why="it has no agent yet"), None)
        else:
            reported = self._listening.reported(namespace, agent, name)
            digest = None
            if isinstance(decided, decisions.DesiredPhone):
                running = reported.config.digest if reported.config else None
                digest = self._pools.wanted_digest((namespace, pool), agent, name, running)
            seen = _Seen(decided, agent, facts.available, reported, digest)
        own = names.softphone_agent(name)
        if not any(self._observed.has(kind, (namespace, own)) for kind in MADE):
            if isinstance(decided, decisions.Refusal) and (trouble := await self._upkeep.restore(obj)):
                waits.append(again(trouble))
            return self._holding(obj, seen, decided)
        pods = self._observed.pods(namespace, own)
        reported = self._listening.listen(namespace, own, name, pods)
        if isinstance(decided, decisions.DesiredPhone) and agent and is_handed_over(seen.reported, reported):
            await self._upkeep.remove(obj, own)
            self._listening.point(namespace, own, None)
            return self._holding(obj, seen, decided)
        alone = _Seen(*await self._own(obj, decided, reported, None), None)
        return alone if agent is None or (_holds(alone) and not _holds(seen)) else seen

    def _holding(self, obj: Object, wanted: _Seen, decided: decisions.Decision) -> _Seen:
        """What is known of the agent that holds the registration: the wanted one, or one that is about to let it go."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        if _holds(wanted):
            return wanted
        pool = self._observed.pool_of((namespace, name))
        for agent in self._observed.carried.agents(namespace, name):
            facts = self._pools.facts(namespace, agent)
            if agent == wanted.agent or facts is None:
                continue
            reported = self._listening.reported(namespace, agent, name)
            digest = None
            if pool and isinstance(decided, decisions.DesiredPhone):
                running = reported.config.digest if reported.config else None
                digest = self._pools.wanted_digest((namespace, pool), agent, name, running)
            seen = _Seen(decided, agent, facts.available, reported, digest)
            if _holds(seen):
                return seen
        return wanted


def _asked(decided: decisions.Decision) -> redundancy.Asked | None:
    """What a Softphone asks for of its ways, None where its spec is refused."""
    if isinstance(decided, decisions.DesiredAgent):
        return redundancy.asked(decided.config.phones[0])
    return decided.asked if isinstance(decided, decisions.DesiredPhone) else None


def _holds(seen: _Seen) -> bool:
    """Whether an agent that is heard holds the registration."""
    phone = seen.reported.phone
    return seen.reported.stream == "connected" and phone is not None and phone.registered


def _clock() -> float:
    return asyncio.get_running_loop().time()
