"""What somebody else deleted of an agent is remembered while its owner lives; what the operator deletes is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from softphone_operator.decide import comparing
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, SOFTPHONES, Resource
from softphone_operator.observe.observed import Observed
from softphone_operator.observe.slimming import slimmed
from softphone_operator.reconcile.deletions import Deletions

ANNA = ("demo", "anna")
AGENT = ("demo", "softphone-anna")


def obj(kind: str, name: str, uid: str, **metadata: Any) -> dict[str, Any]:
    there = {"name": name, "namespace": "demo", "uid": uid, "resourceVersion": "1", **metadata}
    return {"apiVersion": "v1", "kind": kind, "metadata": there}


def owned(resource: Resource, uid: str = "made", owner: str = "uid-anna", **parts: Any) -> dict[str, Any]:
    reference = {"kind": "Softphone", "name": "anna", "uid": owner, "controller": True}
    return obj(resource.kind, "softphone-anna", uid, ownerReferences=[reference]) | parts


@pytest.fixture
def observed() -> Observed:
    made = Observed()
    made.take("Softphone", obj("Softphone", "anna", "uid-anna") | {"spec": {}})
    return made


def test_the_configuration_comes_back_before_the_pod(observed: Observed) -> None:
    it = Deletions(observed)
    template = {"metadata": {"creationTimestamp": None, "labels": {"a": "b"}}}
    it.note(DEPLOYMENTS, AGENT, owned(DEPLOYMENTS, spec={"template": template}, status={"updatedReplicas": 1}))
    it.note(CONFIG_MAPS, AGENT, owned(CONFIG_MAPS, data={"agent.json": "{}"}))
    found = it.of("uid-anna")
    assert [resource for resource, _ in found] == [CONFIG_MAPS, DEPLOYMENTS]
    assert found[0][1]["data"] == {"agent.json": "{}"}
    assert found[1][1] == {
        "apiVersion": "v1",
        "kind": "Deployment",
        "metadata": {
            "name": "softphone-anna",
            "namespace": "demo",
            "ownerReferences": [{"kind": "Softphone", "name": "anna", "uid": "uid-anna", "controller": True}],
        },
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}}},
    }
    it.there(CONFIG_MAPS, AGENT, "uid-anna")
    assert [resource for resource, _ in it.of("uid-anna")] == [DEPLOYMENTS]


def test_with_its_owner_an_agent_goes_for_good(observed: Observed) -> None:
    it = Deletions(observed)
    it.note(DEPLOYMENTS, AGENT, owned(DEPLOYMENTS))
    known = observed.get("Softphone", ANNA)
    assert known is not None
    observed.drop("Softphone", ANNA)
    it.note(SOFTPHONES, ANNA, known)
    it.note(CONFIG_MAPS, AGENT, owned(CONFIG_MAPS))
    assert it.of("uid-anna") == []


@pytest.mark.parametrize(
    "owner",
    [
        obj("Softphone", "anna", "uid-anna", resourceVersion="2", deletionTimestamp="now"),
        obj("Softphone", "anna", "another", resourceVersion="2"),
    ],
    ids=["being deleted", "another of its name"],
)
def test_an_agent_whose_owner_is_going_goes_too(observed: Observed, owner: dict[str, Any]) -> None:
    observed.take("Softphone", owner | {"spec": {}})
    it = Deletions(observed)
    it.note(DEPLOYMENTS, AGENT, owned(DEPLOYMENTS))
    assert it.of("uid-anna") == []


def test_what_the_operator_deletes_is_not_remembered(observed: Observed) -> None:
    it = Deletions(observed)
    it.expect("made")
    it.note(DEPLOYMENTS, AGENT, owned(DEPLOYMENTS))
    assert it.of("uid-anna") == []
    it.note(DEPLOYMENTS, AGENT, owned(DEPLOYMENTS))
    assert len(it.of("uid-anna")) == 1, "a uid is announced for one deletion"


def test_an_object_of_somebody_else_is_not_remembered(observed: Observed) -> None:
    it = Deletions(observed)
    it.note(CONFIG_MAPS, ("demo", "theirs"), obj("ConfigMap", "theirs", "x"))
    assert it.of("uid-anna") == []


def test_what_the_api_server_filled_in_does_not_become_ours_when_an_object_comes_back(observed: Observed) -> None:
    seen = yaml.safe_load((Path(__file__).parent / "data" / "managed" / "kubernetes-1.20.yaml").read_text())
    seen["metadata"]["ownerReferences"][0] |= {"uid": "uid-anna", "name": "anna"}
    it = Deletions(observed)
    it.note(DEPLOYMENTS, AGENT, slimmed("Deployment", seen))
    ((_, restored),) = it.of("uid-anna")
    pod = restored["spec"]["template"]["spec"]
    assert {"dnsPolicy", "restartPolicy", "schedulerName"} & set(pod) == set()
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert restored["spec"]["strategy"] == {"type": "Recreate"}
    assert comparing.part_differs(restored, seen, "spec") is None
