"""A release is installed from its folder alone, by the commands of docs/how-to/install.md.

`make release` makes the folder, in the machine's own network; tests/run-all does so before.
systemd itself does not run here: the unit is judged by systemd-analyze, and its ExecStart is run as it says.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from documents import commands
from e2e.bare_machine import BareMachine
from e2e.objects import secret, softphone, system
from examples import fitted, password
from lab.kube import Kube, kubectl
from lab.kubernetes.node import ctr
from lab.pbx import System
from lab.sandbox import Sandbox
from lab.settings import REPOSITORY, settings
from lab.waiting import wait_until
from release.__main__ import FOLDER, PAGE
from release.facts import of_the_tree

pytestmark = pytest.mark.lab

FACTS = of_the_tree()
MADE_OF = (
    "agent",
    "charts",
    "console",
    "docs/how-to/install.md",
    "images",
    "install",
    "operator",
    "plugin",
    "tools/release",
)
UNIT = "/etc/systemd/system/softphone-agent.service"
ALONE, IN_POD = "u88", "u89"
"""Users of the lab's PBXes whom no other test has."""
PORT = 8091
"""Not that of other agents in the lab's network."""
CONFIG = "/etc/softphone-agent/agent.yaml"


@pytest.fixture(scope="module")
def folder() -> Path:
    """The release of these sources."""
    made = FOLDER / FACTS.name("softphone-fleet-agent", ".oci.tar")
    if not made.exists():
        pytest.fail("there is no release of this version: make release", pytrace=False)
    with tarfile.open(made) as archive:
        listed = json.load(archive.extractfile("index.json") or pytest.fail("no image"))["manifests"]
        manifest = "blobs/" + listed[0]["digest"].replace(":", "/")
        labels = json.load(archive.extractfile(manifest) or pytest.fail("no image"))["annotations"]
    of = labels["org.opencontainers.image.revision"].removesuffix("-dirty")
    if subprocess.run(["git", "diff", "--quiet", of, "--", *MADE_OF], cwd=REPOSITORY, check=False).returncode:
        pytest.fail(f"build/release is of {of}, and its sources have changed since: make release", pytrace=False)
    return FOLDER


