"""Softphone objects in a life: edited, wrong, mended, deleted."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from e2e.objects import pbx, secret, softphone, system
from lab.kube import Kube, KubeError, Object, condition, is_ready, kubectl, refused_for, registered_at, registration
from lab.pbx import System
from lab.settings import settings
from lab.waiting import wait_until
from softphone_operator.decide.mounts import mounted_key

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """Two phones, registered; nothing that the other tests do may disturb them."""
    namespace.apply(*system(), secret("u1"), secret("u2"))
    namespace.apply(softphone("u1"), softphone("u2"))
    namespace.wait("condition=Ready", "sp --all", seconds=90)
    return namespace


def pod_of(phones: Kube, name: str) -> str:
    pods = phones.names("pods", f"softphone-fleet.io/softphone={name}")
    assert len(pods) == 1
    return pods[0]


MADE = ("deployments", "configmaps", "pods")


def made_for(phones: Kube, name: str) -> list[tuple[str, str]]:
    """What the operator made for a phone, as (kind, name)."""
    return [(kind, made) for kind in MADE for made in phones.names(kind, f"softphone-fleet.io/softphone={name}")]


def test_an_edit_of_phys_reaches_the_running_phone(phones: Kube, pbxes: System) -> None:
    pod, here = pod_of(phones, "u1"), pbxes.pbx("slave").position()
    phones.patch("sp", "u1", {"phys": "linz"})
    phones.until("sp", "u1", lambda of: is_ready(of) and registration(of).get("physicalLocation") == "linz")
    seen = [r for r in pbxes.pbx("slave").registers(since=here, aor="sip:u1@pbx.test") if r.code == 200]
    assert seen[-1].location_header == "linz"
    assert pod_of(phones, "u1") == pod, "the pod need not change"


def test_an_edit_of_sec_reaches_the_running_phone_and_leaves_its_registration_alone(
    phones: Kube, pbxes: System
) -> None:
    pod, slave = pod_of(phones, "u2"), pbxes.pbx("slave")
    before = slave.bindings("u2")[0].call_id
    phones.patch("sp", "u2", {"sec": None})
    phones.until("sp", "u2", is_ready)
    phones.patch("sp", "u2", {"sec": "standby"})
    phones.until("sp", "u2", is_ready)
    assert slave.bindings("u2")[0].call_id == before
    assert pod_of(phones, "u2") == pod
    pbxes.pbx("master").kill()
    slave.kill()
    phones.until("sp", "u2", registered_at("standby", "Standby"))


def test_a_new_password_reaches_the_running_phone(phones: Kube) -> None:
    phones.apply(secret("u3", password="wrong"))
    phones.apply(softphone("u3"))
    phones.until("sp", "u3", lambda of: registration(of).get("state") == "Rejected")
    assert registration(phones.get("sp", "u3"))["lastFailure"]["code"] == 401
    phones.apply(secret("u3"))
    phones.until("sp", "u3", is_ready, seconds=120)
    phones.delete("sp", "u3")


def test_deleting_a_softphone_removes_its_binding_and_all_that_was_made_for_it(phones: Kube, pbxes: System) -> None:
    phones.apply(secret("u4"), softphone("u4"))
    phones.until("sp", "u4", is_ready)
    made = [
        (kind, name) for kind in ("deployments", "configmaps", "pods") for name in phones.names(kind) if "u4" in name
    ]
    assert {kind for kind, _ in made} == {"deployments", "configmaps", "pods"}
    assert pbxes.pbx("slave").bindings("u4")
    phones.delete("sp", "u4")
    wait_until(lambda: not pbxes.pbx("slave").bindings("u4"), "the binding of u4 is gone")
    wait_until(
        lambda: (
            not [name for kind in ("deployments", "configmaps", "pods") for name in phones.names(kind) if "u4" in name]
        ),
        "what was made for u4 is gone",
    )
    assert phones.names("secrets", "").count("u4") == 1, "the user's Secret stays"


BAD: dict[str, tuple[list[dict[str, Any]], str, str, list[dict[str, Any]]]] = {
    "unknown PBX": (
        [softphone("bad", pri="mastre", credentials={"secretName": "u1"})],
        "PBXNotFound",
        "mastre",
        [softphone("bad", aor="sip:u5@pbx.test", credentials={"secretName": "u5"}), secret("u5")],
    ),
    "AOR that is no SIP URI": (
        [softphone("bad", aor="u5", credentials={"secretName": "u1"})],
        "InvalidSpec",
        'aor: "u5" is no address of record',
        [softphone("bad", aor="sip:u5@pbx.test", credentials={"secretName": "u5"}), secret("u5")],
    ),
    "missing Secret": (
        [softphone("bad", aor="sip:u6@pbx.test", credentials={"secretName": "u6"})],
        "SecretNotFound",
        "u6",
        [secret("u6")],
    ),
    "Secret without password": (
        [secret("u7", passwort="pw-u7"), softphone("bad", aor="sip:u7@pbx.test", credentials={"secretName": "u7"})],
        "SecretKeyMissing",
        "password",
        [secret("u7", password="pw-u7")],
    ),
    "sec equal to pri": (
        [softphone("bad", aor="sip:u8@pbx.test", sec="master", credentials={"secretName": "u8"}), secret("u8")],
        "InvalidSpec",
        'sec: must differ from pri, both are "master"',
        [softphone("bad", aor="sip:u8@pbx.test", credentials={"secretName": "u8"})],
    ),
    "Browser without cur": (
        [softphone("bad", aor="sip:u9@pbx.test", mode="Browser", credentials={"secretName": "u9"}), secret("u9")],
        "InvalidSpec",
        "cur: Browser mode needs the current PBX",
        [softphone("bad", aor="sip:u9@pbx.test", mode="Browser", cur="slave", credentials={"secretName": "u9"})],
    ),
}


BY_THE_RULES = {"sec equal to pri": "sec: must differ from pri", "Browser without cur": BAD["Browser without cur"][2]}
"""What the CRD's own rules say of some of them. A Kubernetes that knows such rules lets no such object in."""


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_disturbs_nobody_and_mended_goes_on(phones: Kube, pbxes: System, case: str) -> None:
    wrong, reason, words, mended = BAD[case]
    others = {name: pod_of(phones, name) for name in ("u1", "u2")}
    if case in BY_THE_RULES and not settings().oldest:
        with pytest.raises(KubeError, match=BY_THE_RULES[case]):
            phones.apply(*wrong)
        assert "bad" not in phones.names("sp")
    else:
        phones.apply(*wrong)
        refused = phones.until("sp", "bad", refused_for(reason))
        assert words in condition(refused, "Accepted")["message"]
        assert condition(refused, "Ready")["status"] == "False"
        assert words in kubectl("-n", phones.namespace, "describe", "sp", "bad")
        wait_until(lambda: reason in [said for said, _ in phones.events("Softphone", "bad")], f"an event says {reason}")
    assert {name: pod_of(phones, name) for name in ("u1", "u2")} == others
    phones.apply(*mended)
    phones.until("sp", "bad", is_ready)
    phones.delete("sp", "bad")


