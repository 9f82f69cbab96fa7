"""The chart's objects before a real API server: whether it takes all, and what its roles grant."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import Object, rendered
from charts.switches import EVERYTHING
from lab import packages
from lab.kube import Kube, KubeError, kubectl
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

FOREIGN = ("monitoring.coreos.com/", "cert-manager.io/")
KINDS = ("pbxs", "softphones", "softphonefleets", "softphonepools", "callchecks", "rehearsals")
READ = ("get", "list", "watch")
WRITE = ("create", "delete", "deletecollection", "patch", "update")


def everything(namespace: str, **values: Any) -> list[Object]:
    """All that the chart makes for that server with every switch on, but for kinds that others bring."""
    helm = packages.helm(settings())
    server = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    places = {"watchNamespaces": [namespace], "networkPolicy.agentNamespaces": []}
    objects = rendered(Path(helm), EVERYTHING | places | values, server, namespace=namespace)
    return [obj for obj in objects if not obj["apiVersion"].startswith(FOREIGN)]


def try_out(*objects: Object) -> str:
    """Have the API server say whether it would take the objects; unknown fields are refused."""
    return kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", given=yaml.safe_dump_all(objects))


@pytest.mark.parametrize(
    "values", [{}, {"webhook.certManager.enabled": False}], ids=["cert-manager", "own certificate"]
)
def test_the_api_server_takes_everything(operator: Kube, namespace: Kube, values: dict[str, Any]) -> None:
    objects = everything(namespace.namespace, **values)
    # A pod is refused while its ServiceAccount is not there.
    namespace.apply(*(obj for obj in objects if obj["kind"] == "ServiceAccount"))
    assert len(try_out(*objects).splitlines()) == len(objects)


def test_trying_out_finds_faults(operator: Kube, namespace: Kube) -> None:
    objects = everything(namespace.namespace)
    deployment = next(obj for obj in objects if obj["kind"] == "Deployment")
    policy = next(obj for obj in objects if obj["kind"] == "NetworkPolicy")
    with pytest.raises(KubeError, match="replicas"):
        try_out({**deployment, "spec": {**deployment["spec"], "replicas": -1}})
    with pytest.raises(KubeError, match="egres"):
        try_out({**policy, "spec": {**policy["spec"], "egres": []}})
    # Kubernetes 1.20 knows no such field, newer ones no such range.
    ports = [{"protocol": "TCP", "port": 2, "endPort": 1}]
    with pytest.raises(KubeError, match="endPort"):
        try_out({**policy, "spec": {**policy["spec"], "egress": [{"ports": ports}]}})


def test_people_who_may_view_or_edit_a_namespace_may_do_so_with_its_softphones(operator: Kube, namespace: Kube) -> None:
    place = ("-n", namespace.namespace)
    for role in ("view", "edit", "admin"):
        kubectl(*place, "create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er")

    def may(role: str, verb: str, kind: str, part: str = "") -> bool:
        asked = [verb, f"{kind}.softphone-fleet.io", f"--subresource={part}", f"--as={role}er"]
        done = subprocess.run(["kubectl", *place, "auth", "can-i", *asked], capture_output=True, text=True, check=False)
        assert done.stdout.strip() in ("yes", "no"), done.stderr
        return done.stdout.strip() == "yes"

    wait_until(lambda: may("view", "list", "softphones"), "Kubernetes has added our roles to its own")
    parts = [(kind, "") for kind in KINDS] + [(kind, "status") for kind in KINDS] + [("softphonefleets", "scale")]
    found = {
        role: {
            (f"{kind}/{part}".rstrip("/"), verb)
            for kind, part in parts
            for verb in READ + WRITE
            if may(role, verb, kind, part)
        }
        for role in ("view", "edit")
    }
    seen = {(kind, verb) for kind in KINDS for verb in READ} | {(f"{kind}/status", "get") for kind in KINDS}
    changed = {(kind, verb) for kind in KINDS for verb in WRITE}
    changed |= {("softphonefleets/scale", verb) for verb in ("get", "patch", "update")}
    assert found == {"view": seen, "edit": seen | changed}
    assert all(may("admin", verb, kind.partition("/")[0], kind.partition("/")[2]) for kind, verb in seen | changed)
    others = ["kubectl", "-n", "default", "auth", "can-i", "list", "softphones.softphone-fleet.io", "--as=viewer"]
    assert subprocess.run(others, capture_output=True, text=True, check=False).stdout.strip() == "no"
