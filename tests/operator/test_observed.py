"""Who is affected by what: objects in, work out."""

from __future__ import annotations

from typing import Any

import pytest

from softphone_operator.decide.references import PbxUse
from softphone_operator.kubernetes.cluster import SecretMark
from softphone_operator.observe.observed import Observed
from softphone_operator.observe.slimming import slimmed
from softphone_operator.observe.versions import vanished

ANNA = ("Softphone", "demo", "anna")
BOB = ("Softphone", "demo", "bob")


def obj(kind: str, name: str, version: int = 1, namespace: str = "demo", **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        **more.pop("metadata", {}),
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def owned(kind: str, name: str, agent: str, version: int = 1) -> dict[str, Any]:
    return obj(kind, name, version, metadata={"labels": {"app.kubernetes.io/instance": agent}})


@pytest.fixture
def observed() -> Observed:
    made = Observed()
    made.take("PBX", obj("PBX", "master", spec={"system": "acme"}))
    made.take("PBX", obj("PBX", "slave", spec={"system": "acme"}))
    made.take("PBX", obj("PBX", "other", spec={"tls": {"caSecretName": "ca"}}))
    made.take("Softphone", obj("Softphone", "anna", spec={"pri": "master", "credentials": {"secretName": "anna"}}))
    made.take("Softphone", obj("Softphone", "bob", spec={"pri": "other"}))
    return made


def test_a_softphone_affects_itself_and_the_pbxs_that_it_names_from_now_on_or_no_more(observed: Observed) -> None:
    assert observed.take("Softphone", obj("Softphone", "anna", 2, spec={"pri": "master", "phys": "x"})) == {ANNA}
    assert observed.take("Softphone", obj("Softphone", "anna", 3, spec={"pri": "slave", "home": "nowhere"})) == {
        ANNA,
        ("PBX", "demo", "master"),
        ("PBX", "demo", "slave"),
    }


def use(observed: Observed, name: str, registered: int = 0) -> PbxUse:
    known = observed.get("PBX", ("demo", name))
    assert known is not None
    return observed.use_of_pbx(("demo", name), {**known, "status": {"phones": {"registered": registered}}})


def test_a_pbx_is_in_use_while_a_softphone_names_it(observed: Observed) -> None:
    observed.take("Softphone", obj("Softphone", "carol", spec={"pri": "other", "sec": "master"}))
    assert use(observed, "master") == PbxUse(("anna", "carol"))
    observed.take("Softphone", obj("Softphone", "carol", 2, spec={"pri": "other"}))
    assert use(observed, "master") == PbxUse(("anna",))
    leaving = {"deletionTimestamp": "2026-01-02T03:04:05Z"}
    observed.take("Softphone", obj("Softphone", "anna", 2, metadata=leaving, spec={"pri": "master"}))
    assert use(observed, "master") == PbxUse()
    observed.drop("Softphone", ("demo", "anna"))
    assert use(observed, "master") == PbxUse()


def test_registrations_count_while_a_softphone_of_the_system_may_have_made_them(observed: Observed) -> None:
    assert use(observed, "slave", registered=2) == PbxUse((), 2), "anna comes there by redirects"
    observed.drop("Softphone", ("demo", "anna"))
    assert use(observed, "slave", registered=2) == PbxUse(), "the count is old"


@pytest.mark.parametrize("version", [1, 0], ids=["the same", "older"])
def test_old_news_affects_nothing(observed: Observed, version: int) -> None:
    assert observed.take("Softphone", obj("Softphone", "anna", version, spec={})) == set()
    assert observed.get("Softphone", ("demo", "anna"))["spec"]["pri"] == "master"  # type: ignore[index]


def deployment(version: int, generation: int = 1, **status: Any) -> dict[str, Any]:
    metadata = {"labels": {"app.kubernetes.io/instance": "softphone-anna"}, "generation": generation}
    return obj("Deployment", "softphone-anna", version, metadata=metadata, spec={"replicas": 1}, status=status)


def test_how_far_a_deployment_is_affects_nobody_but_its_troubles_do(observed: Observed) -> None:
    def news(*arguments: int, **status: Any) -> bool:
        return observed.take("Deployment", deployment(*arguments, **status)) == {ANNA}

    assert news(1)
    available = {"type": "Available", "status": "False"}
    assert not news(2, conditions=[available]), "whether its pod runs is told by the pod"
    assert news(3, observedGeneration=1, conditions=[available]), "the pod is one of an earlier template"
    assert news(4, observedGeneration=1, updatedReplicas=1), "the pod is the one that is wanted"
    assert not news(5, observedGeneration=1, updatedReplicas=1, conditions=[{**available, "status": "True"}])
    quota = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    assert news(6, observedGeneration=1, updatedReplicas=1, conditions=[quota])
    assert news(7, 2, observedGeneration=1, updatedReplicas=1, conditions=[quota]), "somebody edited it"
    known = observed.get("Deployment", ("demo", "softphone-anna"))
    assert known is not None
    assert known["metadata"]["resourceVersion"] == "7"


def test_an_edit_of_a_configmap_is_news_and_a_mere_new_version_is_not(observed: Observed) -> None:
    def config_map(version: int, **data: str) -> dict[str, Any]:
        return owned("ConfigMap", "softphone-anna", "softphone-anna", version) | {"data": data}

    assert observed.take("ConfigMap", config_map(1, a="1")) == {ANNA}
    assert observed.take("ConfigMap", config_map(2, a="1")) == set()
    assert observed.take("ConfigMap", config_map(3, a="2")) == {ANNA}


def test_a_new_object_of_the_same_name_is_news_whatever_its_version(observed: Observed) -> None:
    another = obj("Softphone", "anna", 0, metadata={"uid": "another"}, spec={"pri": "master"})
    assert observed.take("Softphone", another) == {ANNA}


def test_a_pbx_affects_its_system_and_all_who_name_one_of_it(observed: Observed) -> None:
    found = observed.take("PBX", obj("PBX", "slave", 2, spec={"system": "acme", "noPhysicalLocation": True}))
    assert found == {("PBX", "demo", "master"), ("PBX", "demo", "slave"), ANNA}


def test_a_pbx_that_leaves_a_system_affects_those_it_leaves(observed: Observed) -> None:
    found = observed.take("PBX", obj("PBX", "slave", 2, spec={"system": "new"}))
    assert found == {("PBX", "demo", "master"), ("PBX", "demo", "slave"), ANNA}


def test_the_status_of_a_pbx_affects_no_softphone(observed: Observed) -> None:
    found = observed.take("PBX", obj("PBX", "master", 2, spec={"system": "acme"}, status={"reachable": True}))
    assert found == {("PBX", "demo", "master")}


def test_a_pbx_that_goes_affects_those_who_name_it(observed: Observed) -> None:
    assert observed.drop("PBX", ("demo", "other")) == {("PBX", "demo", "other"), BOB}
    assert observed.drop("PBX", ("demo", "other")) == set()


def test_a_pbx_that_comes_affects_those_who_waited_for_it(observed: Observed) -> None:
    observed.take("Softphone", obj("Softphone", "carol", spec={"pri": "late"}))
    assert observed.take("PBX", obj("PBX", "late", spec={})) == {
        ("PBX", "demo", "late"),
        ("Softphone", "demo", "carol"),
    }


def test_another_namespace_is_another_world(observed: Observed) -> None:
    assert observed.take("PBX", obj("PBX", "master", namespace="prod", spec={"system": "acme"})) == {
        ("PBX", "prod", "master")
    }


def test_softphones_of_the_same_aor_affect_each_other_and_the_first_made_has_it(observed: Observed) -> None:
    def take(name: str, version: int, aor: str, made: str = "2026-01-02T03:04:05Z") -> set[tuple[str, str, str]]:
        return observed.take(
            "Softphone", obj("Softphone", name, version, metadata={"creationTimestamp": made}, spec={"aor": aor})
        )

    carol, dave = ("Softphone", "demo", "carol"), ("Softphone", "demo", "dave")
    assert take("dave", 1, "sip:x@Acme.example") == {dave}
    assert take("carol", 1, "sips:x@acme.example", "2026-01-02T03:04:06Z") == {carol, dave}
    assert observed.first_of_aor(("demo", "dave")) is None
    assert observed.first_of_aor(("demo", "carol")) == "dave"
    assert take("dave", 2, "sip:y@acme.example") == {carol, dave}
    assert observed.first_of_aor(("demo", "carol")) is None
    assert take("carol", 2, "no AOR", "2026-01-02T03:04:06Z") == {carol}
    assert take("dave", 3, "no AOR") == {dave}
    assert observed.first_of_aor(("demo", "carol")) is None
    elsewhere = obj("Softphone", "dave", namespace="prod", spec={"aor": "sip:y@acme.example"})
    observed.take("Softphone", elsewhere)
    assert observed.first_of_aor(("prod", "dave")) is None


def test_a_secret_affects_its_users(observed: Observed) -> None:
    assert observed.take_secret(SecretMark("demo", "anna", "1")) == {ANNA}
    assert observed.take_secret(SecretMark("demo", "anna", "1")) == set()
    assert observed.take_secret(SecretMark("demo", "anna", "2")) == {ANNA}
    assert observed.drop_secret(("demo", "anna")) == {ANNA}
    assert observed.drop_secret(("demo", "anna")) == set()
    assert observed.take_secret(SecretMark("demo", "nobody's", "1")) == set()


def test_a_secret_of_a_pbx_affects_it_and_those_who_name_it(observed: Observed) -> None:
    assert observed.take_secret(SecretMark("demo", "ca", "1")) == {("PBX", "demo", "other"), BOB}


def test_needs_follow_the_spec(observed: Observed) -> None:
    observed.take("Softphone", obj("Softphone", "anna", 2, spec={"pri": "other"}))
    assert observed.take_secret(SecretMark("demo", "anna", "1")) == set()
    assert ANNA in observed.take("PBX", obj("PBX", "other", 2, spec={}))


@pytest.mark.parametrize("kind", ["Deployment", "ConfigMap", "Pod"])
def test_what_belongs_to_an_agent_affects_its_owner(observed: Observed, kind: str) -> None:
    assert observed.take(kind, owned(kind, "x", "softphone-anna")) == {ANNA}
    assert observed.take(kind, owned(kind, "y", "softphone-nobody")) == set()
    assert observed.drop(kind, ("demo", "x")) == {ANNA}


def test_pods_are_found_by_agent(observed: Observed) -> None:
    observed.take("Pod", owned("Pod", "x", "softphone-anna"))
    assert [pod["metadata"]["name"] for pod in observed.pods("demo", "softphone-anna")] == ["x"]
    observed.drop("Pod", ("demo", "x"))
    assert observed.pods("demo", "softphone-anna") == []


def test_a_softphone_that_goes_leaves_nothing(observed: Observed) -> None:
    assert observed.drop("Softphone", ("demo", "anna")) == {ANNA, ("PBX", "demo", "master")}
    assert observed.owner("demo", "softphone-anna") is None
    assert observed.take_secret(SecretMark("demo", "anna", "9")) == set()


def test_what_is_not_needed_is_not_kept() -> None:
    pod = obj("Pod", "x", spec={"containers": []}, status={"podIP": "1.2.3.4", "qosClass": "Burstable"})
    pod["metadata"] |= {"managedFields": [], "annotations": {"a": "b", "prometheus.io/port": "8080"}}
    assert slimmed("Pod", pod) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "x",
            "namespace": "demo",
            "uid": "uid-x",
            "resourceVersion": "1",
            "annotations": {"prometheus.io/port": "8080"},
        },
        "status": {"podIP": "1.2.3.4"},
    }


