"""What the chart's monitors select is scraped by a real Prometheus, which discovers by Kubernetes itself.

Its configuration is what the Prometheus operator's own code makes of them (lab/prometheus_operator). The lab's
Prometheus reads the chart's scrape.yaml instead. Both must find the same agents and operator, give their series the
labels that dashboards and alerts go by, and answer every query of those alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.objects import fleet, secret, softphone, system
from lab import prometheus_operator
from lab.errors import LabError
from lab.kube import Kube, is_ready
from lab.prometheus import CHART_FILES, Prometheus, at_the_lab, of_the_kubelet
from lab.settings import settings
from lab.waiting import wait_until
from softphone_monitoring import asked, files

pytestmark = pytest.mark.lab

PORT = 18428
PHONES = ("u61", "u62")
OF_THE_WAY = {"job", "instance", "container", "endpoint", "service"}
"""Labels that tell how a series was scraped, and not what it says."""
WINDOWS = {"__rate_interval": "1m", "__interval": "1m", "__range": "10m"}


@pytest.fixture(scope="module")
def phones(operator: Kube, namespace: Kube) -> Kube:
    """Four phones in as many agents."""
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(2)}
    namespace.apply(*system(), secret("load", **keys), *(secret(name) for name in PHONES))
    namespace.apply(fleet(2, 1), *(softphone(name) for name in PHONES))
    for name in PHONES:
        namespace.until("sp", name, is_ready, seconds=90)
    namespace.until("spf", "load", is_ready, seconds=90)
    return namespace


@pytest.fixture(params=list(prometheus_operator.CHOICES))
def monitoring(request: pytest.FixtureRequest, operator: Kube) -> Iterator[Prometheus]:
    """A Prometheus that the Prometheus operator would have made."""
    made = prometheus_operator.configuration(request.param)
    for job in made["scrape_configs"]:
        at_the_lab(settings(), job)
    # Somebody has it scraped in every cluster.
    jobs = [*made["scrape_configs"], of_the_kubelet(settings())]
    config = made | {"rule_files": [str(CHART_FILES / "rules.yaml")], "scrape_configs": jobs}
    services = prometheus_operator.services(request.param)
    if services:
        operator.apply(*services)
    found = Prometheus(name="prometheus-of-monitors", port=PORT, config=config)
    found.start()
    yield found
    found.remove()
    for each in services:
        operator.delete("service", each["metadata"]["name"])


def targets(of: Prometheus, *namespaces: str) -> dict[str, dict[str, str]]:
    """What answers in these namespaces: where, and the labels of its series. In others there is a coming and going."""
    return {
        target["scrapeUrl"]: target["labels"]
        for target in of.active_targets()
        if target["health"] == "up" and target["labels"].get("namespace") in namespaces
    }


def without_the_way(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in OF_THE_WAY}


def answer(of: Prometheus, expr: str, *namespaces: str) -> set[frozenset[tuple[str, str]]]:
    """The series of an answer."""
    found = [without_the_way(sample.labels) for sample in of.query(expr)]
    return {frozenset(labels.items()) for labels in found if labels.get("namespace", "") in ("", *namespaces)}


def test_what_the_charts_monitors_select_is_scraped_with_the_labels_that_dashboards_and_alerts_go_by(
    phones: Kube, operator: Kube, monitoring: Prometheus
) -> None:
    places = (phones.namespace, operator.namespace)
    wait_until(
        lambda: len(targets(monitoring, *places)) == 5, "operator and four agents", explain=monitoring.service.explain
    )
    wait_until(lambda: len(targets(Prometheus(), *places)) == 5, "the same by scrape.yaml")
    ours, theirs = targets(Prometheus(), *places), targets(monitoring, *places)
    assert {url: without_the_way(labels) for url, labels in theirs.items()} == {
        url: without_the_way(labels) for url, labels in ours.items()
    }
    assert all({"namespace", "pod"} <= labels.keys() for labels in theirs.values())
    registered = f'sum(softphone_registered{{namespace="{phones.namespace}"}})'
    wait_until(lambda: monitoring.value(registered) == 4, "the four phones are registered by their metrics")


def test_every_query_of_dashboards_and_rules_is_answered_alike_however_agents_are_scraped(
    phones: Kube, operator: Kube, monitoring: Prometheus
) -> None:
    boards = [json.loads(file.read_text()) for file in sorted(files.BOARDS.glob("*.json"))]
    queries = [query for board in boards for query in asked.of_dashboard(board)] + list(asked.of_rules())
    values = {**WINDOWS, "pbx": ".+", "fleet": ".+", "pool": ".+", "softphone": "u61", "check": ".+"}
    values |= {"namespace": phones.namespace}
    differs = []
    for query in queries:
        if query.is_seldom:  # calculated every quarter of an hour, by each Prometheus at a time of its own
            continue
        if "[15m:1m]" in query.expr:  # an average since each Prometheus began to look, which was not at the same time
            continue
        of_operator = query.where == "softphone-operator"
        expr = asked.filled(query.expr, values | ({"namespace": operator.namespace} if of_operator else {}))
        place = operator.namespace if of_operator else phones.namespace

        def alike(expr: str = expr, place: str = place) -> bool:
            return answer(monitoring, expr, place) == answer(Prometheus(), expr, place)

        try:
            wait_until(alike, expr, seconds=30)
        except LabError:
            differs.append(f"{query.where}, {query.what}: {expr}")
    assert len(queries) > 50
    assert not differs, "\n".join(differs)