def test_a_phone_that_becomes_wrong_goes_on_as_before(phones: Kube) -> None:
    pod = pod_of(phones, "u1")
    phones.patch("sp", "u1", {"pri": "nowhere"})
    refused = phones.until("sp", "u1", refused_for("PBXNotFound"))
    assert registration(refused)["state"] == "Registered"
    assert pod_of(phones, "u1") == pod
    phones.patch("sp", "u1", {"pri": "master"})
    phones.until("sp", "u1", is_ready)


def test_another_secret_comes_with_its_pod_and_the_one_before_may_go(phones: Kube, pbxes: System) -> None:
    phones.apply(secret("u36"), secret("u36-new", password="pw-u36"), softphone("u36"))
    phones.until("sp", "u36", is_ready)
    pod, here = pod_of(phones, "u36"), {one.name: one.position() for one in pbxes.pbxes}
    before = {held.call_id for one in pbxes.pbxes for held in one.bindings("u36")}
    phones.patch("sp", "u36", {"credentials": {"secretName": "u36-new"}})
    phones.until("sp", "u36", is_ready)
    wait_until(lambda: phones.names("pods", "softphone-fleet.io/softphone=u36") != [pod], "a new pod")
    phones.until("sp", "u36", is_ready)
    seen = [r for one in pbxes.pbxes for r in one.registers(here[one.name], "sip:u36@pbx.test")]
    new = {each.call_id for each in seen} - before
    accepted = {each.call_id for each in seen if each.code == 200} - before
    assert len(accepted) == 1, "only the new pod has registered anew"
    led_on = accepted | {each.call_id for each in seen if each.code == 302}
    assert new <= led_on, "the old pod has not tried without its password"
    phones.delete("secret", "u36")
    phones.delete("pod", pod_of(phones, "u36"))
    phones.until("sp", "u36", is_ready, seconds=90)
    assert [data for data in phones.get("configmap", "softphone-u36")["data"] if data.startswith("agent")] == [
        mounted_key(phones.get("deployment", "softphone-u36"))
    ]
    phones.delete("sp", "u36")


def test_a_pod_that_cannot_mount_is_told_and_starts_when_its_secret_is_back(phones: Kube) -> None:
    phones.apply(secret("u37"), softphone("u37"))
    phones.until("sp", "u37", is_ready)
    phones.delete("secret", "u37")
    phones.until("sp", "u37", refused_for("SecretNotFound"))
    phones.delete("pod", pod_of(phones, "u37"))
    hangs = phones.until("sp", "u37", lambda of: condition(of, "AgentAvailable").get("reason") == "FailedMount")
    assert 'the Secret "u37" that it mounts does not exist' in condition(hangs, "AgentAvailable")["message"]
    assert "FailedMount" in [said for said, _ in phones.events("Softphone", "u37")]
    phones.apply(secret("u37"))
    phones.until("sp", "u37", is_ready, seconds=120)
    phones.delete("sp", "u37")


