"""What the chart says for all agents, where the platform chooses users, as OpenShift does; when another value comes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.objects import secret, softphone, system
from lab import release
from lab.images import Images
from lab.kube import Kube, is_ready, kubectl
from lab.settings import settings

pytestmark = pytest.mark.lab

OPERATORS_USER, AGENTS_USER = 1000660000, 1000660001
"""As OpenShift would choose them from the range of a namespace; here a value names them."""


class Place(Kube):
    """A namespace with a release of its own in it."""

    def install(self, **values: Any) -> None:
        """Install or upgrade the release with these values of `agents`."""
        given = {
            "watchNamespaces": [self.namespace],
            "crds": {"enabled": False},
            "fixedUser": False,
            "securityContext": {"runAsUser": OPERATORS_USER},
            "agents": {"securityContext": {"runAsUser": AGENTS_USER}, **values},
        }
        flags = [f"--set-json={key}={json.dumps(value)}" for key, value in given.items()]
        images = release.images(Images(settings()).names)
        where = {"namespace": self.namespace}
        release.helm(
            "upgrade", "--install", "fleet", str(release.CHART), *images, *flags, "--wait", "--timeout=120s", **where
        )

    def pod(self) -> dict[str, Any]:
        """The one pod of the phone that is not going."""
        listed = kubectl("-n", self.namespace, "get", "pods", "-l", "softphone-fleet.io/softphone=u8", "-o", "json")
        (found,) = [p for p in json.loads(listed)["items"] if not p["metadata"].get("deletionTimestamp")]
        assert isinstance(found, dict)
        return found


@pytest.fixture
def place(operator_rests: None) -> Iterator[Place]:
    """A namespace of its own, which nobody else serves."""
    made = Place(f"defaults-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", made.namespace)
    yield made
    made.close()


def test_agents_have_what_the_chart_says_and_other_values_come_with_their_next_pod(place: Place) -> None:
    place.install(
        labels={"team": "voice"}, resources={"limits": {"cpu": "1"}}, nodeSelector={"kubernetes.io/os": "linux"}
    )
    place.apply(*system(), secret("u8"), softphone("u8"))
    place.until("sp", "u8", is_ready, seconds=90)
    pod = place.pod()
    assert pod["metadata"]["labels"]["team"] == "voice"
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}
    assert pod["spec"]["securityContext"]["runAsUser"] == AGENTS_USER
    assert 65532 not in pod["spec"]["securityContext"].values()

    place.install(labels={"team": "platform"})
    place.patch("sp", "u8", {"trace": ["App"]})
    place.until("sp", "u8", is_ready)
    assert place.pod()["metadata"]["uid"] == pod["metadata"]["uid"], "no phone loses its registration for it"

    place.patch("sp", "u8", {"agent": {"resources": {"requests": {"cpu": "11m"}}}})
    place.until("sp", "u8", is_ready, seconds=90)
    after = place.pod()
    assert after["metadata"]["uid"] != pod["metadata"]["uid"]
    assert after["metadata"]["labels"]["team"] == "platform"
    place.delete("sp", "u8")
