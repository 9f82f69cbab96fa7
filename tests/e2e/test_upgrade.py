"""From the first release to this one on running phones, and back; and what stays when a release is uninstalled.

The first release is the real one: its chart, its Python package and its Dockerfiles lie in data/first-release, as
files, since a clone may have no history. Its images are made of them, with today's versions of what they need.
What counts is what the PBXes saw: whether at any moment a phone was without a binding.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from e2e.bindings import Watched
from e2e.objects import fleet, secret, softphone, system
from lab import packages, release
from lab.errors import LabError
from lab.images import Images, Names
from lab.kube import Kube, is_ready, kubectl
from lab.pbx import System, default_system
from lab.progress import Progress
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

FIRST = Path(__file__).parent / "data" / "first-release"
OPERATOR = "deployment/softphone-fleet-operator"
PHONES = ("u41", "u42", "u43")
FLEET = tuple(f"load{index:03d}" for index in range(4))
AGENTS = "app.kubernetes.io/name=softphone-agent"


@dataclass
class Team:
    """A platform team with its Helm, its phones, and both releases at hand."""

    helm: Path
    phones: Kube
    pbxes: System
    first: Names
    present: Names
    edits: int = 0

    def install_first(self) -> None:
        """The first release."""
        chart = str(FIRST / "softphone-fleet-0.1.0.tgz")
        self.run("install", release.NAME, chart, "--create-namespace", *release.images(self.first), "--wait")

    def upgrade(self, *more: str) -> None:
        """To the present release."""
        images = release.images(self.present)
        self.run("upgrade", "--install", release.NAME, str(release.CHART), *images, *more, "--wait")

    def run(self, *arguments: str) -> None:
        release.helm(*arguments, "--timeout=120s", binary=self.helm)

    def operator_works(self) -> None:
        """It takes an edit of each phone; one that costs no registration."""
        self.edits += 1
        trace = ["App"] if self.edits % 2 else []
        for name in PHONES:
            self.phones.patch("sp", name, {"trace": trace})
        self.phones.patch("spf", "load", {"template": {"trace": trace}})
        for name in PHONES:
            self.phones.until("sp", name, is_ready)
        self.phones.until("spf", "load", is_ready)

    def pods(self) -> list[dict[str, Any]]:
        """The agents' pods."""
        listed = kubectl("-n", self.phones.namespace, "get", "pods", "-l", AGENTS, "-o", "json")
        found: list[dict[str, Any]] = json.loads(listed)["items"]
        return found

    def lives(self) -> dict[str, Any]:
        """What is another one after each start of a pod, a container, or a registration."""
        containers = {
            pod["metadata"]["uid"]: [each["containerID"] for each in pod["status"]["containerStatuses"]]
            for pod in self.pods()
        }
        call_ids = {held.aor: held.call_id for held in self.pbxes.pbx("slave").bindings() if held.aor in PHONES + FLEET}
        assert sorted(call_ids) == sorted(PHONES + FLEET)
        return {"containers": containers, "Call-IDs": call_ids}

    def objects(self) -> dict[str, Any]:
        """UID and spec of all that the team has made, but for what operator_works edits."""
        listed = json.loads(kubectl("-n", self.phones.namespace, "get", "pbx,sp,spf", "-o", "json"))["items"]
        for each in listed:
            each["spec"].get("template", each["spec"]).pop("trace", None)
        return {each["metadata"]["uid"]: (each["kind"], each["metadata"]["name"], each["spec"]) for each in listed}

    def wait_for_images(self, wanted: dict[str, int]) -> None:
        """Wait until so many agents run from these images, and all is well."""
        wait_until(
            lambda: Counter(pod["spec"]["containers"][0]["image"] for pod in self.pods()) == wanted,
            f"agents of {wanted}",
            seconds=120,
        )
        self.operator_works()


