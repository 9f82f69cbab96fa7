"""Restricted Pod Security of pods that really run: by the standard's text, the API server's admission, and the kernel.

The lab's API server lets no other pods in (lab/kubernetes/pod-security.yaml).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charts.pod_security import violations
from e2e.objects import fleet, secret, softphone, system
from lab import release
from lab.kube import Kube, is_ready, kubectl

pytestmark = pytest.mark.lab

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
FILTERED = "2"
"""Of /proc/PID/status: system calls are filtered (seccomp)."""


def running(namespace: Kube, selector: str) -> list[dict[str, Any]]:
    listed = kubectl("-n", namespace.namespace, "get", "pods", "-l", selector, "-o", "json")
    return [pod for pod in json.loads(listed)["items"] if pod["status"]["phase"] == "Running"]


def processes(pod: dict[str, Any]) -> dict[Path, dict[str, str]]:
    """The processes of a pod's containers, found by their control group: folder in /proc, fields of its status."""
    ids = [status["containerID"].partition("//")[2] for status in pod["status"]["containerStatuses"]]
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(each in (folder / "cgroup").read_text() for each in ids):
                lines = (folder / "status").read_text().splitlines()
                found[folder] = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def trouble(pod: dict[str, Any]) -> Iterator[str]:
    """What of a running pod is not restricted."""
    yield from violations(pod["spec"])
    if (policy := pod["metadata"]["annotations"].get("kubernetes.io/psp")) != "restricted":
        yield f"was let in by {policy}"
    those = processes(pod)
    if not those:
        yield "has no process"
    for folder, status in those.items():
        who = f"{folder.name} ({status['Name']})"
        if "0" in status["Uid"].split() + status["Gid"].split() + status["Groups"].split():
            yield f"{who} is root: {status['Uid']}, {status['Gid']}, {status['Groups']}"
        if status["NoNewPrivs"] != "1":
            yield f"{who} may gain privileges"
        if kept := [name for name in CAPABILITIES if int(status[name], 16)]:
            yield f"{who} has capabilities: {kept}"
        if status["Seccomp"] != FILTERED:
            yield f"{who} may call everything of the kernel"
        mounts = [line.split() for line in (folder / "mountinfo").read_text().splitlines()]
        if not all("ro" in options.split(",") for _, _, _, _, place, options, *_ in mounts if place == "/"):
            yield f"{who} may write to its root file system"


def test_operator_agents_and_the_test_pod_are_restricted(operator: Kube, namespace: Kube) -> None:
    namespace.apply(*system(), secret("u51"), secret("load", load000="pw-load000", load001="pw-load001"))
    namespace.apply(softphone("u51"), fleet(2, 2))
    namespace.until("sp", "u51", is_ready)
    namespace.until("spf", "load", is_ready)
    command = ["helm", "-n", release.NAMESPACE, "test", release.NAME, "--timeout", "120s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as helm:
        name = f"{release.NAME}-test"
        test = operator.until("pods", name, lambda of: of["status"]["phase"] == "Running")
        pods = [test, *running(operator, "app.kubernetes.io/component=operator")]
        pods += running(namespace, "app.kubernetes.io/component=agent")
        found = {pod["metadata"]["name"]: list(trouble(pod)) for pod in pods}
        assert helm.wait() == 0
    assert len(found) == 4
    assert found == {name: [] for name in found}


def test_the_lab_lets_no_other_pods_in(namespace: Kube) -> None:
    container = {"name": "root", "image": "localhost/lab-pause:1", "securityContext": {"runAsUser": 0}}
    labels = {"app": "root"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "root"}}
    namespace.apply(deployment | {"spec": {"selector": {"matchLabels": labels}, "template": pod}})

    def refused(of: dict[str, Any]) -> bool:
        said = [c for c in of.get("status", {}).get("conditions", []) if c["type"] == "ReplicaFailure"]
        words = ("PodSecurityPolicy: unable to admit pod", "running with the root UID is forbidden")
        return bool(said) and all(each in said[0]["message"] for each in words)

    namespace.until("deployment", "root", refused)
