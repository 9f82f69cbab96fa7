"""A real Prometheus that scrapes the cluster's pods, and typed answers to queries."""

from __future__ import annotations

import http
import http.client
import json
import shutil
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import net
from lab.errors import LabError
from lab.services import Service
from lab.settings import REPOSITORY, Settings
from lab.settings import settings as present_settings
from lab.shell import run

FROM_SID = Path(__file__).parent / "kubernetes" / "newest" / "sid.sh"
CHART_FILES = REPOSITORY / "charts" / "softphone-fleet" / "files"


PROMPT = ("--scrape.discovery-reload-interval=1s",)
"""A flag for tests that wait for new pods: what the discovery finds is scraped after a second and not after five."""


def program(settings: Settings) -> Path:
    """A Prometheus that discovers by Kubernetes: that of Debian sid. Debian 12's is built without."""
    return settings.cache / "prometheus" / "usr" / "bin" / "prometheus"


def fetch(settings: Settings) -> None:
    """Unpacks it; nothing is installed."""
    run(["bash", FROM_SID, settings.cache / "prometheus", "prometheus"])


def at_the_lab(settings: Settings, job: dict[str, Any]) -> None:
    """Where the API server is and who asks, for a scrape configuration that is meant for a Prometheus in a pod."""
    for discovery in job.get("kubernetes_sd_configs", ()):
        discovery["kubeconfig_file"] = str(settings.kubeconfig)


def of_the_kubelet(settings: Settings) -> dict[str, object]:
    """What pods cost, as the kubelet tells it (cAdvisor), by way of the API server."""
    pki = settings.run / "pki"
    wanted = "container_(memory_working_set_bytes|cpu_usage_seconds_total)"
    return {
        "job_name": "kubelet",
        "scheme": "https",
        "metrics_path": f"/api/v1/nodes/{settings.node_name}/proxy/metrics/cadvisor",
        "scrape_interval": "5s",
        "scrape_timeout": "5s",
        "tls_config": {
            "ca_file": str(pki / "ca.crt"),
            "cert_file": str(pki / "admin.crt"),
            "key_file": str(pki / "admin.key"),
        },
        "static_configs": [{"targets": ["127.0.0.1:6443"]}],
        "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": wanted, "action": "keep"}],
    }


@dataclass(frozen=True)
class Sample:
    """One series of an answer, at one moment."""

    labels: dict[str, str]
    value: float
    time: float

    @property
    def name(self) -> str:
        """The metric's name, empty for the result of a calculation."""
        return self.labels.get("__name__", "")


class Prometheus:
    """The server; it listens on the loopback address of the sandbox's network.

    A test may have one of its own, with a name, a port, a configuration and a program of its own.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        name: str = "prometheus",
        port: int | None = None,
        config: Mapping[str, object] | None = None,
        binary: Path | str | None = None,
    ) -> None:
        self._settings = settings or present_settings()
        self._folder = self._settings.run / name
        self._port = port or self._settings.prometheus_port
        self._own_config = config
        flags = [
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/data",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
        ]
        self.service = Service(self._settings, name, [binary or program(self._settings), *flags, *PROMPT])

    @property
    def targets_folder(self) -> Path:
        """For targets outside of the cluster.

        A file NAME.json in it with `[{"targets": ["host:port"], "labels": {...}}]` is noticed at once.
        """
        return self._folder / "targets"

    @property
    def address(self) -> str:
        """Where it is, for a browser inside the sandbox's network."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self.targets_folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(dict(self._config()), sort_keys=False))
        self.service.start()
        self.service.wait_ready(self._ready)

    def remove(self) -> None:
        """Ends it, with all that it has kept."""
        self.service.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _config(self) -> Mapping[str, object]:
        if self._own_config is not None:
            return self._own_config
        outside = {"job_name": "lab", "file_sd_configs": [{"files": [f"{self.targets_folder}/*.json"]}]}
        (pods,) = yaml.safe_load((CHART_FILES / "scrape.yaml").read_text())
        at_the_lab(self._settings, pods)
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(CHART_FILES / "rules.yaml")],
            "scrape_configs": [
                outside,
                pods,
                *([of_the_kubelet(self._settings)] if self._settings.own_cluster else []),
            ],
        }

    def _ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """The present answer (or that of a moment, in seconds of the epoch) to a PromQL expression."""
        moment = {} if at is None else {"time": repr(at)}
        answer = self._api("query", query=promql, **moment)
        if answer["resultType"] in ("scalar", "string"):
            return [Sample({}, float(answer["result"][1]), float(answer["result"][0]))]
        if answer["resultType"] == "matrix":
            return [
                Sample(series["metric"], float(value), float(moment))
                for series in answer["result"]
                for moment, value in series["values"]
            ]
        return [Sample(s["metric"], float(s["value"][1]), float(s["value"][0])) for s in answer["result"]]

    def value(self, promql: str, at: float | None = None) -> float | None:
        """The value of an expression that has one series at most, now or at a moment (seconds of the epoch)."""
        samples = self.query(promql, at)
        if len(samples) > 1:
            raise LabError(f"{promql} has {len(samples)} series, not one")
        return samples[0].value if samples else None

    def targets(self) -> dict[str, str]:
        """The health (up, down, unknown) of each address that is scraped."""
        return {target["labels"]["instance"]: target["health"] for target in self.active_targets()}

    def active_targets(self) -> list[dict[str, Any]]:
        """All that Prometheus knows of what it scrapes."""
        found: list[dict[str, Any]] = self._api("targets", state="active")["activeTargets"]
        return found

    def _api(self, name: str, **parameters: str) -> dict[str, Any]:
        _, body = self._get(f"/api/v1/{name}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(body)
        if answer["status"] != "success":
            raise LabError(f"Prometheus: {answer['error']}")
        data: dict[str, Any] = answer["data"]
        return data

    def _get(self, path: str) -> tuple[int, str]:
        def ask() -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read().decode()
            finally:
                connection.close()

        return net.inside(ask)


def query(promql: str) -> list[Sample]:
    """The present answer of the lab's Prometheus to a PromQL expression."""
    return Prometheus().query(promql)
