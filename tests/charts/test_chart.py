"""The Helm chart: rendered by a real Helm for old and new Kubernetes, its permissions, its schema."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import CHART, NEW, OLD, Render, run
from charts.switches import EVERYTHING
from softphone_operator.api.crd import RULES_MARK, crd
from softphone_operator.api.kinds import KINDS
from softphone_operator.decide import label_selector, names, pod_defaults, settings
from softphone_operator.kubernetes.resources import ACCESS, JOB_ACCESS, LEASE_ACCESS, Access
from softphone_operator.program import command_line, self_test, trial


@pytest.fixture
def render(render_all: Render) -> Render:
    """What an installation holds, without what only `helm test` makes."""

    def rendered(values: dict[str, Any] | None = None, kubernetes: str = NEW) -> list[dict[str, Any]]:
        return [obj for obj in render_all(values, kubernetes) if not is_test(obj)]

    return rendered


def is_test(obj: dict[str, Any]) -> bool:
    return "helm.sh/hook" in obj["metadata"].get("annotations", {})


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [obj for obj in objects if obj["kind"] == kind]
    return found


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [obj for obj in objects if obj["kind"] == kind]


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return made


def operators_role(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Its ClusterRole, not those for people."""
    return one([obj for obj in objects if obj["metadata"]["name"].endswith("-operator")], "ClusterRole")


