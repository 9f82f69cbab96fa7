"""Brings the cluster to what the objects say, level-triggered: one idempotent reconcile for each object.

What is observed (kopf's watches, the watch of Secrets, the agents' streams) only puts objects into the work queue.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import structlog

from softphone_agent.contract.report import Counts, PhoneChanged, WatchLine
from softphone_operator.decide import (
    status,
)
from softphone_operator.decide.settings import Settings
from softphone_operator.kubernetes.cluster import (
    Cluster,
    ClusterError,
    SecretChanged,
    SecretDeleted,
    SecretNews,
    SecretsListed,
)
from softphone_operator.kubernetes.resources import (
    CALL_CHECKS,
    FLEETS,
    PBXS,
    POOLS,
    REHEARSALS,
    SECRETS,
    SOFTPHONES,
    Resource,
    watched,
)
from softphone_operator.kubernetes.watching import Watches
from softphone_operator.notify.notifier import Notifier
from softphone_operator.observe import agents
from softphone_operator.observe.agents import AgentKey, Change, Lost
from softphone_operator.observe.metrics import Metrics
from softphone_operator.observe.observed import FEW, ObjectKey, Observed, WorkKey
from softphone_operator.observe.versions import vanished
from softphone_operator.reconcile.call_checks import CallChecks
from softphone_operator.reconcile.fleets import Fleets
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.members import Members
from softphone_operator.reconcile.pbxs import Pbxs
from softphone_operator.reconcile.pools import Pools
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.rehearsals import Rehearsals
from softphone_operator.reconcile.softphones import Softphones
from softphone_operator.reconcile.upkeep import Upkeep
from softphone_operator.reconcile.work import WorkQueue
from softphone_operator.reconcile.writing import Writer

COALESCE_SECONDS = 0.1
PBX_COALESCE_SECONDS = 0.25
POOL_COALESCE_SECONDS = 0.25
"""Of the phones of a pool many may change at once, and each agent's file is written as a whole."""
CALL_COALESCE_SECONDS = 0.5
"""Of the phones that a CallCheck selects many may change at once."""
REHEARSAL_COALESCE_SECONDS = 0.25
WATCH_RETRY_SECONDS = 2.0
COUNTED = ((FLEETS.kind, "replicas"), (POOLS.kind, "phones"))
"""Kinds whose status counts phones, and the field that has all of them."""

log = structlog.get_logger()


