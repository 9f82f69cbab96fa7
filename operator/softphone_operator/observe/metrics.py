"""The operator's metrics. Their names are a contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from softphone_operator.api.kinds import KINDS
from softphone_operator.rehearsals.telling import Measured

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

RESULTS = ("accepted", "refused", "gone", "left", "error")

Objects = Callable[[], Mapping[tuple[str, str], int]]
Phones = Callable[[], Mapping[tuple[str, str, str], int]]
Ages = Callable[[], Mapping[str, float]]
Calls = Callable[[], Mapping[tuple[str, str, str, str, str, str, str], int]]
Rehearsals = Callable[[], Mapping[tuple[str, str], Measured]]


class Metrics:
    """One set of metrics in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "softphone_operator_reconcile",
            "Reconciliations; result: accepted, refused, gone, left (to another operator), error.",
            ["kind", "result"],
            registry=self.registry,
        )
        # Begun at 0: the increase of a series that is born with its first error would not show that error.
        for kind in KINDS:
            for result in RESULTS:
                self.reconciles.labels(kind.name, result)
        self.reconcile_seconds = Histogram(
            "softphone_operator_reconcile_duration_seconds",
            "Their duration, API calls included.",
            ["kind"],
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
            registry=self.registry,
        )
        self.requests = Counter(
            "softphone_operator_api_requests",
            "Requests to the API server by HTTP method and status, 0 without answer; watches count as they begin.",
            ["verb", "code"],
            registry=self.registry,
        )
        self.status_lag = Histogram(
            "softphone_operator_status_lag_seconds",
            "From a transition in an agent to the status written; for a fleet, from when its agent told of it.",
            buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30),
            registry=self.registry,
        )

        self.notifications = Counter(
            "softphone_operator_notifications",
            "Messages to the receiver of notifications; result: sent, failed (and sent again later).",
            ["result"],
            registry=self.registry,
        )
        for result in ("sent", "failed"):
            self.notifications.labels(result)

    def count_notification(self, result: str) -> None:
        """Count a message to the receiver of notifications."""
        self.notifications.labels(result).inc()

    def observe(
        self, objects: Objects, fleets: Phones, pools: Phones, ages: Ages, rehearsals: Rehearsals, calls: Calls
    ) -> None:
        """Take the gauges from the operator at the time of a scrape.

        Objects by kind and state; phones of fleets, and of pools, by namespace, name and state; the age of each kind's
        watch; what is measured of Rehearsals by namespace and name; pairs of CallChecks by namespace, check, sites,
        state, reason, and whether the call was one after a fail-over.
        """
        self.registry.register(_Observed(objects, fleets, pools, ages))
        self.registry.register(_OfRehearsals(rehearsals))
        self.registry.register(_OfCalls(calls))

    def count_request(self, verb: str, code: int) -> None:
        """Count a request to the API server."""
        self.requests.labels(verb, str(code)).inc()

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Observed(Collector):
    def __init__(self, objects: Objects, fleets: Phones, pools: Phones, ages: Ages) -> None:
        self._objects, self._fleets, self._pools, self._ages = objects, fleets, pools, ages

    def collect(self) -> Iterable[Metric]:
        """The gauges as they are now."""
        objects = GaugeMetricFamily(
            "softphone_operator_objects", "Observed objects; state: Ready, NotReady, Refused.", labels=["kind", "state"]
        )
        for labels, count in sorted(self._objects().items()):
            objects.add_metric(labels, count)
        # Not `namespace`: that is the label of the operator's own, which Prometheus adds.
        fleets = GaugeMetricFamily(
            "softphone_operator_fleet_phones",
            "Phones of a fleet as its status has them: replicas (all), registered, standby.",
            labels=["fleet_namespace", "fleet", "state"],
        )
        for object_key, count in sorted(self._fleets().items()):
            fleets.add_metric(object_key, count)
        pools = GaugeMetricFamily(
            "softphone_operator_pool_phones",
            "Phones of a pool as its status has them: phones (all), registered, standby.",
            labels=["pool_namespace", "pool", "state"],
        )
        for object_key, count in sorted(self._pools().items()):
            pools.add_metric(object_key, count)
        ages = GaugeMetricFamily(
            "softphone_operator_watch_age_seconds",
            "Time since something was last heard of a kind: an event, its watch begun anew, or a full list.",
            labels=["kind"],
        )
        for kind, age in sorted(self._ages().items()):
            ages.add_metric([kind], age)
        return [objects, fleets, pools, ages]


class _OfRehearsals(Collector):
    def __init__(self, rehearsals: Rehearsals) -> None:
        self._rehearsals = rehearsals

    def collect(self) -> Iterable[Metric]:
        """The gauges as they are now."""
        labels = ["rehearsal_namespace", "rehearsal"]
        running = GaugeMetricFamily("softphone_rehearsal_running", "Whether it is under way: 1 or 0.", labels=labels)
        passed = GaugeMetricFamily(
            "softphone_rehearsal_passed",
            "Whether the last one passed: 1, else 0; absent before the first.",
            labels=labels,
        )
        last = GaugeMetricFamily(
            "softphone_rehearsal_last_pass_timestamp_seconds", "When one passed last, Unix time.", labels=labels
        )
        due = GaugeMetricFamily(
            "softphone_rehearsal_due_timestamp_seconds",
            "When it will be overdue that one passes (spec.everyDays), Unix time.",
            labels=labels,
        )
        for object_key, one in sorted(self._rehearsals().items()):
            running.add_metric(object_key, float(one.running))
            for family, value in ((passed, one.passed), (last, one.last_passed), (due, one.due)):
                if value is not None:
                    family.add_metric(object_key, float(value))
        return [running, passed, last, due]


class _OfCalls(Collector):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def collect(self) -> Iterable[Metric]:
        """The gauge as it is now."""
        pairs = GaugeMetricFamily(
            "softphone_operator_call_pairs",
            "Pairs of phones by their last test call; state: passing, failing (with a reason), unknown.",
            labels=["check_namespace", "check", "from_site", "to_site", "state", "reason", "after_fail_over"],
        )
        for told, count in sorted(self._calls().items()):
            pairs.add_metric(list(told), count)
        return [pairs]