def access(rules: list[dict[str, Any]]) -> list[Access]:
    return [
        Access(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


@pytest.mark.parametrize("kubernetes", [OLD, NEW])
def test_what_is_installed(render: Render, kubernetes: str) -> None:
    objects = render(kubernetes=kubernetes)
    assert sorted((obj["kind"], obj["metadata"]["name"]) for obj in objects) == [
        ("ClusterRole", "fleet-softphone-fleet-edit.telephony"),
        ("ClusterRole", "fleet-softphone-fleet-operator"),
        ("ClusterRole", "fleet-softphone-fleet-view.telephony"),
        ("ClusterRoleBinding", "fleet-softphone-fleet-operator"),
        ("CustomResourceDefinition", "callchecks.softphone-fleet.io"),
        ("CustomResourceDefinition", "pbxs.softphone-fleet.io"),
        ("CustomResourceDefinition", "rehearsals.softphone-fleet.io"),
        ("CustomResourceDefinition", "softphonefleets.softphone-fleet.io"),
        ("CustomResourceDefinition", "softphonepools.softphone-fleet.io"),
        ("CustomResourceDefinition", "softphones.softphone-fleet.io"),
        ("Deployment", "fleet-softphone-fleet-operator"),
        ("ServiceAccount", "fleet-softphone-fleet-operator"),
    ]


@pytest.mark.parametrize(("kubernetes", "rules"), [(OLD, False), ("1.24.9", False), ("1.25.0", True), (NEW, True)])
def test_the_crds_are_the_generated_ones_with_rules_where_the_server_knows_them(
    render: Render, kubernetes: str, rules: bool
) -> None:
    found = {obj["metadata"]["name"]: obj for obj in of_kind(render(kubernetes=kubernetes), "CustomResourceDefinition")}
    for kind in KINDS:
        wanted = crd(kind, rules=rules)
        assert found[wanted["metadata"]["name"]]["spec"] == wanted["spec"]


def test_rules_of_crds_can_be_turned_off(render: Render) -> None:
    assert RULES_MARK not in yaml.safe_dump(render({"crds.celRules": False}))


def test_crds_stay_unless_told_otherwise(render: Render) -> None:
    policy = {"helm.sh/resource-policy": "keep"}
    for definition in of_kind(render(), "CustomResourceDefinition"):
        assert definition["metadata"]["annotations"] == policy
    for definition in of_kind(render({"crds.keep": False}), "CustomResourceDefinition"):
        assert "annotations" not in definition["metadata"]
    assert of_kind(render({"crds.enabled": False}), "CustomResourceDefinition") == []


def test_the_operator_may_do_what_it_does_and_nothing_else(render: Render) -> None:
    granted = access(operators_role(render())["rules"])
    assert len(granted) == len(set(granted))
    assert set(granted) == ACCESS


def test_it_may_make_jobs_only_where_rehearsals_are_to_have_them(render: Render) -> None:
    for values in ({}, {"watchNamespaces": ["vienna"]}):
        objects = render({**values, "rehearsals.jobs": True})
        roles = of_kind(objects, "Role") or of_kind(objects, "ClusterRole")
        (role,) = [role for role in roles if role["metadata"]["name"].endswith("-operator")]
        assert set(access(role["rules"])) == ACCESS | JOB_ACCESS
        environment = {entry["name"]: entry["value"] for entry in container(objects)["env"]}
        assert command_line.parse([], environment).rehearsal_jobs
    assert "SOFTPHONE_REHEARSAL_JOBS" not in {entry["name"] for entry in container(render())["env"]}


def test_namespaced_the_permissions_are_the_same_in_each_namespace(render: Render) -> None:
    objects = render({"watchNamespaces": ["vienna", "graz"], "rbac.aggregate": False})
    assert of_kind(objects, "ClusterRole") == []
    assert of_kind(objects, "ClusterRoleBinding") == []
    roles = of_kind(objects, "Role")
    assert [role["metadata"]["namespace"] for role in roles] == ["vienna", "graz"]
    for role in roles:
        assert set(access(role["rules"])) == ACCESS
    for binding in of_kind(objects, "RoleBinding"):
        assert binding["subjects"][0]["namespace"] == "telephony"
        assert binding["subjects"][0]["name"] == one(objects, "ServiceAccount")["metadata"]["name"]
    assert {"name": "SOFTPHONE_WATCH_NAMESPACES", "value": "vienna,graz"} in container(objects)["env"]


def test_nothing_is_wild(render: Render) -> None:
    for role in [*of_kind(render(), "ClusterRole"), *of_kind(render({"watchNamespaces": ["a"]}), "Role")]:
        assert "*" not in json.dumps(role["rules"])


def test_the_operator_understands_its_environment(render: Render) -> None:
    objects = render({"imagePullSecrets": ["one", "two"], "watchNamespaces": ["a", "b"], "logLevel": "debug"})
    environment = {entry["name"]: entry["value"] for entry in container(objects)["env"]}
    assert command_line.parse([], environment) == settings.Settings(
        agent_image=f"softphone-fleet-agent:{yaml.safe_load((CHART / 'Chart.yaml').read_text())['appVersion']}",
        agent_pull_policy="IfNotPresent",
        agent_pull_secrets=("one", "two"),
        watch_namespaces=("a", "b"),
        log_level="debug",
    )
    assert len(environment) == len(container(objects)["env"])


def test_a_release_for_a_part_of_the_objects_is_told_by_its_selector_and_tested_with_such_labels(
    render_all: Render,
) -> None:
    selector = "softphone-fleet.io/shard in (a, b),!test"
    objects = render_all({"watchSelector": selector})
    operator = next(o for o in objects if o["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"][0]
    environment = {entry["name"]: entry["value"] for entry in operator["env"]}
    assert command_line.parse([], environment).watch_selector == selector
    pod = next(o for o in objects if o["kind"] == "Pod" and is_test(o))
    assert pod["spec"]["containers"][0]["args"][-1] == f"--selector={selector}"


def test_images(render: Render) -> None:
    objects = render(
        {
            "image.operator": {"repository": "registry.example/op", "tag": "7", "pullPolicy": "Always"},
            "image.agent": {"repository": "registry.example/agent", "tag": "8", "pullPolicy": "Never"},
        }
    )
    made = container(objects)
    assert (made["image"], made["imagePullPolicy"]) == ("registry.example/op:7", "Always")
    assert made["env"][:2] == [
        {"name": "SOFTPHONE_AGENT_IMAGE", "value": "registry.example/agent:8"},
        {"name": "SOFTPHONE_AGENT_PULL_POLICY", "value": "Never"},
    ]


def test_images_by_their_digest(render_all: Render) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    images = {f"image.{of}": {"repository": f"x.example/{of}", "digest": digest} for of in ("operator", "agent")}
    objects = render_all(images | {"image.operator.tag": "7"})
    assert container(objects)["image"] == f"x.example/operator@{digest}"
    environment = {entry["name"]: entry.get("value") for entry in container(objects)["env"]}
    assert environment["SOFTPHONE_AGENT_IMAGE"] == f"x.example/agent@{digest}"
    assert one(objects, "Pod")["spec"]["containers"][0]["image"] == f"x.example/operator@{digest}"


# With cert-manager, and with a certificate of the chart's.
@pytest.mark.parametrize("values", [EVERYTHING, EVERYTHING | {"webhook.certManager.enabled": False}], ids=["cm", "own"])
def test_labels_of_ones_own_are_on_every_object(render_all: Render, values: dict[str, Any]) -> None:
    objects = render_all(values | {"commonLabels": {"team": "voice"}})
    for obj in objects:
        assert obj["metadata"]["labels"]["team"] == "voice", obj["kind"]
        assert obj["metadata"]["labels"]["app.kubernetes.io/instance"] == "fleet", obj["kind"]
    rest = {"Secret"} if values["webhook.certManager.enabled"] else {"Certificate", "Issuer"}
    assert {obj["kind"] for obj in objects} == kinds_of_templates() - {"ClusterRoleBinding"} - rest


@pytest.mark.parametrize("values", [{}, EVERYTHING, EVERYTHING | {"webhook.certManager.enabled": False}], ids=len)
def test_annotations_of_ones_own_are_on_every_object(render_all: Render, values: dict[str, Any]) -> None:
    bare, objects = (render_all(values | {"commonAnnotations": given}) for given in ({}, {"example.com/owner": "me"}))
    for obj, before in zip(objects, bare, strict=True):
        theirs = before["metadata"].get("annotations") or {}
        assert obj["metadata"]["annotations"] == theirs | {"example.com/owner": "me"}, obj["kind"]


def test_an_objects_own_annotation_wins(render_all: Render) -> None:
    policy = {"helm.sh/resource-policy": "delete-me"}
    found = of_kind(render_all({"commonAnnotations": policy}), "CustomResourceDefinition")
    assert {obj["metadata"]["annotations"]["helm.sh/resource-policy"] for obj in found} == {"keep"}


def kinds_of_templates() -> set[str]:
    """The kinds that the chart may make."""
    texts = [file.read_text() for file in (CHART / "templates").rglob("*.yaml")]
    return {kind for text in texts for kind in re.findall(r"^kind: (\w+)", text, re.MULTILINE)}


def test_labels_given_twice_are_there_once_the_nearer_ones_win(helm: Path) -> None:
    values = {
        "commonLabels": {"team": "voice"},
        "podLabels": {"team": "pod"},
        "podAnnotations": {"prometheus.io/port": "1"},
        "monitoring.rules": {"enabled": True, "labels": {"team": "rules"}},
    }
    flags = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    text = run(helm, "template", "fleet", str(CHART), *flags).stdout
    for document in text.split("---\n"):
        assert twice(yaml.compose(document)) == [], document
    objects = [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
    assert one(objects, "PrometheusRule")["metadata"]["labels"]["team"] == "rules"
    template = one(objects, "Deployment")["spec"]["template"]["metadata"]
    assert template["labels"]["team"] == "pod"
    assert template["annotations"] == {"prometheus.io/scrape": "true", "prometheus.io/port": "1"}


def test_values_of_an_earlier_chart_may_lack_what_is_new(render: Render) -> None:
    """`helm upgrade --reuse-values` gives them as they were, and null takes a value away."""
    new = ("networkPolicy.agentNamespaces", "networkPolicy.hostNetworkTo", "commonAnnotations", "fixedUser")
    newer = ("securityContext", "extraEnv", "extraArgs", "monitoring.rules.disabled")
    of_agents = [f"agents.{name}" for name in ("labels", "annotations", "resources", "nodeSelector", "tolerations")]
    old = ("podLabels", "podAnnotations", "commonLabels", "monitoring.rules.labels")
    gone = dict.fromkeys([*new, *newer, *of_agents, "agents.securityContext", *old])
    kept = {"networkPolicy.enabled": True, "monitoring.rules.enabled": True}
    assert render(kept | gone) == render(kept)


def twice(node: yaml.Node | None) -> list[str]:
    """Keys that a mapping of a document has more than once."""
    if isinstance(node, yaml.SequenceNode):
        return [key for item in node.value for key in twice(item)]
    if not isinstance(node, yaml.MappingNode):
        return []
    keys = [key.value for key, _ in node.value]
    return [key for key in set(keys) if keys.count(key) > 1] + [key for _, each in node.value for key in twice(each)]


@pytest.mark.parametrize(
    ("values", "prefix", "name"),
    [
        ({}, "fleet-softphone-fleet", "softphone-fleet"),
        ({"nameOverride": "phones"}, "fleet-phones", "phones"),
        ({"nameOverride": "fleet"}, "fleet", "fleet"),
        ({"fullnameOverride": "probes"}, "probes", "softphone-fleet"),
        ({"fullnameOverride": "p" * 53 + "-" + "q" * 9}, "p" * 53, "softphone-fleet"),
    ],
    ids=["neither", "name", "name of the release", "full name", "long"],
)
def test_names_of_ones_own(render_all: Render, values: dict[str, Any], prefix: str, name: str) -> None:
    objects = [obj for obj in render_all(EVERYTHING | values) if obj["kind"] != "CustomResourceDefinition"]
    for obj in objects:
        assert obj["metadata"]["name"].startswith(prefix), obj["kind"]
        assert obj["metadata"]["labels"]["app.kubernetes.io/name"] == name
        if obj["kind"] in ("Service", "Deployment"):
            assert len(obj["metadata"]["name"]) <= 63, "it is a part of host names, or a label's value"
    deployments = {obj["metadata"]["name"]: obj for obj in of_kind(objects, "Deployment")}
    assert deployments.keys() == {f"{prefix}-operator", f"{prefix}-console"}
    deployment = deployments[f"{prefix}-operator"]
    assert deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == name


def test_people_who_may_view_or_edit_a_namespace_may_do_so_with_its_softphones(render: Render) -> None:
    roles = {role["metadata"]["name"]: role for role in of_kind(render(), "ClusterRole")}
    kinds = {"pbxs", "softphones", "softphonefleets", "softphonepools", "callchecks", "rehearsals"}

    def aggregated(name: str) -> set[str]:
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        return {key.removeprefix(prefix) for key in roles[name]["metadata"]["labels"] if key.startswith(prefix)}

    view, edit = roles["fleet-softphone-fleet-view.telephony"], roles["fleet-softphone-fleet-edit.telephony"]
    assert aggregated(view["metadata"]["name"]) == {"view", "edit", "admin"}
    assert aggregated(edit["metadata"]["name"]) == {"edit", "admin"}
    assert {a.verb for a in access(view["rules"])} == {"get", "list", "watch"}
    assert {a.resource for a in access(view["rules"])} == kinds | {f"{kind}/status" for kind in kinds}
    assert {a.resource for a in access(edit["rules"])} == kinds | {"softphonefleets/scale"}
    assert not any(a.resource.endswith("/status") for a in access(edit["rules"])), "only the operator writes status"


def test_the_operator_spreads_as_one_likes(render: Render) -> None:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    own = {**constraint, "labelSelector": {"matchLabels": {"a": "b"}}}
    deployment = one(render({"topologySpreadConstraints": [constraint, own]}), "Deployment")
    assert deployment["spec"]["template"]["spec"]["topologySpreadConstraints"] == [
        {**constraint, "labelSelector": deployment["spec"]["selector"]},
        own,
    ]


def test_network_policies_let_through_what_is_needed(render: Render) -> None:
    assert of_kind(render(), "NetworkPolicy") == []
    pbxs = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    monitoring = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    values = {"enabled": True, "sipTo": pbxs, "sipPorts": [5060], "metricsFrom": monitoring}
    objects = render({"networkPolicy": values, "watchNamespaces": ["vienna", "graz"]})
    operator, *agents = of_kind(objects, "NetworkPolicy")
    selector = one(objects, "Deployment")["spec"]["selector"]
    assert (operator["metadata"]["namespace"], operator["spec"]["podSelector"]) == ("telephony", selector)
    assert [policy["metadata"]["namespace"] for policy in agents] == ["vienna", "graz"]

    def tcp(*numbers: int) -> list[dict[str, Any]]:
        return [{"protocol": "TCP", "port": number} for number in numbers]

    dns = {"ports": [{"protocol": "UDP", "port": 53}, *tcp(53)]}
    chosen = dict(term.split("=") for term in names.OWNED_SELECTOR.split(","))
    assert {json.dumps(policy["spec"]["podSelector"]) for policy in agents} == {json.dumps({"matchLabels": chosen})}
    assert operator["spec"]["ingress"] == [{"ports": tcp(8080), "from": monitoring}]
    assert operator["spec"]["egress"] == [
        dns,
        {"ports": tcp(443, 6443)},
        {"ports": tcp(8080), "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": chosen}}]},
    ]
    for policy in agents:
        assert policy["spec"]["ingress"] == [
            {"ports": tcp(8080), "from": monitoring},
            {"ports": tcp(8080), "from": [{"namespaceSelector": {}, "podSelector": selector}]},
        ]
        assert policy["spec"]["egress"][:2] == [
            dns,
            {"ports": [{"protocol": "UDP", "port": 5060}, *tcp(5060)], "to": pbxs},
        ]


def test_a_release_can_be_tested_under_its_network_policies(render_all: Render) -> None:
    values = {"enabled": True, "sipTo": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "sipPorts": [5070]}
    objects = render_all({"networkPolicy": values})
    _, agents = of_kind(objects, "NetworkPolicy")
    dns, sip, test = agents["spec"]["egress"]
    (peer,) = test["to"]
    assert peer["namespaceSelector"] == {}
    assert peer["podSelector"]["matchLabels"].items() <= one(objects, "Pod")["metadata"]["labels"].items()
    operators = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert not peer["podSelector"]["matchLabels"].items() <= operators.items()
    assert test["ports"] == [{"protocol": "UDP", "port": trial.SIP_PORT}]
    _, untested = of_kind(render_all({"networkPolicy": values, "agents.replicas": 0}), "NetworkPolicy")
    assert untested["spec"]["egress"] == [dns, sip]


def test_network_policies_of_agents_in_further_namespaces(render: Render) -> None:
    def places(**values: Any) -> list[str]:
        given = {"networkPolicy.enabled": True, **values}
        return [made["metadata"]["namespace"] for made in of_kind(render(given), "NetworkPolicy")[1:]]

    assert places() == ["telephony"]
    assert places(**{"networkPolicy.agentNamespaces": ["linz", "telephony"]}) == ["telephony", "linz"]
    given = {"watchNamespaces": ["graz"], "networkPolicy.agentNamespaces": ["linz"]}
    assert places(**given) == ["graz", "linz"]


@pytest.mark.parametrize(
    ("kubernetes", "port"),
    [(OLD, {"protocol": "TCP"}), (NEW, {"protocol": "TCP", "port": 20000, "endPort": 29999})],
)
def test_the_operator_may_ask_agents_in_the_network_of_their_node(
    render: Render, kubernetes: str, port: dict[str, Any]
) -> None:
    nodes = ["192.0.2.0/24", "2001:db8::/64"]
    values = {"networkPolicy.enabled": True, "networkPolicy.hostNetworkTo": nodes}
    operator = of_kind(render(values, kubernetes=kubernetes), "NetworkPolicy")[0]
    assert operator["spec"]["egress"][-1] == {"ports": [port], "to": [{"ipBlock": {"cidr": cidr}} for cidr in nodes]}
    if "endPort" in port:
        assert range(port["port"], port["endPort"] + 1) == names.HOST_PORTS


def test_the_operators_policy_lets_the_api_server_ask_the_webhook(render: Render) -> None:
    objects = render({"networkPolicy.enabled": True, "webhook.enabled": True})
    assert {"ports": [{"protocol": "TCP", "port": 8443}]} in of_kind(objects, "NetworkPolicy")[0]["spec"]["ingress"]


def test_a_release_can_be_tested(render_all: Render) -> None:
    objects = [obj for obj in render_all({"watchNamespaces": ["vienna", "graz"]}) if is_test(obj)]
    pod, role = one(objects, "Pod"), one(objects, "Role")
    assert (pod["metadata"]["namespace"], role["metadata"]["namespace"]) == ("telephony", "vienna")
    made = pod["spec"]["containers"][0]
    assert made["image"] == container(render_all())["image"]
    assert made["command"] == ["python3", "-m", self_test.__name__]
    assert made["args"] == ["--namespace=vienna", "--address=$(ADDRESS)"]
    assert one(objects, "RoleBinding")["subjects"][0]["name"] == pod["spec"]["serviceAccountName"]
    selector = one(render_all(), "Deployment")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= pod["metadata"]["labels"].items(), "it is no operator"
    assert not [obj for obj in render_all({"agents.replicas": 0}) if is_test(obj)], "no phone registers then"


def test_the_operator_is_restricted(render: Render) -> None:
    deployment = one(render(), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(pod["containers"][0])


def test_one_operator_needs_no_lease(render: Render) -> None:
    objects = render()
    assert of_kind(objects, "PodDisruptionBudget") + of_kind(objects, "Role") == []
    assert not [entry for entry in container(objects)["env"] if "LEASE" in entry["name"]]


@pytest.mark.parametrize(("kubernetes", "version"), [(OLD, "policy/v1beta1"), (NEW, "policy/v1")])
def test_several_operators_share_a_lease(render: Render, kubernetes: str, version: str) -> None:
    objects = render({"replicas": 2}, kubernetes=kubernetes)
    deployment = one(objects, "Deployment")
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]["type"]) == (2, "RollingUpdate")
    environment = {entry["name"]: entry for entry in container(objects)["env"]}
    place = environment["SOFTPHONE_LEASE"]["value"]
    assert place == f"telephony/{deployment['metadata']['name']}"
    assert environment["SOFTPHONE_IDENTITY"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    role = one(objects, "Role")
    assert role["metadata"]["namespace"] == "telephony"
    assert set(access(role["rules"])) == LEASE_ACCESS
    assert [rule["resourceNames"] for rule in role["rules"] if "resourceNames" in rule] == [[place.partition("/")[2]]]
    budget = one(objects, "PodDisruptionBudget")
    assert (budget["apiVersion"], budget["spec"]["maxUnavailable"]) == (version, 1)
    assert budget["spec"]["selector"]["matchLabels"] == deployment["spec"]["selector"]["matchLabels"]
    assert "podAntiAffinity" in deployment["spec"]["template"]["spec"]["affinity"]


def test_load_tests_may_do_without_pods(render: Render) -> None:
    environment = {entry["name"]: entry.get("value") for entry in container(render({"agents.replicas": 0}))["env"]}
    assert environment["SOFTPHONE_AGENT_REPLICAS"] == "0"


def test_further_variables_and_flags_of_the_operator(render: Render) -> None:
    proxy = {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}}
    made = container(render({"extraEnv": [proxy], "extraArgs": ["--concurrency=50", "--log-level=debug"]}))
    assert made["env"][-1] == proxy
    environment = {entry["name"]: entry["value"] for entry in made["env"] if "value" in entry}
    parsed = command_line.parse(made["args"], environment)
    assert (parsed.concurrency, parsed.log_level) == (50, "debug")
    assert "args" not in container(render())


