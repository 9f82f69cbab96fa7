"""What Kubernetes does to an operator: it is killed, cut off, deaf, doubled, and its API server is away.

The operator is a process of the test's own and reaches the API server through a door (door.py), with the rights that
the chart grants. The phones are real.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from drills.causes import PINGS
from drills.drill import Drill
from drills.history import History
from drills.seen import found
from drills.softphones import Softphones
from e2e.door import Door
from e2e.objects import fleet, secret, softphone, system
from e2e.operator_process import OperatorProcess
from lab.images import Images
from lab.kube import Kube, condition, is_ready, kubectl, registered_at, registration
from lab.kubernetes import control_plane
from lab.pbx import System, default_system
from lab.settings import REPOSITORY, settings
from lab.waiting import wait_until
from softphone_operator.kubernetes.resources import ACCESS, LEASE_ACCESS, WATCHED

pytestmark = [pytest.mark.lab, pytest.mark.drill]

CHART = REPOSITORY / "charts" / "softphone-fleet"
PORTS = itertools.count(18081)
WATCH_SECONDS = 5
WATCHES = len(WATCHED) + 1
"""One of each kind by kopf, and the Secrets'."""
AWAY_SECONDS = int(os.environ.get("E2E_AWAY_SECONDS", "120"))
KILLS = int(os.environ.get("E2E_KILLS", "10"))

Make = Callable[..., "Running"]


class Running:
    """An operator and its door."""

    def __init__(self, process: OperatorProcess, door: Door) -> None:
        self.process = process
        self.door = door

    def start(self) -> None:
        self.process.start(self.door.kubeconfig)

    @property
    def ready(self) -> bool:
        return self.process.get("/readyz")[0] == 200


@pytest.fixture(scope="module")
def place(operator: Kube) -> Iterator[Kube]:
    """A namespace that only the operators of these tests serve, with the rights of the chart."""
    kubectl("-n", operator.namespace, "scale", "deployment", "--all", "--replicas=0")
    operator.wait("delete", "pod --all")
    name = f"faults-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    flags = ["--set", f"watchNamespaces={{{name}}}", "--set", "crds.enabled=false", "--set", "replicas=2"]
    rendered = subprocess.run(
        ["helm", "template", "faults", CHART, "-n", name, *flags], capture_output=True, text=True, check=True
    ).stdout
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    grants = [each for each in yaml.safe_load_all(rendered) if each and each["kind"] in kinds]
    kubectl("apply", "-f", "-", given=yaml.safe_dump_all(grants))
    made = Kube(name)
    yield made
    made.close()
    kubectl("-n", operator.namespace, "scale", "deployment", "--all", "--replicas=1")
    operator.wait("condition=Available", "deployment --all")


def token(place: Kube) -> str:
    """A token of the service account that the chart made."""
    return kubectl("-n", place.namespace, "create", "token", "faults-softphone-fleet-operator").strip()


@pytest.fixture
def make(place: Kube, tmp_path: Path) -> Iterator[Make]:
    """Make operators; they end with the test."""
    made: list[Running] = []

    def one(**more: object) -> Running:
        door = Door(token(place))
        door.start()
        process = OperatorProcess(
            tmp_path / f"operator-{len(made)}.log",
            port=next(PORTS),
            agent_image=Images(settings()).names.agent,
            watch_namespaces=place.namespace,
            watch_seconds=WATCH_SECONDS,
            **more,
        )
        made.append(Running(process, door))
        return made[-1]

    yield one
    for each in made:
        each.process.kill()
        each.door.close()


@pytest.fixture(scope="module")
def phones(place: Kube) -> Kube:
    """The objects of two phones; an operator of a test makes them run, and the next finds them running."""
    place.apply(*system(), secret("u11"), secret("u12"))
    place.apply(softphone("u11"), softphone("u12"))
    return place


NAMES = ("u11", "u12")
EDIT = "An edit of the location makes u11 un-REGISTER and register anew: a moment without a registration."
ALONE = f"{EDIT} Nothing else is an outage: the other phone keeps its Call-ID."


@pytest.fixture(scope="module")
def singles(phones: Kube) -> Softphones:
    """The same two phones, as drills look at them."""
    return Softphones(phones, NAMES, History(default_system()))


@pytest.fixture
def drill(singles: Softphones) -> Drill:
    """Runs faults on them, while an operator of the test works."""
    return Drill(singles)


def running(phones: Kube, make: Make) -> Running:
    """An operator whose phones are registered at home."""
    one = make()
    one.start()
    one.process.wait_ready()
    for name in NAMES:
        phones.until("sp", name, lambda of: is_ready(of) and registered_at("slave", "Home")(of), seconds=90)
    return one


