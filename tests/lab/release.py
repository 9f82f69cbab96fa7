"""The operator as a Helm release in the cluster, made from the sources as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.errors import LabError
from lab.images import Images, Names
from lab.kube import kubectl
from lab.settings import REPOSITORY, settings

NAME = NAMESPACE = "softphone-fleet"
CONSOLE = f"{NAME}-console"
"""The console's Service, where the release has one."""
CHART = REPOSITORY / "charts" / "softphone-fleet"


def is_installed() -> bool:
    """Whether there is a release already. One whose namespace is going is none."""
    return _phase() == "Active"


def install(*more: str) -> None:
    """Install or upgrade the operator with the images of these sources, and wait for it. `more`: for Helm."""
    if _phase() == "Terminating":  # somebody has just removed it
        kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")
    values = [*images(Images(settings()).names), "--set", "rehearsals.jobs=true"]
    helm("upgrade", "--install", NAME, str(CHART), "--create-namespace", *values, *more, "--wait", "--timeout", "120s")


def stop() -> None:
    """Stop the operator, and wait until it has ended; the release stays."""
    kubectl("-n", NAMESPACE, "scale", "deployment", "--all", "--replicas=0")
    kubectl("-n", NAMESPACE, "wait", "--for=delete", "pod", "--all", "--timeout=60s")


def go_on() -> None:
    """Start the operator that was stopped, and wait for it."""
    kubectl("-n", NAMESPACE, "scale", "deployment", "--all", "--replicas=1")
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Available", "deployment", "--all", "--timeout=60s")


def uninstall() -> None:
    """Remove the release and its namespace."""
    helm("uninstall", NAME, "--wait")
    kubectl("delete", "namespace", NAMESPACE)  # waits: nothing can be installed into one that is going


def _phase() -> str:
    """Of the release's namespace; empty where there is none."""
    return kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.status.phase}")


def images(names: Names) -> list[str]:
    """The values of the chart for these images."""
    values = []
    for program, name in (("operator", names.operator), ("agent", names.agent)):
        repository, _, tag = name.rpartition(":")
        values += ["--set", f"image.{program}.repository={repository}", "--set", f"image.{program}.tag={tag}"]
    return values


def helm(*arguments: str, binary: Path | str = "helm", namespace: str = NAMESPACE) -> str:
    """Run Helm in the release's namespace; its output. Raises LabError with its words where it fails."""
    done = subprocess.run([binary, "-n", namespace, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"helm {arguments[0]}: {done.stderr.strip()}")
    return done.stdout
