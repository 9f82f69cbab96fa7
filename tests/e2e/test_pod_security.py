"""Restricted Pod Security of pods that really run: by the standard's text, the API server's admission, and the kernel.

The lab's API server lets no other pods in (pod-security.yaml in lab/kubernetes). And what an intruder would find there.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charts.pod_security import violations
from e2e.objects import fleet, secret, softphone, system
from lab import release
from lab.kube import Kube, KubeError, is_ready, kubectl
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
ENFORCE = "pod-security.kubernetes.io/enforce"
_CONTAINER = {"name": "root", "image": "localhost/lab-pause:1", "securityContext": {"runAsUser": 0}}
ROOT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "root"},
    "spec": {
        "selector": {"matchLabels": {"app": "root"}},
        "template": {"metadata": {"labels": {"app": "root"}}, "spec": {"containers": [_CONTAINER]}},
    },
}
"""A Deployment of a pod that runs as root."""
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


def useful_to_intruders(root: Path) -> Iterator[str]:
    """What of a file system is a program other than Python, or runs as another user than its caller."""
    for place, folders, files in os.walk(root):
        inside = Path(place).relative_to(root)
        if inside == Path():
            folders[:] = [name for name in folders if name not in ("dev", "proc", "sys")]
        for name in files:
            mode = Path(place, name).lstat().st_mode
            runs = stat.S_ISREG(mode) and mode & 0o111 and ".so" not in name
            if (runs or inside.name in ("bin", "sbin")) and not name.startswith("python3"):
                yield str(inside / name)
            if mode & (stat.S_ISUID | stat.S_ISGID):
                yield f"{inside / name} with another user"


def trouble(pod: dict[str, Any]) -> Iterator[str]:
    """What of a running pod is not restricted."""
    yield from violations(pod["spec"], pod["metadata"]["annotations"])
    if settings().oldest and (policy := pod["metadata"]["annotations"].get("kubernetes.io/psp")) != "restricted":
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
        if found := list(useful_to_intruders(folder / "root")):
            yield f"{who} may run {', '.join(found)}"


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


def test_no_shell_can_be_had_of_a_pod(operator: Kube, namespace: Kube) -> None:
    namespace.apply(*system(), secret("u52"), softphone("u52"))
    namespace.until("sp", "u52", is_ready)
    (agent,) = running(namespace, "softphone-fleet.io/softphone=u52")
    (ours,) = running(operator, "app.kubernetes.io/component=operator")
    for pod in (agent, ours):
        place = ("-n", pod["metadata"]["namespace"], "exec", pod["metadata"]["name"], "--")
        assert kubectl(*place, "python3", "-c", "print('here')") == "here\n"
        for program in ("sh", "bash", "/bin/sh", "apt", "dpkg", "pip", "perl"):
            with pytest.raises(KubeError, match=r"executable file not found|no such file or directory"):
                kubectl(*place, program)
        with pytest.raises(KubeError, match="No module named"):
            kubectl(*place, "python3", "-m", "pip")


@pytest.mark.skipif(settings().oldest, reason="namespaces are labelled with a standard since 1.23")
def test_a_namespace_can_be_made_restricted_under_running_pods(operator: Kube, namespace: Kube) -> None:
    """The API server looks at the pods that are there, and warns of those that it would not let in."""
    namespace.apply(*system(), secret("u53"), softphone("u53"), secret("load", load000="pw-load000"), fleet(1, 1))
    namespace.until("sp", "u53", is_ready)
    namespace.until("spf", "load", is_ready)

    def warned(place: Kube) -> str:
        labels = ("pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/enforce-version=latest")
        command = ["kubectl", "label", "--overwrite", "namespace", place.namespace, *labels]
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr

    try:
        for place in (operator, namespace):
            kubectl("label", "--overwrite", "namespace", place.namespace, f"{ENFORCE}=privileged")
            assert warned(place) == ""
        kubectl("label", "--overwrite", "namespace", namespace.namespace, f"{ENFORCE}=privileged")
        namespace.apply(ROOT)
        wait_until(lambda: bool(namespace.names("pods", "app=root")), "a pod that is not restricted is there")
        assert "root-" in warned(namespace)
    finally:
        kubectl("label", "namespace", operator.namespace, f"{ENFORCE}-", f"{ENFORCE}-version-")
        namespace.delete("deployment", "root", "--ignore-not-found")


def test_the_lab_lets_no_other_pods_in(namespace: Kube) -> None:
    namespace.apply(ROOT)

    def refused(of: dict[str, Any]) -> bool:
        said = [c for c in of.get("status", {}).get("conditions", []) if c["type"] == "ReplicaFailure"]
        words = ['violates PodSecurity "restricted:latest"', "must not set runAsUser=0"]
        if settings().oldest:
            words = ["PodSecurityPolicy: unable to admit pod", "running with the root UID is forbidden"]
        return bool(said) and all(each in said[0]["message"] for each in words)

    namespace.until("deployment", "root", refused)
