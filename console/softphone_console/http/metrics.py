"""The console's metrics. Their names are a contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One set of metrics in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "softphone_console_requests",
            "Requests by page and HTTP status; streams of changes count as they begin.",
            ["page", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "softphone_console_page_seconds",
            "How long a page took to be made, with what was asked of agents for it.",
            ["page"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )

    def observe(
        self,
        objects: Callable[[], Mapping[str, int]],
        ages: Callable[[], Mapping[str, float]],
        viewers: Callable[[], int],
    ) -> None:
        """Take the gauges at the time of a scrape: objects by kind, the age of each kind's watch, who looks."""
        self.registry.register(_Observed(objects, ages, viewers))

    def answered(self, page: str, code: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(page, str(code)).inc()
        self._seconds.labels(page).observe(seconds)

    def began_stream(self) -> None:
        """Count a stream of changes."""
        self._requests.labels("live", "200").inc()

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Observed(Collector):
    def __init__(
        self,
        objects: Callable[[], Mapping[str, int]],
        ages: Callable[[], Mapping[str, float]],
        viewers: Callable[[], int],
    ) -> None:
        self._objects, self._ages, self._viewers = objects, ages, viewers

    def collect(self) -> Iterable[Metric]:
        """The gauges as they are now."""
        objects = GaugeMetricFamily("softphone_console_objects", "Objects that it shows.", labels=["kind"])
        for kind, count in sorted(self._objects().items()):
            objects.add_metric([kind], count)
        ages = GaugeMetricFamily(
            "softphone_console_watch_age_seconds",
            "Time since something was last heard of a kind: a change, a bookmark, or a full list.",
            labels=["kind"],
        )
        for kind, age in sorted(self._ages().items()):
            ages.add_metric([kind], age)
        viewers = GaugeMetricFamily("softphone_console_viewers", "Browsers that are told of changes now.")
        viewers.add_metric([], self._viewers())
        return [objects, ages, viewers]