def test_the_chart_knows_the_variables_that_it_sets_itself() -> None:
    templates = CHART / "templates"
    own = re.findall(r"- name: (SOFTPHONE_\w+)", (templates / "deployment.yaml").read_text())
    listed = re.findall(r'"(SOFTPHONE_\w+)"', (templates / "_checks.tpl").read_text())
    assert sorted(own) == sorted(listed)


def test_the_operator_is_told_what_all_agents_have_in_common(render: Render) -> None:
    given = {
        "labels": {"team": "voice"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": 1}},
        "nodeSelector": {"pool": "voice"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "securityContext": {"supplementalGroups": [7]},
    }

    def told(values: dict[str, Any]) -> pod_defaults.PodDefaults:
        environment = {entry["name"]: entry["value"] for entry in container(render(values))["env"]}
        return command_line.parse([], environment).agent_defaults

    assert told({}) == pod_defaults.NONE
    assert told({"agents": given}) == pod_defaults.PodDefaults.model_validate(given, by_alias=True)
    assert told({"fixedUser": False}) == pod_defaults.PodDefaults(fixed_user=False)


def test_where_the_platform_chooses_users_no_pod_names_one(render_all: Render) -> None:
    """OpenShift refuses pods with users outside of their namespace's range."""
    objects = render_all({"fixedUser": False})
    pods = [one(objects, "Deployment")["spec"]["template"]["spec"], one(objects, "Pod")["spec"]]
    for pod in pods:
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert "65532" not in yaml.safe_dump_all(objects)


def test_the_operators_security_context_can_be_changed(render: Render) -> None:
    given = {"runAsUser": 1000, "supplementalGroups": [7]}
    made = one(render({"securityContext": given}), "Deployment")["spec"]["template"]["spec"]["securityContext"]
    assert made == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "supplementalGroups": [7],
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_when_agents_get_another_image(render: Render) -> None:
    for when in (None, "OnNextPod", "AtOnce"):
        made = container(render({} if when is None else {"agents.imageUpdate": when}))
        environment = {entry["name"]: entry["value"] for entry in made["env"]}
        assert command_line.parse([], environment).agent_image_update == (when or "OnNextPod")


def test_the_selector_is_part_of_the_labels(render: Render) -> None:
    spec = one(render({"podLabels": {"team": "voice"}}), "Deployment")["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert spec["template"]["metadata"]["labels"]["team"] == "voice"


def test_metrics(render: Render) -> None:
    annotations = one(render(), "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
    without = one(render({"metrics.annotations": False}), "Deployment")["spec"]["template"]["metadata"]
    assert "annotations" not in without
    for scraped, values in (("true", {}), ("false", {"metrics.annotations": False})):
        environment = {entry["name"]: entry["value"] for entry in container(render(values))["env"]}
        assert command_line.parse([], environment).agent_scrape == scraped
    service = one(render({"metrics.service.enabled": True}), "Service")
    deployment = one(render(), "Deployment")
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]


def test_single_alerts_can_be_left_out(render: Render) -> None:
    off = ["SoftphonesFlapping", "SoftphoneOperatorDeaf"]
    place = {"enabled": True, "runbooks": "https://docs.example/"}
    whole, less = (
        one(render({"monitoring.rules": place | {"disabled": names}}), "PrometheusRule")["spec"] for names in ([], off)
    )
    for group in whole["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") not in off]
    assert less == whole


@pytest.mark.parametrize("kubernetes", [OLD, NEW])
def test_rules_are_the_generated_ones(render: Render, kubernetes: str) -> None:
    place = "https://docs.example/softphone-fleet/"
    wanted = {"enabled": True, "labels": {"release": "prometheus"}, "runbooks": place}
    made = one(render({"monitoring.rules": wanted}, kubernetes=kubernetes), "PrometheusRule")
    assert made["metadata"]["labels"]["release"] == "prometheus"
    generated = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    for group in generated["groups"]:
        for rule in group["rules"]:
            if "annotations" in rule:
                rule["annotations"]["runbook_url"] = place + rule["annotations"]["runbook_url"]
    assert made["spec"] == generated


def test_pod_monitors_find_agents_and_operator(render: Render) -> None:
    wanted = {"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"}
    agents, operator = of_kind(render({"monitoring.podMonitor": wanted}), "PodMonitor")
    assert agents["spec"]["selector"]["matchLabels"].items() <= names.agent_labels("softphone-alice").items()
    assert agents["spec"]["namespaceSelector"] == {"any": True}
    deployment = one(render(), "Deployment")
    assert operator["spec"]["selector"] == deployment["spec"]["selector"]
    for monitor in (agents, operator):
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "http", "interval": "15s"}]
    few = of_kind(render({"monitoring.podMonitor.enabled": True, "watchNamespaces": ["graz"]}), "PodMonitor")[0]
    assert few["spec"]["namespaceSelector"] == {"matchNames": ["graz"]}


