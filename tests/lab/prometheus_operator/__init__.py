"""How the Prometheus operator has a Prometheus scrape what the chart's monitors select, by its own code.

That code is a small program in Go (main.go), whose build takes five minutes of CPU. So what it said lies in seen.yaml,
beside what it was asked: `PYTHONPATH=tests python -m lab.prometheus_operator` asks it anew. A test holds that the chart
still makes the monitors for which it was asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from charts.rendering import rendered
from lab import packages, release
from lab.go_program import program
from lab.settings import settings
from lab.shell import run

SOURCE = Path(__file__).parent
SEEN = SOURCE / "seen.yaml"
CHOICES: dict[str, dict[str, Any]] = {
    "PodMonitors": {"podMonitor": {"enabled": True}},
    "PodMonitor and ServiceMonitor": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}},
}
"""Values of the chart's `monitoring`: the operator is scraped by its pod, or by its Service."""

Object = dict[str, Any]


def monitors(choice: str, helm: Path | None = None) -> list[Object]:
    """The chart's, for the lab's release; without their own labels, which only say who takes notice of them."""
    found = [each for each in _of_the_chart(choice, helm) if each["kind"].endswith("Monitor")]
    for each in found:
        del each["metadata"]["labels"]
    return found


def services(choice: str) -> list[Object]:
    """What the chart makes besides for a ServiceMonitor."""
    return [each for each in _of_the_chart(choice) if each["kind"] == "Service"]


def _of_the_chart(choice: str, helm: Path | None = None) -> list[Object]:
    where = {"namespace": release.NAMESPACE, "release": release.NAME}
    return rendered(helm or packages.helm(settings()), {"monitoring": CHOICES[choice]}, **where)


def seen() -> dict[str, Object]:
    """What it was asked and what it said, for each choice: `monitors` and `configuration`, one of Prometheus."""
    found: dict[str, Object] = yaml.safe_load(SEEN.read_text())
    return found


def configuration(choice: str) -> Object:
    """What it said, as its config-reloader hands it to the first replica of a Prometheus without shards."""
    text = json.dumps(seen()[choice]["configuration"])
    made: Object = json.loads(text.replace("$(SHARD)", "0").replace("$(POD_NAME)", "prometheus-lab-0"))
    return made


def ask(given: Sequence[Mapping[str, Any]]) -> Object:
    """The configuration for these PodMonitors and ServiceMonitors, scraping every second."""
    done = run([program(settings(), SOURCE)], stdin=json.dumps(list(given)))
    made: Object = yaml.safe_load(done.stdout)
    return made


def renew() -> None:
    """Asks it for all choices, and writes down what it says."""
    said = {name: {"monitors": given, "configuration": ask(given)} for name in CHOICES if (given := monitors(name))}
    SEEN.write_text(yaml.safe_dump(said, sort_keys=False))