@pytest.fixture(scope="module")
def machine(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> BareMachine:
    """A machine that was given the folder, and nothing else."""
    made = BareMachine(tmp_path_factory.mktemp("machine") / "root", settings())
    shutil.copytree(folder, made.folder / "release")
    found = [program for program in ("gcc", "cc", "git", "pip", "pip3", "apt-get", "curl") if made.has(program)]
    assert found == []
    made.types(page("Installing a release"), "/release")
    return made


def page(heading: str, number: int = 0) -> str:
    """What the page tells to type under a heading: the block of this number."""
    return [block.text for block in commands(PAGE) if block.heading == heading][number]


def test_the_plugin_runs(machine: BareMachine) -> None:
    assert machine.types(page("The plugin"), "/release") == f"{FACTS.version}\n"
    shutil.copyfile(settings().kubeconfig, machine.folder / "kubeconfig")
    shown = machine.types("kubectl-softphone status -A --kubeconfig /kubeconfig", online=True)
    assert "Traceback" not in shown


def test_the_agent_runs_by_its_unit(machine: BareMachine, pbxes: System) -> None:
    heading = "The agent on a machine without Kubernetes"
    assert f"softphone-agent {FACTS.version} is installed" in machine.types(page(heading), "/release")
    assert machine.types(page(heading, 1)) == "agent.yaml: 1 phone, 2 PBXes, ok\n"
    assert machine.types(f"systemd-analyze verify {UNIT} 2>&1") == ""
    unit = (machine.folder / UNIT[1:]).read_text()
    started, checked, user = (
        re.findall(f"^{key}=(.*)$", unit, re.MULTILINE) for key in ("ExecStart", "ExecStartPre", "User")
    )
    etc = machine.folder / "etc" / "softphone-agent"
    (etc / "alice.password").write_text(password(ALONE))
    config = yaml.safe_load(fitted((etc / "agent.yaml").read_text()))
    config["http"]["port"] = PORT
    config["phones"][0]["aor"] = f"sip:{ALONE}@pbx.test"
    (etc / "agent.yaml").write_text(yaml.safe_dump(config))
    ran = subprocess.run(
        machine.command(shlex.split(*checked), user=user[0]), capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    with subprocess.Popen(machine.command(shlex.split(*started), user=user[0]), stdout=subprocess.DEVNULL) as agent:
        try:
            wait_until(lambda: state() == "Registered", "the phone is registered", alive=lambda: agent.poll() is None)
            assert pbxes.pbx("slave").bindings(ALONE), "the master redirected it home"
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(30) == 0
        finally:
            agent.kill()
    assert not pbxes.pbx("slave").bindings(ALONE)


def state() -> str:
    """What the agent says of its phone; empty where it cannot be asked yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/status", timeout=5) as answer:
            phones = json.load(answer)["phones"]
    except OSError:
        return ""
    return str(phones[0]["state"]) if phones else ""


def test_who_has_another_python_is_told(machine: BareMachine, tmp_path: Path) -> None:
    python = machine.folder / "usr" / "bin" / "python3.11"
    python.rename(python.with_name("hidden"))
    try:
        with pytest.raises(AssertionError, match=r"install: Python 3\.11 is needed: in Debian 12 the package python3"):
            machine.types(f"softphone-agent-{FACTS.version}/install", "/release")
    finally:
        python.with_name("hidden").rename(python)


def test_what_is_not_what_was_packed_is_not_installed(machine: BareMachine) -> None:
    unpacked = machine.folder / "release" / f"softphone-agent-{FACTS.version}"
    with (unpacked / "agent.yaml").open("a") as file:
        file.write("# somebody was here\n")
    with pytest.raises(AssertionError, match="what was unpacked is not what was packed"):
        machine.types(f"{unpacked.name}/install", "/release")


@pytest.fixture
def place(operator_rests: None) -> Iterator[Kube]:
    """A namespace for an operator of its own."""
    made = Kube(f"release-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", made.namespace)
    yield made
    subprocess.run(["helm", "-n", made.namespace, "uninstall", "softphone-fleet", "--wait"], check=False)
    made.close()


def test_the_chart_runs_with_the_images_of_the_archives(place: Kube, folder: Path) -> None:
    registry = f"localhost/{place.namespace}"  # which names nothing that is in the cluster already
    # In the folder, which entering leaves; and the page names containerd's namespace itself.
    node = shlex.join(Sandbox(settings()).enter(["env", f"--chdir={folder}", *ctr(settings())[:-2]]))
    chart = page("The chart").rstrip().replace("-n softphone-fleet", f"-n {place.namespace}")
    script = "\n".join(
        [
            "ctr() { " + node + ' "$@"; }',
            page("The images", 1),
            f"{chart} --set watchNamespaces={{{place.namespace}}} --set crds.enabled=false --timeout 120s",
        ]
    )
    typed = ["bash", "-euo", "pipefail", "-c", script.replace("REGISTRY", registry)]
    try:
        done = subprocess.run(typed, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        place.apply(*system(), secret(IN_POD), softphone(IN_POD))
        place.wait("condition=Ready", f"sp/{IN_POD}")
        images = {
            container["image"]
            for pod in json.loads(kubectl("-n", place.namespace, "get", "pods", "-o", "json"))["items"]
            for container in pod["spec"]["containers"]
        }
        digests = yaml.safe_load((folder / f"softphone-fleet-{FACTS.version}-digests.yaml").read_text())["image"]
        assert images == {f"{registry}/softphone-fleet-{name}@{of['digest']}" for name, of in digests.items()}
        place.delete("sp", IN_POD)
    finally:
        named = tuple(f"localhost/softphone-fleet-{program}:{FACTS.version}" for program in ("operator", "agent"))
        ours = [name for name in loaded() if name.startswith((registry, *named))]
        if ours:
            subprocess.run(Sandbox(settings()).enter(ctr(settings(), "images", "remove", *ours)), check=True)


def loaded() -> list[str]:
    """The names of the images that the node has."""
    listing = Sandbox(settings()).enter(ctr(settings(), "images", "list", "--quiet"))
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