def test_monitors_relabel_as_one_likes(render: Render) -> None:
    rules = {
        "relabelings": [{"sourceLabels": ["__meta_kubernetes_node_name"], "targetLabel": "node"}],
        "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
    }
    wanted = {"enabled": True, "interval": "15s", **rules}
    objects = render({"monitoring.podMonitor": wanted, "monitoring.serviceMonitor": wanted})
    (agents,) = of_kind(objects, "PodMonitor")
    endpoint = {"port": "http", "interval": "15s", **rules}
    assert agents["spec"]["podMetricsEndpoints"] == [endpoint]
    assert one(objects, "ServiceMonitor")["spec"]["endpoints"] == [endpoint]


def test_a_service_monitor_finds_the_operators_service_for_metrics_only(render: Render) -> None:
    monitors = {"monitoring.serviceMonitor.enabled": True, "monitoring.podMonitor.enabled": True}
    objects = render({**monitors, "webhook.enabled": True})
    monitor = one(objects, "ServiceMonitor")
    metrics, webhook = sorted(of_kind(objects, "Service"), key=lambda service: service["metadata"]["name"])
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert wanted <= metrics["metadata"]["labels"].items()
    assert not wanted <= webhook["metadata"]["labels"].items()
    assert [port["name"] for port in metrics["spec"]["ports"]] == ["http"]
    assert monitor["spec"]["endpoints"] == [{"port": "http"}]
    assert [made["metadata"]["name"] for made in of_kind(objects, "PodMonitor")] == ["fleet-softphone-fleet-agents"]


