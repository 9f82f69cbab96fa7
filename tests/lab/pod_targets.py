"""Tells Prometheus which pods to scrape: `python -m lab.pod_targets KUBECTL FILE`.

Debian's Prometheus is built without discovery by Kubernetes, but it notices a changed file of targets at once.
So this small process watches the pods (by kubectl, which understands everybody's kubeconfig) and writes that
file, by the annotations prometheus.io/scrape, /port and /path and with the labels namespace and pod.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

PAUSE_BEFORE_NEXT_WATCH = 1.0


def main() -> None:
    """Watch for ever; a watch that ends is begun anew."""
    kubectl, file = sys.argv[1], Path(sys.argv[2])
    watch = [kubectl, "get", "pods", "--all-namespaces", "--watch", "--output-watch-events", "--output=json"]
    while True:
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            _follow(process.stdout, file)
        time.sleep(PAUSE_BEFORE_NEXT_WATCH)


def _follow(stream: IO[str], file: Path) -> None:
    targets: dict[str, dict[str, Any]] = {}
    for line in stream:
        event = json.loads(line)
        pod = event["object"]
        found = target(pod) if event["type"] != "DELETED" else None
        if found != targets.get(pod["metadata"]["uid"]):
            if found:
                targets[pod["metadata"]["uid"]] = found
            else:
                del targets[pod["metadata"]["uid"]]
            _write(file, list(targets.values()))


def target(pod: dict[str, Any]) -> dict[str, Any] | None:
    """What to scrape of a pod, in the format of Prometheus' file discovery."""
    annotations = pod["metadata"].get("annotations", {})
    status = pod.get("status", {})
    port = annotations.get("prometheus.io/port")
    wanted = annotations.get("prometheus.io/scrape") == "true" and port and status.get("podIP")
    if not wanted or status.get("phase") != "Running":
        return None
    labels = {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"]}
    path = annotations.get("prometheus.io/path")
    return {
        "targets": [f"{status['podIP']}:{port}"],
        "labels": {**labels, **({"__metrics_path__": path} if path else {})},
    }


def _write(file: Path, targets: list[dict[str, Any]]) -> None:
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(targets, indent=1))
    part.rename(file)


if __name__ == "__main__":
    main()