class Controller:
    """Queues and reconciles what has changed. `now` is the wall clock; waits go by the event loop's clock."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        *,
        watches: Watches | None = None,
        notifier: Notifier | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = lambda: randomness.randbelow(1000) / 1000,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._metrics = metrics
        self._now = now
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._watched = watched(settings.watch_selector)
        self.observed = Observed()
        self._queue: WorkQueue[WorkKey] = WorkQueue(
            self._reconcile, self._failed, concurrency=settings.concurrency, urgent=_makes_many_agents
        )
        self._prerequisites = Prerequisites(cluster, self.observed)
        self._upkeep = Upkeep(settings, cluster, self.observed)
        self._listening = Listening(session, said=self._agent_said, unsaid=self._recount, jitter=jitter)
        self._writer = Writer(cluster, self.observed, metrics, changed=self._changed, notifier=notifier, now=now)
        self._call_checks = CallChecks(
            self.observed, self._prerequisites, self._listening, self._writer, wake=self._wake, now=now
        )
        parts = (self.observed, self._prerequisites, self._upkeep, self._listening, self._writer)
        self._members = Members(self.observed, self._prerequisites)
        self._pools = Pools(
            self.observed,
            self._prerequisites,
            self._members,
            self._upkeep,
            self._listening,
            self._writer,
            self._call_checks,
            wake=self._wake,
            now=now,
        )
        self._softphones = Softphones(*parts, self._members, self._pools, self._call_checks, now=now)
        self._fleets = Fleets(*parts, self._call_checks, now=now)
        self._pbxs = Pbxs(settings, self.observed, self._prerequisites, self._listening, self._writer, now=now)
        self._rehearsals = Rehearsals(
            settings,
            cluster,
            session,
            self.observed,
            self._prerequisites,
            self._writer,
            wake=self._wake,
            now=now,
            jitter=jitter,
        )
        self._watches = watches or Watches(settings.watch_seconds, _clock)
        self._unlisted_secrets = set(self._namespaces)
        self._secrets_are_listed = asyncio.Event()
        fleets, pools = (partial(self._count_phones, kind, whole) for kind, whole in COUNTED)
        rehearsals, calls = self._rehearsals.measured, self._call_checks.counts
        metrics.observe(self._count_objects, fleets, pools, self._watches.ages, rehearsals, calls)

    async def run(self, primed: asyncio.Event, leading: asyncio.Event | None = None) -> None:
        """Work until cancelled. Everything is listed first; then `primed` is set and reconciling begins.

        Where `leading` is given, it only observes until that is set: the admission webhook of an operator that waits
        for the Lease answers from what it observes.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for namespace in self._namespaces:
                    tasks.create_task(self._follow_secrets(namespace), name=f"follow Secrets in {namespace}")
                await self._secrets_are_listed.wait()
                while not await self._resync():
                    await asyncio.sleep(WATCH_RETRY_SECONDS)
                primed.set()
                if leading is not None:
                    await leading.wait()
                self._pbxs.begin()
                tasks.create_task(self._queue.run(), name="work queue")
                while True:
                    await asyncio.sleep(self._settings.resync_seconds)
                    await self._resync()
        finally:
            # Not before the work has ended: a reconcile under way may still point out an agent.
            await self._rehearsals.close()
            await self._listening.close()

    # What is observed.

    def observe(self, resource: Resource, obj: Mapping[str, Any], *, deleted: bool) -> None:
        """Take in what a watch has received about an object."""
        object_key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._watches.told(resource.kind, object_key[0])
        if not deleted:
            self._changed(self.observed.take(resource.kind, obj), resource.kind)
            return
        known = self.observed.get(resource.kind, object_key)
        if known is not None and known["metadata"].get("uid") == obj["metadata"].get("uid"):
            self._drop(resource, object_key)

    def _drop(self, resource: Resource, object_key: ObjectKey) -> None:
        known = self.observed.get(resource.kind, object_key)
        if known is None:
            return
        self._upkeep.forget(resource, object_key, known)
        if resource.kind == PBXS.kind:
            self._pbxs.deleted(object_key, known)
        self._changed(self.observed.drop(resource.kind, object_key), resource.kind)

    def _changed(self, keys: Iterable[WorkKey], cause: str = "") -> None:
        """Queue what is affected by a change of the kind `cause`. A Softphone changes only the users of a PBX."""
        for key in keys:
            for check in self._call_checks.touched(key):
                self._queue.add(check, CALL_COALESCE_SECONDS)
            if key[0] == POOLS.kind and cause != POOLS.kind:
                self._queue.add(key, POOL_COALESCE_SECONDS)
                continue
            if key[0] == SOFTPHONES.kind:
                self._members.changed(key[1:])
            if key[0] == PBXS.kind and cause == SOFTPHONES.kind:
                self._queue.add(key, PBX_COALESCE_SECONDS)
                continue
            if key[0] == PBXS.kind:
                self._prerequisites.pbx_changed(key[1])
            self._queue.add(key)

    async def _list_everything(self) -> None:
        for resource in self._watched:
            for namespace in self._namespaces:
                before = self.observed.versions(resource.kind, namespace)
                found: set[ObjectKey] = set()
                async for obj in self._cluster.each(resource, namespace):
                    found.add((obj["metadata"]["namespace"], obj["metadata"]["name"]))
                    self._changed(self.observed.take(resource.kind, obj), resource.kind)
                for object_key in vanished(before, found, self.observed.versions(resource.kind, namespace)):
                    self._drop(resource, object_key)

    async def _resync(self) -> bool:
        """List everything again and reconcile all of it; returns whether the API server answered."""
        try:
            await self._list_everything()
        except ClusterError as error:
            log.warning("everything could not be listed", error=str(error))
            return False
        self._changed(self.observed.everything())
        return True

    async def _follow_secrets(self, namespace: str | None) -> None:
        while True:
            try:
                async for news in self._cluster.follow_secrets(namespace, self._settings.watch_seconds):
                    self._secret_news(namespace, news)
            except ClusterError as error:
                log.warning("the watch of Secrets broke", namespace=namespace, error=str(error))
                await asyncio.sleep(WATCH_RETRY_SECONDS)

    def _secret_news(self, namespace: str | None, news: SecretNews) -> None:
        match news:
            case SecretsListed(marks):
                self._watches.began(SECRETS.kind, namespace)
                there = {(mark.namespace, mark.name) for mark in marks}
                for object_key in [p for p in self.observed.secrets if namespace in (None, p[0]) and p not in there]:
                    self._secret_dropped(object_key)
                for mark in marks:
                    self._changed(self.observed.take_secret(mark))
                self._unlisted_secrets.discard(namespace)
                if not self._unlisted_secrets:
                    self._secrets_are_listed.set()
            case SecretChanged(mark):
                self._watches.told(SECRETS.kind, mark.namespace)
                self._changed(self.observed.take_secret(mark))
            case SecretDeleted(mark):
                self._secret_dropped((mark.namespace, mark.name))

    def _secret_dropped(self, object_key: ObjectKey) -> None:
        self._prerequisites.secret_gone(object_key)
        self._changed(self.observed.drop_secret(object_key))

    def _wake(self, keys: Iterable[WorkKey]) -> None:
        """Reconcile objects of which nothing has changed but what is known of their agents."""
        for key in keys:
            self._queue.add(key, REHEARSAL_COALESCE_SECONDS if key[0] == REHEARSALS.kind else 0.0)

    def _agent_said(self, key: AgentKey, change: Change, line: WatchLine | Lost) -> None:
        namespace, agent = key
        owner = self.observed.owner(namespace, agent)
        wait = agents.GRACE_SECONDS if isinstance(line, Lost) else 0.0
        for told in self._told_of(key, owner, change):
            if isinstance(line, PhoneChanged) and told[0] == SOFTPHONES.kind:
                # A way that was checked is news as well, and the phone has been where it is for long.
                self._writer.transition(told, _time(line.phone.since) if change.begun else None)
            elif isinstance(line, Counts):
                self._writer.transition(told, None)
            self._queue.add(told, (POOL_COALESCE_SECONDS if told[0] == POOLS.kind else COALESCE_SECONDS) + wait)
        for told in self._call_checks.checks_of(namespace, change.checks):
            self._queue.add(told, COALESCE_SECONDS)
        self._recount(namespace, change.pbxs, wait)

    def _told_of(self, key: AgentKey, owner: WorkKey | None, change: Change) -> set[WorkKey]:
        """Whose status a line of an agent may change: its owner; of a pool's agent also the phones that it tells of.

        And the pools that may let such a phone go now.
        """
        if owner is None:
            return set()
        phones = change.phones
        if owner[0] == SOFTPHONES.kind:
            phones = frozenset([owner[2]]) if change.everything or owner[2] in change.phones else frozenset()
        elif owner[0] == POOLS.kind and change.everything:
            phones = phones | self.observed.carried.all_phones(key)
        found: set[WorkKey] = set()
        if owner[0] == FLEETS.kind:
            return {owner} if change.everything else found
        for phone in phones:
            found |= {(POOLS.kind, key[0], pool) for pool in self.observed.carried.pools(key[0], phone)}
            if self.observed.has(SOFTPHONES.kind, (key[0], phone)):
                found.add((SOFTPHONES.kind, key[0], phone))
        return found | ({owner} if owner[0] == POOLS.kind and (phones or change.everything) else set())

    # What is done.

    async def _reconcile(self, key: WorkKey) -> float | None:
        kind, namespace, name = key
        begun, result = _clock(), "error"
        reconcile = {
            SOFTPHONES.kind: self._softphones.reconcile,
            FLEETS.kind: self._fleets.reconcile,
            POOLS.kind: self._pools.reconcile,
            CALL_CHECKS.kind: self._call_checks.reconcile,
            PBXS.kind: self._pbxs.reconcile,
            REHEARSALS.kind: self._rehearsals.reconcile,
        }[kind]
        try:
            with structlog.contextvars.bound_contextvars(kind=kind, namespace=namespace, name=name):
                result, again = await reconcile(namespace, name)
        finally:
            self._metrics.reconciles.labels(kind, result).inc()
            self._metrics.reconcile_seconds.labels(kind).observe(_clock() - begun)
        return again

    def _failed(self, key: WorkKey, error: Exception) -> None:
        kind, namespace, name = key
        known = isinstance(error, ClusterError)
        log.warning(
            "reconcile failed, it is tried again",
            kind=kind,
            namespace=namespace,
            name=name,
            error=str(error),
            exc_info=None if known else error,
        )

    def _recount(self, namespace: str, pbxs: Iterable[str], wait: float = 0.0) -> None:
        for name in pbxs:
            if self.observed.get(PBXS.kind, (namespace, name)) is not None:
                self._queue.add((PBXS.kind, namespace, name), PBX_COALESCE_SECONDS + wait)

    # What is measured.

    def _count_objects(self) -> Mapping[tuple[str, str], int]:
        counts: Counter[tuple[str, str]] = Counter()
        for kind in (SOFTPHONES.kind, *FEW):
            counts.update({(kind, state): 0 for state in status.STATES})
        for state, count in self.observed.states_of_softphones().items():
            counts[SOFTPHONES.kind, state] = count
        for kind in FEW:
            counts.update((kind, status.state(obj)) for _, obj in self.observed.all(kind) if self._pbxs.serves(obj))
        return counts

    def _count_phones(self, kind: str, whole: str) -> Mapping[tuple[str, str, str], int]:
        return {
            (*object_key, state): obj["status"][state]
            for object_key, obj in self.observed.all(kind)
            for state in (whole, "registered", "standby")
            if state in obj["status"]
        }


def _makes_many_agents(key: WorkKey) -> bool:
    """Whether it is urgent: thousands of phones wait for these agents, and their statuses can wait for them, too."""
    return key[0] in (FLEETS.kind, POOLS.kind)


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
