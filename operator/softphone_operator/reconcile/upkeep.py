"""The objects of the agents: brings ConfigMaps and Deployments to what is desired, and has pods' volumes synced."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import availability, comparing, decisions, manifests, names
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.settings import AT_ONCE, SCRAPED, Settings
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, Resource
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.slimming import Object, slimmed
from softphone_operator.reconcile.deletions import Deletions
from softphone_operator.reconcile.listening import agent_url
from softphone_operator.reconcile.unowned import UnownedObjects

REFUSED_AGAIN_SECONDS = 30.0
TERMINATING_AGAIN_SECONDS = 1.0
FIRST_SYNC_WAIT_SECONDS = 5.0
LONGEST_SYNC_WAIT_SECONDS = 60.0

log = structlog.get_logger()


@dataclass(slots=True)
class _VolumeSync:
    """The last time that a pod's volumes were synced: for which contents, how often, and when it may be next."""

    contents: str
    count: int
    next: float


class Upkeep:
    """What is done to the objects that the operator owns."""

    def __init__(self, settings: Settings, cluster: Cluster, observed: Observed) -> None:
        self._settings = settings
        self._cluster = cluster
        self._observed = observed
        self._unowned = UnownedObjects(cluster)
        self._deletions = Deletions(observed)
        self._image = manifests.Image(
            settings.agent_image,
            settings.agent_pull_policy,
            settings.agent_pull_secrets,
            at_once=settings.agent_image_update == AT_ONCE,
        )
        self._settled: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._volume_syncs: dict[str, _VolumeSync] = {}
        self._budgets: dict[WorkKey, tuple[str, float]] = {}
        self._budget_kind: Resource | None = None
        self._knows_budgets = False

    def forget(self, resource: Resource, object_key: ObjectKey, known: Object) -> None:
        """An object is gone; `known` is what was observed of it last."""
        self._volume_syncs.pop(known["metadata"].get("uid", ""), None)
        self._settled.pop((resource.kind, *object_key), None)
        self._deletions.note(resource, object_key, known)

    def forget_budget(self, key: WorkKey) -> None:
        """An object with several agents is gone."""
        self._budgets.pop(key, None)

    def agent(self, obj: Object, wanted: decisions.DesiredAgent, labels: Mapping[str, str]) -> manifests.Agent:
        """What the objects of a desired agent are made of; it belongs to `obj`."""
        return manifests.Agent(
            name=wanted.agent,
            namespace=obj["metadata"]["namespace"],
            owner=owner(obj),
            labels=labels,
            config=wanted.config,
            image=self._image,
            pod=wanted.pod,
            secrets=wanted.secrets,
            replicas=self._settings.agent_replicas,
            scrape=self._settings.agent_scrape == SCRAPED,
            defaults=self._settings.agent_defaults,
            own_resources=wanted.own_resources,
            entries=wanted.entries,
        )

    def objects(self, agent: manifests.Agent) -> tuple[Object, Object]:
        """The ConfigMap and the Deployment of an agent, in place of those that are there."""
        object_key = (agent.namespace, agent.name)
        there = self._observed.get(DEPLOYMENTS.kind, object_key)
        settled = there is not None and availability.has_replaced(there)
        file = manifests.config_map(agent, self._observed.get(CONFIG_MAPS.kind, object_key), there, settled=settled)
        return file, manifests.deployment(agent, there)

    async def ensure(self, resource: Resource, desired: Object) -> Statement | None:
        """Bring an object of ours to what is desired; returns what stands in the way, None where nothing does."""
        metadata = desired["metadata"]
        object_key = (metadata["namespace"], metadata["name"])
        owner = metadata["ownerReferences"][0]
        observed = self._observed.get(resource.kind, object_key)
        try:
            # Ours are watched; one of somebody else's by that name is not.
            if observed is None and (found := await self._unowned.find(resource, *object_key)) is not None:
                observed = slimmed(resource.kind, found)
            if observed is not None and (strange := owned_by_another(observed, owner)):
                return strange
            differing = "the object" if observed is None else comparing.differs(desired, observed)
            if differing is None or self.is_settled(resource, object_key, desired, observed):
                self._deletions.there(resource, object_key, owner["uid"])
                return None
            applied = await self._cluster.apply(resource, desired)
        except ClusterError as error:
            if not error.is_refusal:
                raise
            log.warning("the agent was refused", object=f"{resource.kind}/{object_key[1]}", error=str(error))
            return Statement("False", "AgentRefused", f"{resource.kind} {object_key[1]}: {error}")
        log.info("applied", object=f"{resource.kind}/{object_key[1]}", differing=differing)
        self._deletions.there(resource, object_key, owner["uid"])
        self._observed.take(resource.kind, applied)
        now_there = slimmed(resource.kind, applied)
        if comparing.differs(desired, now_there) is not None:
            self._settled[(resource.kind, *object_key)] = (_fingerprint(desired), _version(now_there))
        return None

    def missing(self, obj: Object) -> list[tuple[Resource, Object]]:
        """What somebody else deleted of the agents of an object and was not made again yet, as it was."""
        return self._deletions.of(obj["metadata"]["uid"])

    async def restore(self, obj: Object) -> Statement | None:
        """Make again what somebody else deleted of the agents of an object whose spec is refused: they go on as before.

        Returns what stands in the way, None where nothing does.
        """
        trouble = None
        for resource, desired in self._deletions.of(obj["metadata"]["uid"]):
            trouble = await self.ensure(resource, desired) or trouble
        return trouble

    def is_settled(self, resource: Resource, object_key: ObjectKey, desired: Object, observed: Object | None) -> bool:
        """Whether exactly this was applied, with exactly this result: applying it again would not help."""
        if observed is None:
            return False
        return self._settled.get((resource.kind, *object_key)) == (_fingerprint(desired), _version(observed))

    async def remove(self, obj: Object, agent: str) -> None:
        """Delete the objects of an agent that its fleet no longer needs."""
        object_key = (obj["metadata"]["namespace"], agent)
        for resource in (DEPLOYMENTS, CONFIG_MAPS):
            observed = self._observed.get(resource.kind, object_key)
            if observed is None or observed["metadata"].get("deletionTimestamp"):
                continue
            if owned_by_another(observed, {"uid": obj["metadata"]["uid"], "kind": obj["kind"], "name": ""}):
                continue
            self._deletions.expect(observed["metadata"]["uid"])
            await self._cluster.delete(resource, *object_key, observed["metadata"]["uid"])
            log.info("deleted", object=f"{resource.kind}/{agent}")

    async def ensure_budget(self, obj: Object, group: names.Group, max_unavailable: int) -> None:
        """Keep an object's PodDisruptionBudget as desired: when that changes, and with each resync."""
        object_key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        key = (obj["kind"], *object_key)
        if (resource := await self._budget_resource()) is None:
            return
        version = f"{resource.group}/{resource.version}"
        desired = manifests.budget(group, object_key[1], object_key[0], owner(obj), version, max_unavailable)
        mark, now = _fingerprint(desired), _clock()
        known = self._budgets.get(key)
        if known is not None and known[0] == mark and now - known[1] < self._settings.resync_seconds:
            return
        found = await self._cluster.get(resource, object_key[0], desired["metadata"]["name"])
        if found is not None and (strange := owned_by_another(found, desired["metadata"]["ownerReferences"][0])):
            log.warning("no PodDisruptionBudget", reason=strange.message)
        elif found is None or comparing.differs(desired, found) is not None:
            await self._cluster.apply(resource, desired)
            log.info("applied", object=f"PodDisruptionBudget/{desired['metadata']['name']}")
        self._budgets[key] = (mark, now)

    async def _budget_resource(self) -> Resource | None:
        if not self._knows_budgets:
            self._budget_kind = await self._cluster.budgets()
            self._knows_budgets = True
        return self._budget_kind

    def contents(self, namespace: str, digest: str, uses: Iterable[names.SecretUse]) -> str:
        """A fingerprint of all files that the agent reads: its configuration and its Secrets' versions."""
        marks = [self._observed.secrets.get((namespace, use.name)) for use in uses]
        return _hash(" ".join([digest, *(mark.version if mark else "" for mark in marks)]))

    async def sync_volumes(self, pods: list[Object], reported: Reported, contents: str, digest: str) -> float | None:
        """Make the kubelet look at the pod's volumes now if they have changed: by an annotation of the pod.

        Returns when to look again, since the kubelet may see the pod's change before that of the volume.
        """
        pod = availability.current_pod(pods)
        if pod is None or agent_url(pod) is None or pod["metadata"].get("deletionTimestamp"):
            return None
        object_key = (pod["metadata"]["namespace"], names.instance(pod))
        if (deployment := self._observed.get(DEPLOYMENTS.kind, object_key)) and availability.is_replacing(deployment):
            return None  # the new pod gets it all
        running = reported.config.digest if reported.config else None
        metadata, now = pod["metadata"], _clock()
        sync = self._volume_syncs.get(metadata["uid"])
        if sync is None:
            annotation = metadata.get("annotations", {}).get(names.VOLUME_SYNC_ANNOTATION)
            if annotation is None and running is None:
                return None
            before = contents if annotation is None and running == digest else (annotation or "")
            sync = self._volume_syncs[metadata["uid"]] = _VolumeSync(before.partition("-")[0], 0, now)
        if sync.contents == contents:
            refused = reported.config is not None and reported.config.refused
            if running is None or running == digest or refused:
                return None
            if now < sync.next:
                return sync.next - now
            sync.count += 1
        else:
            sync.contents, sync.count = contents, 0
        text = f"{contents}-{sync.count}" if sync.count else contents
        await self._cluster.annotate_pod(metadata["namespace"], metadata["name"], {names.VOLUME_SYNC_ANNOTATION: text})
        log.info("asked for a volume sync", object=f"Pod/{metadata['name']}", contents=text)
        wait = min(FIRST_SYNC_WAIT_SECONDS * (1 << min(sync.count, 6)), LONGEST_SYNC_WAIT_SECONDS)
        sync.next = now + wait
        return wait