def test_vanished_is_what_a_list_lacks_and_nobody_changed_meanwhile() -> None:
    before = {("demo", "a"): "1", ("demo", "b"): "1", ("demo", "c"): "1"}
    now = {("demo", "a"): "1", ("demo", "b"): "2", ("demo", "c"): "1", ("demo", "d"): "1"}
    assert vanished(before, {("demo", "c")}, now) == [("demo", "a")]


def fleet(name: str, version: int = 1, **spec: Any) -> dict[str, Any]:
    metadata = {"creationTimestamp": f"2026-01-0{version}T00:00:00Z"} if version == 1 else {}
    template = {"aor": spec.pop("aor", "sip:u{index}@acme.example"), "pri": "master"}
    return obj("SoftphoneFleet", name, version, metadata=metadata, spec={"template": template, **spec})


def test_a_fleet_affects_the_softphones_and_fleets_with_which_it_shares_an_aor_or_did(observed: Observed) -> None:
    own, earlier = ("SoftphoneFleet", "demo", "load"), ("SoftphoneFleet", "demo", "base")
    observed.take("Softphone", obj("Softphone", "carol", spec={"aor": "sips:u7@acme.example"}))
    observed.take("SoftphoneFleet", fleet("base", replicas=5))
    carol = ("Softphone", "demo", "carol")
    assert observed.fleet_with_aor(("demo", "carol")) is None
    assert observed.take("SoftphoneFleet", fleet("load", 2, replicas=10)) - {("PBX", "demo", "master")} == {
        own,
        earlier,
        carol,
    }
    assert observed.fleet_with_aor(("demo", "carol")) == ("load", 7)
    assert observed.earlier_fleet_with_aors(("demo", "base")) == (0, "load", 0), "without a time it counts as earlier"
    status = fleet("load", 3, replicas=10) | {"status": {"registered": 3}}
    assert observed.take("SoftphoneFleet", status) == {own}
    assert observed.take("SoftphoneFleet", fleet("load", 4, replicas=10, firstIndex=100)) == {own, earlier, carol}
    assert observed.fleet_with_aor(("demo", "carol")) is None
    assert observed.earlier_fleet_with_aors(("demo", "base")) is None


