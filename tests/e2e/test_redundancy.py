"""The main job: phones register at home through redirects, move to the standby, and come home."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.objects import address, placed, secret, softphone, system
from lab.kube import Kube, is_ready, registered_at, registration
from lab.pbx import System
from lab.prometheus import Prometheus
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

# name -> what differs from the default phone, redirects walked, location sent
PHONES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], str]] = {
    "alice": ({}, [("master", "slave")], "headquarters"),
    "bob": (
        {"pri": "standby", "sec": "master", "phys": "vienna"},
        [("standby", "master"), ("master", "slave")],
        "vienna",
    ),
    "carol": ({"pri": "slave", "sec": "standby", "home": "slave"}, [], "branch"),
    "dave": ({"sec": None, "phys": "graz"}, [("master", "slave")], "graz"),
    "erin": (
        {"pri": "standby", "sec": "sip:10.245.0.12:5060"},
        [("standby", "master"), ("master", "slave")],
        "datacentre",
    ),
}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """Five phones, registered."""
    namespace.apply(*system(), *(secret(name) for name in PHONES))
    namespace.apply(*(softphone(name, **placed(spec)) for name, (spec, _, _) in PHONES.items()))
    namespace.wait("condition=Ready", "sp --all", seconds=90)
    return namespace


@pytest.mark.parametrize("name", PHONES)
@pytest.mark.proves("S5", "L1a", "R1", "C1")
def test_a_phone_is_at_home_and_says_which_way_it_came(phones: Kube, name: str) -> None:
    _, redirects, location = PHONES[name]
    now = registration(phones.until("sp", name, registered_at("slave", "Home")))
    assert [(hop["pbx"], hop["target"], hop["code"]) for hop in now.get("redirects", [])] == [
        (*hop, 302) for hop in redirects
    ]
    assert now["physicalLocation"] == location
    assert now["via"] == ("redirect" if redirects else "pri")
    assert now["registrar"].startswith(str(address("slave")))


@pytest.mark.parametrize("name", PHONES)
@pytest.mark.proves("S10", "S11", "P1")
def test_the_pbx_saw_the_right_location(phones: Kube, pbxes: System, name: str) -> None:
    sent = pbxes.pbx("slave").registers(aor=f"sip:{name}@pbx.test")
    accepted = [seen for seen in sent if seen.code == 200 and seen.expires]  # not one of before that leaves late
    assert accepted[-1].location_header == PHONES[name][2]


def test_the_pbx_objects_tell_how_many_phones_they_hold(phones: Kube) -> None:
    phones.until("pbx", "slave", lambda pbx: pbx["status"].get("phones", {}).get("registered") == len(PHONES))
    phones.until("pbx", "slave", lambda pbx: pbx["status"].get("reachable") is True)


@pytest.mark.proves("S4", "S6", "L3a", "L4", "R2")
def test_when_the_home_dies_the_phones_move_to_the_standby_and_come_home_again(phones: Kube, pbxes: System) -> None:
    prometheus, slave = Prometheus(), pbxes.pbx("slave")
    slave.kill()
    for name in PHONES:
        phones.until("sp", name, registered_at("master", "Standby"))
    phones.until("pbx", "master", lambda pbx: pbx["status"].get("phones", {}).get("standby") == len(PHONES))
    phones.until("pbx", "slave", lambda pbx: pbx["status"].get("reachable") is False)
    held = {binding.aor.partition("@")[0].removeprefix("sip:") for binding in pbxes.pbx("master").bindings()}
    assert set(PHONES) <= held

    here = f'namespace="{phones.namespace}"'
    moved = f'sum(softphone_failovers_total{{{here},from="slave",to="master"}})'
    wait_until(lambda: prometheus.value(moved) == len(PHONES), "Prometheus knows of five fail-overs")
    outages = prometheus.value(f"sum(softphone_outage_seconds_count{{{here}}})")
    assert outages == len(PHONES)
    assert (prometheus.value(f"sum(softphone_outage_seconds_sum{{{here}}})") or 0) > 0

    slave.start()
    for name in PHONES:
        phones.until("sp", name, registered_at("slave", "Home"))
    back = f'sum(softphone_failovers_total{{{here},from="master",to="slave",reason="Redirected"}})'
    wait_until(lambda: prometheus.value(back) == len(PHONES), "Prometheus knows of five returns")
    assert prometheus.value(f"sum(softphone_registered{{{here}}})") == len(PHONES)
    assert prometheus.value(f"sum(softphone_outage_seconds_count{{{here}}})") == outages, "going home is no outage"


@pytest.mark.proves("S8", "S12", "S13")
def test_no_physical_location_sends_none_but_an_explicit_one(phones: Kube, pbxes: System) -> None:
    slave = pbxes.pbx("slave")
    here = slave.position()
    phones.apply(*system(noPhysicalLocation=True))
    try:
        for name, expected in (("alice", None), ("bob", "vienna")):
            aor = f"sip:{name}@pbx.test"

            def sent(aor: str = aor, expected: str | None = expected) -> bool:
                seen = [r for r in slave.registers(since=here, aor=aor) if r.code == 200 and r.expires]
                return bool(seen) and seen[-1].location_header == expected

            wait_until(sent, f"{name} registers with location {expected}")
        alice = phones.until("sp", "alice", is_ready)
        assert "physicalLocation" not in registration(alice)
    finally:
        phones.apply(*system(noPhysicalLocation=False))
        phones.until("sp", "alice", lambda of: registration(of).get("physicalLocation") == "headquarters")
