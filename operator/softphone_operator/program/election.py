"""Who of several operators works: the one that holds a Lease.

The rules are those of Kubernetes' own components. A candidate takes a Lease that nobody holds, or that did not change
for as long as it is valid, measured by the candidate's own clock. The holder renews it; when it could not for
RENEW_SECONDS it writes no more, and ends, before anybody else may begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import LEASES

VALID_SECONDS = 15
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0

log = structlog.get_logger()

Object = dict[str, Any]


class LeaseLostError(Exception):
    """The Lease could not be renewed in time, or another holds it: this operator must end."""


@dataclass(slots=True)
class _Seen:
    """What a Lease holds, and since when, on this operator's clock."""

    said: tuple[str, str, int]
    since: float


class Election:
    """One candidate. `now` is the wall clock, `clock` measures."""

    def __init__(
        self,
        cluster: Cluster,
        place: tuple[str, str],
        identity: str,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._namespace, self._name = place
        self._identity = identity
        self._now = now
        self._clock = clock
        self._seen: _Seen | None = None
        self._renewed: float | None = None
        self.leader = ""

    @property
    def leads(self) -> bool:
        """Whether this operator may write at this moment."""
        return self._renewed is not None and self._clock() - self._renewed < RENEW_SECONDS

    async def acquire(self) -> None:
        """Wait until this operator leads."""
        while not await self._attempt():
            await asyncio.sleep(RETRY_SECONDS)
        log.info("this operator leads", identity=self._identity)

    async def keep(self) -> None:
        """Renew the Lease until that fails; raises LeaseLostError then."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._attempt():
                continue
            if self.leader != self._identity:
                self._renewed = None
                raise LeaseLostError(f"{self.leader or 'nobody'} holds the Lease {self._namespace}/{self._name}")
            if not self.leads:
                raise LeaseLostError(f"the Lease {self._namespace}/{self._name} could not be renewed in time")

    async def release(self) -> None:
        """Give the Lease back, so that another need not wait until it runs out."""
        if not self.leads:
            return
        self._renewed = None
        try:
            lease = await self._cluster.get(LEASES, self._namespace, self._name)
            if lease is not None and _holder(lease) == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._cluster.replace(LEASES, lease)
        except ClusterError as error:
            log.warning("the Lease was not given back", error=str(error))

    async def _attempt(self) -> bool:
        """Take or renew the Lease; returns whether this operator holds it now."""
        begun = self._clock()
        try:
            async with asyncio.timeout(RENEW_SECONDS / 2):
                lease = await self._cluster.get(LEASES, self._namespace, self._name)
                if lease is None:
                    made = await self._cluster.create(LEASES, self._fresh())
                elif self._may_take(lease):
                    made = await self._cluster.replace(LEASES, self._taken(lease))
                else:
                    return False
        except (ClusterError, TimeoutError) as error:
            log.warning("the Lease could not be had", error=str(error) or "time-out")
            return False
        self._note(made)
        # From before the request: that is the earliest at which others may have begun to count.
        self._renewed = begun
        return True

    def _may_take(self, lease: Object) -> bool:
        self._note(lease)
        if self.leader in ("", self._identity):
            return True
        assert self._seen is not None
        return self._clock() - self._seen.since > self._seen.said[2]

    def _note(self, lease: Object) -> None:
        spec = lease.get("spec") or {}
        said = (_holder(lease), str(spec.get("renewTime")), int(spec.get("leaseDurationSeconds") or VALID_SECONDS))
        if self.leader != said[0]:
            log.info("leader", identity=said[0])
        self.leader = said[0]
        if self._seen is None or self._seen.said != said:
            self._seen = _Seen(said, self._clock())

    def _fresh(self) -> Object:
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": VALID_SECONDS, "leaseTransitions": 0}
        times = {"acquireTime": self._timestamp(), "renewTime": self._timestamp()}
        metadata = {"namespace": self._namespace, "name": self._name}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec | times}

    def _taken(self, lease: Object) -> Object:
        spec = dict(lease.get("spec") or {})
        if _holder(lease) != self._identity:
            spec["acquireTime"] = self._timestamp()
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        spec |= {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": VALID_SECONDS,
            "renewTime": self._timestamp(),
        }
        return {**lease, "spec": spec}

    def _timestamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _holder(lease: Object) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")
