"""Writes status and Events: on transitions only, and not too often for the API server."""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import event_rules, status
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import CALL_CHECKS, FLEETS, PBXS, POOLS, Resource
from softphone_operator.notify.notifier import Notifier
from softphone_operator.observe.metrics import Metrics
from softphone_operator.observe.observed import Observed, WorkKey
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.similar import Similar

NOISE_SECONDS = 20.0
SHARED_WRITE_SECONDS = 1.0
SHARED = (FLEETS, POOLS, CALL_CHECKS, PBXS)
"""Their status counts many phones or calls, each of which changes it; the last state is always written, not each."""
EVENT_BURST = 50
EVENTS_PER_SECOND = 1.0

log = structlog.get_logger()


class Writer:
    """`changed` gets what must be reconciled after a write of that kind. `now` is the wall clock."""

    def __init__(
        self,
        cluster: Cluster,
        observed: Observed,
        metrics: Metrics,
        *,
        changed: Callable[[Iterable[WorkKey], str], None],
        notifier: Notifier | None = None,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._observed = observed
        self._metrics = metrics
        self._changed = changed
        self._notifier = notifier
        self._now = now
        self._written: dict[WorkKey, float] = {}
        self._transitions: dict[WorkKey, datetime] = {}
        self._event_tokens, self._event_time = float(EVENT_BURST), 0.0
        self._similar = Similar()

    def transition(self, key: WorkKey, since: datetime | None) -> None:
        """An agent has reported a transition that the status of `key` must show; None if it did not report when."""
        if key not in self._transitions:
            self._transitions[key] = since or self._now()

    def forget(self, key: WorkKey) -> None:
        """An object is gone."""
        self._written.pop(key, None)
        self._transitions.pop(key, None)
        if self._notifier is not None:
            self._notifier.gone(key)

    async def write_status(
        self, resource: Resource, key: WorkKey, obj: Object, wanted: Object, events: list[event_rules.Event]
    ) -> float | None:
        """Write a status that differs; returns when it may be written if it is not urgent."""
        if self._notifier is not None:
            self._notifier.seen(key, obj["status"], wanted)
        if wanted == obj["status"]:
            self._transitions.pop(key, None)
            return None
        now = _clock()
        since = now - self._written.get(key, -NOISE_SECONDS)
        edited = obj["status"].get("observedGeneration") != obj["metadata"].get("generation")
        if resource in SHARED and not edited and since < SHARED_WRITE_SECONDS:
            return SHARED_WRITE_SECONDS - since
        if since < NOISE_SECONDS and not event_rules.is_urgent(obj["status"], wanted):
            self._transitions.pop(key, None)
            return NOISE_SECONDS - since
        metadata = obj["metadata"]
        written = await self._cluster.write_status(
            resource, metadata["namespace"], metadata["name"], metadata["uid"], wanted
        )
        if written is None:
            return None
        self._written[key] = now
        transition = self._transitions.pop(key, None)
        if transition is not None:
            self._metrics.status_lag.observe(max(0.0, (self._now() - transition).total_seconds()))
        if self._observed.get(resource.kind, (metadata["namespace"], metadata["name"])) is None:
            # Meanwhile it went, or became another operator's: the answer must not bring it back.
            return None
        news = self._observed.take(resource.kind, written)
        if written["metadata"].get("generation") == metadata.get("generation"):
            news -= {key}  # the others sum up what was written
        self._changed(news, resource.kind)
        for event in events:
            await self.post(obj, event)
        return None

    async def post(self, obj: Object, event: event_rules.Event) -> None:
        """Post an Event about an object, or count up one that says the same. If that fails, it is only logged."""
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
        name, time = f"{metadata['name'][:200].rstrip('-.')}.{randomness.token_hex(8)}", status.timestamp(self._now())
        told = self._similar.tell((metadata["uid"], event.type, event.reason), event.message, name, _clock())
        try:
            if told.count > 1:
                if await self._cluster.count_event(about["namespace"], told.name, told.message, told.count, time):
                    return
                self._similar.gone(told)
            await self._cluster.post_event(
                about, kind=event.type, reason=event.reason, message=told.message, name=told.name, time=time
            )
        except ClusterError as error:
            self._similar.failed(told)
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


def _clock() -> float:
    return asyncio.get_running_loop().time()
