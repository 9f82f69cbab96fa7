"""What Kubernetes offers to those who use our objects: kubectl wait, Events, field managers, evictions, tokens."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from e2e.objects import fleet, secret, softphone, system
from lab.kube import Kube, KubeError, Object, is_ready, kubectl
from lab.settings import settings
from softphone_operator.decide.availability import availability
from softphone_operator.decide.facts import Reported
from softphone_operator.decide.names import FIELD_MANAGER

pytestmark = pytest.mark.lab

USER = "u91"
CONDITIONS = {
    "pbx/master": ("Accepted", "Consistent"),
    f"sp/{USER}": ("Accepted", "AgentAvailable", "Registered", "Ready"),
    "spf/load": ("Accepted", "AgentsAvailable", "Registered", "Ready"),
}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """A phone, and a fleet of two agents with a phone each."""
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in (20, 21)}
    namespace.apply(*system(), secret(USER), secret("load", **keys))
    namespace.apply(softphone(USER), fleet(2, 1, first=20))
    return namespace


@pytest.mark.parametrize("what", CONDITIONS)
def test_kubectl_waits_for_every_condition_of_every_kind(phones: Kube, what: str) -> None:
    for name in CONDITIONS[what]:
        phones.wait(f"condition={name}", what, seconds=90)
    phones.wait(f"condition={CONDITIONS[what][-1]}=true", what)
    phones.wait("jsonpath={.status.observedGeneration}=1", what)
    with pytest.raises(KubeError, match="timed out waiting for the condition"):
        phones.wait("condition=Stalled", what, seconds=1)


def test_kubectl_waits_for_an_object_that_is_made_and_for_one_that_goes(phones: Kube) -> None:
    with subprocess.Popen(
        ["kubectl", "-n", phones.namespace, "wait", "--for=create", "sp/late", "--timeout=60s"], stdout=subprocess.PIPE
    ) as waiting:
        phones.apply(secret("late", password="pw-u92"), softphone("late", aor="sip:u92@pbx.test"))
        assert waiting.wait(60) == 0
    phones.wait("condition=Ready", "sp/late", seconds=90)
    kubectl("-n", phones.namespace, "delete", "sp", "late", "--wait=false")
    phones.wait("delete", "sp/late")
    # What was made for it goes after it, by the garbage collector.
    phones.wait("delete", "deployment/softphone-late")


def test_events_can_be_read_by_both_of_their_apis_and_by_kubectl_events(phones: Kube) -> None:
    phones.wait("condition=Ready", f"sp/{USER}", seconds=90)
    told = kubectl("-n", phones.namespace, "events", "--for", f"softphone.softphone-fleet.io/{USER}", "--types=Normal")
    assert f"Softphone/{USER}" in told
    listed = json.loads(kubectl("-n", phones.namespace, "get", "events.v1.events.k8s.io", "-o", "json"))["items"]
    ours = [each for each in listed if each["regarding"]["name"] == USER and each["regarding"]["kind"] == "Softphone"]
    assert ours
    for each in ours:
        assert (each["reportingController"], each["type"] in ("Normal", "Warning")) == (FIELD_MANAGER, True)
        assert each["regarding"]["uid"] == phones.get("sp", USER)["metadata"]["uid"]
        assert each["note"]
        assert each["reportingInstance"]


def owned(of: Object, manager: str, subresource: str = "") -> Object:
    """The fields of an object that belong to a manager; {} where none does."""
    entries = [e for e in of["metadata"]["managedFields"] if e["manager"] == manager]
    found = [e["fieldsV1"] for e in entries if e.get("subresource", "") == subresource]
    return dict(found[0]) if found else {}


def managed(phones: Kube, kind: str, name: str) -> Object:
    """The object with its managedFields."""
    shown = kubectl("-n", phones.namespace, "get", kind, name, "-o", "json", "--show-managed-fields")
    found: Object = json.loads(shown)
    return found


def apply_as(phones: Kube, manager: str, *more: str, given: Object) -> str:
    """Server-side apply by some manager."""
    by = ("apply", "--server-side", f"--field-manager={manager}", *more, "-f", "-")
    return kubectl("-n", phones.namespace, *by, given=json.dumps(given))


def refused_as(phones: Kube, manager: str, given: Object) -> str:
    """What the API server says against a server-side apply by some manager."""
    with pytest.raises(KubeError) as error:
        apply_as(phones, manager, given=given)
    return str(error.value)


def test_of_a_users_object_the_operator_owns_the_status_only(phones: Kube) -> None:
    phones.wait("condition=Ready", f"sp/{USER}", seconds=90)
    for kind, name in (("pbx", "master"), ("sp", USER), ("spf", "load")):
        found = managed(phones, kind, name)
        assert owned(found, FIELD_MANAGER, "status").keys() == {"f:status"}
        assert owned(found, FIELD_MANAGER) == {}


def test_two_teams_that_apply_the_same_field_of_a_phone_are_told_and_the_operator_is_no_party(phones: Kube) -> None:
    phones.wait("condition=Ready", f"sp/{USER}", seconds=90)
    made = softphone(USER)
    apply_as(phones, "team-a", "--force-conflicts", given={**made, "spec": {**made["spec"], "phys": "linz"}})
    other = {**made, "spec": {"phys": "graz"}}
    said = refused_as(phones, "team-b", other)
    assert 'conflict with "team-a": .spec.phys' in said
    assert FIELD_MANAGER not in said
    # What they do not share, both may say; what one lets go of stays with the other.
    apply_as(phones, "team-b", given={**made, "spec": {"trace": ["App"]}})
    phones.until("sp", USER, lambda of: is_ready(of) and of["spec"].get("trace") == ["App"])
    apply_as(phones, "team-b", given={**made, "spec": {}})
    after = phones.until("sp", USER, lambda of: "trace" not in of["spec"])
    assert after["spec"]["phys"] == "linz"


def test_who_applies_a_field_of_an_agent_is_told_whose_it_is_and_who_forces_it_does_not_keep_it(phones: Kube) -> None:
    phones.wait("condition=Ready", f"sp/{USER}", seconds=90)
    name = f"softphone-{USER}"
    chosen = phones.get("deployment", name)["spec"]["strategy"]
    wanted: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}}
    theirs = {**wanted, "spec": {"revisionHistoryLimit": 7}}
    said = refused_as(phones, "gitops", theirs)
    assert f'conflict with "{FIELD_MANAGER}": .spec.revisionHistoryLimit' in said
    before = phones.get("deployment", name)["spec"]["revisionHistoryLimit"]
    apply_as(phones, "gitops", "--force-conflicts", given=theirs)
    phones.until("deployment", name, lambda of: of["spec"]["revisionHistoryLimit"] == before)
    assert phones.get("deployment", name)["spec"]["strategy"] == chosen
    # What the operator says nothing of is anybody's, and it does not fight for it.
    apply_as(phones, "gitops", given={**wanted, "metadata": {"name": name, "labels": {"team": "voice"}}})
    phones.patch("sp", USER, {"trace": ["App"]})
    phones.until("sp", USER, is_ready)
    assert phones.get("deployment", name)["metadata"]["labels"]["team"] == "voice"
    phones.patch("sp", USER, {"trace": None})


def evict(phones: Kube, pod: str) -> str:
    """Ask for the eviction of a pod, as a drain does; what is said against it."""
    path = f"/api/v1/namespaces/{phones.namespace}/pods/{pod}/eviction"
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": phones.namespace}}
    try:
        kubectl("create", "--raw", path, "-f", "-", given=json.dumps(asked))
    except KubeError as error:
        return str(error)
    return ""


def pods(phones: Kube, number: int) -> list[str]:
    return phones.names("pods", f"softphone-fleet.io/fleet=load,softphone-fleet.io/slice={number}")


def test_evictions_take_one_agent_of_a_fleet_at_a_time(phones: Kube) -> None:
    phones.until("spf", "load", is_ready, seconds=90)
    budget = phones.until("pdb", "fleet-load", lambda of: of.get("status", {}).get("disruptionsAllowed") == 1)
    assert budget["apiVersion"] == "policy/v1"
    first, second = pods(phones, 0)[0], pods(phones, 1)[0]
    assert evict(phones, first) == ""
    assert "violate the pod's disruption budget" in evict(phones, second)
    phones.wait("delete", f"pod/{first}")
    phones.until("spf", "load", is_ready, seconds=90)
    phones.until("pdb", "fleet-load", lambda of: of["status"]["disruptionsAllowed"] == 1)
    assert evict(phones, second) == ""
    phones.wait("delete", f"pod/{second}")
    phones.until("spf", "load", is_ready, seconds=90)


def test_a_node_that_evicts_an_agent_is_told_and_the_phone_comes_back_in_another_pod(phones: Kube) -> None:
    """The agent's only writable folder is filled beyond its limit."""
    phones.wait("condition=Ready", f"sp/{USER}", seconds=90)
    (pod,) = phones.names("pods", f"softphone-fleet.io/softphone={USER}")
    program = "open('/tmp/full', 'wb').write(bytes(100 * 2**20))"
    kubectl("-n", phones.namespace, "exec", pod, "--", "python3", "-c", program)
    ended = phones.until("pod", pod, lambda of: of["status"]["phase"] in ("Succeeded", "Failed"), seconds=150)
    assert "Evicted" in [reason for reason, _ in phones.events("Pod", pod)]
    # The operator may never see it without its successor; this is what it would say then.
    told = availability({}, [ended], Reported("lost"))
    assert (told.status, told.reason) == ("False", "Evicted")
    phones.until("sp", USER, is_ready, seconds=90)
    assert len(phones.names("pods", f"softphone-fleet.io/softphone={USER}")) == 2, "the evicted one stays to be seen"
    phones.delete("pod", pod)


def claims(token: str) -> dict[str, Any]:
    """What a service account's token says of itself."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.mark.skipif(settings().oldest, reason="tokens are bound to pods since 1.22")
def test_the_operators_token_is_bound_to_its_pod_and_agents_have_none(phones: Kube, operator: Kube) -> None:
    phones.wait("condition=Ready", f"sp/{USER}", seconds=90)
    (pod,) = operator.names("pods", "app.kubernetes.io/component=operator")
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    read = f"print(open('{token}').read())"
    said = claims(kubectl("-n", operator.namespace, "exec", pod, "--", "python3", "-c", read))
    assert said["kubernetes.io"]["pod"]["name"] == pod
    assert said["exp"] > said["iat"]
    (agent,) = phones.names("pods", f"softphone-fleet.io/softphone={USER}")
    with pytest.raises(KubeError, match="No such file or directory"):
        kubectl("-n", phones.namespace, "exec", agent, "--", "python3", "-c", read)
    for place in (phones, operator):
        kinds = kubectl("-n", place.namespace, "get", "secrets", "-o", "jsonpath={.items[*].type}").split()
        assert "kubernetes.io/service-account-token" not in kinds