def undisturbed(pbxes: System) -> str:
    """The Call-ID of the phone that no test edits: had it lost its registration, or its pod, it would have another."""
    return pbxes.pbx("slave").bindings("u12")[0].call_id


def pods(phones: Kube) -> list[str]:
    return sorted(phones.names("pods", "app.kubernetes.io/name=softphone-agent"))


def edited(phones: Kube, location: str, seconds: float = 60) -> None:
    """Whether an edit reaches the phone and comes back as status: the operator hears, works and writes."""
    phones.patch("sp", "u11", {"phys": location})
    phones.until(
        "sp",
        "u11",
        lambda of: is_ready(of) and registration(of).get("physicalLocation") == location,
        seconds=seconds,
    )


@contextmanager
def put_back(phones: Kube) -> Iterator[None]:
    """The location of the phone that is edited meanwhile is afterwards what it was."""
    was = phones.get("sp", "u11")["spec"].get("phys")
    yield
    phones.patch("sp", "u11", {"phys": was})


def test_the_rules_of_the_chart_are_the_calls_that_the_operator_makes(phones: Kube, pbxes: System, make: Make) -> None:
    one = make(lease=f"{phones.namespace}/faults-softphone-fleet-operator", identity="one")
    one.start()
    one.process.wait_ready()
    for name in NAMES:
        phones.until("sp", name, is_ready, seconds=90)
    edited(phones, "graz")
    phones.apply(secret("load", load000="pw-load000", load001="pw-load001"), fleet(2, 1))
    phones.until("spf", "load", is_ready, seconds=90)
    kubectl("-n", phones.namespace, "scale", "spf", "load", "--replicas=1")
    wait_until(lambda: one.door.accesses() >= ACCESS | LEASE_ACCESS, "everything granted is used", seconds=30)
    assert one.door.accesses() == ACCESS | LEASE_ACCESS
    assert not [asked for asked in one.door.requests if asked.code in (401, 403)]
    phones.delete("spf", "load")
    wait_until(lambda: not phones.names("pods", "softphone-fleet.io/fleet=load"), "the fleet's pods are gone")
    assert one.process.stop() == 0


def test_watches_that_are_cut_or_fall_silent_cost_nothing(
    phones: Kube, pbxes: System, make: Make, drill: Drill
) -> None:
    one = running(phones, make)
    done = (
        f"All {WATCHES} watches of the operator are cut, and later fall silent until it has begun new ones; each time "
        "the location of a phone is edited."
    )
    with drill("operator", "watches-cut", done, note=ALONE), put_back(phones):
        before = undisturbed(pbxes), pods(phones)
        assert one.door.cut() == WATCHES
        edited(phones, "linz")
        one.door.deaf = True
        asked = one.door.watches_asked
        phones.patch("sp", "u11", {"phys": "wels"})
        wait_until(lambda: one.door.watches_asked >= asked + WATCHES, "silent watches are made anew", seconds=30)
        one.door.deaf = False
        phones.until("sp", "u11", lambda of: registration(of).get("physicalLocation") == "wels")
        assert (undisturbed(pbxes), pods(phones)) == before


def test_a_deaf_operator_is_not_healthy_and_says_why(phones: Kube, make: Make, drill: Drill) -> None:
    one = running(phones, make)
    done = (
        "All watches of the operator are cut and new ones bring nothing, until it says that it is not healthy; then it "
        "hears again, and the location of a phone is edited."
    )
    with drill("operator", "deaf", done, note=ALONE) as fault, put_back(phones):
        assert one.process.get("/healthz") == (200, "ok\n")
        one.door.deaf = True
        one.door.cut()
        begun = time.monotonic()
        wait_until(lambda: one.process.get("/healthz")[0] == 503, "the operator is found deaf", seconds=90)
        fault.figures["not healthy after"] = f"{time.monotonic() - begun:.0f} s"
        said = one.process.get("/healthz")[1]
        assert said.startswith("deaf: the API server answers, but watches have not begun anew: ")
        assert f"Softphone in {phones.namespace}" in said
        one.door.deaf = False
        wait_until(lambda: one.process.get("/healthz")[0] == 200, "it hears again", seconds=60)
        edited(phones, "steyr")


