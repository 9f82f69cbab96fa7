"""How the Prometheus operator has a Prometheus scrape what monitors select, by its own code.

It is a small program in Go, built when it is first asked for: main.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab.go_program import program
from lab.settings import settings
from lab.shell import run

SOURCE = Path(__file__).parent


def configuration(monitors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration of Prometheus for these PodMonitors and ServiceMonitors, scraping every second."""
    done = run([program(settings(), SOURCE)], stdin=json.dumps(list(monitors)))
    made: dict[str, Any] = yaml.safe_load(done.stdout)
    return made
