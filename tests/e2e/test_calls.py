"""CallChecks on real parts: phones call each other through the PBXes, and both ends tell of it in one status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.objects import API, fleet, secret, softphone, system
from lab.kube import Kube, condition, registered_at
from lab.pbx import Pbx, System
from lab.prometheus import Prometheus
from lab.waiting import wait_until
from softphone_monitoring import asked, files

pytestmark = pytest.mark.lab

WHO: dict[str, dict[str, Any]] = {
    "alice": {},
    "bob": {"pri": "slave", "home": "slave"},
    "carol": {"answer": "Tone"},
}
MEASURED_BY_QUIET_AGENTS = {
    f"softphone_call_{name}" for name in ("mos", "lost_percent", "jitter_seconds", "round_trip_seconds")
}
"""An agent that was late itself trusts no such figure of its own."""
EVERY = {"everySeconds": 5, "holdSeconds": 2}


def call_check(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": API, "kind": "CallCheck", "metadata": {"name": name}, "spec": EVERY | spec}


def passing(status: str, reason: str = "") -> Callable[[Any], bool]:
    """Whether the condition Passing says this."""

    def holds(of: Any) -> bool:
        found = condition(of, "Passing")
        return bool(found) and found["status"] == status and reason in ("", found["reason"])

    return holds


def probe(name: str, **spec: Any) -> dict[str, Any]:
    """A phone with the label by which the mesh finds it."""
    made = softphone(name, **spec)
    made["metadata"]["labels"] = {"tier": "probe"} if name != "carol" else {}
    return made


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """Phones of two sites that call each other, a fleet, and one that answers everybody."""
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(2)}
    namespace.apply(*system(), secret("load", **keys), *(secret(name) for name in WHO))
    namespace.apply(*(probe(name, **spec) for name, spec in WHO.items()), fleet(2, 2))
    for name in WHO:
        namespace.until("sp", name, registered_at("slave", "Home"))
    namespace.until("spf", "load", lambda of: condition(of, "Ready").get("status") == "True")
    namespace.apply(
        call_check("pair", **{"from": {"softphone": "alice"}, "to": {"softphone": "bob"}, "after": ["FailedOver"]}),
        call_check("sites", mode="Mesh", **{"from": {"selector": "tier=probe"}}),
        call_check("fleet", **{"from": {"softphone": "load-0"}, "to": {"softphone": "load-1"}}),
    )
    return namespace


@pytest.fixture
def slave(pbxes: System) -> Iterator[Pbx]:
    """The PBX of the phones; what it was to do wrong it does no more afterwards."""
    made = pbxes.pbx("slave")
    yield made
    for fault in ("calls", "callee"):
        if made.running:  # one that comes back has forgotten it
            made.call("htable.sets", "faults", fault, "")


def test_on_a_clean_path_all_calls_pass(phones: Kube) -> None:
    pair = phones.until("cc", "pair", passing("True"))
    assert pair["status"]["pairs"] == {"total": 1, "passing": 1, "failing": 0, "unknown": 0}
    mesh = phones.until("cc", "sites", passing("True"))
    assert mesh["status"]["pairs"]["total"] == 2
    phones.until("cc", "fleet", passing("True"))
    assert all("failures" not in of["status"] or not of["status"]["failures"] for of in (pair, mesh))
    phones.until("sp", "alice", registered_at("slave", "Home"))


def test_a_busy_callee_is_told_in_words(phones: Kube, slave: Pbx) -> None:
    phones.until("cc", "pair", passing("True"))
    slave.call("htable.sets", "faults", "calls", "486")
    busy = phones.until("cc", "pair", passing("False", "UnexpectedCode"))
    told = condition(busy, "Passing")["message"]
    assert told.startswith("alice (headquarters to branch) called bob: answered 486")
    (failure, *_) = busy["status"]["failures"]
    assert (failure["caller"], failure["callee"], failure["code"]) == ("alice", "bob", 486)
    slave.call("htable.sets", "faults", "calls", "")
    phones.until("cc", "pair", passing("True"))
    reasons = {reason for reason, _ in phones.events("CallCheck", "pair")}
    assert {"CallFailing", "CallPassing"} <= reasons


def test_another_phone_that_answers_is_found_out(phones: Kube, slave: Pbx) -> None:
    phones.until("cc", "pair", passing("True"))
    slave.call("htable.sets", "faults", "callee", "carol")
    wrong = phones.until("cc", "pair", passing("False", "WrongPhone"))
    assert "bob" in condition(wrong, "Passing")["message"]
    slave.call("htable.sets", "faults", "callee", "")
    phones.until("cc", "pair", passing("True"))


def test_a_call_on_demand_is_told_step_by_step(phones: Kube) -> None:
    words = ["call", "alice", "bob", "--hold", "2", "-n", phones.namespace]
    done = subprocess.run(
        [sys.executable, "-m", "softphone_plugin", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert steps[0] == "calling"
    assert {"answered", "alice", "bob"} <= set(steps)
    assert steps[-1] == "passed"
    assert phones.names("cc") == ["fleet", "pair", "sites"]


def test_after_the_death_of_its_pbx_a_phone_is_callable_again_and_it_is_told_when(phones: Kube, slave: Pbx) -> None:
    phones.until("cc", "pair", passing("True"))
    slave.kill()
    again = phones.until("cc", "pair", lambda of: "callable" in of["status"])
    assert 0 < again["status"]["callable"]["seconds"] < 60
    phones.until("cc", "pair", passing("True"))
    assert "CallableAgain" in {reason for reason, _ in phones.events("CallCheck", "pair")}


def test_without_any_pbx_nobody_can_be_called_until_they_are_back(phones: Kube, pbxes: System) -> None:
    phones.until("cc", "pair", passing("True"))
    for pbx in pbxes.pbxes:
        pbx.kill()
    failing = phones.until("cc", "pair", passing("False"))
    assert "called bob:" in condition(failing, "Passing")["message"]
    for pbx in pbxes.pbxes:
        pbx.start()
    for pbx in pbxes.pbxes:
        pbx.wait_ready()
    for name in ("alice", "bob"):
        phones.until("sp", name, lambda of: condition(of, "Registered")["status"] == "True")
    phones.until("cc", "pair", passing("True"))


def test_what_pairs_do_is_a_metric_of_the_operator(phones: Kube, operator: Kube) -> None:
    def told() -> bool:
        (pod, *_) = operator.names("pods", "app.kubernetes.io/component=operator")
        path = f"/api/v1/namespaces/{operator.namespace}/pods/{pod}:8080/proxy/metrics"
        page = subprocess.run(["kubectl", "get", "--raw", path], capture_output=True, text=True, check=True).stdout
        labels = f'check="sites",check_namespace="{phones.namespace}",from_site="branch"'
        return f'{{after_fail_over="false",{labels}' in page and 'to_site="headquarters"} 1.0' in page

    wait_until(told, "a pair of sites that passes", seconds=20)


def test_what_the_dashboard_of_calls_asks_for_is_told_by_agents_and_operator(phones: Kube) -> None:
    board = json.loads((files.BOARDS / "calls.json").read_text())
    series = {one for query in asked.of_dashboard(board) for one in asked.selectors(query.expr)}
    names = {one.partition("{")[0] for one in series} - {"softphone_failovers_total"} - MEASURED_BY_QUIET_AGENTS
    assert len(names) > 10
    prometheus = Prometheus()
    for name in sorted(names):
        label = "check_namespace" if name == "softphone_operator_call_pairs" else "namespace"
        query = f'count({name}{{{label}="{phones.namespace}"}})'
        wait_until(lambda query=query: (prometheus.value(query) or 0) > 0, query)  # type: ignore[misc]
