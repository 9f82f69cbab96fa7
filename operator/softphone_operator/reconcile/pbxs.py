"""Reconciles a PBX: its conditions, who uses it, and how many phones are registered there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from softphone_agent.contract.report import Role
from softphone_operator.api.status import PbxPhones, PbxUsers
from softphone_operator.decide import (
    decisions,
    desired_pbx,
    event_rules,
    label_selector,
    names,
    outcome,
    redundancy,
    status,
)
from softphone_operator.decide.settings import Settings
from softphone_operator.kubernetes.resources import PBXS, PODS
from softphone_operator.observe import agents
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.listening import Listening, agent_url
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.writing import Writer

FIRST_COUNT_SECONDS = 0.5
DELETED_SECONDS = 1.0


class _Seen(NamedTuple):
    """Phones registered at a PBX, whether agents reach it, when its certificate ends; and when to look again."""

    phones: PbxPhones | None
    reachable: bool | None
    certificate_expires: str | None
    wait: float | None


class Pbxs:
    """Reconciles PBXes by the parts that the controller has made."""

    def __init__(
        self,
        settings: Settings,
        observed: Observed,
        prerequisites: Prerequisites,
        listening: Listening,
        writer: Writer,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._listening = listening
        self._writer = writer
        self._now = now
        self._selector = label_selector.parse(settings.watch_selector)
        self._deleted: dict[ObjectKey, tuple[Object, float]] = {}
        self._started = 0.0

    def begin(self) -> None:
        """Reconciling begins now. What was deleted before was reported by the operator that led then."""
        self._deleted.clear()
        self._started = _clock()

    def deleted(self, object_key: ObjectKey, known: Object) -> None:
        """A PBX is gone; `known` is what was observed of it last."""
        self._deleted[object_key] = (dict(known), _clock())

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Write the status of a PBX; returns the result, and the seconds after which to look again."""
        key: WorkKey = (PBXS.kind, namespace, name)
        obj = self._observed.get(PBXS.kind, (namespace, name))
        if obj is None:
            self._writer.forget(key)
            return "gone", await self._report_deleted_pbx((namespace, name))
        self._deleted.pop((namespace, name), None)
        if not self.serves(obj):
            self._writer.forget(key)
            return "left", None
        of_namespace = await self._prerequisites.decisions_on_pbxs(namespace)
        decided = of_namespace.get(name)
        if decided is None:
            return "gone", None
        phones, reachable, certificate, wait = self._seen_by_agents(namespace, name)
        made = status.pbx(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=outcome.accepted(decided),
            inconsistent=desired_pbx.inconsistency(name, of_namespace),
            location=decided.pbx.location or name if isinstance(decided, decisions.DesiredPbx) else None,
            phones=phones,
            reachable=reachable,
            certificate_expires=certificate,
            users=PbxUsers(
                softphones=len(self._observed.namers_of_pbx((namespace, name))),
                fleets=len(self._observed.fleets_naming_pbx((namespace, name))),
            ),
            redundant=redundancy.system(self._observed.redundancy_of_system((namespace, name))),
            now=self._now(),
        )
        events = event_rules.pbx_events(obj["status"], made)
        later = await self._writer.write_status(PBXS, key, obj, status.dump(made), events)
        return outcome.result(decided), later if wait is None else wait

    def serves(self, obj: Object) -> bool:
        """Whether this operator writes the status of a PBX. It does not receive others' Softphones and fleets."""
        return self._selector.matches(obj["metadata"].get("labels"))

    async def _report_deleted_pbx(self, object_key: ObjectKey) -> float | None:
        """Post an Event if a PBX was deleted while in use; returns when to look again: its users may be going too."""
        if object_key not in self._deleted:
            return None
        obj, since = self._deleted[object_key]
        wait = since + DELETED_SECONDS - _clock()
        if wait > 0:
            return wait
        del self._deleted[object_key]
        for event in event_rules.pbx_deleted_events(str(self._observed.use_of_pbx(object_key, obj))):
            await self._writer.post(obj, event)
        return None

    def _seen_by_agents(self, namespace: str, name: str) -> _Seen:
        """What agents tell of a PBX; where not all have told yet, when to look again."""
        now = _clock()
        if now - self._started < agents.GRACE_SECONDS and self._an_agent_is_missing(namespace):
            return _Seen(None, None, None, FIRST_COUNT_SECONDS)
        trusted = [view for view in self._listening.views(namespace) if view.trusted(now)]
        roles = Counter(
            phone.role for view in trusted for phone in view.phones.values() if phone.registered and phone.pbx == name
        )
        of_fleets = [pbx for view in trusted if view.counts for pbx in view.counts.pbxs if pbx.name == name]
        counts = PbxPhones(
            registered=roles.total() + sum(pbx.registered for pbx in of_fleets),
            home=roles[Role.HOME] + sum(pbx.home for pbx in of_fleets),
            standby=roles[Role.STANDBY] + sum(pbx.standby for pbx in of_fleets),
        )
        certificate = status.first_to_end(view.certificates.get(name) for view in trusted)
        return _Seen(counts, status.reachable(view.pbxs.get(name) for view in trusted), certificate, None)

    def _an_agent_is_missing(self, namespace: str) -> bool:
        for _, pod in self._observed.all(PODS.kind, namespace):
            agent = names.instance(pod)
            if agent_url(pod) is None or self._observed.owner(namespace, agent) is None:
                continue
            view = self._listening.view((namespace, agent))
            if view is None or not view.connected:
                return True
        return False


def _clock() -> float:
    return asyncio.get_running_loop().time()
