"""The objects of an agent, each compared as a whole; what an edit changes; what counts as a difference."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from server_side_apply import applied, set_image
from softphone_agent.contract import reading
from softphone_operator.decide import comparing, decisions, desired_pbx, desired_softphone, manifests, names

DATA = Path(__file__).parent / "data" / "agents"
CASES = sorted(path.name.removesuffix(".input.yaml") for path in DATA.glob("*.input.yaml"))


def agent_of(given: dict[str, Any]) -> manifests.Agent:
    secrets = {name: frozenset(keys) for name, keys in given.get("secrets", {}).items()}
    pbxs = {name: desired_pbx.pbx(name, "demo", spec, secrets) for name, spec in given["pbxs"].items()}
    name = given.get("name", "anna")
    decided = desired_softphone.softphone(name, "demo", "uid-of-anna", given["softphone"], pbxs, secrets)
    assert isinstance(decided, decisions.DesiredAgent), decided
    return manifests.Agent(
        name=decided.agent,
        namespace="demo",
        owner=manifests.Owner("softphone-fleet.io/v1alpha1", "Softphone", name, "uid-of-anna"),
        labels={names.SOFTPHONE_LABEL: names.shorten(name)},
        config=decided.config,
        image=manifests.Image(
            given.get("image", "agent:1"), given.get("pullPolicy", ""), tuple(given.get("pullSecrets", ()))
        ),
        pod=decided.pod,
        secrets=decided.secrets,
    )


def build(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    agent = agent_of(given)
    return manifests.config_map(agent), manifests.deployment(agent)


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DATA / name).read_text()))


@pytest.mark.parametrize("case", CASES)
def test_the_objects_of_an_agent(case: str) -> None:
    config_map, deployment = build(read(f"{case}.input.yaml"))
    expected = read(f"{case}.expected.yaml")
    # Compact in the cluster, readable in the tests.
    compact = json.dumps(json.loads(expected["configMap"]["data"]["agent.json"]), separators=(",", ":")) + "\n"
    expected["configMap"]["data"]["agent.json"] = compact
    assert config_map == expected["configMap"]
    assert deployment == expected["deployment"]


@pytest.mark.parametrize("case", CASES)
def test_the_agent_understands_its_file(case: str) -> None:
    config_map, _ = build(read(f"{case}.input.yaml"))
    text = config_map["data"]["agent.json"]
    parsed = reading.parse(text)
    assert manifests.config_text(parsed) == text
    assert manifests.text_digest(text) == reading.digest(text.encode())


def test_there_are_cases() -> None:
    assert len(CASES) >= 6


BASE = read("base.input.yaml")
LIVE: list[dict[str, Any]] = [
    {"aor": "sip:bob@acme.example"},
    {"pri": "slave", "sec": "master"},
    {"sec": None},
    {"phys": "vienna"},
    {"home": "slave"},
    {"mode": "Browser", "cur": "slave"},
    {"registration": {"expiresSeconds": 60, "pingSeconds": 0, "backoff": {"maxSeconds": 10}}},
    {"trace": ["App", "Signaling"]},
    {"suspend": True},
    {"agent": {"publicAddress": "192.0.2.1"}},
]
RESTARTING: list[dict[str, Any]] = [
    {"credentials": {"secretName": "other"}},
    {"agent": {"resources": {"limits": {"memory": "1Gi"}}}},
    {"agent": {"nodeSelector": {"site": "vienna"}}},
    {"agent": {"tolerations": [{"operator": "Exists"}]}},
    {"agent": {"priorityClassName": "high"}},
    {"agent": {"hostNetwork": True}},
]


def edited(edit: dict[str, Any]) -> dict[str, Any]:
    given = copy.deepcopy(BASE)
    given["secrets"]["other"] = ["password"]
    given["softphone"].update(edit)
    return given


@pytest.mark.parametrize("edit", LIVE, ids=lambda edit: "+".join(edit))
def test_an_edit_that_the_agent_can_take_leaves_the_pod_alone(edit: dict[str, Any]) -> None:
    before, after = build(BASE), build(edited(edit))
    assert after[0] != before[0]
    assert after[1] == before[1]


@pytest.mark.parametrize("edit", RESTARTING, ids=lambda edit: "+".join(edit))
def test_an_edit_of_the_pod_makes_another_one(edit: dict[str, Any]) -> None:
    assert build(edited(edit))[1] != build(BASE)[1]


def test_the_order_in_which_things_are_observed_changes_nothing() -> None:
    turned = copy.deepcopy(BASE)
    turned["pbxs"] = dict(reversed(turned["pbxs"].items()))
    turned["softphone"] = dict(reversed(turned["softphone"].items()))
    turned["softphone"]["trace"] = ["Signaling", "App"]
    straight = copy.deepcopy(BASE)
    straight["softphone"]["trace"] = ["App", "Signaling"]
    assert build(turned) == build(straight)


def with_image(reference: str, given: dict[str, Any], **more: Any) -> manifests.Agent:
    return replace(agent_of(given), image=manifests.Image(reference, **more))


def without_file(deployment: dict[str, Any]) -> dict[str, Any]:
    """The Deployment but for the key of the ConfigMap that its pod mounts: see test_mounts.py."""
    made = copy.deepcopy(deployment)
    made["spec"]["template"]["spec"]["volumes"].pop(0)
    return made


@pytest.mark.parametrize("more", [{"pull_policy": "Always"}, {"pull_policy": "Never", "pull_secrets": ("one",)}])
def test_a_running_agent_keeps_its_image_until_its_pod_changes_for_another_reason(more: dict[str, Any]) -> None:
    there = manifests.deployment(with_image("agent:1", BASE, pull_policy="Never", pull_secrets=("two",)))
    later = {"at_once": False, **more}
    assert manifests.deployment(with_image("agent:2", BASE, **later), there) == there
    assert manifests.deployment(with_image("agent:2", BASE, **more), there) == manifests.deployment(
        with_image("agent:2", BASE, **more)
    )
    for edit in RESTARTING:
        wanted = with_image("agent:2", edited(edit), **later)
        assert without_file(manifests.deployment(wanted, there)) == without_file(manifests.deployment(wanted))


def test_an_agent_of_a_fleet_keeps_its_image_and_what_it_asks_of_prometheus_too() -> None:
    there = applied(manifests.marked(manifests.deployment(with_image("agent:1", BASE))))
    wanted = replace(with_image("agent:2", BASE, at_once=False), scrape=False)
    assert manifests.marked(manifests.deployment(wanted, there))["spec"] == there["spec"]


def test_an_image_that_somebody_else_set_is_put_back() -> None:
    there = applied(manifests.deployment(with_image("agent:1", BASE)))
    wanted = with_image("agent:2", BASE, at_once=False)
    assert manifests.deployment(wanted, there)["spec"] == there["spec"]
    foreign = set_image(there, "somewhere/agent:9")
    assert manifests.deployment(wanted, foreign) == manifests.deployment(wanted)
    theirs = copy.deepcopy(there)
    theirs["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "theirs"}]
    theirs["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Never"
    again = manifests.deployment(replace(wanted, image=replace(wanted.image, pull_policy="Always")), theirs)
    (container,) = again["spec"]["template"]["spec"]["containers"]
    assert "imagePullSecrets" not in again["spec"]["template"]["spec"]
    assert container["imagePullPolicy"] == "Always"


def test_an_edit_that_takes_something_away_makes_another_pod_with_the_present_image() -> None:
    for edit in RESTARTING:
        there = applied(manifests.deployment(with_image("agent:1", edited(edit))))
        wanted = with_image("agent:2", BASE, at_once=False)
        assert without_file(manifests.deployment(wanted, there)) == without_file(manifests.deployment(wanted))


def test_whether_agents_ask_for_being_scraped_is_a_matter_of_their_next_pod() -> None:
    def made(scrape: bool, *, edit: dict[str, Any] | None = None, image: str = "agent:1", **more: Any) -> Any:
        agent = replace(with_image(image, edited(edit or {}), at_once=True), scrape=scrape)
        return manifests.deployment(agent, **more)

    scraped, silent = made(True), made(False)
    assert scraped["spec"]["template"]["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
    }
    assert silent["spec"]["template"]["metadata"]["annotations"] == {"prometheus.io/port": "8080"}
    for there, other in ((scraped, False), (silent, True)):
        assert made(other, observed=there) == there
        assert manifests.marked(made(other, observed=manifests.marked(there))) == manifests.marked(there)
        for change in ({"image": "agent:2"}, {"edit": RESTARTING[0]}):
            assert without_file(made(other, observed=there, **change)) == without_file(made(other, **change))


def test_no_password_can_get_into_the_objects() -> None:
    config_map, deployment = build(BASE)
    assert "passwordFile" in config_map["data"]["agent.json"]
    assert '"password"' not in config_map["data"]["agent.json"]
    assert "env" not in deployment["spec"]["template"]["spec"]["containers"][0]


def defaulted(deployment: dict[str, Any]) -> dict[str, Any]:
    """As the API server gives it back: defaults filled in, quantities in their canonical form."""
    made: dict[str, Any] = json.loads(json.dumps(deployment))
    made["metadata"] |= {"uid": "x", "generation": 1}
    made["metadata"]["labels"]["added-by"] = "somebody"
    template = made["spec"]["template"]["spec"]
    template |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}
    container = template["containers"][0]
    container["terminationMessagePath"] = "/dev/termination-log"
    container["resources"] = {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
    template["containers"].append({"name": "sidecar"})
    template["volumes"][0]["configMap"]["defaultMode"] = 420
    return made


def quantities(deployment: dict[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(deployment)
    resources = {"requests": {"cpu": "1000m", "memory": 67108864}, "limits": {"memory": "1024Mi"}}
    made["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    return made


def test_what_others_added_and_how_quantities_are_written_is_no_difference() -> None:
    desired = quantities(build(BASE)[1])
    assert comparing.difference(desired, defaulted(desired)) is None


CONTAINER = "spec.template.spec.containers[0]"
DRIFTS: list[tuple[str, Any]] = [
    ("spec.replicas", lambda d: d["spec"].update(replicas=0)),
    ("spec.strategy.type", lambda d: d["spec"]["strategy"].update(type="RollingUpdate")),
    (f"{CONTAINER}.image", lambda d: d["spec"]["template"]["spec"]["containers"][0].update(image="other")),
    (f"{CONTAINER}.args", lambda d: d["spec"]["template"]["spec"]["containers"][0]["args"].append("-v")),
    (f"{CONTAINER}.args[0]", lambda d: d["spec"]["template"]["spec"]["containers"][0]["args"].__setitem__(0, "x")),
    (
        f"{CONTAINER}.resources.limits.memory",
        lambda d: d["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"].update(memory="2Gi"),
    ),
    ("spec.template.spec.containers[0]", lambda d: d["spec"]["template"]["spec"]["containers"].pop(0)),
    ("spec.template.spec.volumes[0]", lambda d: d["spec"]["template"]["spec"]["volumes"].pop(0)),
    ("metadata.ownerReferences", lambda d: d["metadata"].pop("ownerReferences")),
    (
        "metadata.labels.app.kubernetes.io/component",
        lambda d: d["metadata"]["labels"].pop("app.kubernetes.io/component"),
    ),
]


@pytest.mark.parametrize(("place", "drift"), DRIFTS, ids=[place for place, _ in DRIFTS])
def test_drift_is_found_at_its_place(place: str, drift: Any) -> None:
    desired = quantities(build(BASE)[1])
    observed = defaulted(desired)
    drift(observed)
    assert comparing.difference(desired, observed) == place


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1000m", "1", True),
        ("1Ki", "1024", True),
        ("0.5", "500m", True),
        ("1e3", "1k", True),
        ("1M", "1Mi", False),
        ("a", "1", False),
    ],
)
def test_quantities_are_compared_by_value(one: str, other: str, same: bool) -> None:
    found = comparing.difference({"limits": {"x": one}}, {"limits": {"x": other}}, "resources")
    assert (found is None) == same
