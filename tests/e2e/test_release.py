"""What a platform team does with the release as such."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import fitted, password
from lab import packages, release
from lab.errors import LabError
from lab.images import Images
from lab.kube import Kube, kubectl
from lab.settings import settings
from lab.waiting import wait_until
from softphone_operator.api import kinds

pytestmark = pytest.mark.lab

CRDS = tuple(f"{kind.plural}.softphone-fleet.io" for kind in kinds.KINDS)
KINDS = "deployments,pods,services,serviceaccounts,configmaps,roles,rolebindings,clusterroles,clusterrolebindings"
USER = "alice"
"""Whom the lab's PBXes know."""
UPGRADES = Path(__file__).parents[2] / "docs" / "upgrades.md"


def test_helm_test_registers_a_throwaway_phone_and_leaves_nothing(operator: Kube) -> None:
    done = subprocess.run(
        ["helm", "-n", release.NAMESPACE, "test", release.NAME, "--timeout", "120s"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Phase:          Succeeded" in done.stdout
    for kind in ("softphones", "pbxs"):
        assert operator.names(kind) == []


@pytest.fixture
def helm4(operator: Kube) -> Iterator[Path]:
    """Helm 4, and a cluster that has never seen a release: not its namespace, and none of our kinds."""
    packages.fetch_tools(settings(), "4")
    others = kubectl("get", "pbx,sp,spf,spp", "--all-namespaces", "-o", "name").split()
    assert not others, f"the CRDs are removed here, and with them {others}: delete those first"
    release.helm("uninstall", release.NAME, "--wait")
    kubectl("delete", "namespace", release.NAMESPACE)
    kubectl("delete", "crd", *CRDS)
    yield packages.helm(settings(), "4")
    kubectl("delete", "crd", *CRDS, "--ignore-not-found")
    release.install()


# Helm 3 installs the lab's release; an upgrade by Helm 4 is in test_upgrade.py.
@pytest.mark.timeout(600)
def test_a_team_with_helm_4_installs_follows_the_notes_and_uninstalls(helm4: Path) -> None:
    values = [*release.images(Images(settings()).names), "--wait", "--timeout", "120s"]
    release.helm("install", release.NAME, str(release.CHART), "--create-namespace", *values, binary=helm4)
    anna = Kube("default")
    try:
        told = follow(release.helm("get", "notes", release.NAME, binary=helm4), helm4)
        assert "softphone.softphone-fleet.io/anna condition met" in told
        assert "Phase:" in told.partition("TEST SUITE:")[2]
        assert "Succeeded" in told.partition("TEST SUITE:")[2]
    finally:
        for kind, name in (("sp", "anna"), ("pbx", "master"), ("secret", "anna")):
            anna.delete(kind, name, "--ignore-not-found")
    release.helm("uninstall", release.NAME, "--wait", "--timeout", "120s", binary=helm4)
    assert {f"customresourcedefinition.apiextensions.k8s.io/{name}" for name in CRDS} <= set(
        kubectl("get", "crd", "-o", "name").split()
    )
    ours = f"app.kubernetes.io/instance={release.NAME}"
    # The pod ends after the uninstalling.
    wait_until(lambda: not kubectl("get", KINDS, "--all-namespaces", "-l", ours, "-o", "name"), "all of it is gone")
    others = ("install", "others", str(release.CHART), "--dry-run=server")
    with pytest.raises(LabError, match="invalid ownership metadata"):
        release.helm(*others, binary=helm4, namespace="default")
    hand_over = "".join(
        re.findall(r"^    kubectl annotate --overwrite crd (?:.*\\\n)+.*$", UPGRADES.read_text(), re.MULTILINE)
    )
    hand_over = hand_over.replace("=NAMESPACE", "=default").replace("=NAME", "=others")
    subprocess.run(["bash", "-ec", hand_over], check=True)
    release.helm(*others, binary=helm4, namespace="default")


def follow(notes: str, helm: Path) -> str:
    """Type the commands of the notes up to those for a test that fails, with the lab's PBX; what they print."""
    lines, here = [], False
    for line in notes.partition("Where it fails")[0].splitlines():
        if here or line.startswith(("kubectl ", "helm ")):
            lines.append(line.replace(" wait ", " wait --timeout=120s "))
            here = line.endswith("<<EOF") or (here and line != "EOF")
    of_the_lab = {"pbx.example.com": "pbx1.example.com", "sip:anna@": f"sip:{USER}@", "CHANGE-ME": password(USER)}
    script = "\n".join(lines)
    for ours, theirs in of_the_lab.items():
        assert script.count(ours) == 1
        script = script.replace(ours, theirs)
    script = fitted(script)
    path = os.pathsep.join([str(helm.parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", script], capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
