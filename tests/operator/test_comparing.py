"""What is lacking of an object, and what of ours is too much: every field that is taken away is noticed."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from server_side_apply import applied, entry, set_image
from softphone_operator.decide import comparing, decisions, desired_pbx, desired_softphone, manifests, names

DATA = Path(__file__).parent / "data"
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers[agent]"
PBX = {"address": "sip:10.0.0.1", "system": "acme"}
SPEC = {"aor": "sip:anna@acme.example", "pri": "master"}

FULL: dict[str, Any] = {
    "resources": {"requests": {"cpu": "20m", "memory": "80Mi"}, "limits": {"cpu": "1", "memory": "300Mi"}},
    "nodeSelector": {"site": "vienna", "rack": "7"},
    "tolerations": [{"key": "site", "operator": "Exists"}, {"key": "rack", "operator": "Exists"}],
    "priorityClassName": "phones",
    "hostNetwork": True,
}


def deployment(agent: dict[str, Any], secret: str = "", pull_secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    spec = {**SPEC, "agent": agent} | ({"credentials": {"secretName": secret}} if secret else {})
    keys = {secret: frozenset({"password"})}
    decided = desired_softphone.softphone(
        "anna", "demo", "uid-1", spec, {"master": desired_pbx.pbx("master", "demo", PBX, {})}, keys
    )
    assert isinstance(decided, decisions.DesiredAgent), decided
    return manifests.deployment(
        manifests.Agent(
            name=decided.agent,
            namespace="demo",
            owner=manifests.Owner("softphone-fleet.io/v1alpha1", "Softphone", "anna", "uid-1"),
            labels={names.SOFTPHONE_LABEL: "anna"},
            config=decided.config,
            image=manifests.Image("agent:1", "", pull_secrets),
            pod=decided.pod,
            secrets=decided.secrets,
        )
    )


def without(*path: str) -> dict[str, Any]:
    made = copy.deepcopy(FULL)
    part = made
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return made


def given_back(desired: dict[str, Any]) -> dict[str, Any]:
    """As the API server gives it back: defaults, and what others added."""
    made = applied(desired)
    made["metadata"] |= {"uid": "x", "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "1"}}
    made["metadata"]["labels"]["added-by"] = "somebody"
    made["metadata"]["managedFields"].append({**entry(desired, "kubectl-rollout"), "operation": "Update"})
    template = made["spec"]["template"]
    template["metadata"].setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = "2026-01-02T03:04:05Z"
    pod = template["spec"]
    for name, value in (("restartPolicy", "Always"), ("dnsPolicy", "ClusterFirst"), ("schedulerName", "mine")):
        pod.setdefault(name, value)
    pod["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    pod["containers"].append({"name": "sidecar", "image": "proxy:1"})
    pod["volumes"].append({"name": "of-the-sidecar", "emptyDir": {}})
    pod.setdefault("imagePullSecrets", []).append({"name": "of-the-sidecar"})
    for port in pod["containers"][0]["ports"] if pod.get("hostNetwork") else ():
        port["hostPort"] = port["containerPort"]
    return made


TAKEN_AWAY = [
    (without("nodeSelector"), f"{POD}.nodeSelector"),
    (without("nodeSelector", "rack"), f"{POD}.nodeSelector.rack"),
    (without("tolerations"), f"{POD}.tolerations"),
    ({**FULL, "tolerations": FULL["tolerations"][:1]}, f"{POD}.tolerations"),
    ({**FULL, "tolerations": [{"key": "site"}, FULL["tolerations"][1]]}, f"{POD}.tolerations[0].operator"),
    (without("priorityClassName"), f"{POD}.priorityClassName"),
    (without("resources", "limits", "cpu"), f"{CONTAINER}.resources.limits.cpu"),
    ({**FULL, "resources": {"requests": {}, "limits": {}}}, f"{CONTAINER}.resources.requests"),
]


@pytest.mark.parametrize(("after", "place"), TAKEN_AWAY, ids=[place for _, place in TAKEN_AWAY])
def test_a_field_that_is_taken_away_is_a_difference(after: dict[str, Any], place: str) -> None:
    assert comparing.differs(deployment(after), given_back(deployment(FULL))) == place


def test_the_network_the_secret_and_the_pull_secret_that_are_taken_away_are_differences() -> None:
    for before, after, place in [
        (deployment(FULL), deployment(without("hostNetwork")), "spec.template.metadata.annotations.prometheus.io/port"),
        (deployment({}, "anna"), deployment({}), f"{CONTAINER}.volumeMounts[/etc/softphone-secrets/anna]"),
        (deployment({}, "", ("one", "two")), deployment({}, "", ("one",)), f"{POD}.imagePullSecrets[two]"),
    ]:
        assert comparing.differs(after, given_back(before)) == place


EDITS = [FULL, {}, *(after for after, _ in TAKEN_AWAY), without("hostNetwork"), without("resources")]


def test_two_pods_are_the_same_only_where_all_their_fields_are() -> None:
    for one, other in itertools.product(EDITS, EDITS):
        same = deployment(one) == deployment(other)
        assert (comparing.differs(deployment(other), given_back(deployment(one))) is None) == same


ADDED: list[Callable[[dict[str, Any]], Any]] = [
    lambda d: d["spec"]["template"]["spec"].update(nodeSelector={"pool": "phones"}),
    lambda d: d["spec"]["template"]["spec"].update(tolerations=[{"operator": "Exists"}]),
    lambda d: d["spec"]["template"]["spec"].update(priorityClassName="everybodys", hostNetwork=False),
    lambda d: d["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"].update(cpu="2"),
    lambda d: d["spec"]["template"]["spec"]["containers"][0].update(env=[{"name": "A", "value": "b"}]),
    lambda d: d["metadata"]["labels"].update(team="telephony"),
]


@pytest.mark.parametrize("add", ADDED)
def test_what_others_added_is_theirs(add: Callable[[dict[str, Any]], Any]) -> None:
    there = given_back(deployment({}))
    add(there)
    assert comparing.differs(deployment({}), there) is None


def test_what_another_took_away_of_what_we_want_no_more_is_no_difference() -> None:
    there = given_back(deployment({"priorityClassName": "phones"}))
    del there["spec"]["template"]["spec"]["priorityClassName"]
    assert comparing.differs(deployment({}), there) is None


def test_where_nothing_is_told_of_fields_only_what_lacks_is_a_difference() -> None:
    there = given_back(deployment(FULL))
    del there["metadata"]["managedFields"]
    assert comparing.differs(deployment(without("nodeSelector")), there) is None
    assert comparing.ours(there) is None
    assert comparing.owns(there, "f:spec")


def test_a_key_of_a_config_map_that_is_wanted_no_more_is_a_difference() -> None:
    def file(**data: str) -> dict[str, Any]:
        metadata = {"name": "x", "namespace": "demo", "labels": {"a": "b"}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    there = applied(file(one="1", two="2"))
    there["data"]["theirs"] = "3"
    assert comparing.differs(file(one="1"), there) == "data.two"
    assert comparing.differs(file(one="1", two="2"), there) is None


@pytest.mark.parametrize("agent", EDITS)
def test_our_part_of_what_the_api_server_gives_back_is_what_was_applied(agent: dict[str, Any]) -> None:
    desired = deployment(agent, "anna", ("one",))
    there = given_back(desired)
    (fields,) = comparing.ours(there) or [{}]
    assert comparing.owned_part(there["spec"], fields["f:spec"]) == desired["spec"]


def test_an_image_that_somebody_set_is_not_ours() -> None:
    there = given_back(deployment({}))
    image = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"agent"}', "f:image")
    assert comparing.owns(there, *image)
    assert not comparing.owns(set_image(there, "agent:9"), *image)


@pytest.mark.parametrize("path", [DATA / "managed" / "kubernetes-1.20.yaml"], ids=lambda path: path.stem)
def test_the_notes_of_a_real_api_server_are_understood(path: Path) -> None:
    seen = yaml.safe_load(path.read_text())
    (fields,) = comparing.ours(seen) or [{}]
    mine = {"metadata": seen["metadata"], "spec": comparing.owned_part(seen["spec"], fields["f:spec"])}
    assert mine["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert "dnsPolicy" not in mine["spec"]["template"]["spec"], "a default of the API server"
    assert comparing.part_differs(mine, seen, "spec") is None
    for name in ("nodeSelector", "tolerations", "priorityClassName"):
        less = json.loads(json.dumps(mine))
        del less["spec"]["template"]["spec"][name]
        assert comparing.part_differs(less, seen, "spec") == f"template.spec.{name}"
    less = json.loads(json.dumps(mine))
    del less["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"]
    assert comparing.part_differs(less, seen, "spec") == "template.spec.containers[agent].resources.limits.cpu"
