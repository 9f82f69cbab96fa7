"""A SoftphoneFleet in a life: scaled, changed, an agent killed. Small; the same with thousands is a drill."""

from __future__ import annotations

import pytest

from e2e.objects import fleet, secret, system
from lab.kube import Kube, is_ready, kubectl
from lab.pbx import System, default_system
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

PER_AGENT = 15


def users(first: int, last: int) -> set[str]:
    return {f"load{index:03d}" for index in range(first, last)}


def bindings(pbxes: System) -> dict[str, tuple[str, int]]:
    """Call-ID and CSeq of the binding of each of the fleet's users at their home."""
    held = pbxes.pbx("slave").bindings()
    return {binding.aor: (binding.call_id, binding.cseq) for binding in held if binding.aor.startswith("load")}


def pods(namespace: Kube) -> dict[str, str]:
    """The pods by the number of their slice."""
    return {
        number: pod
        for number in "0123"
        for pod in namespace.names("pods", f"softphone-fleet.io/fleet=load,softphone-fleet.io/slice={number}")
    }


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    # The agents of another test may still be on their way out.
    wait_until(lambda: not bindings(default_system()), "nobody of these users is registered", seconds=90)
    keys = {user: f"pw-{user}" for user in users(0, 60)}
    namespace.apply(*system(), secret("load", **keys), secret("others", **keys), fleet(40, PER_AGENT))
    namespace.until("spf", "load", is_ready, seconds=120)
    return namespace


def test_scaling_touches_the_last_agents_only(phones: Kube, pbxes: System) -> None:
    before, agents = bindings(pbxes), pods(phones)
    assert set(before) == users(0, 40)
    assert sorted(agents) == ["0", "1", "2"]
    here = pbxes.pbx("slave").position()
    kubectl("-n", phones.namespace, "scale", "spf", "load", "--replicas=25")
    wait_until(lambda: set(bindings(pbxes)) == users(0, 25), "those that went are un-REGISTERed")
    phones.until("spf", "load", lambda of: is_ready(of) and of["status"]["replicas"] == 25)
    wait_until(lambda: sorted(pods(phones)) == ["0", "1"], "the last agent is gone")
    kubectl("-n", phones.namespace, "scale", "spf", "load", "--replicas=40")
    wait_until(lambda: set(bindings(pbxes)) == users(0, 40), "those that came are registered", seconds=60)
    after = bindings(pbxes)
    assert {user: after[user] for user in users(0, 25)} == {user: before[user] for user in users(0, 25)}
    asked = {register.aor.partition("@")[0] for register in pbxes.pbx("slave").registers(since=here)}
    assert asked & users(0, 60) == users(25, 40), "no phone that stayed sent a REGISTER"
    assert {number: pods(phones)[number] for number in "01"} == {number: agents[number] for number in "01"}
    phones.until("spf", "load", is_ready)


def test_an_agent_that_is_killed_takes_only_its_phones_with_it(phones: Kube, pbxes: System) -> None:
    before, agents = bindings(pbxes), pods(phones)
    kubectl("-n", phones.namespace, "delete", "pod", agents["1"], "--grace-period=0", "--force")
    theirs = users(PER_AGENT, 2 * PER_AGENT)

    def back() -> bool:
        now = bindings(pbxes)
        return all(user in now and now[user][0] != before[user][0] for user in theirs)

    wait_until(back, "its phones are registered anew", seconds=90)
    now = bindings(pbxes)
    others = users(0, 40) - theirs
    assert {user: now[user] for user in others} == {user: before[user] for user in others}
    phones.until("spf", "load", is_ready, seconds=60)


def test_pods_are_changed_one_after_the_other(phones: Kube, pbxes: System) -> None:
    agents = pods(phones)
    # Another Secret must not reach an agent whose pod does not mount it yet.
    other = {"credentials": {"secretName": "others"}}
    phones.apply(fleet(40, PER_AGENT, resources={"requests": {"cpu": "11m"}}, of=other))
    fewest = 40

    def changed() -> bool:
        nonlocal fewest
        fewest = min(fewest, len(bindings(pbxes)))
        now = pods(phones)
        return sorted(now) == ["0", "1", "2"] and not set(now.values()) & set(agents.values())

    wait_until(changed, "all pods are new", seconds=240)
    phones.until("spf", "load", is_ready, seconds=90)
    assert fewest >= 40 - PER_AGENT
    assert set(bindings(pbxes)) == users(0, 40)


def test_a_drain_may_take_one_agent_at_a_time(phones: Kube) -> None:
    budget = phones.get("poddisruptionbudget", "fleet-load")
    wait_until(
        lambda: phones.get("poddisruptionbudget", "fleet-load")["status"].get("expectedPods") == 3,
        "the budget sees all agents",
    )
    assert budget["spec"]["maxUnavailable"] == 1


def test_deleting_a_fleet_unregisters_all(phones: Kube, pbxes: System) -> None:
    phones.delete("spf", "load")
    wait_until(lambda: not bindings(pbxes), "no binding is left", seconds=60)
    wait_until(lambda: not pods(phones), "no pod is left", seconds=60)