def test_each_dashboard_is_in_a_config_map_for_grafanas_sidecar(render: Render) -> None:
    wanted = {"enabled": True, "labels": {"grafana_dashboard": "1"}, "annotations": {"folder": "Telephony"}}
    made = of_kind(render({"monitoring.dashboards": wanted}), "ConfigMap")
    texts = {name: text for config_map in made for name, text in config_map["data"].items()}
    assert texts == {file.name: file.read_text() for file in (CHART / "dashboards").glob("*.json")}
    for config_map in made:
        assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert config_map["metadata"]["annotations"] == {"folder": "Telephony"}
    assert len({config_map["metadata"]["name"] for config_map in made}) == len(made) == len(texts)


def test_notifications_in_full(render: Render) -> None:
    values = {"url": "https://alerts.example:8443/hook", "secretName": "alerts", "waitSeconds": 60}
    objects = render({"notifications": values})
    parsed = command_line.parse([], {entry["name"]: entry["value"] for entry in container(objects)["env"]})
    assert (parsed.notify_url, parsed.notify_wait_seconds) == (values["url"], 60)
    mounts = {mount["mountPath"]: mount for mount in container(objects)["volumeMounts"]}
    assert mounts[parsed.notify_directory] == {
        "name": "notifications",
        "mountPath": "/etc/softphone-notifications",
        "readOnly": True,
    }
    volumes = one(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "notifications", "secret": {"secretName": "alerts", "optional": True}} in volumes
    assert set(access(operators_role(objects)["rules"])) == ACCESS, "the permissions are the same"


