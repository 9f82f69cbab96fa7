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

from charts.pod_security import APPARMOR_ANNOTATION, violations
from charts.rendering import CHART, NEW, OLD, Object, rendered
from charts.switches import EVERYTHING, OF_OTHERS, SWITCHES

VERSIONS = list(dict.fromkeys(schemas.all_versions()))
AGENTS = Path(__file__).parents[1] / "operator" / "data" / "agents"


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
            found += faults_by_others(obj, version)
    return found


def faults_by_others(obj: Object, version: str) -> list[str]:
    """Of an object whose kind Kubernetes does not know."""
    from charts import foreign  # its models take seconds, which `make check` does not have

    try:
        return list(foreign.faults(obj))
    except KeyError:
        return [f"{version} does not know {obj['apiVersion']} {obj['kind']}"]


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


FOREIGN: list[tuple[str, Any]] = [
    ("PodMonitor", lambda spec: spec["podMetricsEndpoints"][0].update(interval="often")),
    ("ServiceMonitor", lambda spec: spec["endpoints"][0].update(intervall="15s")),
    ("PrometheusRule", lambda spec: spec["groups"][0].pop("name")),
    ("Certificate", lambda spec: spec.update(dnsNames="host")),
    ("Issuer", lambda spec: spec.update(selfsigned=spec.pop("selfSigned"))),
]


@pytest.mark.lab
@pytest.mark.parametrize(("kind", "spoil"), FOREIGN, ids=[kind for kind, _ in FOREIGN])
def test_the_validator_finds_faults_of_kinds_that_others_bring(helm3: Path, kind: str, spoil: Any) -> None:
    monitors = {f"monitoring.{name}.enabled": True for name in ("podMonitor", "serviceMonitor", "rules")}
    webhook = {"webhook.enabled": True, "webhook.certManager.enabled": True}
    made = next(obj for obj in rendered(helm3, monitors | webhook) if obj["kind"] == kind)
    assert faults([made], NEW) == []
    spoil(made["spec"])
    assert len(faults([made], NEW)) == 1


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["nothing", "everything"])
def test_operator_console_and_test_pod_are_restricted(helm3: Path, values: dict[str, Any]) -> None:
    specs = pods(rendered(helm3, values))
    assert len(specs) == (3 if values.get("console.enabled") else 2)
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
        ({"context": {"runAsUser": 0}, "containers": {"runAsUser": 1}}, "the pod may run as root"),
        ({"containers": {"seccompProfile": {"type": "Unconfined"}}}, "c has no seccomp profile"),
        (
            {
                "context": {"seccompProfile": {"type": "Unconfined"}},
                "containers": {"seccompProfile": {"type": "Localhost"}},
            },
            "the pod has another seccomp profile",
        ),
        ({"containers": {"procMount": "Unmasked"}}, "c has another procMount"),
        ({"containers": {"appArmorProfile": {"type": "Unconfined"}}}, "c has another AppArmor profile"),
        ({"context": {"appArmorProfile": {"type": "Unconfined"}}}, "the pod has another AppArmor profile"),
        ({"annotations": {f"{APPARMOR_ANNOTATION}c": "unconfined"}}, "c has the AppArmor profile unconfined"),
        ({"containers": {"seLinuxOptions": {"type": "spc_t"}}}, "c has another SELinux context"),
        ({"context": {"seLinuxOptions": {"user": "system_u"}}}, "the pod has another SELinux context"),
        ({"context": {"seLinuxOptions": {"role": "system_r"}}}, "the pod has another SELinux context"),
        ({"containers": {"windowsOptions": {"hostProcess": True}}}, "c is a process of a Windows host"),
        ({"context": {"windowsOptions": {"hostProcess": True}}}, "the pod is a process of a Windows host"),
        ({"context": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "the sysctl kernel.msgmax is set"),
        ({"container": {"ports": [{"hostPort": 80}]}}, "c takes the host's port 80"),
        ({"container": {"livenessProbe": {"httpGet": {"host": "a"}}}}, "c has a livenessProbe at another host"),
        ({"container": {"lifecycle": {"preStop": {"tcpSocket": {"host": "a"}}}}}, "c has a preStop at another host"),
    ],
    ids=json.dumps,
)
def test_what_the_standard_forbids_is_found(change: Object, violation: str) -> None:
    assert violations(**pod_with(change)) == [violation]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"context": {"seLinuxOptions": {"type": "container_t", "level": "s0:c1"}}},
        {"context": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}}},
        {"annotations": {f"{APPARMOR_ANNOTATION}c": "runtime/default"}},
        {"context": {"sysctls": [{"name": "net.ipv4.tcp_fin_timeout", "value": "1"}]}},
        {"containers": {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}},
    ],
    ids=json.dumps,
)
def test_what_the_standard_allows_is_no_fault(change: Object) -> None:
    assert violations(**pod_with(change)) == []


def pod_with(change: Object) -> Object:
    """A restricted pod but for the change to it, its `context`, its `container`, or that one's context."""
    rest = dict(change)
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} | rest.pop("containers", {})
    container = {"name": "c", "securityContext": own} | rest.pop("container", {})
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} | rest.pop("context", {})
    annotations = rest.pop("annotations", {})
    return {"pod": {"securityContext": context, "containers": [container]} | rest, "annotations": annotations}