@pytest.fixture(scope="module", params=["3", "4"], ids=["helm 3", "helm 4"])
def team(request: pytest.FixtureRequest, operator: Kube) -> Iterator[Team]:
    """Phones that the first release registered, in place of the release of the other tests."""
    packages.fetch_tools(settings(), request.param)
    names = Images(settings())
    with Progress(Console()) as progress:
        first = names.make_earlier(progress)
    others = kubectl("get", "pbx,sp,spf", "--all-namespaces", "-o", "name").split()
    assert not others, f"the CRDs are removed here, and with them {others}: delete those first"
    release.helm("uninstall", release.NAME, "--wait")
    phones = Kube(f"upgrade-{request.param}")
    kubectl("create", "namespace", phones.namespace)
    made = Team(packages.helm(settings(), request.param), phones, default_system(), first, names.names)
    try:
        made.install_first()
        phones.apply(*system(), secret("load", **{user: f"pw-{user}" for user in FLEET}))
        phones.apply(*(secret(name) for name in PHONES), fleet(4, 2), *(softphone(name) for name in PHONES))
        phones.wait("condition=Ready", "sp --all", seconds=90)
        phones.until("spf", "load", is_ready, seconds=90)
        yield made
    finally:
        release.install()
        phones.close()


def test_upgrade_and_rollback_touch_no_running_phone(team: Team) -> None:
    lives, objects, watched = team.lives(), team.objects(), Watched(team.pbxes, PHONES + FLEET)
    # What the first release had in the pods of agents too: it is not worth a restart.
    for more in ((), ("--set", "metrics.annotations=false")):
        team.upgrade(*more)
        team.operator_works()
        assert (team.lives(), team.objects()) == (lives, objects)
    team.run("rollback", release.NAME, "1", "--wait")
    team.operator_works()
    assert (team.lives(), team.objects()) == (lives, objects)
    assert set(watched.fewest_bindings().values()) == {1}


# No matter of Helm's: one of them is enough.
@pytest.mark.parametrize("team", ["3"], indirect=True, ids=["helm 3"])
def test_running_agents_get_the_new_image_one_by_one_or_at_once(team: Team) -> None:
    first, present = team.first.agent, team.present.agent
    team.upgrade()
    team.phones.delete("deployment", "softphone-u43")
    team.wait_for_images({present: 1, first: 4})
    watched = Watched(team.pbxes, PHONES + FLEET)
    team.upgrade("--set", "agents.imageUpdate=AtOnce")
    team.wait_for_images({present: 5})
    fewest = watched.fewest_bindings()
    assert fewest["u43"] == 1, "its agent had it already"
    assert fewest["u41"] == 0, "a new pod of a Softphone begins when the old one has ended"


def test_wrong_values_are_refused_in_the_schemas_words_and_change_nothing(team: Team) -> None:
    before = json.loads(release.helm("history", release.NAME, "-o", "json", binary=team.helm))
    with pytest.raises(LabError, match=r"replicas.*(integer|number|minimum)|(minimum|integer).*replicas"):
        team.upgrade("--set", "replicas=many")
    with pytest.raises(LabError, match="replica"):
        team.upgrade("--set", "replica=2")
    assert json.loads(release.helm("history", release.NAME, "-o", "json", binary=team.helm)) == before


def test_phones_go_on_without_the_release_and_go_with_their_objects(team: Team) -> None:
    lives, objects = team.lives(), team.objects()
    team.upgrade()
    team.run("uninstall", release.NAME, "--wait")
    assert (team.lives(), team.objects()) == (lives, objects)
    team.upgrade("--set", "crds.keep=false")
    team.operator_works()
    assert (team.lives(), team.objects()) == (lives, objects)
    # As docs/upgrades.md says: before the CRDs, with which the garbage collector may forget whose the agents were.
    kubectl("-n", team.phones.namespace, "delete", "sp,spf", "--all")
    wait_until(lambda: not team.pods(), "the agents are gone", seconds=180)
    team.run("uninstall", release.NAME, "--wait")
    wait_until(lambda: "softphone-fleet.io" not in kubectl("get", "crds", "-o", "name"), "the CRDs are gone")
    held = {binding.aor for pbx in team.pbxes.pbxes for binding in pbx.bindings()}
    assert not held & {*PHONES, *FLEET}, "all un-REGISTERed"