def test_nobody_is_told_unless_asked_for(render: Render) -> None:
    without = render()
    assert "notif" not in json.dumps(one(without, "Deployment")).lower()
    assert render({"notifications.secretName": "alerts", "notifications.waitSeconds": 60}) == without
    bare = render({"notifications.url": "http://alerts.example"})
    assert "notifications" not in json.dumps(one(bare, "Deployment"))


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({"notifications.url": "https://alerts.example/hook"}, [443]),
        ({"notifications.url": "http://alerts.example"}, [80]),
        ({"notifications.url": "http://alerts.example:9095/a:1"}, [9095]),
        ({"notifications.url": "http://alerts:80/", "networkPolicy.notificationPorts": [9095, 9096]}, [9095, 9096]),
    ],
)
def test_the_operators_policy_lets_it_ask_the_receiver(
    render: Render, values: dict[str, Any], ports: list[int]
) -> None:
    before = one_policy(render({"networkPolicy.enabled": True}))
    after = one_policy(render({"networkPolicy.enabled": True, **values}))
    new = [rule for rule in after if rule not in before]
    assert new == [{"ports": [{"protocol": "TCP", "port": port} for port in ports]}]


def one_policy(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the operator's NetworkPolicy lets out."""
    rules: list[dict[str, Any]] = of_kind(objects, "NetworkPolicy")[0]["spec"]["egress"]
    return rules


def test_there_is_no_webhook_unless_asked_for(render: Render) -> None:
    objects = render()
    assert of_kind(objects, "ValidatingWebhookConfiguration") + of_kind(objects, "Secret") == []
    assert "webhook" not in json.dumps(one(objects, "Deployment"))


@pytest.mark.parametrize("kubernetes", [OLD, NEW])
def test_a_webhook_in_full(render: Render, kubernetes: str) -> None:
    objects = render({"webhook.enabled": True}, kubernetes=kubernetes)
    configuration, made = one(objects, "ValidatingWebhookConfiguration"), one(objects, "Secret")
    assert configuration["metadata"]["name"] == "fleet-softphone-fleet-webhook.telephony"

    def webhook(plural: str, operations: list[str]) -> dict[str, Any]:
        return {
            "name": f"{plural}.softphone-fleet.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "timeoutSeconds": 5,
            "clientConfig": {
                "service": {
                    "name": "fleet-softphone-fleet-webhook",
                    "namespace": "telephony",
                    "path": "/validate",
                    "port": 443,
                },
                "caBundle": made["data"]["ca.crt"],
            },
            "rules": [
                {
                    "apiGroups": ["softphone-fleet.io"],
                    "apiVersions": ["v1alpha1"],
                    "resources": [plural],
                    "operations": operations,
                    "scope": "Namespaced",
                }
            ],
        }

    assert configuration["webhooks"] == [
        webhook("pbxs", ["DELETE"]),
        webhook("softphonepools", ["DELETE"]),
        webhook("softphones", ["CREATE", "UPDATE"]),
    ]
    service, deployment = one(objects, "Service"), one(objects, "Deployment")
    assert service["metadata"]["name"] == made["metadata"]["name"] == "fleet-softphone-fleet-webhook"
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    assert {"name": "webhook", "containerPort": 8443, "protocol": "TCP"} in container(objects)["ports"]
    environment = {entry["name"]: entry["value"] for entry in container(objects)["env"]}
    parsed = command_line.parse([], environment)
    mounts = {mount["mountPath"]: mount["name"] for mount in container(objects)["volumeMounts"]}
    assert mounts[parsed.webhook_directory] == "webhook"
    assert set(access(operators_role(objects)["rules"])) == ACCESS, "the permissions are the same"


def test_a_webhook_leaves_other_namespaces_alone(render: Render) -> None:
    values = {"webhook.enabled": True, "watchNamespaces": ["vienna", "graz"]}
    for webhook in one(render(values), "ValidatingWebhookConfiguration")["webhooks"]:
        assert webhook["namespaceSelector"]["matchExpressions"] == [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["vienna", "graz"]}
        ]
    for webhook in one(render(values, kubernetes=OLD), "ValidatingWebhookConfiguration")["webhooks"]:
        assert "namespaceSelector" not in webhook, "that label does not exist there"


