"""The admission webhook on a real API server: what it refuses, what it lets through, and an operator that is away."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.pools import pool
from e2e.objects import pbx, secret, softphone
from lab.images import Images
from lab.kube import Kube, KubeError, Object, condition, kubectl
from lab.settings import REPOSITORY, settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

CHART = REPOSITORY / "charts" / "softphone-fleet"
OPERATOR = "fleet-softphone-fleet-operator"
SECRET = CONFIGURATION = "fleet-softphone-fleet-webhook"
FORCE = "softphone-fleet.io/force-delete=true"


def helm(*arguments: str | Path) -> None:
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install(place: Kube) -> None:
    images = Images(settings()).names
    values = [f"watchNamespaces={{{place.namespace}}}", "crds.enabled=false", "agents.replicas=0"]
    values += ["webhook.enabled=true", "replicas=2"]
    for program, name in (("operator", images.operator), ("agent", images.agent)):
        repository, _, tag = name.rpartition(":")
        values += [f"image.{program}.repository={repository}", f"image.{program}.tag={tag}"]
    helm("-n", place.namespace, "upgrade", "--install", "fleet", CHART, *(f"--set={value}" for value in values))
    place.wait("condition=Available", f"deployment/{OPERATOR}")
    kubectl("-n", place.namespace, "rollout", "status", f"deployment/{OPERATOR}", "--timeout=60s")


@pytest.fixture(scope="module")
def place(operator_rests: None) -> Iterator[Kube]:
    """A namespace with two operators of its own that serve just it, and their webhook; agents without pods."""
    made = Kube(f"hook-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", made.namespace)
    install(made)
    yield made
    helm("-n", made.namespace, "uninstall", "fleet", "--wait")
    made.close()


def is_accepted(of: Object) -> bool:
    return condition(of, "Accepted").get("status") == "True"


def answer(place: Kube, *command: str) -> str:
    """What the API server says to a command that it refuses, empty where it does not."""
    try:
        kubectl("-n", place.namespace, *command)
    except KubeError as error:
        return str(error)
    return ""


def certificate(place: Kube) -> Object:
    found: Object = place.get("secret", SECRET)["data"]
    return found


def test_what_crosses_objects_is_refused_by_every_operator_and_let_through_without_one(place: Kube) -> None:
    anna, bob = (softphone(name, aor="sip:anna@pbx.test", sec=None, credentials=None) for name in ("anna", "bob"))
    place.apply(pbx("master"), anna)
    place.until("sp", "anna", is_accepted)

    def refused(*command: str) -> bool:
        return "denied the request" in answer(place, *command)

    wait_until(lambda: refused("delete", "pbx", "master", "--dry-run=server"), "the API server asks the webhook")
    duplicate = 'denied the request: aor: "sip:anna@pbx.test" is already that of the Softphone "anna"'
    for _ in range(10):
        with pytest.raises(KubeError) as error:
            place.apply(bob)
        assert f'admission webhook "softphones.softphone-fleet.io" {duplicate}' in str(error.value)
    assert (
        answer(place, "delete", "pbx", "master")
        .rstrip()
        .endswith(
            'admission webhook "pbxs.softphone-fleet.io" denied the request: the PBX "master" is in use: '
            "named by 1 Softphone (anna); to delete it nevertheless, set the annotation "
            'softphone-fleet.io/force-delete: "true" on it'
        )
    )
    place.patch("sp", "anna", {"phys": "linz"})

    pooled = {"agent": {"pool": "vienna"}, "credentials": {"secretName": "vienna"}}
    place.apply(
        secret("vienna", clara="pw-clara"), pool("vienna", 10, ["vienna"]), softphone("clara", sec=None, **pooled)
    )
    place.until("sp", "clara", is_accepted)
    assert (
        'admission webhook "softphonepools.softphone-fleet.io" denied the request: the SoftphonePool "vienna" is in '
        "use: named by 1 Softphone (clara); to delete it nevertheless"
    ) in answer(place, "delete", "spp", "vienna")
    place.delete("sp", "clara")
    place.delete("spp", "vienna")

    before = certificate(place)
    install(place)
    assert certificate(place) == before, "an upgrade keeps the certificate"
    wait_until(lambda: refused("delete", "pbx", "master", "--dry-run=server"), "it goes on after the upgrade")

    kubectl("-n", place.namespace, "annotate", "pbx", "master", FORCE)
    place.delete("pbx", "master")
    place.until("sp", "anna", lambda of: condition(of, "Accepted").get("reason") == "PBXNotFound")
    place.apply(pbx("master"))

    kubectl("-n", place.namespace, "scale", "deployment", OPERATOR, "--replicas=0")
    # The kubelet's own time, seen to be over a minute on a busy machine.
    place.wait("delete", "pod -l app.kubernetes.io/component=operator", seconds=180)
    place.apply(bob)
    kubectl("-n", place.namespace, "scale", "deployment", OPERATOR, "--replicas=2")
    place.until("sp", "bob", lambda of: condition(of, "Accepted").get("reason") == "DuplicateAOR")
    place.delete("sp", "--all")
    place.delete("pbx", "master")


RULE = "the agents of this site stay out of their nodes' network"


@pytest.fixture
def rule(place: Kube) -> Iterator[str]:
    """A rule of a platform team for the phones of that namespace, as Kubernetes itself evaluates it: its name."""
    name = f"site-{place.namespace}"
    kinds = {"apiGroups": ["softphone-fleet.io"], "apiVersions": ["*"], "resources": ["softphones"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}
    allowed = "!has(object.spec.agent) || !has(object.spec.agent.hostNetwork) || !object.spec.agent.hostNetwork"
    policy = {
        "matchConstraints": {
            "resourceRules": [{**kinds, "operations": ["CREATE", "UPDATE"]}],
            "namespaceSelector": here,
        },
        "validations": [{"expression": allowed, "message": RULE}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    place.apply(
        {**group, "kind": "ValidatingAdmissionPolicy", "spec": policy},
        {**group, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    )
    yield name
    kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name)


def test_a_platform_teams_own_rule_works_beside_the_webhook(place: Kube, rule: str) -> None:
    anna = softphone("anna", aor="sip:anna@pbx.test", sec=None, credentials=None)
    both = softphone("bob", aor="sip:anna@pbx.test", sec=None, credentials=None, agent={"hostNetwork": True})
    against_the_rule = softphone("bob", aor="sip:bob@pbx.test", sec=None, credentials=None, agent={"hostNetwork": True})
    against_us = softphone("bob", aor="sip:anna@pbx.test", sec=None, credentials=None)
    place.apply(pbx("master"), anna)
    place.until("sp", "anna", is_accepted)

    def said(obj: Object) -> str:
        try:
            kubectl("-n", place.namespace, "create", "--dry-run=server", "-f", "-", given=json.dumps(obj))
        except KubeError as error:
            return str(error)
        return ""

    by_the_rule = f"ValidatingAdmissionPolicy '{rule}' with binding '{rule}' denied request: {RULE}"
    wait_until(lambda: by_the_rule in said(against_the_rule), "the API server knows the rule")
    wait_until(lambda: "is already that of the Softphone" in said(against_us), "the API server asks the webhook")
    assert by_the_rule in said(both)
    assert said(softphone("bob", aor="sip:bob@pbx.test", sec=None, credentials=None)) == ""
    # The types of our fields are known to it: an expression that misspells one would be told here.
    checked = place.until(
        "validatingadmissionpolicy", rule, lambda of: of.get("status", {}).get("observedGeneration") is not None
    )
    assert checked["status"].get("typeChecking", {}) == {}
    place.patch("sp", "anna", {"phys": "graz"})
    place.until("sp", "anna", lambda of: is_accepted(of) and of["status"]["observedGeneration"] == 2)
    place.delete("sp", "--all")
    place.delete("pbx", "master")


def leader(place: Kube) -> str:
    """The pod that holds the Lease."""
    return str(place.get("lease", OPERATOR)["spec"].get("holderIdentity") or "")


@pytest.mark.drill
def test_the_other_operator_refuses_and_works_when_the_leader_is_killed(place: Kube) -> None:
    anna, bob = (softphone(name, aor="sip:anna@pbx.test", sec=None, credentials=None) for name in ("anna", "bob"))
    carol = softphone("carol", aor="sip:carol@pbx.test", sec=None, credentials=None)
    place.apply(pbx("master"), anna)
    place.until("sp", "anna", is_accepted)

    def refused() -> bool:
        return "denied the request" in answer(place, "delete", "pbx", "master", "--dry-run=server")

    wait_until(refused, "the API server asks the webhook")
    killed = leader(place)
    place.delete("pod", killed, "--grace-period=0", "--force")
    place.apply(carol)
    wait_until(lambda: leader(place) not in ("", killed), "another operator leads", seconds=60)
    place.until("sp", "carol", is_accepted)
    place.patch("sp", "anna", {"phys": "linz"})
    place.until("sp", "anna", lambda of: of["status"]["observedGeneration"] == of["metadata"]["generation"])
    # The dead one may still be asked until its address is gone; one that answers never lets the duplicate through.
    wait_until(refused, "the API server asks those that are there")
    with pytest.raises(KubeError) as error:
        place.apply(bob)
    assert 'is already that of the Softphone "anna"' in str(error.value)
    place.delete("sp", "--all")
    place.delete("pbx", "master")
