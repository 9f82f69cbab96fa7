"""The chart with every switch on and off: valid for every Kubernetes, and restricted."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils as schemas

from charts.pod_security import violations
from charts.rendering import CHART, NEW, OLD, Object, rendered

VERSIONS = list(dict.fromkeys(schemas.all_versions()))
AGENTS = Path(__file__).parents[1] / "operator" / "data" / "agents"

# Whoever installs these kinds brings their schemas; ours are in the chart.
WITHOUT_SCHEMA = {"Certificate", "Issuer", "PodMonitor", "PrometheusRule", "ServiceMonitor"}

SWITCHES: dict[str, Any] = {
    "watchNamespaces": ["vienna", "graz"],
    "replicas": 2,
    "agents.replicas": 0,
    "agents.imageUpdate": "AtOnce",
    "crds.enabled": False,
    "crds.keep": False,
    "crds.celRules": False,
    "image.operator.digest": "sha256:" + 64 * "a",
    "imagePullSecrets": ["registry"],
    "commonLabels": {"team": "voice"},
    "serviceAccount.create": False,
    "serviceAccount.annotations": {"a": "b"},
    "rbac.aggregate": False,
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"operator": "Exists"}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "priorityClassName": "high",
    "networkPolicy.enabled": True,
    "metrics.annotations": False,
    "metrics.service.enabled": True,
    "monitoring.rules.enabled": True,
    "monitoring.podMonitor.enabled": True,
    "monitoring.serviceMonitor.enabled": True,
    "monitoring.dashboards.enabled": True,
    "webhook.enabled": True,
    "webhook.certManager.enabled": True,
}
"""Each the other way than it is by default."""
OF_OTHERS = {"webhook.certManager.enabled"}
"""Do nothing without another switch."""
EVERYTHING = {key: value for key, value in SWITCHES.items() if value is not False and key != "agents.replicas"} | {
    "metrics.annotations": False
}


def switches(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from switches(value, f"{prefix}{key}.")
        elif isinstance(value, bool):
            yield prefix + key


@functools.cache
def schema_contents(filename: str, version: str) -> Any:
    return _read(filename, version)


_read = schemas.schema_contents


@pytest.fixture(autouse=True)
def schemas_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "schema_contents", schema_contents)


def faults(objects: list[Object], version: str) -> list[str]:
    """What of the objects that version of Kubernetes would refuse, unknown fields too."""
    found = []
    for obj in objects:
        try:
            kubernetes_validate.validate(obj, version, strict=True)
        except kubernetes_validate.ValidationError as fault:
            found.append(f"{obj['kind']} {obj['metadata']['name']}: {fault.message} at {list(fault.path)}")
        except kubernetes_validate.SchemaNotFoundError:
            if obj["kind"] not in WITHOUT_SCHEMA:
                found.append(f"{version} does not know {obj['apiVersion']} {obj['kind']}")
    return found


def pods(objects: list[Object]) -> list[Object]:
    specs = [obj["spec"]["template"]["spec"] for obj in objects if obj["kind"] == "Deployment"]
    return specs + [obj["spec"] for obj in objects if obj["kind"] == "Pod"]


def test_every_switch_is_tried() -> None:
    assert set(switches(yaml.safe_load((CHART / "values.yaml").read_text()))) <= set(SWITCHES)


@pytest.mark.lab
@pytest.mark.parametrize("switch", SWITCHES)
def test_each_switch_for_itself(helm3: Path, switch: str) -> None:
    value = SWITCHES[switch]
    for kubernetes in (OLD, NEW):
        objects = rendered(helm3, {switch: value}, kubernetes)
        assert [text for pod in pods(objects) for text in violations(pod)] == []
    assert objects != rendered(helm3) or switch in OF_OTHERS
    assert faults(objects, NEW) == []


@pytest.mark.lab
@pytest.mark.parametrize("version", VERSIONS)
def test_every_kubernetes_takes_the_chart_with_nothing_and_with_everything(helm3: Path, version: str) -> None:
    for values in ({}, EVERYTHING):
        assert faults(rendered(helm3, values, f"{version.removeprefix('v')}"), version) == []


def test_the_validator_finds_faults(helm3: Path) -> None:
    (deployment,) = [obj for obj in rendered(helm3) if obj["kind"] == "Deployment"]
    deployment["spec"]["replicas"] = "two"
    deployment["spec"]["replica"] = 2
    assert len(faults([deployment], NEW)) == 1
    deployment["kind"] = "Deploiment"
    assert len(faults([deployment], NEW)) == 1


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["nothing", "everything"])
def test_operator_and_test_pod_are_restricted(helm3: Path, values: dict[str, Any]) -> None:
    specs = pods(rendered(helm3, values))
    assert len(specs) == 2
    assert [text for pod in specs for text in violations(pod)] == []


@pytest.mark.parametrize("case", sorted(AGENTS.glob("*.expected.yaml")), ids=lambda path: path.name.partition(".")[0])
def test_agents_are_restricted_but_for_the_hosts_network_where_asked_for(case: Path) -> None:
    pod = yaml.safe_load(case.read_text())["deployment"]["spec"]["template"]["spec"]
    found = violations(pod)
    if pod.get("hostNetwork"):
        assert all(text == "hostNetwork is set" or "host's port" in text for text in found)
    else:
        assert found == []


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"hostNetwork": True}, "hostNetwork is set"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "the volume v is a hostPath"),
        ({"securityContext": {"runAsNonRoot": True}}, "c has no seccomp profile"),
        ({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, "c may run as root"),
        ({"containers": {"privileged": True}}, "c is privileged"),
        ({"containers": {"allowPrivilegeEscalation": True}}, "c may gain privileges"),
        ({"containers": {"capabilities": {}}}, "c keeps capabilities"),
        ({"containers": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}}, "c adds capabilities"),
        ({"containers": {"runAsUser": 0}}, "c may run as root"),
    ],
    ids=json.dumps,
)
def test_what_the_standard_forbids_is_found(change: Object, violation: str) -> None:
    container = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} | change.pop("containers", {})
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"securityContext": context, "containers": [{"name": "c", "securityContext": container}]} | change
    assert violation in violations(pod)
