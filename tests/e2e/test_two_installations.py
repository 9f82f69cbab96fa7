"""Two installations side by side, each for a namespace of its own; and what is left when one is uninstalled."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.objects import pbx, softphone
from lab.images import Images
from lab.kube import Kube, Object, condition, kubectl
from lab.settings import REPOSITORY, settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

CHART = REPOSITORY / "charts" / "softphone-fleet"


def helm(*arguments: str | Path) -> None:
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def installations(operator_rests: None) -> Iterator[tuple[Kube, Kube]]:
    """Two namespaces, each with a release in it that serves just this namespace; agents without pods."""
    places = [Kube(f"both-{uuid.uuid4().hex[:6]}") for _ in range(2)]
    images = Images(settings()).names
    for place in places:
        kubectl("create", "namespace", place.namespace)
        values = [f"watchNamespaces={{{place.namespace}}}", "crds.enabled=false", "agents.replicas=0"]
        for program, name in (("operator", images.operator), ("agent", images.agent)):
            repository, _, tag = name.rpartition(":")
            values += [f"image.{program}.repository={repository}", f"image.{program}.tag={tag}"]
        helm("-n", place.namespace, "install", "fleet", CHART, *(f"--set={value}" for value in values))
    for place in places:
        place.wait("condition=Available", "deployment/fleet-softphone-fleet-operator")
    yield places[0], places[1]
    for place in places:
        place.close()


def is_accepted(of: Object) -> bool:
    accepted = condition(of, "Accepted")
    return accepted.get("status") == "True" and accepted["observedGeneration"] == of["metadata"]["generation"]


def test_two_installations_do_not_touch_each_other_and_one_that_goes_leaves_nothing_stuck(
    installations: tuple[Kube, Kube],
) -> None:
    here, there = installations
    for place in installations:
        place.apply(pbx("master"), softphone("anna", sec=None, credentials=None))
        place.until("sp", "anna", is_accepted)
        wait_until(lambda place=place: "softphone-anna" in place.names("deployments"), "the agent is made")  # type: ignore[misc]
    before = [there.get(kind, name) for kind, name in (("sp", "anna"), ("configmap", "softphone-anna"))]
    here.patch("sp", "anna", {"phys": "graz"})
    here.until("sp", "anna", is_accepted)
    helm("-n", here.namespace, "uninstall", "fleet", "--wait")
    for place in installations:
        assert "finalizers" not in place.get("sp", "anna")["metadata"]
    here.delete("sp", "anna", "--timeout=20s")
    wait_until(lambda: "softphone-anna" not in here.names("deployments"), "what was made for it is gone")
    assert [there.get(kind, name) for kind, name in (("sp", "anna"), ("configmap", "softphone-anna"))] == before
    there.patch("sp", "anna", {"phys": "linz"})
    there.until("sp", "anna", is_accepted)