@pytest.mark.usefixtures("pbxes")
def test_an_api_server_that_is_away_costs_no_registration(phones: Kube, make: Make, drill: Drill) -> None:
    one = running(phones, make)
    done = (
        f"The API server is killed, and the home PBX too. After {AWAY_SECONDS} s the API server is started, and when "
        "the statuses are right again the home PBX; then the location of a phone is edited."
    )
    note = f"{PINGS} What the operator cannot write meanwhile it writes when the API server is back. {EDIT}"
    with drill("operator", "api-server-away", done, note=note) as fault, put_back(phones):
        before = pods(phones)
        server = control_plane.api_server(settings())
        server.kill()
        try:
            fault.kill("slave")
            # The outage itself is what is tested; there is nothing to wait for.
            time.sleep(AWAY_SECONDS)
            assert one.process.running
            assert one.process.get("/healthz")[0] == 200, "a restart would not help"
        finally:
            control_plane.start(settings())
        begun = time.monotonic()
        for name in NAMES:
            phones.until("sp", name, registered_at("master", "Standby"))
        fault.figures["statuses right after"] = f"{time.monotonic() - begun:.1f} s"
        fault.start("slave")
        for name in NAMES:
            phones.until("sp", name, registered_at("slave", "Home"))
        assert pods(phones) == before
        edited(phones, "enns")


def test_two_operators_never_write_at_the_same_time(phones: Kube, pbxes: System, make: Make, drill: Drill) -> None:
    place = f"{phones.namespace}/faults-softphone-fleet-operator"
    one, two = make(lease=place, identity="one"), make(lease=place, identity="two")
    one.start()
    one.process.wait_ready()
    for name in NAMES:
        phones.until("sp", name, is_ready, seconds=90)
    done = (
        "Of two operators the one that leads is paused until the other has taken over, and goes on; later the other is "
        "killed. The location of a phone is edited under each."
    )
    with drill("operator", "leader-paused", done, note=ALONE) as fault, put_back(phones):
        before = undisturbed(pbxes), pods(phones)
        two.start()
        two.process.wait_ready()
        edited(phones, "bregenz")
        assert two.door.writes() == [], "one leads, the other waits and is ready"

        one.process.pause()
        edited(phones, "dornbirn")
        paused = len(one.door.requests)
        one.process.resume()
        wait_until(lambda: not one.process.running, "the old leader ends when it finds that it leads no more")
        written = [asked for asked in one.door.requests[paused:] if asked.is_write]
        fault.figures["writes of the one that went on"] = str(len(written))
        assert written == []

        one.start()
        one.process.wait_ready()
        two.process.kill()
        taken = len(one.door.requests)
        edited(phones, "feldkirch")
        assert [asked for asked in one.door.requests[taken:] if asked.is_write]
        assert (undisturbed(pbxes), pods(phones)) == before


def test_killed_again_and_again_during_a_mass_create_it_leaves_all_in_order(phones: Kube, make: Make) -> None:
    one, count = make(agent_replicas=0), 60
    phones.apply(secret("many"))
    phones.delete("sp", "u11")
    phones.delete("sp", "u12")
    waits = random.Random(4)
    for part in range(KILLS):
        one.start()
        wanted = range(part * count // KILLS, (part + 1) * count // KILLS)
        many = [softphone(f"many{index}", credentials={"secretName": "many"}) for index in wanted]
        until = len(one.door.writes()) + waits.randrange(len(many) * 3)
        phones.apply(*many)
        wait_until(lambda until=until: len(one.door.writes()) >= until, "it has begun", seconds=30)  # type: ignore[misc]
        one.process.kill()
    one.start()
    one.process.wait_ready()

    def listed(kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = yaml.safe_load(kubectl("-n", phones.namespace, "get", kind, "-o", "json"))[
            "items"
        ]
        return items

    wait_until(
        lambda: all(condition(of, "Accepted").get("status") == "True" for of in listed("sp")),
        "all are accepted",
        interval=1,
    )
    owners = {of["metadata"]["uid"]: of["metadata"]["name"] for of in listed("sp")}
    assert len(owners) == count
    for kind in ("deployments", "configmaps"):
        owned = [of["metadata"] for of in listed(kind) if "ownerReferences" in of["metadata"]]
        assert sorted(owners[of["ownerReferences"][0]["uid"]] for of in owned) == sorted(owners.values())
    assert {of["metadata"]["generation"] for of in listed("deployments")} == {1}, "nobody wrote twice"
    assert all(name == f"softphone-{owner}" for name, owner in _owned(listed("deployments"), owners))
    figures = {
        "Softphones": f"{count}, all accepted",
        "Deployments and ConfigMaps": f"{count} of each, each Deployment written once",
        "the operator's writes in all": str(len(one.door.writes())),
    }
    done = f"{count} Softphones are created while the operator is killed {KILLS} times, each after some writes."
    found("operator", "killed-in-mass-create", done, figures)
    phones.delete("sp", "--all")


def _owned(objects: list[dict[str, Any]], owners: dict[str, str]) -> list[tuple[str, str]]:
    return [(of["metadata"]["name"], owners[of["metadata"]["ownerReferences"][0]["uid"]]) for of in objects]
