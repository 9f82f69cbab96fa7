"""Agents and operator are found and scraped by a real discovery of Kubernetes, with the chart's own relabelings.

Debian's Prometheus is built without that discovery, so the lab tells it the pods (lab/pod_targets.py). Here Debian's
VictoriaMetrics, which has it, reads the chart's scrape.yaml as it is. Both must find the same, with the same labels:
so what the lab makes of a pod is what the discovery makes of it.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.objects import fleet, secret, softphone, system
from lab.kube import Kube, is_ready
from lab.prometheus import CHART_FILES, Prometheus
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

PORT = 18428
PHONES = ("u61", "u62")
Target = tuple[str, frozenset[tuple[str, str]]]
"""What is scraped, and the labels of its series."""


def scrape_config() -> dict[str, Any]:
    """The chart's file; only where the API server is, and who asks, is added: it is meant for a pod."""
    (job,) = yaml.safe_load((CHART_FILES / "scrape.yaml").read_text())
    pki = settings().run / "pki"
    files = {"ca_file": "ca.crt", "cert_file": "admin.crt", "key_file": "admin.key"}
    (discovery,) = job["kubernetes_sd_configs"]
    discovery |= {"api_server": "https://127.0.0.1:6443", "tls_config": {k: str(pki / v) for k, v in files.items()}}
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}


def ask(path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    try:
        connection.request("GET", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())["data"]
        return answer
    except OSError:
        return {}
    finally:
        connection.close()


@pytest.fixture
def discovered(tmp_path: Path) -> Iterator[None]:
    """VictoriaMetrics, which scrapes what it discovers."""
    config = tmp_path / "scrape.yaml"
    config.write_text(yaml.safe_dump(scrape_config()))
    flags = [f"-promscrape.config={config}", f"-httpListenAddr=127.0.0.1:{PORT}", f"-storageDataPath={tmp_path}/data"]
    flags += ["-search.latencyOffset=1s", "-retentionPeriod=1d"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(["victoria-metrics", *flags], stderr=log) as process:
        try:
            wait_until(
                lambda: bool(ask("/api/v1/targets?state=active").get("activeTargets")),
                "the first targets",
                alive=lambda: process.poll() is None,
                explain=lambda: (tmp_path / "log").read_text()[-2000:],
            )
            yield
        finally:
            process.terminate()


def up(targets: list[dict[str, Any]], *namespaces: str) -> dict[Target, dict[str, str]]:
    """The targets of the chart's job that answer, and what was known of each before the relabelings.

    Of these namespaces: in others there is a coming and going.
    """
    return {
        (target["scrapeUrl"], frozenset(target["labels"].items())): target["discoveredLabels"]
        for target in targets
        if target["labels"]["job"] == "softphone-fleet" and target["health"] == "up"
        if target["labels"]["namespace"] in namespaces
    }


def test_a_real_discovery_finds_what_the_lab_tells_prometheus(
    operator: Kube, namespace: Kube, discovered: None
) -> None:
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(2)}
    namespace.apply(*system(), secret("load", **keys), *(secret(name) for name in PHONES))
    namespace.apply(fleet(2, 1), *(softphone(name) for name in PHONES))
    for name in PHONES:
        namespace.until("sp", name, is_ready)
    namespace.until("spf", "load", is_ready)

    places = (namespace.namespace, operator.namespace)

    def found() -> dict[Target, dict[str, str]]:
        return up(ask("/api/v1/targets?state=active").get("activeTargets", []), *places)

    def told() -> dict[Target, dict[str, str]]:
        return up(Prometheus().active_targets(), *places)

    def ours() -> list[str]:
        return sorted(dict(labels)["namespace"] for _, labels in found())

    wait_until(lambda: ours() == sorted([operator.namespace, *[namespace.namespace] * 4]), "operator and four agents")
    wait_until(
        lambda: found().keys() == told().keys(), "both know the same targets", explain=lambda: f"{found()}\n{told()}"
    )
    real, stand_in = found(), told()
    for target, labels in stand_in.items():
        meta = {name: value for name, value in labels.items() if name.startswith("__meta_kubernetes_")}
        assert meta.items() <= real[target].items()
        assert len(meta) > 10
    series = urllib.parse.quote(f'sum(softphone_registered{{namespace="{namespace.namespace}"}})')

    def registered() -> list[str]:
        return [series["value"][1] for series in ask(f"/api/v1/query?query={series}").get("result", [])]

    wait_until(lambda: registered() == ["4"], "the four phones are registered by their metrics")
