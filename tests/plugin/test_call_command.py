"""`kubectl softphone call` against a pretended API server: the object is made, told of, and deleted in any case."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from plugin.api_server import ApiServer
from plugin.reports import at, report, softphone
from softphone_agent.contract.call_report import CallReport
from softphone_operator.api.kinds import SOFTPHONE
from softphone_plugin.commands.call import call
from softphone_plugin.errors import NO, NOT_FOUND, USAGE, PluginError
from softphone_plugin.rendering import Console
from softphone_plugin.session import Where, run


@pytest.fixture
def api() -> ApiServer:
    """Two Softphones with agents that run."""
    made = ApiServer()
    for name in ("anna", "ben"):
        made.add(SOFTPHONE, softphone(name, said=report(name)))
        made.agent(f"softphone-{name}", report(name))
    return made


def typed(kubeconfig: Path, caller: str, callee: str, timeout: float = 5.0) -> tuple[bool, str]:
    """Whether the call passed, and what was shown."""
    shown = Console(file=io.StringIO(), width=200)
    passed = run(
        Where(kubeconfig=kubeconfig),
        lambda session: call(session, shown, shown, caller, callee, hold=2, timeout=timeout, form=None),
    )
    return passed, shown.file.getvalue()  # type: ignore[attr-defined]


def operator_says(obj: dict[str, Any], **conditions: str) -> None:
    said = [
        {"type": kind, "status": status, "reason": "Why", "message": "words"} for kind, status in conditions.items()
    ]
    obj["status"] = {"observedGeneration": 1, "conditions": said}


def both_ends_tell(api: ApiServer, check: str) -> None:
    good: dict[str, Any] = {
        "check": check,
        "state": "Ended",
        "began": at(0),
        "ended": at(2),
        "code": 200,
        "heard": "Tone",
    }
    caller = {"end": "Caller", "entry": f"{check}.1", "phone": "anna", "peer": "sip:ben@acme.example"}
    callee = {"end": "Callee", "phone": "ben", "peer": "sip:anna@acme.example"}
    api.calls["softphone-anna"] = [CallReport.model_validate(good | caller | {"answer_seconds": 0.02})]
    api.calls["softphone-ben"] = [CallReport.model_validate(good | callee)]


def test_what_both_ends_tell_is_shown_and_nothing_is_left(api: ApiServer, kubeconfig: Path) -> None:
    made: list[dict[str, Any]] = []

    def created(obj: dict[str, Any]) -> None:
        made.append(obj)
        both_ends_tell(api, obj["metadata"]["name"])
        operator_says(obj, Accepted="True", Passing="Unknown")

    api.created = created
    asked = api.page

    def page(path: str, query: Any) -> bytes | None:
        if "callchecks/" in path and sum("callchecks/" in one for one in api.asked) > 3:
            operator_says(made[0], Accepted="True", Passing="True")  # both agents were heard by then
        return asked(path, query)

    api.page = page  # type: ignore[method-assign]
    passed, shown = typed(kubeconfig, "anna", "ben")
    assert passed
    lines = [line.split()[0] for line in shown.splitlines()]
    assert {"calling", "answered", "anna", "ben"} <= set(lines)
    assert lines[-1] == "passed"
    assert made[0]["spec"]["to"] == {"softphone": "ben"}
    assert api.objects("callchecks") == []


def test_a_check_that_is_refused_is_no_call(api: ApiServer, kubeconfig: Path) -> None:
    api.created = lambda obj: operator_says(obj, Accepted="False", Passing="Unknown")
    passed, shown = typed(kubeconfig, "anna", "sip:4711@acme.example")
    assert (passed, shown.split()[:2]) == (False, ["failed:", "Why"])
    assert api.objects("callchecks") == []


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({}, "no call was made within 0.3 s: no operator has looked at the CallCheck call-anna-"),
        ({"Accepted": "True", "Passing": "Unknown"}, "no call was made within 0.3 s: words"),
    ],
)
def test_where_nothing_comes_it_says_why(
    api: ApiServer, kubeconfig: Path, conditions: dict[str, str], told: str
) -> None:
    api.created = lambda obj: operator_says(obj, **conditions)
    with pytest.raises(PluginError, match=told) as raised:
        typed(kubeconfig, "anna", "ben", timeout=0.3)
    assert raised.value.code == NO
    assert api.objects("callchecks") == []


@pytest.mark.parametrize(("callee", "code"), [("anna", USAGE), ("otto", NOT_FOUND)])
def test_nobody_is_called(api: ApiServer, kubeconfig: Path, callee: str, code: int) -> None:
    with pytest.raises(PluginError) as raised:
        typed(kubeconfig, "anna", callee)
    assert raised.value.code == code
    assert not any("callchecks" in path for path in api.asked)