def test_an_image_that_somebody_sets_is_put_back_and_what_else_others_add_stays(phones: Kube) -> None:
    def image() -> str:
        return str(phones.get("deployment", "softphone-u38")["spec"]["template"]["spec"]["containers"][0]["image"])

    phones.apply(secret("u38"), softphone("u38"))
    phones.until("sp", "u38", is_ready)
    chosen, somebody = image(), ("-n", phones.namespace)
    kubectl(*somebody, "set", "image", "deployment/softphone-u38", "agent=localhost/agent:somebodys")
    wait_until(lambda: image() == chosen, "the image is put back")
    kubectl(*somebody, "rollout", "restart", "deployment/softphone-u38")
    kubectl(*somebody, "set", "env", "deployment/softphone-u38", "SOMEBODYS=1")
    phones.patch("sp", "u38", {"phys": "linz", "agent": {"nodeSelector": {"kubernetes.io/os": "linux"}}})
    phones.until(
        "sp", "u38", lambda of: is_ready(of) and registration(of).get("physicalLocation") == "linz", seconds=90
    )
    phones.patch("sp", "u38", {"agent": None})
    template = phones.until("deployment", "softphone-u38", lambda of: "nodeSelector" not in _pod_spec(of))["spec"][
        "template"
    ]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
    assert template["spec"]["containers"][0]["env"] == [{"name": "SOMEBODYS", "value": "1"}]
    phones.until("sp", "u38", is_ready, seconds=90)
    settled = phones.get("deployment", "softphone-u38")["metadata"]["generation"]
    phones.patch("sp", "u38", {"trace": ["App"]})
    phones.until("sp", "u38", is_ready)
    assert phones.get("deployment", "softphone-u38")["metadata"]["generation"] == settled, "nobody is fought with"
    phones.delete("sp", "u38")


def _pod_spec(deployment: Object) -> Object:
    return dict(deployment["spec"]["template"]["spec"])


def test_a_pbx_with_a_wrong_address_is_told(phones: Kube) -> None:
    phones.apply(pbx("odd", address="10.0.0.1"))
    refused = phones.until("pbx", "odd", lambda of: condition(of, "Accepted").get("status") == "False")
    assert 'address: "10.0.0.1" is no SIP URI' in condition(refused, "Accepted")["message"]
    phones.delete("pbx", "odd")


def test_a_pbx_deleted_while_in_use_is_told_and_phones_keep_its_last_address(phones: Kube, pbxes: System) -> None:
    pods = {name: pod_of(phones, name) for name in ("u1", "u2")}
    phones.until("pbx", "master", lambda of: of["status"].get("users") == {"softphones": 2})
    configured = {name: phones.get("configmap", f"softphone-{name}")["data"] for name in pods}
    phones.delete("pbx", "master")
    here = pbxes.pbx("slave").position()
    for name in pods:
        refused = phones.until("sp", name, refused_for("PBXNotFound"))
        assert 'pri: there is no PBX "master"' in condition(refused, "Accepted")["message"]
    wait_until(
        lambda: "DeletedInUse" in [said for said, _ in phones.events("PBX", "master")], "an event says DeletedInUse"
    )
    for name in pods:
        wait_until(
            lambda aor=f"sip:{name}@pbx.test": any(  # type: ignore[misc]
                register.code == 200 for register in pbxes.pbx("slave").registers(since=here, aor=aor)
            ),
            f"{name} refreshes while the PBX object is away",
            seconds=60,
        )
        assert registration(phones.get("sp", name))["state"] == "Registered"
        assert phones.get("configmap", f"softphone-{name}")["data"] == configured[name]
    phones.apply(*system())
    for name in pods:
        phones.until("sp", name, is_ready)
    assert {name: pod_of(phones, name) for name in pods} == pods


def test_passwords_appear_in_no_object_log_metric_or_status(phones: Kube, operator: Kube) -> None:
    shown: dict[str, str] = {
        "objects": kubectl("-n", phones.namespace, "get", "sp,pbx,cm,deploy,rs,pods,events", "-o", "yaml"),
        "the operator's log": kubectl("-n", operator.namespace, "logs", "deployment/softphone-fleet-operator"),
    }
    for name in ("u1", "u2"):
        pod = pod_of(phones, name)
        address = phones.get("pod", pod)["status"]["podIP"]
        shown[f"the log of {pod}"] = kubectl("-n", phones.namespace, "logs", pod)
        for path in ("metrics", "status"):
            with urllib.request.urlopen(f"http://{address}:8080/{path}", timeout=10) as answer:
                shown[f"{path} of {pod}"] = answer.read().decode()
    for what, text in shown.items():
        assert len(text) > 100, f"{what} is empty"
        assert "pw-u" not in text, what


def test_an_object_that_is_no_softphone_at_all_is_refused_by_the_server(phones: Kube) -> None:
    wrong = softphone("bad")
    wrong["spec"]["registration"] = {"expiresSeconds": 1}
    with pytest.raises(KubeError, match="expiresSeconds"):
        phones.apply(wrong)
