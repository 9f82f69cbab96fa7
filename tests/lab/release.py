"""The operator as a Helm release in the cluster, made from the sources as they are."""

from __future__ import annotations

import subprocess

from lab.errors import LabError
from lab.images import Images
from lab.kube import kubectl
from lab.settings import REPOSITORY, settings

NAME = NAMESPACE = "softphone-fleet"


def is_installed() -> bool:
    """Whether there is a release already."""
    return f"namespace/{NAMESPACE}" in kubectl("get", "namespaces", "-o", "name").split()


def install() -> None:
    """Install or upgrade the operator with the images of these sources, and wait for it."""
    names = Images(settings()).names
    values = []
    for program, name in (("operator", names.operator), ("agent", names.agent)):
        repository, _, tag = name.rpartition(":")
        values += ["--set", f"image.{program}.repository={repository}", "--set", f"image.{program}.tag={tag}"]
    chart = str(REPOSITORY / "charts" / "softphone-fleet")
    _helm("upgrade", "--install", NAME, chart, "--create-namespace", *values, "--wait", "--timeout", "120s")


def uninstall() -> None:
    """Remove the release and its namespace."""
    _helm("uninstall", NAME, "--wait")
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _helm(*arguments: str) -> None:
    done = subprocess.run(["helm", "-n", NAMESPACE, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"helm {arguments[0]}: {done.stderr.strip()}")
