"""The console in the chart: off unless asked for, with rights to read, and no more than it uses."""

from __future__ import annotations

from typing import Any

import pytest

from charts import pod_security
from charts.rendering import NEW, OLD, Render
from softphone_console.program import command_line
from softphone_console.program.command_line import Settings

Object = dict[str, Any]
NAME = "fleet-softphone-fleet-console"
SELECTOR = {
    "app.kubernetes.io/name": "softphone-fleet",
    "app.kubernetes.io/instance": "fleet",
    "app.kubernetes.io/component": "console",
}
ON = {"console.enabled": True}


def of_console(objects: list[Object]) -> dict[str, Object]:
    """Its objects by their kinds."""
    return {
        obj["kind"]: obj
        for obj in objects
        if obj["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "console"
    }


def test_there_is_none_unless_asked_for(render_all: Render) -> None:
    assert of_console(render_all()) == {}
    assert of_console(render_all({"console": None})) == {}


@pytest.mark.parametrize("kubernetes", [OLD, NEW])
def test_what_is_installed(render_all: Render, kubernetes: str) -> None:
    found = of_console(render_all(ON, kubernetes))
    assert {kind: obj["metadata"]["name"] for kind, obj in found.items()} == {
        "ServiceAccount": NAME,
        "ClusterRole": f"{NAME}.telephony",
        "ClusterRoleBinding": f"{NAME}.telephony",
        "Service": NAME,
        "Deployment": NAME,
    }
    assert found["Service"]["spec"] == {
        "selector": SELECTOR,
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
    }


def test_the_rest_of_the_chart_is_as_without_it(render_all: Render) -> None:
    def others(values: Object) -> list[Object]:
        return [obj for obj in render_all(values) if obj not in of_console(render_all(values)).values()]

    assert others(ON) == render_all()


def test_it_may_read_what_it_shows_and_nothing_else(render_all: Render) -> None:
    role = of_console(render_all(ON))["ClusterRole"]
    assert role["rules"] == [
        {
            "apiGroups": ["softphone-fleet.io"],
            "resources": ["pbxs", "softphones", "softphonefleets", "softphonepools", "rehearsals"],
            "verbs": ["list", "watch"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]


def test_namespaced_it_sees_just_these(render_all: Render) -> None:
    objects = render_all({**ON, "watchNamespaces": ["vienna", "graz"]})
    ours = [obj for obj in objects if obj["metadata"]["name"].startswith(NAME)]
    roles = [(obj["kind"], obj["metadata"]["namespace"]) for obj in ours if obj["kind"].startswith("Role")]
    assert sorted(roles) == [("Role", "graz"), ("Role", "vienna"), ("RoleBinding", "graz"), ("RoleBinding", "vienna")]
    assert not [obj for obj in ours if obj["kind"].startswith("Cluster")]
    for binding in (obj for obj in ours if obj["kind"] == "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": "telephony"}]


def test_it_understands_its_environment(render_all: Render) -> None:
    values = {**ON, "watchNamespaces": ["vienna", "graz"], "logLevel": "debug", "image.operator.tag": "7"}
    values |= {"console.prometheus": "http://prometheus.monitoring.svc:9090", "console.hosts": ["phones.example.com"]}
    pod = of_console(render_all(values))["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert command_line.parse([], environment) == Settings(
        namespaces=("vienna", "graz"),
        kubeconfig="",
        prometheus="http://prometheus.monitoring.svc:9090",
        hosts=frozenset({"phones.example.com"}),
        http_address="0.0.0.0",
        http_port=8080,
        log_level="debug",
    )
    assert (container["image"], container["command"]) == (
        "softphone-fleet-operator:7",
        ["python3", "-m", "softphone_console"],
    )
    assert pod["metadata"]["annotations"] == {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}


def test_its_pod_is_restricted(render_all: Render) -> None:
    deployment = of_console(render_all(ON))["Deployment"]
    assert pod_security.violations(deployment["spec"]["template"]["spec"]) == []
    assert deployment["spec"]["selector"]["matchLabels"] == SELECTOR
    assert SELECTOR.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_the_network_lets_through_what_is_needed(render_all: Render) -> None:
    ingress = {"podSelector": {"matchLabels": {"app": "ingress"}}}
    prometheus = {"podSelector": {"matchLabels": {"app": "prometheus"}}}
    values = {**ON, "networkPolicy.enabled": True, "networkPolicy.metricsFrom": [prometheus], "console.from": [ingress]}
    objects = render_all(values)
    policy = of_console(objects)["NetworkPolicy"]["spec"]
    http = [{"protocol": "TCP", "port": 8080}]
    agents = {
        "namespaceSelector": {},
        "podSelector": {
            "matchLabels": {
                "app.kubernetes.io/managed-by": "softphone-operator",
                "app.kubernetes.io/component": "agent",
            }
        },
    }
    assert policy["podSelector"] == {"matchLabels": SELECTOR}
    assert policy["ingress"] == [{"ports": http, "from": [prometheus]}, {"ports": http, "from": [ingress]}]
    assert policy["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}]},
        {"ports": http, "to": [agents]},
    ]
    of_agents = next(obj for obj in objects if obj["metadata"]["name"] == "fleet-softphone-fleet-agents")
    asking = {"namespaceSelector": {}, "podSelector": {"matchLabels": SELECTOR}}
    assert asking in of_agents["spec"]["ingress"][1]["from"]


def test_a_pod_monitor_finds_it(render_all: Render) -> None:
    assert "PodMonitor" not in of_console(render_all(ON))
    assert "PodMonitor" not in of_console(render_all({"monitoring.podMonitor.enabled": True}))
    values = {**ON, "monitoring.podMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"}}
    monitor = of_console(render_all(values))["PodMonitor"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    endpoints = [{"port": "http", "interval": "15s"}]
    assert monitor["spec"] == {"selector": {"matchLabels": SELECTOR}, "podMetricsEndpoints": endpoints}


def test_where_it_runs_is_said_by_its_values(render_all: Render) -> None:
    tolerations = [{"key": "pool", "operator": "Exists"}]
    values: Object = {
        "console.nodeSelector": {"a": "b"},
        "console.tolerations": tolerations,
        "imagePullSecrets": ["registry"],
    }
    values |= {"console.serviceAnnotations": {"c": "d"}, "fixedUser": False, "metrics.annotations": False}
    found = of_console(render_all({**ON, **values}))
    pod = found["Deployment"]["spec"]["template"]
    assert (pod["spec"]["nodeSelector"], pod["spec"]["tolerations"]) == ({"a": "b"}, tolerations)
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert "runAsUser" not in pod["spec"]["securityContext"]
    assert "annotations" not in pod["metadata"]
    assert found["Service"]["metadata"]["annotations"] == {"c": "d"}
