"""A call on demand: what is asked for, and how it is told step by step."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.reports import at, softphone
from softphone_agent.contract.call_report import CallReport
from softphone_operator.api.call_checks import CallCheckSpec
from softphone_plugin.calling import Outcome, Story, call_check
from softphone_plugin.phones import of_softphone


def half(end: str = "Caller", state: str = "Ended", **more: Any) -> CallReport:
    phone, peer = ("anna", "sip:ben@acme.example") if end == "Caller" else ("ben", "sip:anna@acme.example")
    said: dict[str, Any] = {"end": end, "check": "call-anna-1", "phone": phone, "peer": peer, "state": state}
    return CallReport.model_validate(said | {"began": at(0)} | more)


def story() -> Story:
    return Story("call-anna-1", "anna", "ben")


def test_the_check_makes_one_call_and_belongs_to_the_callers_operator() -> None:
    owner = softphone()
    owner["metadata"]["labels"] = {"shard": "a", "app.kubernetes.io/instance": "probes", "helm.sh/chart": "x"}
    made = call_check(of_softphone(owner), of_softphone(softphone("ben")), 5, "1f")
    assert made == {
        "apiVersion": "softphone-fleet.io/v1alpha1",
        "kind": "CallCheck",
        "metadata": {
            "name": "call-anna-1f",
            "namespace": "demo",
            "labels": {"shard": "a", "softphone-fleet.io/made-by": "kubectl-softphone"},
        },
        "spec": {
            "from": {"softphone": "anna"},
            "to": {"softphone": "ben"},
            "holdSeconds": 5,
            "everySeconds": 86400,
            "times": 1,
        },
    }
    assert CallCheckSpec.model_validate(made["spec"], by_name=False, by_alias=True).times == 1
    other = call_check(of_softphone(softphone("x" * 250)), "sip:4711@acme.example", 1, "1f")
    assert other["spec"]["to"] == {"uri": "sip:4711@acme.example"}
    assert len(other["metadata"]["name"]) <= 63


def test_a_good_call_is_told_step_by_step_and_each_step_once() -> None:
    it = story()
    good: dict[str, Any] = {"code": 200, "answer_seconds": 0.34, "heard": "Tone", "mos": 4.41, "lost_percent": 0.5}
    reports = [
        half(state="Calling", pbx="slave"),
        half(state="Ringing", pbx="slave", ring_seconds=0.012),
        half(state="Talking", pbx="slave", ring_seconds=0.012, code=200, answer_seconds=0.34, answered_by="ben"),
        half("Callee", "Talking"),
        half(pbx="slave", ring_seconds=0.012, answered_by="ben", hang_up_seconds=0.004, **good),
        half("Callee", heard="Tone", jitter_seconds=0.0004, round_trip_seconds=0.2, own_lateness=True),
        half(check="another", **good),
    ]
    assert [line for report in reports for line in it.told(report)] == [
        ("calling", "sip:ben@acme.example, by slave"),
        ("ringing", "after 12.0 ms"),
        ("answered", "after 0.34 s, by ben"),
        ("anna", "heard the other end's tone, 0.5 % lost, MOS 4.41"),
        ("hung up", "BYE answered after 4.0 ms"),
        ("ben", "heard the other end's tone, jitter 0.4 ms, round trip 0.20 s, the agent was late itself"),
    ]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"code": 486, "reason": "Busy Here"}, ("refused", "486 Busy Here")),
        ({"faults": ("answer: nothing",)}, ("silence", "no answer")),
    ],
)
def test_a_call_that_nobody_takes(more: dict[str, Any], line: tuple[str, str]) -> None:
    assert list(story().told(half(**more)))[-1] == line


def check(generation: int = 1, **conditions: str) -> dict[str, Any]:
    said = [{"type": kind, "status": status, "reason": "R", "message": "words"} for kind, status in conditions.items()]
    status = {"observedGeneration": generation, "conditions": said}
    return {"metadata": {"name": "call-anna-1", "generation": 1}, "status": status}


@pytest.mark.parametrize(
    ("obj", "passed"),
    [
        (check(Accepted="True", Passing="True"), True),
        (check(Accepted="True", Passing="False"), False),
        (check(Accepted="False", Passing="Unknown"), False),
        (check(Accepted="True", Passing="Unknown"), None),
        (check(0, Accepted="True", Passing="True"), None),
        ({"metadata": {"generation": 1}}, None),
    ],
)
def test_the_operator_has_the_last_word(obj: dict[str, Any], passed: bool | None) -> None:
    outcome = story().outcome(obj)
    assert (outcome.passed if outcome else None) == passed


def test_the_outcome_for_other_programs_has_both_halves() -> None:
    it = story()
    for report in (half(code=200), half("Callee")):
        list(it.told(report))
    outcome = it.outcome(check(Accepted="True", Passing="True"))
    assert outcome == Outcome(True, "R", "words", half(code=200), half("Callee"))
    assert outcome is not None
    data = outcome.data()
    assert (data["passed"], data["caller"]["code"], data["callee"]["phone"]) == (True, 200, "ben")
    assert Outcome(False, "R", "words").data() == {"passed": False, "reason": "R", "message": "words"}