def again(trouble: Statement) -> float:
    """After how many seconds to try again."""
    return TERMINATING_AGAIN_SECONDS if trouble.reason == "Terminating" else REFUSED_AGAIN_SECONDS


def owner(obj: Object) -> manifests.Owner:
    """The owner reference of what is made for `obj`."""
    return manifests.Owner(API_VERSION, obj["kind"], obj["metadata"]["name"], obj["metadata"]["uid"])


def owned_by_another(observed: Object, owner: Mapping[str, Any]) -> Statement | None:
    """Why an object of the desired name must not be touched, None if it is the operator's own."""
    metadata = observed["metadata"]
    controllers = [ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")]
    if not controllers:
        if (metadata.get("labels") or {}).get(names.MANAGED_BY) == names.FIELD_MANAGER:
            return None
    elif controllers[0].get("uid") == owner["uid"]:
        return None
    elif (controllers[0].get("kind"), controllers[0].get("name")) == (owner["kind"], owner["name"]):
        return Statement("False", "Terminating", "the agent of an earlier object of this name is being removed")
    return Statement(
        "False",
        "NameTaken",
        f"the {observed['kind']} {metadata['name']} exists and does not belong to this {owner['kind']}",
    )


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _version(obj: Object) -> str:
    """Changes when others change the object: the generation, or the resource version of a kind without one."""
    metadata = obj["metadata"]
    return str(metadata.get("generation") or metadata.get("resourceVersion"))


def _fingerprint(obj: Object) -> str:
    return _hash(json.dumps(obj, sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
