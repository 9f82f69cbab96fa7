"""An operator that is killed, and one that is away while PBXes fail: the phones go on, and all is told afterwards."""

from __future__ import annotations

import time

import pytest

from e2e.objects import secret, softphone, system
from lab.kube import Kube, kubectl, registered_at
from lab.pbx import System
from lab.prometheus import Prometheus
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

PHONES = ("u81", "u82")


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """Two phones, registered."""
    namespace.apply(*system(), *(secret(name) for name in PHONES))
    namespace.apply(*(softphone(name) for name in PHONES))
    namespace.wait("condition=Ready", "sp --all", seconds=90)
    return namespace


def pod_of(phones: Kube, name: str) -> str:
    (pod,) = phones.names("pods", f"softphone-fleet.io/softphone={name}")
    return pod


def test_a_killed_operator_costs_no_phone_its_registration(phones: Kube, operator: Kube, pbxes: System) -> None:
    slave, names = pbxes.pbx("slave"), PHONES
    for name in names:
        phones.until("sp", name, registered_at("slave", "Home"))
    before = {name: (slave.bindings(name)[0].call_id, pod_of(phones, name)) for name in names}
    registered = f'softphone_registered{{namespace="{phones.namespace}"}}'
    wait_until(lambda: Prometheus().value(f"min({registered})") == 1, "both phones in Prometheus")
    began = time.time()
    operator.delete("pods", "--all", "--grace-period=0", "--force")
    operator.wait("condition=Available", "deployment --all")
    phones.wait("condition=Ready", "sp --all")
    assert {name: (slave.bindings(name)[0].call_id, pod_of(phones, name)) for name in names} == before
    back = time.time()
    wait_until(lambda: (Prometheus().value(f"min(timestamp({registered}))") or 0) > back, "a scrape since then")
    now = time.time()
    lowest = f"min(min_over_time({registered}[{int((now - began) * 1000)}ms]))"
    assert Prometheus().value(lowest, at=now) == 1


def test_what_happened_while_the_operator_was_away_is_told_when_it_is_back(
    phones: Kube, operator: Kube, pbxes: System
) -> None:
    slave, names = pbxes.pbx("slave"), PHONES
    pods = {name: pod_of(phones, name) for name in names}
    kubectl("-n", operator.namespace, "scale", "deployment", "--all", "--replicas=0")
    operator.wait("delete", "pod --all")
    slave.kill()
    moved = f'sum(softphone_registration_info{{namespace="{phones.namespace}",pbx="master"}})'
    wait_until(lambda: Prometheus().value(moved) == len(names), "the phones move while the operator is away")
    kubectl("-n", operator.namespace, "scale", "deployment", "--all", "--replicas=1")
    for name in names:
        phones.until("sp", name, registered_at("master", "Standby"))
    slave.start()
    for name in names:
        phones.until("sp", name, registered_at("slave", "Home"))
    assert {name: pod_of(phones, name) for name in names} == pods
