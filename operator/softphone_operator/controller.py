"""Brings the cluster to what the objects say, level-triggered: one idempotent reconcile for each object.

What is observed (kopf's watches, the watch of Secrets, the agents' streams) only puts objects into the work queue.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets as randomness
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog

from softphone_agent.report import PhoneChanged, WatchLine
from softphone_operator import fleet_status, manifests, names, plan, rollout, status
from softphone_operator.agents import GRACE_SECONDS, AgentKey, Change, Followers, Lost
from softphone_operator.api import API_VERSION, PbxPhones, PbxUsers
from softphone_operator.cluster import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    FLEETS,
    PBXS,
    PODS,
    SECRETS,
    SOFTPHONES,
    WATCHED,
    Cluster,
    ClusterError,
    Resource,
    SecretChanged,
    SecretDeleted,
    SecretNews,
    SecretsListed,
)
from softphone_operator.facts import Heard, Verdict
from softphone_operator.metrics import Metrics
from softphone_operator.observed import Object, Observed, Place, WorkKey, slimmed, vanished
from softphone_operator.settings import Settings
from softphone_operator.watching import Watches
from softphone_operator.work import WorkQueue

COALESCE_SECONDS = 0.1
PBX_COALESCE_SECONDS = 0.25
NOISE_SECONDS = 20.0
FIRST_COUNT_SECONDS = 0.5
DELETED_SECONDS = 1.0
REFUSED_AGAIN_SECONDS = 30.0
FIRST_POKE_WAIT_SECONDS = 5.0
LONGEST_POKE_WAIT_SECONDS = 60.0
WATCH_RETRY_SECONDS = 2.0
FLEET_WRITE_SECONDS = 1.0
EVENT_BURST = 50
EVENTS_PER_SECOND = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Poke:
    """The last time that a pod was poked: for which contents, how often, and when it may be next."""

    contents: str
    count: int
    next: float


class Controller:
    """The operator's heart. `now` gives the time for people, the event loop's clock measures waits."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        *,
        watches: Watches | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = lambda: randomness.randbelow(1000) / 1000,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._metrics = metrics
        self._now = now
        self._image = manifests.Image(settings.agent_image, settings.agent_pull_policy, settings.agent_pull_secrets)
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self.observed = self._observed = Observed()
        self._queue: WorkQueue[WorkKey] = WorkQueue(self._reconcile, self._failed, concurrency=settings.concurrency)
        self._followers = Followers(session, self._agent_said, jitter=jitter)
        self._secret_keys: dict[Place, tuple[str, frozenset[str]]] = {}
        self._pbx_plans: dict[str, dict[str, plan.PbxPlan | plan.Refusal]] = {}
        self._pbx_changes: Counter[str] = Counter()
        self._settled: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._pokes: dict[str, _Poke] = {}
        self._deleted_pbxs: dict[Place, tuple[Object, float]] = {}
        self._written: dict[WorkKey, float] = {}
        self._transitions: dict[WorkKey, datetime] = {}
        self._fleet_agents: dict[Place, frozenset[str]] = {}
        self._budgets: dict[Place, tuple[str, float]] = {}
        self._budget_kind: Resource | None = None
        self._knows_budgets = False
        self._watches = watches or Watches(settings.watch_seconds, _clock)
        self._unlisted_secrets = set(self._namespaces)
        self._secrets_are_listed = asyncio.Event()
        self._event_tokens, self._event_time = float(EVENT_BURST), 0.0
        self._started = 0.0
        metrics.observe(self._count_objects, self._watches.ages)

    async def run(self, primed: asyncio.Event, leading: asyncio.Event | None = None) -> None:
        """Work until cancelled. Everything is listed first; then `primed` is set and reconciling begins.

        Where `leading` is given, it only observes until that is set: the admission webhook of an operator that waits
        for the Lease answers from what it observes.
        """
        async with asyncio.TaskGroup() as tasks:
            for namespace in self._namespaces:
                tasks.create_task(self._follow_secrets(namespace), name=f"follow Secrets in {namespace}")
            try:
                await self._secrets_are_listed.wait()
                while not await self._resync():
                    await asyncio.sleep(WATCH_RETRY_SECONDS)
                primed.set()
                if leading is not None:
                    await leading.wait()
                # What went before was reported by the one who led then.
                self._deleted_pbxs.clear()
                self._started = _clock()
                tasks.create_task(self._queue.run(), name="work queue")
                while True:
                    await asyncio.sleep(self._settings.resync_seconds)
                    await self._resync()
            finally:
                await self._followers.close()

    # What is observed.

    def observe(self, resource: Resource, obj: Mapping[str, Any], *, deleted: bool) -> None:
        """Take in what a watch tells about an object."""
        place = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._watches.told(resource.kind, place[0])
        if not deleted:
            self._changed(self._observed.take(resource.kind, obj), resource.kind)
            return
        known = self._observed.get(resource.kind, place)
        if known is not None and known["metadata"].get("uid") == obj["metadata"].get("uid"):
            self._drop(resource, place)

    def _drop(self, resource: Resource, place: Place) -> None:
        known = self._observed.get(resource.kind, place) or {"metadata": {}}
        self._pokes.pop(known["metadata"].get("uid", ""), None)
        self._settled.pop((resource.kind, *place), None)
        if resource.kind == PBXS.kind and "name" in known["metadata"]:
            self._deleted_pbxs[place] = (dict(known), _clock())
        self._changed(self._observed.drop(resource.kind, place), resource.kind)

    def _changed(self, keys: Iterable[WorkKey], cause: str = "") -> None:
        """Queue what is affected by a change of the kind `cause`. Of a PBX a Softphone changes only the users."""
        for key in keys:
            if key[0] == PBXS.kind and cause == SOFTPHONES.kind:
                self._queue.add(key, PBX_COALESCE_SECONDS)
                continue
            if key[0] == PBXS.kind:
                self._pbx_plans.pop(key[1], None)
                self._pbx_changes[key[1]] += 1
            self._queue.add(key)

    async def _list_everything(self) -> None:
        for resource in WATCHED:
            for namespace in self._namespaces:
                before = self._observed.versions(resource.kind, namespace)
                found = await self._cluster.list(resource, namespace)
                for obj in found:
                    self._changed(self._observed.take(resource.kind, obj), resource.kind)
                for place in vanished(before, found, self._observed.versions(resource.kind, namespace)):
                    self._drop(resource, place)

    async def _resync(self) -> bool:
        """List everything anew and look at all of it; tells whether the API server could be asked."""
        try:
            await self._list_everything()
        except ClusterError as error:
            log.warning("everything could not be listed", error=str(error))
            return False
        self._changed(self._observed.everything())
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
                for place in [p for p in self._observed.secrets if namespace in (None, p[0]) and p not in there]:
                    self._secret_dropped(place)
                for mark in marks:
                    self._changed(self._observed.take_secret(mark))
                self._unlisted_secrets.discard(namespace)
                if not self._unlisted_secrets:
                    self._secrets_are_listed.set()
            case SecretChanged(mark):
                self._watches.told(SECRETS.kind, mark.namespace)
                self._changed(self._observed.take_secret(mark))
            case SecretDeleted(mark):
                self._secret_dropped((mark.namespace, mark.name))

    def _secret_dropped(self, place: Place) -> None:
        self._secret_keys.pop(place, None)
        self._changed(self._observed.drop_secret(place))

    def _agent_said(self, key: AgentKey, change: Change, line: WatchLine | Lost) -> None:
        namespace, agent = key
        owner = self._observed.owner(namespace, agent)
        wait = GRACE_SECONDS if isinstance(line, Lost) else 0.0
        if owner is not None and (change.everything or owner[2] in change.phones):
            if isinstance(line, PhoneChanged) and owner not in self._transitions:
                self._transitions[owner] = _time(line.phone.since) or self._now()
            self._queue.add(owner, COALESCE_SECONDS + wait)
        self._recount(namespace, change.pbxs, wait)

    # What is done.

    async def _reconcile(self, key: WorkKey) -> float | None:
        kind, namespace, name = key
        begun, result = _clock(), "error"
        reconcile = {
            SOFTPHONES.kind: self._reconcile_softphone,
            FLEETS.kind: self._reconcile_fleet,
            PBXS.kind: self._reconcile_pbx,
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

    async def _reconcile_softphone(self, namespace: str, name: str) -> tuple[str, float | None]:
        key: WorkKey = (SOFTPHONES.kind, namespace, name)
        agent = names.softphone_agent(name)
        obj = self._observed.get(SOFTPHONES.kind, (namespace, name))
        if obj is None:
            self._point(namespace, agent, None)
            self._written.pop(key, None)
            self._transitions.pop(key, None)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        pbxs = await self._plans_of_pbxs(namespace)
        keys = await self._keys_of_secrets(namespace, plan.softphone_needs(obj["spec"]).secrets)
        same_aor = self._observed.first_of_aor((namespace, name))
        outcome = plan.softphone(name, namespace, obj["metadata"]["uid"], obj["spec"], pbxs, keys, same_aor)
        waits: list[float | None] = []
        trouble, digest = None, None
        if isinstance(outcome, plan.AgentPlan):
            wanted = self._agent(obj, outcome, {names.SOFTPHONE_LABEL: names.shorten(name)})
            config_map = manifests.config_map(wanted)
            digest = manifests.text_digest(config_map["data"][names.CONFIG_KEY])
            for resource, desired in ((CONFIG_MAPS, config_map), (DEPLOYMENTS, manifests.deployment(wanted))):
                trouble = trouble or await self._ensure(resource, desired)
            if trouble:
                waits.append(1.0 if trouble.reason == "Terminating" else REFUSED_AGAIN_SECONDS)
        pods = self._observed.pods(namespace, agent)
        heard = self._listen(namespace, agent, name, pods)
        if isinstance(outcome, plan.AgentPlan) and digest is not None and trouble is None:
            contents = self._contents(namespace, digest, outcome.secrets)
            waits.append(await self._poke(pods, heard, contents, digest))
        if heard.hearing == "connecting":
            waits.append(GRACE_SECONDS)
        available = trouble or status.availability(
            self._observed.get(DEPLOYMENTS.kind, (namespace, agent)), pods, heard
        )
        made = status.softphone(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=_accepted(outcome),
            agent=available,
            heard=heard,
            wanted_digest=digest,
            now=self._now(),
        )
        events = status.softphone_events(obj["status"], made)
        waits.append(await self._write_status(SOFTPHONES, key, obj, status.dump(made), events))
        return _result(outcome), min((wait for wait in waits if wait is not None), default=None)

    async def _reconcile_fleet(self, namespace: str, name: str) -> tuple[str, float | None]:
        key: WorkKey = (FLEETS.kind, namespace, name)
        place = (namespace, name)
        obj = self._observed.get(FLEETS.kind, place)
        if obj is None:
            for agent in self._fleet_agents.pop(place, ()):
                self._point(namespace, agent, None)
            self._written.pop(key, None)
            self._budgets.pop(place, None)
            return "gone", None
        if obj["metadata"].get("deletionTimestamp"):
            return "gone", None
        pbxs = await self._plans_of_pbxs(namespace)
        keys = await self._keys_of_secrets(namespace, plan.fleet_needs(obj["spec"]).secrets)
        outcome = plan.fleet(name, namespace, obj["metadata"]["uid"], obj["spec"], pbxs, keys)
        waits: list[float | None] = []
        made = self._observed.agents_of_fleet(place)
        if isinstance(outcome, plan.FleetPlan):
            facts = await self._ensure_agents(obj, outcome, waits)
            for agent in sorted(made - {one.agent for one in outcome.agents}):
                await self._remove_agent(obj, agent)
            await self._ensure_budget(obj, outcome.max_unavailable)
        else:
            facts = [self._facts(namespace, agent, None, 0, None, updated=True) for agent in sorted(made)]
        self._fleet_agents[place] = frozenset(one.name for one in facts)
        if any(one.heard.hearing == "connecting" for one in facts):
            waits.append(GRACE_SECONDS)
        wanted, template = obj["spec"].get("replicas", 1), obj["spec"].get("template")
        written = fleet_status.fleet(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=_accepted(outcome),
            agents=facts,
            wanted=wanted if isinstance(outcome, plan.FleetPlan) else None,
            suspended=isinstance(template, Mapping) and template.get("suspend") is True,
            selector=",".join(f"{label}={value}" for label, value in names.fleet_selector(name).items()),
            now=self._now(),
        )
        events = fleet_status.events(obj["status"], written)
        waits.append(await self._write_status(FLEETS, key, obj, status.dump(written), events))
        return _result(outcome), min((wait for wait in waits if wait is not None), default=None)

    async def _ensure_agents(
        self, obj: Object, outcome: plan.FleetPlan, waits: list[float | None]
    ) -> list[fleet_status.AgentFacts]:
        """Bring a fleet's agents to what is planned: files at once, pods as many at a time as may be away."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        facts, deployments = [], []
        for number, planned in enumerate(outcome.agents):
            agent = self._agent(obj, planned, names.fleet_labels(name, number))
            config_map, deployment = manifests.config_map(agent), manifests.marked(manifests.deployment(agent))
            trouble = await self._ensure(CONFIG_MAPS, config_map)
            there = self._observed.get(DEPLOYMENTS.kind, (namespace, agent.name))
            pod = deployment["spec"]["template"]
            updated = (
                there is None
                or manifests.difference(pod, there["spec"].get("template")) is None
                or self._is_settled(DEPLOYMENTS, (namespace, agent.name), deployment, there)
            )
            if updated and trouble is None:
                trouble = await self._ensure(DEPLOYMENTS, deployment)
            if trouble:
                waits.append(1.0 if trouble.reason == "Terminating" else REFUSED_AGAIN_SECONDS)
            digest = manifests.text_digest(config_map["data"][names.CONFIG_KEY])
            phones = sum(part.count for part in planned.config.fleets)
            deployments.append(deployment)
            one = self._facts(namespace, agent.name, digest, phones, trouble, updated=updated)
            facts.append(one)
            if trouble is None:
                contents = self._contents(namespace, digest, planned.secrets)
                pods = self._observed.pods(namespace, agent.name)
                waits.append(await self._poke(pods, one.heard, contents, digest))
        slices = [rollout.Slice(n, outdated=not one.updated, up=one.up) for n, one in enumerate(facts)]
        for number in rollout.may_change(slices, outcome.max_unavailable):
            log.info("agent is changed", agent=facts[number].name)
            await self._ensure(DEPLOYMENTS, deployments[number])
        return facts

    def _facts(
        self, namespace: str, agent: str, digest: str | None, phones: int, trouble: Verdict | None, *, updated: bool
    ) -> fleet_status.AgentFacts:
        pods = self._observed.pods(namespace, agent)
        deployment = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
        heard = self._listen(namespace, agent, "", pods, counts=True)
        view = self._followers.view((namespace, agent))
        available = trouble or status.availability(deployment, pods, heard)
        pod = status.current_pod(pods)
        if pod is not None and deployment is not None and available.status == "True":
            # The pod of the template before is still there until it is replaced.
            mark = manifests.template_mark(deployment["spec"].get("template") or {})
            if manifests.template_mark(pod) != mark:
                available = Verdict("False", "Terminating", f"the pod {pod['metadata']['name']} is to be replaced")
        counts = view.counts if view else None
        return fleet_status.AgentFacts(agent, available, heard, counts, digest, phones, updated)

    async def _remove_agent(self, obj: Object, agent: str) -> None:
        """Delete an agent that a smaller fleet needs no more; at its end it un-REGISTERs its phones."""
        place = (obj["metadata"]["namespace"], agent)
        for resource in (DEPLOYMENTS, CONFIG_MAPS):
            observed = self._observed.get(resource.kind, place)
            if observed is None or observed["metadata"].get("deletionTimestamp"):
                continue
            if _not_ours(observed, {"uid": obj["metadata"]["uid"], "kind": obj["kind"], "name": ""}):
                continue
            await self._cluster.delete(resource, *place, observed["metadata"]["uid"])
            log.info("deleted", object=f"{resource.kind}/{agent}")
        self._point(*place, None)

    async def _ensure_budget(self, obj: Object, max_unavailable: int) -> None:
        """See to the fleet's PodDisruptionBudget: when it is to change, and now and then."""
        place = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if (resource := await self._budget_resource()) is None:
            return
        version = f"{resource.group}/{resource.version}"
        desired = manifests.budget(place[1], place[0], _owner(obj), version, max_unavailable)
        mark, now = _fingerprint(desired), _clock()
        known = self._budgets.get(place)
        if known is not None and known[0] == mark and now - known[1] < self._settings.resync_seconds:
            return
        found = await self._cluster.get(resource, place[0], desired["metadata"]["name"])
        if found is not None and (strange := _not_ours(found, desired["metadata"]["ownerReferences"][0])):
            log.warning("no PodDisruptionBudget", reason=strange.message)
        elif found is None or manifests.difference(desired, found) is not None:
            await self._cluster.apply(resource, desired)
            log.info("applied", object=f"PodDisruptionBudget/{desired['metadata']['name']}")
        self._budgets[place] = (mark, now)

    async def _budget_resource(self) -> Resource | None:
        if not self._knows_budgets:
            self._budget_kind = await self._cluster.budgets()
            self._knows_budgets = True
        return self._budget_kind

    async def _reconcile_pbx(self, namespace: str, name: str) -> tuple[str, float | None]:
        key: WorkKey = (PBXS.kind, namespace, name)
        obj = self._observed.get(PBXS.kind, (namespace, name))
        if obj is None:
            self._written.pop(key, None)
            return "gone", await self._report_deleted_pbx((namespace, name))
        self._deleted_pbxs.pop((namespace, name), None)
        plans = await self._plans_of_pbxs(namespace)
        outcome = plans.get(name)
        if outcome is None:
            return "gone", None
        phones, reachable, wait = self._seen_by_agents(namespace, name)
        made = status.pbx(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=_accepted(outcome),
            inconsistent=plan.inconsistency(name, plans),
            location=outcome.pbx.location or name if isinstance(outcome, plan.PbxPlan) else None,
            phones=phones,
            reachable=reachable,
            users=PbxUsers(
                softphones=len(self._observed.namers_of_pbx((namespace, name))),
                fleets=len(self._observed.fleets_naming_pbx((namespace, name))),
            ),
            now=self._now(),
        )
        events = status.pbx_events(obj["status"], made)
        later = await self._write_status(PBXS, key, obj, status.dump(made), events)
        return _result(outcome), later if wait is None else wait

    async def _report_deleted_pbx(self, place: Place) -> float | None:
        """Tell that a PBX went while it was in use; returns when to look again, since its users may be going too."""
        if place not in self._deleted_pbxs:
            return None
        obj, since = self._deleted_pbxs[place]
        wait = since + DELETED_SECONDS - _clock()
        if wait > 0:
            return wait
        del self._deleted_pbxs[place]
        for event in status.pbx_deleted_events(str(self._observed.use_of_pbx(place, obj))):
            await self._post(obj, event)
        return None

    def _seen_by_agents(self, namespace: str, name: str) -> tuple[PbxPhones | None, bool | None, float | None]:
        """Phones registered at a PBX, whether it is reachable, and when to look again if that is not known yet."""
        now = _clock()
        if now - self._started < GRACE_SECONDS and self._someone_is_unheard(namespace):
            return None, None, FIRST_COUNT_SECONDS
        trusted = [view for view in self._followers.views(namespace) if view.trusted(now)]
        roles = Counter(
            phone.role for view in trusted for phone in view.phones.values() if phone.registered and phone.pbx == name
        )
        of_fleets = [pbx for view in trusted if view.counts for pbx in view.counts.pbxs if pbx.name == name]
        counts = PbxPhones(
            registered=roles.total() + sum(pbx.registered for pbx in of_fleets),
            home=roles["Home"] + sum(pbx.home for pbx in of_fleets),
            standby=roles["Standby"] + sum(pbx.standby for pbx in of_fleets),
        )
        return counts, status.reachable(view.pbxs.get(name) for view in trusted), None

    def _someone_is_unheard(self, namespace: str) -> bool:
        for _, pod in self._observed.all(PODS.kind, namespace):
            agent = names.instance(pod)
            if _agent_url(pod) is None or self._observed.owner(namespace, agent) is None:
                continue
            view = self._followers.view((namespace, agent))
            if view is None or not view.hearing:
                return True
        return False

    async def _plans_of_pbxs(self, namespace: str) -> dict[str, plan.PbxPlan | plan.Refusal]:
        known = self._pbx_plans.get(namespace)
        if known is not None:
            return known
        changes = self._pbx_changes[namespace]
        specs = {place[1]: obj["spec"] for place, obj in self._observed.all(PBXS.kind, namespace)}
        needs = frozenset().union(*(plan.pbx_needs(spec) for spec in specs.values()))
        keys = await self._keys_of_secrets(namespace, needs)
        made = {name: plan.pbx(name, namespace, spec, keys) for name, spec in sorted(specs.items())}
        # Meanwhile others may have looked, or something may have changed: only what is whole and fresh is kept.
        if self._pbx_changes[namespace] == changes:
            self._pbx_plans[namespace] = made
        return made

    async def _keys_of_secrets(self, namespace: str, wanted: Iterable[str]) -> dict[str, frozenset[str]]:
        found = {}
        for name in sorted(wanted):
            place = (namespace, name)
            mark = self._observed.secrets.get(place)
            if mark is None:
                continue
            known = self._secret_keys.get(place)
            if known is None or known[0] != mark.version:
                keys = await self._cluster.secret_keys(namespace, name)
                if keys is None:
                    continue
                known = self._secret_keys[place] = (mark.version, keys)
            found[name] = known[1]
        return found

    def _agent(self, obj: Object, wanted: plan.AgentPlan, labels: Mapping[str, str]) -> manifests.Agent:
        return manifests.Agent(
            name=wanted.agent,
            namespace=obj["metadata"]["namespace"],
            owner=_owner(obj),
            labels=labels,
            config=wanted.config,
            image=self._image,
            pod=wanted.pod,
            secrets=wanted.secrets,
            replicas=self._settings.agent_replicas,
        )

    async def _ensure(self, resource: Resource, desired: Object) -> Verdict | None:
        """Bring an object of ours to what is desired; returns what stands in the way, None where nothing does."""
        metadata = desired["metadata"]
        place = (metadata["namespace"], metadata["name"])
        observed = self._observed.get(resource.kind, place)
        try:
            # Ours are watched; this finds one of somebody else's by that name, which is there for long or not at all.
            if observed is None and (found := await self._cluster.get(resource, *place, cached=True)) is not None:
                observed = slimmed(resource.kind, found)
            if observed is not None and (strange := _not_ours(observed, metadata["ownerReferences"][0])):
                return strange
            lacking = "the object" if observed is None else manifests.difference(desired, observed)
            if lacking is None or self._is_settled(resource, place, desired, observed):
                return None
            applied = await self._cluster.apply(resource, desired)
        except ClusterError as error:
            if not error.is_refusal:
                raise
            log.warning("the agent was refused", object=f"{resource.kind}/{place[1]}", error=str(error))
            return Verdict("False", "AgentRefused", f"{resource.kind} {place[1]}: {error}")
        log.info("applied", object=f"{resource.kind}/{place[1]}", lacking=lacking)
        self._observed.take(resource.kind, applied)
        now_there = slimmed(resource.kind, applied)
        if manifests.difference(desired, now_there) is not None:
            self._settled[(resource.kind, *place)] = (_fingerprint(desired), _version(now_there))
        return None

    def _is_settled(self, resource: Resource, place: Place, desired: Object, observed: Object | None) -> bool:
        """Whether just this was applied and the API server made just that of it: doing it again would not help."""
        if observed is None:
            return False
        return self._settled.get((resource.kind, *place)) == (_fingerprint(desired), _version(observed))

    def _listen(self, namespace: str, agent: str, phone: str, pods: list[Object], *, counts: bool = False) -> Heard:
        pod = status.current_pod(pods)
        self._point(namespace, agent, pod, counts=counts)
        view = self._followers.view((namespace, agent))
        if view is None:
            return Heard("unheard", why="its pod does not run")
        return view.heard(phone, _clock())

    def _point(self, namespace: str, agent: str, pod: Mapping[str, Any] | None, *, counts: bool = False) -> None:
        identity = pod["metadata"].get("uid", "") if pod else ""
        gone = self._followers.point((namespace, agent), _agent_url(pod), identity, counts=counts)
        self._recount(namespace, gone, 0.0)

    def _recount(self, namespace: str, pbxs: Iterable[str], wait: float) -> None:
        for name in pbxs:
            if self._observed.get(PBXS.kind, (namespace, name)) is not None:
                self._queue.add((PBXS.kind, namespace, name), PBX_COALESCE_SECONDS + wait)

    def _contents(self, namespace: str, digest: str, uses: Iterable[names.SecretUse]) -> str:
        """A fingerprint of all files that the agent reads: its configuration and its Secrets' versions."""
        marks = [self._observed.secrets.get((namespace, use.name)) for use in uses]
        return _hash(" ".join([digest, *(mark.version if mark else "" for mark in marks)]))

    async def _poke(self, pods: list[Object], heard: Heard, contents: str, digest: str) -> float | None:
        """Make the kubelet look at the pod's volumes now, where they changed: by an annotation of the pod.

        Returns when to look again, since the kubelet may see the pod's change before that of the volume.
        """
        pod = status.current_pod(pods)
        if pod is None or _agent_url(pod) is None or pod["metadata"].get("deletionTimestamp"):
            return None
        running = heard.config.digest if heard.config else None
        metadata, now = pod["metadata"], _clock()
        poke = self._pokes.get(metadata["uid"])
        if poke is None:
            annotation = metadata.get("annotations", {}).get(names.POKE_ANNOTATION)
            if annotation is None and running is None:
                return None
            before = contents if annotation is None and running == digest else (annotation or "")
            poke = self._pokes[metadata["uid"]] = _Poke(before.partition("-")[0], 0, now)
        if poke.contents == contents:
            refused = heard.config is not None and heard.config.refused
            if running is None or running == digest or refused:
                return None
            if now < poke.next:
                return poke.next - now
            poke.count += 1
        else:
            poke.contents, poke.count = contents, 0
        text = f"{contents}-{poke.count}" if poke.count else contents
        await self._cluster.annotate_pod(metadata["namespace"], metadata["name"], {names.POKE_ANNOTATION: text})
        log.info("poked", object=f"Pod/{metadata['name']}", contents=text)
        wait = min(FIRST_POKE_WAIT_SECONDS * (1 << min(poke.count, 6)), LONGEST_POKE_WAIT_SECONDS)
        poke.next = now + wait
        return wait

    async def _write_status(
        self, resource: Resource, key: WorkKey, obj: Object, wanted: Object, events: list[status.Event]
    ) -> float | None:
        """Write a status that differs; returns when it may be written, where it is not urgent."""
        transition = self._transitions.pop(key, None)
        if wanted == obj["status"]:
            return None
        now, last = _clock(), self._written.get(key)
        if resource == FLEETS and last is not None and now - last < FLEET_WRITE_SECONDS:
            return FLEET_WRITE_SECONDS - (now - last)
        if last is not None and now - last < NOISE_SECONDS and not status.is_urgent(obj["status"], wanted):
            return NOISE_SECONDS - (now - last)
        metadata = obj["metadata"]
        written = await self._cluster.write_status(
            resource, metadata["namespace"], metadata["name"], metadata["uid"], wanted
        )
        if written is None:
            return None
        self._written[key] = now
        if transition is not None:
            self._metrics.status_lag.observe(max(0.0, (self._now() - transition).total_seconds()))
        news = self._observed.take(resource.kind, written)
        if written["metadata"].get("generation") != metadata.get("generation"):
            self._changed(news)
        for event in events:
            await self._post(obj, event)
        return None

    async def _post(self, obj: Object, event: status.Event) -> None:
        if event.personal and not self._may_post():
            log.info("event left out", reason=event.reason, message=event.message)
            return
        log.info("event", reason=event.reason, message=event.message)
        metadata = obj["metadata"]
        about = {
            "apiVersion": API_VERSION,
            "kind": obj["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        try:
            await self._cluster.post_event(
                about,
                kind=event.type,
                reason=event.reason,
                message=event.message,
                name=f"{metadata['name'][:200]}.{randomness.token_hex(8)}",
                time=status.timestamp(self._now()),
            )
        except ClusterError as error:
            log.warning("an event could not be posted", reason=event.reason, error=str(error))

    def _may_post(self) -> bool:
        """A token bucket for Events of single phones: an outage of thousands is told on the PBX."""
        now = _clock()
        earned = (now - self._event_time) * EVENTS_PER_SECOND
        self._event_tokens, self._event_time = min(EVENT_BURST, self._event_tokens + earned), now
        if self._event_tokens < 1:
            return False
        self._event_tokens -= 1
        return True

    # What is measured.

    def _count_objects(self) -> Mapping[tuple[str, str], int]:
        counts: Counter[tuple[str, str]] = Counter()
        for kind, deciding in ((SOFTPHONES.kind, "Ready"), (FLEETS.kind, "Ready"), (PBXS.kind, "Accepted")):
            counts.update({(kind, "Ready"): 0, (kind, "NotReady"): 0, (kind, "Refused"): 0})
            for _, obj in self._observed.all(kind):
                said = {c["type"]: c["status"] for c in obj["status"].get("conditions") or ()}
                refused = said.get("Accepted") == "False"
                ready = said.get(deciding) == "True"
                counts[kind, "Refused" if refused else "Ready" if ready else "NotReady"] += 1
        return counts


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _owner(obj: Object) -> manifests.Owner:
    return manifests.Owner(API_VERSION, obj["kind"], obj["metadata"]["name"], obj["metadata"]["uid"])


def _accepted(outcome: plan.AgentPlan | plan.FleetPlan | plan.PbxPlan | plan.Refusal) -> Verdict:
    if isinstance(outcome, plan.Refusal):
        return Verdict("False", outcome.reason, outcome.message)
    if isinstance(outcome, plan.AgentPlan | plan.FleetPlan) and outcome.cautions:
        messages = [status.ACCEPTED.message, *(caution.message for caution in outcome.cautions)]
        return Verdict("True", outcome.cautions[0].reason, "; ".join(messages))
    return status.ACCEPTED


def _result(outcome: plan.AgentPlan | plan.FleetPlan | plan.PbxPlan | plan.Refusal) -> str:
    return "refused" if isinstance(outcome, plan.Refusal) else "accepted"


def _not_ours(observed: Object, owner: Mapping[str, Any]) -> Verdict | None:
    """Why an object of the wanted name is not to be touched, None where it is ours."""
    metadata = observed["metadata"]
    controllers = [ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")]
    if not controllers:
        if (metadata.get("labels") or {}).get(names.MANAGED_BY) == names.FIELD_MANAGER:
            return None
    elif controllers[0].get("uid") == owner["uid"]:
        return None
    elif (controllers[0].get("kind"), controllers[0].get("name")) == (owner["kind"], owner["name"]):
        return Verdict("False", "Terminating", "the agent of an earlier object of this name is being removed")
    return Verdict(
        "False",
        "NameTaken",
        f"the {observed['kind']} {metadata['name']} exists and does not belong to this {owner['kind']}",
    )


def _agent_url(pod: Mapping[str, Any] | None) -> str | None:
    """Where the agent in a pod serves HTTP, None while it cannot."""
    if pod is None:
        return None
    address, state = pod["status"].get("podIP"), pod["status"].get("phase")
    if not address or state != "Running":
        return None
    port = pod["metadata"].get("annotations", {}).get(names.PORT_ANNOTATION, str(names.HTTP_PORT))
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _version(obj: Object) -> str:
    """What changes when others change the object: the generation, where the API server counts one."""
    metadata = obj["metadata"]
    return str(metadata.get("generation") or metadata.get("resourceVersion"))


def _fingerprint(obj: Object) -> str:
    return _hash(json.dumps(obj, sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
