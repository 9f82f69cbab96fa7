"""Runs a real Helm on the chart."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "softphone-fleet"
OLD, NEW = "1.20.0", "1.34.0"

Object = dict[str, Any]
Render = Callable[..., list[Object]]
"""Values by their dotted names, and a version of Kubernetes -> the objects."""


def run(helm: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm; its exit code is the caller's business."""
    return subprocess.run([helm, *arguments], capture_output=True, text=True, check=False)


def rendered(
    helm: Path,
    values: dict[str, Any] | None = None,
    kubernetes: str = NEW,
    *,
    namespace: str = "telephony",
    release: str = "fleet",
) -> list[Object]:
    """The objects of a release, those of `helm test` too."""
    flags = [f"--set-json={key}={json.dumps(value)}" for key, value in (values or {}).items()]
    done = run(helm, "template", release, str(CHART), "--namespace", namespace, "--kube-version", kubernetes, *flags)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.load_all(done.stdout, yaml.CSafeLoader) if document]
