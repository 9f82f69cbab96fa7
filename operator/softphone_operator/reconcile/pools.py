"""Reconciles a SoftphonePool: which agent carries which Softphone, the agents, and the sum of what they report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from softphone_operator.decide import (
    assignment,
    call_plan,
    decisions,
    desired_pool,
    fleet_status,
    manifests,
    names,
    outcome,
    pool_files,
    pool_status,
    rollout,
    status,
)
from softphone_operator.decide.assignment import Memory
from softphone_operator.decide.event_rules import Event
from softphone_operator.decide.revisions import Revisions
from softphone_operator.kubernetes.resources import POOLS, SOFTPHONES
from softphone_operator.observe import agents
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.call_checks import CallChecks
from softphone_operator.reconcile.handover import Handover
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.many_agents import ManyAgents
from softphone_operator.reconcile.members import Members, OfPool
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.upkeep import Upkeep, again
from softphone_operator.reconcile.writing import Writer

LOOK_AGAIN_SECONDS = 5.0
"""While phones move: a move that takes too long ends without anybody telling of it."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Pool:
    """What is known of a pool since its last reconcile. `home`: the agent of each phone."""

    memory: Memory = field(default_factory=Memory)
    home: dict[str, str] = field(default_factory=dict)
    facts: dict[str, fleet_status.AgentFacts] = field(default_factory=dict)
    revisions: dict[str, Revisions] = field(default_factory=dict)


