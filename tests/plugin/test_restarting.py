"""Agents are restarted one by one; the next goes when enough phones of the last are registered again."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.api_server import ApiServer, Object, serving
from plugin.reports import fleet, report, softphone
from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL
from softphone_operator.decide.names import COMPONENT, FIELD_MANAGER, FLEET_LABEL, INSTANCE, MANAGED_BY, SLICE_LABEL
from softphone_plugin.commands import restart as command
from softphone_plugin.errors import PluginError
from softphone_plugin.rendering import Console
from softphone_plugin.restarting import Wanted, image, in_order, selector
from softphone_plugin.session import Where, run

OWNED = f"{MANAGED_BY}={FIELD_MANAGER},{COMPONENT}=agent"


@pytest.mark.parametrize(
    ("before", "share", "phones"), [(10, 1.0, 10), (10, 0.9, 9), (10, 0.85, 9), (3, 0.07, 1), (5, 0.0, 0), (0, 1.0, 0)]
)
def test_how_many_phones_must_be_back(before: int, share: float, phones: int) -> None:
    wanted = Wanted(before, share)
    assert wanted.phones == phones
    assert wanted.is_back(phones)
    assert not wanted.is_back(None)
    assert phones == 0 or not wanted.is_back(phones - 1)


def test_whose_agents_are_meant() -> None:
    of = {"metadata": {"name": "people"}}
    assert selector(SOFTPHONE, softphone()) == f"{OWNED},{INSTANCE}=softphone-anna"
    assert selector(SOFTPHONE_FLEET, of) == f"{OWNED},softphone-fleet.io/fleet=people"
    assert selector(SOFTPHONE_POOL, of) == f"{OWNED},softphone-fleet.io/pool=people"
    with pytest.raises(PluginError, match="anna has no agent of its own, it is in the pool people: restart spp/people"):
        selector(SOFTPHONE, softphone(spec={"aor": "sip:a@b", "agent": {"pool": "people"}}))
    with pytest.raises(PluginError, match='"people" is a PBX, and has no agent'):
        selector(PBX, of)


def test_in_which_order_they_go() -> None:
    def deployment(name: str, number: str = "", **more: str) -> Object:
        return {"metadata": {"name": name, "labels": {SLICE_LABEL: number} if number else {}, **more}}

    given = [deployment("f-10", "10"), deployment("f-2", "2"), deployment("f-3", "3", deletionTimestamp="now")]
    assert [obj["metadata"]["name"] for obj in in_order([*given, deployment("b"), deployment("a")])] == [
        "a",
        "b",
        "f-2",
        "f-10",
    ]


def test_the_image_of_a_pod_or_a_deployment() -> None:
    pod = {"spec": {"containers": [{"image": "x:1"}]}}
    assert (image(pod), image({"spec": {"template": pod}}), image({})) == ("x:1", "x:1", "")


class Restarting(ApiServer):
    """A cluster whose operator makes an agent anew when its Deployment is gone, some of whose phones come back."""

    def __init__(self) -> None:
        super().__init__()
        self.back = {"fleet-load-0": 5, "fleet-load-1": 5}
        self.went: list[str] = []
        self.add(SOFTPHONE_FLEET, fleet())
        for number, name in enumerate(self.back):
            labels = {MANAGED_BY: FIELD_MANAGER, COMPONENT: "agent", FLEET_LABEL: "load", SLICE_LABEL: str(number)}
            metadata = {"name": name, "uid": f"d-{name}", "labels": {**labels, INSTANCE: name}}
            self.add_other("deployments", {"metadata": metadata})
            self._agent(name, 5, "old")

    def _agent(self, name: str, registered: int, uid: str) -> None:
        first = int(name[-1]) * 5
        phones = [report(f"load-{first + index}", "slave" if index < registered else None) for index in range(5)]
        self.agent(name, *phones)
        pod = self.objects("pods")[-1]
        pod["metadata"]["uid"] = uid
        pod["spec"] = {"containers": [{"image": f"agent:{uid}"}]}

    def deleted(self, name: str) -> None:
        self.went.append(name)
        pods = self.objects("pods")
        pods.remove(next(pod for pod in pods if pod["metadata"]["name"] == name))
        self._agent(name, self.back[name], "new")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Restarting:
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.01)
    return Restarting()


@pytest.fixture
def kubeconfig(cluster: Restarting, tmp_path: Path) -> Iterator[Path]:
    with serving(cluster, tmp_path) as path:
        yield path


def restarted(kubeconfig: Path, name: str, **how: Any) -> tuple[bool, str]:
    said = io.StringIO()
    console = Console(file=said, width=200)
    given = {"share": 1.0, "timeout": 60.0, **how}
    back = run(Where(kubeconfig=kubeconfig), lambda session: command.restart(session, console, name, **given))
    return back, said.getvalue()


def test_the_agents_of_a_fleet_go_one_by_one(kubeconfig: Path, cluster: Restarting) -> None:
    back, said = restarted(kubeconfig, "load")
    assert back
    assert cluster.went == ["fleet-load-0", "fleet-load-1"]
    first, second = said.splitlines()
    assert re.fullmatch(r"1/2 fleet-load-0: 5 of 5 phones registered after \d+ s, agent:new", first)
    assert second.startswith("2/2 fleet-load-1: ")


def test_one_whose_phones_do_not_come_back_stops_it(kubeconfig: Path, cluster: Restarting) -> None:
    cluster.back["fleet-load-0"] = 3
    back, said = restarted(kubeconfig, "spf/load", timeout=0.3)
    assert not back
    assert cluster.went == ["fleet-load-0"], "the other one is left alone"
    assert "1/2 fleet-load-0: 3 of 5 phones registered after 0 s; 5 were asked for" in said
    assert "Stopped: 1 of 2 agents were not restarted." in said


def test_with_a_share_fewer_are_enough(kubeconfig: Path, cluster: Restarting) -> None:
    cluster.back["fleet-load-0"] = 3
    assert restarted(kubeconfig, "load", share=0.6)[0]
    assert cluster.went == ["fleet-load-0", "fleet-load-1"]


def test_a_new_pod_that_is_not_heard_stops_it(kubeconfig: Path, cluster: Restarting) -> None:
    cluster.unheard = {"fleet-load-0"}
    back, said = restarted(kubeconfig, "load", timeout=0.3)
    assert not back
    assert "1/2 fleet-load-0: its new pod is not heard after 0 s" in said


def test_without_agents_there_is_nothing_to_restart(kubeconfig: Path, cluster: Restarting) -> None:
    cluster.objects("deployments").clear()
    with pytest.raises(PluginError, match="load has no agent"):
        restarted(kubeconfig, "load")
    with pytest.raises(PluginError, match='there is no Softphone, SoftphoneFleet or SoftphonePool "load-7"'):
        restarted(kubeconfig, "load-7")