def test_a_webhook_is_limited_as_its_values_say(render: Render) -> None:
    selectors = {"namespaceSelector": {"matchLabels": {"a": "b"}}, "objectSelector": {"matchLabels": {"c": "d"}}}
    values = {"enabled": True, "failurePolicy": "Fail", "timeoutSeconds": 2, **selectors}
    for webhook in one(render({"webhook": values}), "ValidatingWebhookConfiguration")["webhooks"]:
        wanted = {"failurePolicy": "Fail", "timeoutSeconds": 2, **selectors}
        assert {key: webhook[key] for key in wanted} == wanted


@pytest.mark.parametrize("issuer", [{}, {"name": "corporate", "kind": "ClusterIssuer"}], ids=["own", "given"])
def test_cert_manager_makes_the_certificate_of_a_webhook(render: Render, issuer: dict[str, str]) -> None:
    objects = render({"webhook": {"enabled": True, "certManager": {"enabled": True, "issuerRef": issuer}}})
    assert of_kind(objects, "Secret") == []
    certificate = one(objects, "Certificate")
    assert "fleet-softphone-fleet-webhook.telephony.svc" in certificate["spec"]["dnsNames"]
    assert len(of_kind(objects, "Issuer")) == (0 if issuer else 1)
    assert certificate["spec"]["issuerRef"] == (issuer or {"kind": "Issuer", "name": "fleet-softphone-fleet-webhook"})
    configuration = one(objects, "ValidatingWebhookConfiguration")
    place = f"telephony/{certificate['metadata']['name']}"
    assert configuration["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": place}
    assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]
    assert _webhook_secret(objects) == certificate["spec"]["secretName"]


def test_a_webhook_takes_a_secret_that_is_there(render: Render) -> None:
    objects = render({"webhook": {"enabled": True, "existingSecret": "mine", "caBundle": "Q0E="}})
    assert of_kind(objects, "Secret") == []
    assert _webhook_secret(objects) == "mine"
    assert one(objects, "ValidatingWebhookConfiguration")["webhooks"][0]["clientConfig"]["caBundle"] == "Q0E="