def rated(name: str, version: int, status: str, reason: str = "Redundant", **spec: str) -> dict[str, Any]:
    """A Softphone with the condition Redundant."""
    said = {"type": "Redundant", "status": status, "reason": reason, "message": f"{name} is {reason}"}
    return obj("Softphone", name, version, spec=spec, status={"conditions": [said]})


MASTER, SLAVE = ("PBX", "demo", "master"), ("PBX", "demo", "slave")


def test_a_loss_of_redundancy_is_news_for_the_whole_system(observed: Observed) -> None:
    assert observed.take("Softphone", rated("anna", 2, "True", pri="master")) == {ANNA, MASTER, SLAVE}
    assert observed.take("Softphone", rated("anna", 3, "True", pri="master")) == {ANNA}
    assert observed.take("Softphone", rated("anna", 4, "False", "Unreachable", pri="master")) == {ANNA, MASTER, SLAVE}
    assert observed.drop("Softphone", ("demo", "anna")) == {ANNA, MASTER, SLAVE}


def test_the_sum_over_a_system_has_all_who_name_one_of_its_pbxs(observed: Observed) -> None:
    observed.take("Softphone", rated("anna", 2, "False", "Unreachable", pri="master"))
    observed.take("Softphone", rated("bob", 2, "False", "OneWay", pri="slave"))
    observed.take("Softphone", rated("carol", 2, "True", pri="other"))
    fleet = {**rated("load", 1, "True"), "kind": "SoftphoneFleet", "spec": {"template": {"aor": "x", "pri": "slave"}}}
    observed.take("SoftphoneFleet", fleet)
    for pbx in ("master", "slave"):
        found = sorted(observed.redundancy_of_system(("demo", pbx)))
        assert [(name, verdict.status) for name, verdict in found] == [("anna", "False"), ("load", "True")]
    assert [name for name, _ in observed.redundancy_of_system(("demo", "other"))] == ["carol"]
    lost = {**fleet, "metadata": {**fleet["metadata"], "resourceVersion": "2"}, "status": {}}
    assert observed.take("SoftphoneFleet", lost) == {("SoftphoneFleet", "demo", "load"), MASTER, SLAVE}
    assert observed.drop("SoftphoneFleet", ("demo", "load")) == {("SoftphoneFleet", "demo", "load"), SLAVE}
