"""Two releases share a namespace by a label: each serves its part, and a phone may go from one to the other."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from e2e.bindings import Watched
from e2e.objects import fleet, pbx, secret, softphone
from lab import release
from lab.images import Images
from lab.kube import Kube, KubeError, Object, is_ready, kubectl
from lab.pbx import System
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

SHARD = "softphone-fleet.io/shard"
OF_A, OF_B, FLEET = ("u61", "u62"), ("u63", "u64"), tuple(f"load{index:03d}" for index in range(4))
AGENTS = "app.kubernetes.io/name=softphone-agent"


class Release:
    """One release, whose operator serves the shard of its name in a namespace of the phones."""

    def __init__(self, name: str, phones: Kube) -> None:
        self.name = f"shard-{name}"
        self.place = Kube(f"{phones.namespace}-{name}")
        self._operator = f"deployment/{self.name}-softphone-fleet-operator"
        self._values = [
            f"watchNamespaces={{{phones.namespace}}}", f"watchSelector={SHARD}={name}", "crds.enabled=false",
            "webhook.enabled=true",
        ]  # fmt: skip

    def install(self) -> None:
        """In a namespace of its own, since metrics are summed by namespace."""
        values = [f"--set={value}" for value in self._values]
        chart = [str(release.CHART), "--create-namespace", *release.images(Images(settings()).names)]
        wait = ("--wait", "--timeout=120s")
        release.helm("install", self.name, *chart, *values, *wait, namespace=self.place.namespace)

    def uninstall(self) -> None:
        """Its operator is gone then; what it served stays."""
        release.helm("uninstall", self.name, "--wait", namespace=self.place.namespace)
        kubectl("delete", "namespace", self.place.namespace, "--wait=false")

    def scale(self, replicas: int) -> None:
        """Stop its operator, or start it again."""
        kubectl("-n", self.place.namespace, "scale", self._operator, f"--replicas={replicas}")
        kubectl("-n", self.place.namespace, "rollout", "status", self._operator, "--timeout=60s")
        if not replicas:
            self.place.wait("delete", "pod -l app.kubernetes.io/component=operator")

    def serves(self) -> dict[str, int]:
        """How many objects of each kind its operator says that it serves; of the others there are none here."""
        pod = self.place.names("pods", "app.kubernetes.io/component=operator")[0]
        page = kubectl("get", "--raw", f"/api/v1/namespaces/{self.place.namespace}/pods/{pod}:8080/proxy/metrics")
        found = re.findall(r'^softphone_operator_objects\{kind="(\w+)",state="\w+"\} (\d+)', page, re.MULTILINE)
        served = {kind: sum(int(count) for each, count in found if each == kind) for kind, _ in found}
        for none in ("SoftphonePool", "CallCheck", "Rehearsal"):
            assert served.pop(none) == 0
        return served


@pytest.fixture
def phones(operator_rests: None) -> Iterator[Kube]:
    """The namespace of the phones; the operator of the other tests rests."""
    made = Kube(f"shared-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", made.namespace)
    yield made
    made.close()


@pytest.fixture
def shards(phones: Kube) -> Iterator[tuple[Release, Release]]:
    """The releases for the shards a and b."""
    made = Release("a", phones), Release("b", phones)
    for each in made:
        each.install()
    yield made
    for each in made:
        each.uninstall()


def of_shard(name: str, obj: Mapping[str, Any]) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "labels": {SHARD: name}}}


def lives(phones: Kube, pbxes: System) -> dict[str, Any]:
    """What is another one after each start of a pod, a container, or a registration."""
    pods = json.loads(kubectl("-n", phones.namespace, "get", "pods", "-l", AGENTS, "-o", "json"))["items"]
    containers = {p["metadata"]["uid"]: [c["containerID"] for c in p["status"]["containerStatuses"]] for p in pods}
    users = OF_A + OF_B + FLEET
    calls = {held.aor: held.call_id for held in pbxes.pbx("slave").bindings() if held.aor in users}
    assert sorted(calls) == sorted(users)
    since = [phones.get("sp", name)["status"]["registration"]["since"] for name in OF_A + OF_B]
    return {"containers": containers, "Call-IDs": calls, "since": since}


def refused(phones: Kube, obj: Object) -> str:
    """What a webhook says against making an object, empty where nothing."""
    try:
        kubectl("-n", phones.namespace, "create", "--dry-run=server", "-f", "-", given=json.dumps(obj))
    except KubeError as error:
        return str(error)
    return ""


def test_each_phone_has_one_operator_and_one_that_changes_hands_keeps_its_registration(
    phones: Kube, shards: tuple[Release, Release], pbxes: System
) -> None:
    a, b = shards
    phones.apply(
        of_shard("a", pbx("master")), of_shard("b", pbx("slave")), of_shard("a", pbx("standby")),
        *(secret(name) for name in OF_A + OF_B), secret("load", **{name: f"pw-{name}" for name in FLEET}),
        *(of_shard("a", softphone(name)) for name in OF_A), *(of_shard("b", softphone(name)) for name in OF_B),
        of_shard("a", fleet(4, 2)),
    )  # fmt: skip
    for name in OF_A + OF_B:
        phones.until("sp", name, is_ready, seconds=90)
    phones.until("spf", "load", is_ready, seconds=90)
    assert a.serves() == {"PBX": 2, "Softphone": 2, "SoftphoneFleet": 1}
    assert b.serves() == {"PBX": 1, "Softphone": 2, "SoftphoneFleet": 0}
    phones.until("pbx", "slave", lambda of: of["status"].get("phones", {}).get("registered") == 2)
    double = of_shard("b", {**softphone("double", aor="sip:u61@pbx.test")})
    wait_until(lambda: 'already that of the Softphone "u61"' in refused(phones, double), "a's webhook looks at all")

    before, watched = lives(phones, pbxes), Watched(pbxes, OF_A + OF_B + FLEET)
    for what in ("sp/u61", "spf/load"):
        kubectl("-n", phones.namespace, "label", what, f"{SHARD}=b", "--overwrite")
    there = {"PBX": 1, "Softphone": 3, "SoftphoneFleet": 1}
    wait_until(lambda: b.serves() == there, "b has taken over")
    wait_until(lambda: a.serves() == {"PBX": 2, "Softphone": 1, "SoftphoneFleet": 0}, "a has let go")
    phones.until("pbx", "slave", lambda of: of["status"].get("phones", {}).get("registered") == 7)

    a.scale(0)
    phones.patch("sp", "u61", {"trace": ["App"]})
    phones.patch("spf", "load", {"template": {"trace": ["App"]}})
    phones.until("sp", "u61", is_ready)
    phones.until("spf", "load", is_ready)
    a.scale(1)
    wait_until(lambda: a.serves().get("Softphone") == 1, "a is back with what is left to it")

    kubectl("-n", phones.namespace, "label", "sp", "u61", f"{SHARD}-")
    wait_until(lambda: b.serves()["Softphone"] == 2, "nobody serves it now, and it runs on")
    assert a.serves()["Softphone"] == 1
    kubectl("-n", phones.namespace, "label", "sp", "u61", f"{SHARD}=a")
    wait_until(lambda: a.serves()["Softphone"] == 2, "it is back where it came from")
    phones.patch("sp", "u61", {"trace": []})
    phones.until("sp", "u61", is_ready)

    assert lives(phones, pbxes) == before
    assert set(watched.fewest_bindings().values()) == {1}