class Pools:
    """Reconciles pools by the parts that the controller has made. `wake` has Softphones reconciled."""

    def __init__(
        self,
        observed: Observed,
        prerequisites: Prerequisites,
        members: Members,
        upkeep: Upkeep,
        listening: Listening,
        writer: Writer,
        calls: CallChecks,
        *,
        wake: Callable[[Iterable[WorkKey]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._observed = observed
        self._members = members
        self._upkeep = upkeep
        self._listening = listening
        self._writer = writer
        self._calls = calls
        self._wake = wake
        self._now = now
        self._agents = ManyAgents(observed, prerequisites, upkeep, listening, counts=False)
        self._handover = Handover(observed, listening)
        self._pools: dict[ObjectKey, _Pool] = {}

    # What Softphones ask.

    def knows(self, pool: ObjectKey) -> bool:
        """Whether the pool was reconciled: before that nothing is known of its agents."""
        return pool in self._pools

    def agent_of(self, pool: ObjectKey, phone: str) -> str | None:
        """The agent to which a phone of the pool belongs, None where it has none yet."""
        return self._pools[pool].home.get(phone) if pool in self._pools else None

    def facts(self, namespace: str, agent: str) -> fleet_status.AgentFacts | None:
        """What was found out of an agent, None where it is none of a pool that was reconciled."""
        group = self._observed.groups.of((namespace, agent))
        known = self._pools.get(group[1:]) if group else None
        return known.facts.get(agent) if known else None

    def wanted_digest(self, pool: ObjectKey, agent: str, phone: str, running: str | None) -> str:
        """The digest that an agent of the pool must tell so that it has this phone as wanted."""
        known = self._pools[pool].revisions.get(agent) if pool in self._pools else None
        return known.wanted(phone, running) if known else ""

    # What is done.

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Bring a pool to what its spec and its phones say; returns the result, and when to look again, in seconds."""
        key: WorkKey = (POOLS.kind, namespace, name)
        obj = self._observed.get(POOLS.kind, (namespace, name))
        if obj is None:
            self._forget(key)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        of = await self._members.of_pool(namespace, name)
        if of.pool is None:
            return "gone", None
        last = self._pools.get((namespace, name))
        waits: list[float | None] = []
        now = await (
            self._carry_out(obj, of, of.pool, last or _Pool(), waits)
            if isinstance(of.pool, decisions.DesiredPool)
            else self._go_on(obj, last or _Pool(), waits)
        )
        self._pools[namespace, name] = now
        self._tell_phones(namespace, name, last, now, of)
        facts = list(now.facts.values())
        if any(one.reported.stream == "connecting" for one in facts):
            waits.append(agents.GRACE_SECONDS)
        decided = of.pool
        if isinstance(decided, decisions.DesiredPool):
            sizes = (len(one.entry) for one in of.phones.values() if isinstance(one, decisions.DesiredPhone))
            full = desired_pool.full_file(decided, sizes)
            decided = replace(decided, cautions=(full,)) if full else decided
        written = pool_status.pool(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=outcome.accepted(decided),
            agents=facts,
            phones=len(now.home),
            now=self._now(),
        )
        events = fleet_status.events(obj["status"], written)
        waits.append(await self._writer.write_status(POOLS, key, obj, status.dump(written), events))
        return outcome.result(decided), min((wait for wait in waits if wait is not None), default=None)

    def _forget(self, key: WorkKey) -> None:
        pool = self._pools.pop(key[1:], None)
        for agent in pool.facts if pool else ():
            self._listening.point(key[1], agent, None)
        self._members.pool_gone(key[1:])
        self._writer.forget(key)
        self._upkeep.forget_budget(key)

    async def _go_on(self, obj: Object, last: _Pool, waits: list[float | None]) -> _Pool:
        """The spec of the pool is refused: its agents go on with the files that they have."""
        if trouble := await self._upkeep.restore(obj):
            waits.append(again(trouble))
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        facts = {}
        for agent in sorted(self._observed.groups.agents((POOLS.kind, namespace, name))):
            facts[agent] = await self._agents.as_it_runs(namespace, agent)
        carried = self._handover.carried(obj, self._upkeep.missing(obj))
        home = {phone: names.POOL.agent(name, n) for n, file in sorted(carried.items()) for phone in file.phones}
        return _Pool(last.memory, home, facts, last.revisions)

    async def _carry_out(
        self, obj: Object, of: OfPool, pool: decisions.DesiredPool, last: _Pool, waits: list[float | None]
    ) -> _Pool:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        carried = self._handover.carried(obj, self._upkeep.missing(obj))
        staying = self._handover.staying((namespace, name), of.phones, carried)
        plan = assignment.assign(
            pool_files.sizes(of.phones, staying, carried),
            staying,
            desired_pool.capacity(pool),
            self._handover.seen((namespace, name), carried),
            last.memory,
            _clock(),
        )
        home = {phone: names.POOL.agent(name, number) for phone, number in plan.home.items()}
        made = pool_files.agents(name, namespace, pool, plan.files, of.phones, of.pbxs, carried)
        wanted = {number: await self._calls.with_calls(namespace, one, home) for number, one in made.items()}
        labelled = [(one, names.POOL.labels(name, number)) for number, one in wanted.items()]
        away = rollout.agents_away(pool.spec.max_unavailable, max(1, len(wanted)))
        facts = {one.name: one for one in await self._agents.ensure(obj, labelled, away, waits)}
        for agent in sorted(self._observed.groups.agents((POOLS.kind, namespace, name)) - facts.keys()):
            await self._agents.remove(obj, agent)
        await self._upkeep.ensure_budget(obj, names.POOL, away)
        for phone, move in plan.failed.items():
            await self._tell_failed(namespace, name, phone, move)
        if plan.memory.moves or staying or plan.memory.spared_since is not None:
            waits.append(LOOK_AGAIN_SECONDS)
        if plan.memory.resting:
            waits.append(max(LOOK_AGAIN_SECONDS, min(plan.memory.resting.values()) - _clock()))
        for one in wanted.values():
            self._calls.runs(namespace, one, facts[one.agent].reported, facts[one.agent].digest)
        return _Pool(plan.memory, home, facts, {one.agent: _revised(one, last.revisions) for one in wanted.values()})

    async def _tell_failed(self, namespace: str, pool: str, phone: str, move: assignment.Move) -> None:
        source, target = names.POOL.agent(pool, move.source), names.POOL.agent(pool, move.target)
        told = f"{target} did not get it registered within {assignment.MOVE_SECONDS:g} s; it stays with {source}"
        log.warning("a phone could not be moved", pool=pool, phone=phone, source=source, target=target)
        if (obj := self._observed.get(SOFTPHONES.kind, (namespace, phone))) is not None:
            await self._writer.post(obj, Event("Warning", "MoveFailed", told, personal=True))

    def _tell_phones(self, namespace: str, name: str, before: _Pool | None, now: _Pool, of: OfPool) -> None:
        """Have those Softphones reconciled for which something is another now."""
        other = set(of.other) if before else set(of.phones) | now.home.keys()
        for phone, agent in now.home.items() if before else ():
            was, facts = before.home.get(phone) if before else None, now.facts.get(agent)
            earlier = before.facts.get(agent) if before else None
            if was != agent or (facts and facts.available) != (earlier and earlier.available):
                other.add(phone)
        for revisions in now.revisions.values():
            other |= revisions.changed()
        self._wake((SOFTPHONES.kind, namespace, phone) for phone in sorted(other))


def _revised(agent: decisions.DesiredAgent, known: dict[str, Revisions]) -> Revisions:
    revisions = known.get(agent.agent) or Revisions()
    text = manifests.config_text(agent.config, agent.entries.values())
    common = manifests.config_text(call_plan.without_calls(agent).config)
    revisions.note(manifests.text_digest(text), common, agent.entries)
    return revisions


def _clock() -> float:
    return asyncio.get_running_loop().time()
