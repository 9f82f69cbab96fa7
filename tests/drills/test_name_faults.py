"""What DNS does to phones whose only PBX is known by name: a headless Service, whose address is ours to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drills import fleets
from drills.conftest import EXPIRES_SECONDS, PHONES
from drills.drill import Drill
from drills.fleets import Fleet
from drills.history import History
from e2e.objects import pbx
from lab.kube import Kube
from lab.pbx import Pbx, PbxSpec, System
from lab.settings import settings

MOVES = (
    "Names are asked for anew with every refresh, 15 to 27 s after the last one. The phone un-REGISTERs at the server "
    "that it leaves while it registers at the other one."
)

pytestmark = [pytest.mark.lab, pytest.mark.drill]


def alone(name: str, address: str) -> System:
    """A PBX that keeps everybody."""
    return System(settings(), [PbxSpec(name, address)], {}, {"load[0-9]+": name})


@pytest.fixture(scope="module")
def systems() -> Iterator[list[System]]:
    """The PBX that is there first, and the one that takes its place."""
    old, new = settings().pbx_addresses[4:6]
    made = [alone("old", old), alone("new", new)]
    for each in made:
        each.pbxes[0].start()
        each.pbxes[0].wait_ready()
    yield made
    for each in made:
        each.pbxes[0].kill()


def names(address: str) -> list[dict[str, Any]]:
    """The Service `home`, whose name leads to this address."""
    head = {"apiVersion": "v1", "metadata": {"name": "home"}}
    ports = [{"name": "sip", "port": 5060, "protocol": "UDP"}]
    return [
        head | {"kind": "Service", "spec": {"clusterIP": "None", "ports": ports}},
        head | {"kind": "Endpoints", "subsets": [{"addresses": [{"ip": address}], "ports": ports}]},
    ]


def only(system: System) -> Pbx:
    (pbx,) = system.pbxes
    return pbx


@pytest.fixture(scope="module")
def phones(namespace: Kube, systems: list[System]) -> Fleet:
    namespace.apply(*names(only(systems[0]).address))
    return fleets.make(
        namespace,
        History(*systems),
        PHONES,
        -(-PHONES // 2),
        pbxs=[pbx("home", address=f"sip:home.{namespace.namespace}.svc.cluster.local:5060", location="home")],
        known_as={"old": "home", "new": "home"},
        pri="home",
        sec=None,
        registration={"expiresSeconds": EXPIRES_SECONDS},
    )


def test_the_answer_changes_while_both_are_there(drill: Drill, namespace: Kube, systems: list[System]) -> None:
    done = "DNS gives the address of another PBX; the one before lives on."
    with drill("pbx", "dns-changed", done, note=MOVES) as fault:
        namespace.apply(*names(only(systems[1]).address))
        fault.until_all_at("new")
    with drill("pbx", "dns-changed-back", "DNS gives the first address again.", note=MOVES) as fault:
        namespace.apply(*names(only(systems[0]).address))
        fault.until_all_at("old")


def test_the_answer_changes_because_the_pbx_died(drill: Drill, namespace: Kube, systems: list[System]) -> None:
    done = "The only PBX is killed, and as soon as all phones are out DNS gives the address of its replacement."
    note = "The phones ask by their back-off, and DNS each time."
    with drill("pbx", "dns-replaced", done, note=note) as fault:
        fault.kill("old")
        fault.until_none()
        namespace.apply(*names(only(systems[1]).address))
        fault.until_all_at("new")
