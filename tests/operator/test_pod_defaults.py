"""What all agents' pods have in common, from the chart: what an object says itself wins, and when a change comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softphone_operator.api.spec import AgentSpec
from softphone_operator.decide import (
    decisions,
    desired_fleet,
    desired_pbx,
    desired_softphone,
    manifests,
    names,
    pod_defaults,
)
from softphone_operator.decide.pod_defaults import NONE, PodDefaults
from softphone_operator.program import command_line

PBXS = {"master": desired_pbx.pbx("master", "demo", {"address": "sip:10.0.0.1:5060"}, {})}
GIVEN = {
    "labels": {"team": "voice", "app.kubernetes.io/name": "stranger"},
    "annotations": {"sidecar.istio.io/inject": "false", "prometheus.io/port": "1"},
    "resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": 1}},
    "nodeSelector": {"pool": "voice", "site": "linz"},
    "tolerations": [{"key": "pool", "operator": "Exists"}],
    "securityContext": {"supplementalGroups": [7], "runAsUser": None},
    "fixedUser": True,
}
DEFAULTS = PodDefaults.model_validate(GIVEN, by_alias=True)


def agent_of(decided: Any, defaults: PodDefaults, *, image: str = "agent:1", at_once: bool = True) -> manifests.Agent:
    return manifests.Agent(
        name=decided.agent,
        namespace="demo",
        owner=manifests.Owner("softphone-fleet.io/v1alpha1", "Softphone", "anna", "uid"),
        labels={},
        config=decided.config,
        image=manifests.Image(image, at_once=at_once),
        pod=decided.pod,
        defaults=defaults,
        own_resources=decided.own_resources,
    )


def softphone(**agent: Any) -> decisions.DesiredAgent:
    spec = {"aor": "sip:anna@acme.example", "pri": "master", "agent": agent}
    decided = desired_softphone.softphone("anna", "demo", "uid", spec, PBXS, {})
    assert isinstance(decided, decisions.DesiredAgent), decided
    return decided


def fleet(**agent: Any) -> decisions.DesiredAgent:
    template = {"aor": "sip:load{index}@acme.example", "pri": "master", "agent": agent}
    decided = desired_fleet.fleet("load", "demo", "uid", {"replicas": 1000, "template": template}, PBXS, {})
    assert isinstance(decided, decisions.DesiredFleet), decided
    return decided.agents[0]


def pod(decided: decisions.DesiredAgent, defaults: PodDefaults = DEFAULTS) -> tuple[dict[str, Any], dict[str, Any]]:
    template = manifests.deployment(agent_of(decided, defaults))["spec"]["template"]
    return template["metadata"], template["spec"]


def test_a_softphone_that_says_nothing_has_the_defaults() -> None:
    metadata, spec = pod(softphone())
    assert metadata["labels"]["team"] == "voice"
    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"
    assert spec["nodeSelector"] == {"pool": "voice", "site": "linz"}
    assert spec["tolerations"] == [{"key": "pool", "operator": "Exists"}]
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "20m", "memory": "64Mi"},
        "limits": {"memory": "256Mi", "cpu": 1},
    }
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
        "supplementalGroups": [7],
    }


def test_what_the_operator_needs_to_find_its_pods_cannot_be_taken_from_it() -> None:
    metadata, _ = pod(softphone())
    assert metadata["labels"]["app.kubernetes.io/name"] == "softphone-agent"
    assert metadata["annotations"][names.PORT_ANNOTATION] == "8080"


def test_what_a_softphone_says_itself_wins() -> None:
    own = {"resources": {"limits": {"memory": "1Gi"}}, "nodeSelector": {"site": "graz"}}
    _, spec = pod(softphone(**own, tolerations=[{"key": "site", "operator": "Exists"}]))
    assert spec["nodeSelector"] == {"pool": "voice", "site": "graz"}
    assert [each["key"] for each in spec["tolerations"]] == ["site", "pool"]
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "20m", "memory": "64Mi"},
        "limits": {"memory": "1Gi"},
    }


def test_an_agent_of_a_thousand_phones_is_not_starved_by_defaults_for_one() -> None:
    _, spec = pod(fleet())
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "60m", "memory": "189Mi"},
        "limits": {"memory": "1256Mi", "cpu": 1},
    }


def test_without_defaults_nothing_is_said_of_them() -> None:
    made = manifests.deployment(agent_of(softphone(), NONE))
    assert "annotations" not in made["metadata"]
    assert pod_defaults.node_selector(NONE, AgentSpec()) == {}


def test_where_the_platform_chooses_users_the_pod_names_none() -> None:
    _, spec = pod(softphone(), PodDefaults(fixed_user=False))
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


OTHER = PodDefaults(node_selector={"pool": "other"})


@pytest.mark.parametrize(("before", "after"), [(NONE, DEFAULTS), (DEFAULTS, OTHER), (DEFAULTS, NONE)])
@pytest.mark.parametrize("decided", [softphone(), fleet()], ids=["Softphone", "fleet"])
def test_other_defaults_come_to_running_agents_like_another_image(
    decided: decisions.DesiredAgent, before: PodDefaults, after: PodDefaults
) -> None:
    there = manifests.deployment(agent_of(decided, before))
    wanted = agent_of(decided, after, at_once=False)
    assert manifests.deployment(wanted, there) == there, "with the next pod"
    assert manifests.deployment(replace(wanted, image=manifests.Image("agent:1")), there) == manifests.deployment(
        agent_of(decided, after)
    ), "at once"
    edited = replace(wanted, pod=AgentSpec(priority_class_name="high"), own_resources=None)
    assert manifests.deployment(edited, there) == manifests.deployment(edited), "here is the next pod"


def test_a_deployment_whose_annotation_somebody_spoilt_has_none() -> None:
    for text in ("", "{", '{"labels": 7}', "[]"):
        assert pod_defaults.of({"metadata": {"annotations": {names.DEFAULTS_ANNOTATION: text}}}) == NONE
    assert pod_defaults.of({"metadata": {}}) == NONE


def test_a_wrong_flag_is_told_with_the_field(capsys: pytest.CaptureFixture[str]) -> None:
    for text, told in [
        ("{", "--agent-defaults: is no JSON"),
        ('{"label": {}}', "--agent-defaults: label: no such field"),
        ('{"tolerations": [{"effect": "Never"}]}', "--agent-defaults: tolerations[0].effect: "),
    ]:
        with pytest.raises(SystemExit):
            command_line.parse(["--agent-image=a", f"--agent-defaults={text}"], {})
        assert told in capsys.readouterr().err
