"""Tells Prometheus which pods there are: `python -m lab.pod_targets KUBECTL FILE`.

Debian's Prometheus is built without discovery by Kubernetes, but it notices a changed file of targets at once.
So this small process watches the pods (by kubectl, which understands everybody's kubeconfig) and writes that
file with the same labels `__meta_kubernetes_...` that Prometheus itself makes of a pod. What of it is scraped,
and with which labels, the chart's own relabelings decide (charts/softphone-fleet/files/scrape.yaml).
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAUSE_BEFORE_NEXT_WATCH = 1.0
GATHER_SECONDS = 0.5
"""The file is written at most so often: Prometheus reads all of it anew each time, and a thousand pods are 1 MB."""

Targets = dict[str, list[dict[str, Any]]]
"""What there is to scrape of each pod, by its uid."""


def main() -> None:
    """Watch for ever; a watch that ends is begun anew."""
    kubectl, file = sys.argv[1], Path(sys.argv[2])
    watch = [kubectl, "get", "pods", "--all-namespaces", "--watch", "--output-watch-events", "--output=json"]
    while True:
        with subprocess.Popen(watch, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            follow(process.stdout.fileno(), file)
        time.sleep(PAUSE_BEFORE_NEXT_WATCH)


def follow(stream: int, file: Path) -> None:
    """Keep the file as the watch tells that comes from this file descriptor, until it ends or says that it must."""
    targets: Targets = {}
    rest, changed, next_write = b"", False, time.monotonic()
    while True:
        wait = max(0.0, next_write - time.monotonic()) if changed else None
        if select.select([stream], [], [], wait)[0]:
            chunk = os.read(stream, 1 << 20)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return  # the API server cannot go on with this watch
                changed |= _take(targets, event)
        if changed and time.monotonic() >= next_write:
            _write(file, [target for each in targets.values() for target in each])
            changed, next_write = False, time.monotonic() + GATHER_SECONDS


def _take(targets: Targets, event: dict[str, Any]) -> bool:
    """Whether an event about a pod changes anything for who scrapes it."""
    pod = event["object"]
    uid, found = pod["metadata"]["uid"], list(targets_of(pod)) if event["type"] != "DELETED" else []
    before = targets.pop(uid, [])
    if found:
        targets[uid] = found
    return found != before


def targets_of(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A pod as Prometheus' discovery (role pod) tells of it: a target for each port of a container.

    Left out are pods without an address, as there, and what changes without anything to scrape being another one
    (readiness, the container's id).
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    address = status.get("podIP")
    if not address:
        return
    labels = {
        "namespace": metadata["namespace"],
        "pod_name": metadata["name"],
        "pod_ip": address,
        "pod_phase": status["phase"],
        "pod_uid": metadata["uid"],
        "pod_node_name": pod["spec"].get("nodeName", ""),
    }
    for what in ("label", "annotation"):
        for name, value in (metadata.get(f"{what}s") or {}).items():
            plain = re.sub(r"[^a-zA-Z0-9_]", "_", name)
            labels |= {f"pod_{what}_{plain}": value, f"pod_{what}present_{plain}": "true"}
    host = f"[{address}]" if ":" in address else address
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or [{}]:
            number = port.get("containerPort")
            its = {"pod_container_name": container["name"]}
            if number:
                its["pod_container_port_number"] = str(number)
                its["pod_container_port_name"] = port.get("name", "")
                its["pod_container_port_protocol"] = port.get("protocol", "TCP")
            yield {
                "targets": [f"{host}:{number}" if number else host],
                "labels": {f"__meta_kubernetes_{name}": value for name, value in (labels | its).items()},
            }


def _write(file: Path, targets: list[dict[str, Any]]) -> None:
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(targets, indent=1))
    part.rename(file)


if __name__ == "__main__":
    main()