def _webhook_secret(objects: list[dict[str, Any]]) -> str:
    volumes = one(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
    (found,) = [volume["secret"] for volume in volumes if volume["name"] == "webhook"]
    assert found["optional"] is True, "the operator works without a certificate"
    return str(found["secretName"])


def test_the_rest_of_the_pod(render: Render) -> None:
    objects = render(
        {
            "nodeSelector": {"a": "b"},
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"podAffinity": {}},
            "priorityClassName": "high",
            "imagePullSecrets": ["registry"],
            "podAnnotations": {"x": "y"},
            "serviceAccount": {"create": False, "name": "mine"},
        }
    )
    template = one(objects, "Deployment")["spec"]["template"]
    pod = template["spec"]
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"a": "b"}, [{"operator": "Exists"}])
    assert (pod["affinity"], pod["priorityClassName"]) == ({"podAffinity": {}}, "high")
    assert (pod["imagePullSecrets"], pod["serviceAccountName"]) == ([{"name": "registry"}], "mine")
    assert template["metadata"]["annotations"]["x"] == "y"
    assert of_kind(objects, "ServiceAccount") == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image.operator.repo": "x"}, r"additional properties '?repo'? not allowed|Additional property repo"),
        ({"replica": 2}, r"additional properties '?replica'? not allowed|Additional property replica"),
        ({"replicas": 0}, r"replicas"),
        ({"agents.replicas": 2}, r"replicas"),
        ({"logLevel": "loud"}, r"logLevel"),
        ({"image.agent.digest": "sha256:beef"}, r"digest"),
        ({"networkPolicy.sipPorts": []}, r"sipPorts"),
        ({"networkPolicy.apiServerPorts": [70000]}, r"apiServerPorts"),
        ({"topologySpreadConstraints": [{"maxSkew": 1}]}, r"topologySpreadConstraints|topologyKey"),
        ({"commonLabels": {"team": 7}}, r"commonLabels"),
        ({"commonLabels": {"app.kubernetes.io/name": "x"}}, r"(?i)property ?name[^\n]*app\.kubernetes\.io/name"),
        ({"podLabels": {"helm.sh/chart": "x"}}, r"(?i)property ?name[^\n]*helm\.sh/chart"),
        (
            {"monitoring.podMonitor.labels": {"app.kubernetes.io/part-of": "x"}},
            r"(?i)property ?name[^\n]*app\.kubernetes\.io/part-of",
        ),
        ({"networkPolicy.hostNetworkTo": ["node-1"]}, r"hostNetworkTo"),
        ({"networkPolicy.agentNamespaces": "graz"}, r"agentNamespaces"),
        ({"image.agent.pullPolicy": "Sometimes"}, r"pullPolicy"),
        ({"watchNamespaces": "default"}, r"watchNamespaces"),
        ({"watchSelector": "shard > 1"}, r"watchSelector"),
        ({"metrics.service.port": 0}, r"port"),
        ({"crds.keep": "yes"}, r"keep"),
        ({"webhook.failurePolicy": "Maybe"}, r"failurePolicy"),
        ({"webhook.timeoutSeconds": 31}, r"timeoutSeconds"),
        ({"monitoring.podMonitor.interval": "often"}, r"interval"),
        ({"monitoring.rules.runbooks": "https://docs.example/page"}, r"runbooks"),
        ({"fullnameOverride": "Probes"}, r'fullnameOverride: "Probes" is no name of an object'),
        ({"nameOverride": "a_b"}, r'nameOverride: "a_b" is no name of an object: it may hold lower-case letters'),
        ({"watchNamespaces": ["Vienna"]}, r'watchNamespaces\[0\]: "Vienna" is no name'),
        ({"imagePullSecrets": ["a b"]}, r'imagePullSecrets\[0\]: "a b" is no name'),
        ({"serviceAccount.name": "Me"}, r'serviceAccount.name: "Me" is no name'),
        ({"priorityClassName": "High"}, r'priorityClassName: "High" is no name'),
        ({"resources.requests.memory": "64MB"}, r'resources.requests.memory: "64MB" is no quantity'),
        ({"agents.resources.limits.cpu": "one"}, r'agents.resources.limits.cpu: "one" is no quantity'),
        ({"commonLabels": {"team": "voice team"}}, r'commonLabels.team: "voice team" is no value of a label'),
        ({"agents.nodeSelector": {"a/b/c": "x"}}, r'agents.nodeSelector: "a/b/c" is no key'),
        ({"webhook": {"enabled": True, "existingSecret": "mine"}}, r"webhook.caBundle: is required"),
        ({"monitoring.rules.disabled": ["Flapping"]}, r'there is no alert "Flapping"; there are SoftphoneSystemDown'),
        ({"extraEnv": [{"name": "SOFTPHONE_LOG_LEVEL", "value": "x"}]}, r'"SOFTPHONE_LOG_LEVEL" is set by the chart'),
        ({"extraArgs": ["concurrency"]}, r"extraArgs"),
        ({"agents.labels": {"app.kubernetes.io/name": "x"}}, r"(?i)property ?name[^\n]*app\.kubernetes\.io/name"),
        ({"notifications.waitSeconds": -1}, r"waitSeconds"),
        ({"notifications.secretName": "A Secret"}, r'notifications.secretName: "A Secret" is no name'),
        ({"notifications.url": "alerts.example"}, r"notifications.url: must be http://HOST"),
        ({"notifications.url": "https://me:secret@alerts.example"}, r"notifications.url: must be http://HOST"),
        ({"networkPolicy.notificationPorts": [0]}, r"notificationPorts"),
        ({"monitoring.alerts": {}}, r"additional properties '?alerts'? not allowed|Additional property alerts"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_values_are_refused(helm: Path, values: dict[str, Any], message: str) -> None:
    flags = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    done = run(helm, "template", "fleet", str(CHART), *flags)
    assert done.returncode != 0
    assert re.search(message, done.stderr), done.stderr


def test_it_lints(helm: Path) -> None:
    done = run(helm, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def notes(helm: Path, tmp_path: Path) -> Callable[..., str]:
    """The notes after an installation with values. Helm 3 renders them only with a cluster: they become an object's."""
    copy = shutil.copytree(CHART, tmp_path / "chart")
    text = copy / "templates" / "NOTES.txt"
    (copy / "templates" / "notes.yaml").write_text(
        '{{- define "notes" }}' + text.read_text() + '{{ end }}\nkind: Notes\ntext: {{ include "notes" . | quote }}\n'
    )
    text.unlink()

    def rendered(**values: Any) -> str:
        flags = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
        done = run(helm, "template", "fleet", str(copy), "--namespace", "telephony", *flags)
        assert done.returncode == 0, done.stderr
        documents = yaml.load_all(done.stdout, yaml.CSafeLoader)
        return str(one([document for document in documents if document], "Notes")["text"])

    return rendered


def example_of(notes: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(notes.partition("<<EOF\n")[2].partition("\nEOF\n")[0]))


def test_the_notes_name_the_next_commands(notes: Callable[..., str]) -> None:
    text = notes()
    assert "kubectl -n telephony rollout status deployment/fleet-softphone-fleet-operator" in text
    assert "kubectl -n telephony logs fleet-softphone-fleet-test\n" in text
    kinds = {kind.name: kind for kind in KINDS}
    documents = example_of(text)
    assert [document["kind"] for document in documents] == ["PBX", "Softphone"]
    for document in documents:
        kinds[document["kind"]].spec.model_validate(document["spec"], by_name=False, by_alias=True)
    assert f"wait --for=condition=Ready sp/{documents[1]['metadata']['name']}\n" in text


def test_the_notes_name_the_crds_that_are_not_installed(notes: Callable[..., str]) -> None:
    plurals = {kind.plural for kind in KINDS}
    text = notes(**{"crds.enabled": False})
    assert set(re.findall(r"(\w+)\.softphone-fleet\.io", text.rpartition("crds.enabled is false")[2])) == plurals
    assert "crds.enabled" not in notes()


def test_the_notes_example_is_served_by_a_release_with_a_selector(notes: Callable[..., str]) -> None:
    for selector in ("shard=a", "shard == a, team=voice"):
        chosen = label_selector.parse(selector)
        for document in example_of(notes(watchSelector=selector)):
            assert chosen.matches(document["metadata"]["labels"])
    for selector in ("shard in (a, b)", "!shard", "shard=a,team!=voice"):
        assert f"Add labels to both of them that {selector} selects" in notes(watchSelector=selector)
    assert "Add labels" not in notes()
