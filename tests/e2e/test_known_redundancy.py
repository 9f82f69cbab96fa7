"""A standby that dies while nobody uses it is told of before anybody needs it, and the loss is not forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.objects import fleet, secret, softphone, system
from lab.kube import Kube, condition, registered_at, registration
from lab.pbx import System
from lab.prometheus import Prometheus
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

OFTEN = {"expiresSeconds": 20, "pathCheckSeconds": 10}
WHO: dict[str, dict[str, Any]] = {
    "alice": {},
    "dave": {"sec": None},
    "erin": {"registration": {"expiresSeconds": 20, "pathCheckSeconds": 0}},
}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """A phone with two ways, one with one way, one that checks nothing, and a small fleet of which all check theirs."""
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(4)}
    namespace.apply(*system(), secret("load", **keys), *(secret(name) for name in WHO))
    for name, spec in WHO.items():
        namespace.apply(softphone(name, **{"registration": OFTEN, **spec}))
    many = fleet(4, 2, of={"registration": OFTEN})
    many["spec"]["pathChecksOneIn"] = 1
    namespace.apply(many)
    for name in WHO:
        namespace.until("sp", name, registered_at("slave", "Home"))
    namespace.until("sp", "alice", redundant("True"))
    namespace.until("spf", "load", redundant("True"))
    return namespace


def redundant(status: str, reason: str = "") -> Callable[[Any], bool]:
    """Whether the condition Redundant says this."""

    def holds(of: Any) -> bool:
        found = condition(of, "Redundant")
        return bool(found) and found["status"] == status and reason in ("", found["reason"])

    return holds


def told(phones: Kube, name: str) -> set[str]:
    """The reasons of the Events about a Softphone."""
    return {reason for reason, _ in phones.events("Softphone", name)}


def test_of_a_phone_at_home_both_ways_are_known(phones: Kube) -> None:
    paths = phones.get("sp", "alice")["status"]["paths"]
    assert [(path["via"], path["result"], path["pbx"]) for path in paths] == [
        ("pri", "Holds", "slave"),
        ("sec", "Holds", "slave"),
    ]
    assert [[hop["pbx"] for hop in path["redirects"]] for path in paths] == [["master"], ["standby", "master"]]
    for name in ("master", "slave", "standby"):
        phones.until("pbx", name, redundant("True", "Redundant"))


def test_one_way_is_no_redundancy_and_what_is_not_checked_is_not_known(phones: Kube) -> None:
    phones.until("sp", "dave", redundant("False", "OneWay"))
    phones.until("sp", "erin", redundant("Unknown", "ChecksOff"))
    assert "RedundancyLost" not in told(phones, "dave")


def test_a_standby_that_dies_while_nobody_uses_it_is_told_and_its_return_too(phones: Kube, pbxes: System) -> None:
    pbxes.pbx("standby").kill()
    lost = phones.until("sp", "alice", redundant("False", "Unreachable"))
    said = condition(lost, "Redundant")["message"]
    assert said.startswith("sec: standby does not answer")
    assert registration(lost)["pbx"] == "slave"
    assert condition(lost, "Ready")["status"] == "True", "nobody has noticed anything yet"
    whole = phones.until(
        "spf",
        "load",
        lambda of: redundant("False", "Unreachable")(of) and "sec: 0 of 4" in condition(of, "Redundant")["message"],
    )
    assert whole["status"]["redundant"] == 0
    phones.until("pbx", "slave", redundant("False", "NotRedundant"))
    wait_until(lambda: "RedundancyLost" in told(phones, "alice"), "an Event tells of the loss")
    here = f'alertname="SoftphoneRedundancyLost",namespace="{phones.namespace}"'
    for which in (f'{here},softphone="alice",via="sec"', f'{here},fleet="load",via="sec"'):
        knows = f"count(ALERTS{{{which}}})"
        wait_until(lambda knows=knows: Prometheus().value(knows) == 1, "the alert waits")  # type: ignore[misc]

    standby = pbxes.pbx("standby")
    standby.start()
    standby.wait_ready()
    phones.until("sp", "alice", redundant("True", "Redundant"), seconds=90)
    phones.until("spf", "load", redundant("True", "Redundant"), seconds=90)
    phones.until("pbx", "slave", redundant("True", "Redundant"))
    wait_until(lambda: "RedundancyBack" in told(phones, "alice"), "an Event tells that it is back")
    wait_until(lambda: not Prometheus().value(f"count(ALERTS{{{here}}})"), "the alert is over")


def since(alert: str) -> float | None:
    """When an alert began, as Prometheus has it; None where there is none."""
    return Prometheus().value(f"max(ALERTS_FOR_STATE{{{alert}}})")


def test_what_was_known_is_not_forgotten_when_the_agent_is_restarted(phones: Kube, pbxes: System) -> None:
    pbxes.pbx("standby").kill()
    lost = phones.until("sp", "alice", redundant("False", "Unreachable"))
    here = f'namespace="{phones.namespace}"'
    alerts = (
        f'alertname="SoftphoneRedundancyLost",{here},softphone="alice",via="sec"',
        f'alertname="SoftphonePBXUnreachable",{here},pbx="standby"',
    )
    for alert in alerts:
        wait_until(lambda alert=alert: since(alert) is not None, f"there is {alert}")  # type: ignore[misc]
    began = [since(alert) for alert in alerts]

    (before,) = phones.names("pods", "softphone-fleet.io/softphone=alice")
    phones.delete("pod", before)
    wait_until(
        lambda: phones.names("pods", "softphone-fleet.io/softphone=alice") not in ([], [before]), "there is a new pod"
    )
    phones.until("sp", "alice", registered_at("slave", "Home"))
    (pod,) = phones.names("pods", "softphone-fleet.io/softphone=alice")
    checked = f'count(softphone_path_ok{{{here},pod="{pod}",via="sec"}} == 0)'
    wait_until(lambda: Prometheus().value(checked) == 1, "the new agent has found the same")
    assert [since(alert) for alert in alerts] == began, "neither alert was over for a moment"
    after = phones.get("sp", "alice")
    assert redundant("False", "Unreachable")(after)
    times = [condition(of, "Redundant")["lastTransitionTime"] for of in (lost, after)]
    assert times[0] == times[1], "nor was the condition"


def test_a_way_that_is_taken_out_of_the_spec_is_no_loss_any_more(phones: Kube, pbxes: System) -> None:
    pbxes.pbx("standby").kill()
    phones.until("sp", "alice", redundant("False", "Unreachable"))
    phones.patch("sp", "alice", {"sec": None})
    phones.until("sp", "alice", redundant("False", "OneWay"))
    phones.patch("sp", "alice", {"sec": "standby"})
