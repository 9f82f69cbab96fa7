"""What the README and the ten-minute start tell a newcomer to type, typed: in order, in a fresh clone.

Run it where a newcomer's shell is, not inside the lab's network: the clone's virtual environment is made from the
package index. What is typed comes from the clone's documents. What is not typed, and what is typed in place of
addresses, passwords and images of a cluster that this is not, stands below and in examples.py.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import documents
import examples
from lab.pbx import default_system
from lab.settings import REPOSITORY
from lab.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

LAB = ".venv/bin/python -m lab"
# Nothing of the shell, make or pytest that runs this.
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ONLY")
LEFT_OUT = {
    "make test": "it is what runs this",
    "make lab-down": "whoever brought the lab up takes it down",
    "make images": "there is neither docker nor a registry; `lab images` builds the same Dockerfile",
}


class Newcomer:
    """A shell in a fresh clone."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.environment = {name: value for name, value in os.environ.items() if name not in OURS}

    def types(self, script: str, more: Mapping[str, str] | None = None) -> str:
        """Run commands as they are typed, and stop at the first that fails; what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.clone,
            env={**self.environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def told(self, document: str, heading: str | None = None) -> list[str]:
        """The blocks of commands of a document, or of what stands under one of its headings."""
        blocks = documents.commands(self.clone / document)
        found = [block.text for block in blocks if heading in (None, block.heading)]
        assert found, f"{document} has no commands under {heading}"
        return found


def without(script: str) -> str:
    """The script without the commands that cannot be run here."""
    lines = script.splitlines()
    return "\n".join(line for line in lines if line.partition("#")[0].strip() not in LEFT_OUT)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """In a clone of what is committed, with a virtual environment of its own; afterwards the lab is as it was."""
    clone = tmp_path_factory.mktemp("newcomer") / "softphone-fleet"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, clone], check=True)
    typing = Newcomer(clone)
    typing.types("make venv")
    lab = {"PYTHONPATH": "tests"}
    was_there = "softphone-fleet" in typing.types(f"{LAB} helm list -A -q", lab).split()
    try:
        yield typing
    finally:
        for pbx in default_system().pbxes:
            pbx.start()
        for namespace in ("demo", "start", "newcomer"):
            typing.types(f"{LAB} kubectl -n {namespace} delete sp,spf,pbx --all", lab)
            typing.types(f"{LAB} kubectl delete namespace {namespace} --ignore-not-found --wait=false", lab)
        if not was_there:
            typing.types(f"{LAB} helm uninstall -n softphone-fleet softphone-fleet --wait", lab)
            typing.types(f"{LAB} kubectl delete namespace softphone-fleet --wait=false", lab)


def test_the_two_commands(newcomer: Newcomer) -> None:
    (block,) = newcomer.told("README.md", "Two commands")
    printed = newcomer.types(without(block))
    for step in ("2. The standby is dead", "4. The home is dead", "5. The home is back"):
        assert step in printed


def test_at_the_command_line(newcomer: Newcomer, tmp_path: Path) -> None:
    """Kubectl is the lab's; the package index is outside of the lab's network."""
    install, look = newcomer.told("README.md", "At the command line")
    newcomer.types(install)
    outside = {"PYTHONPATH": "tests", "XDG_CACHE_HOME": str(tmp_path)}
    printed = newcomer.types(f"{LAB} exec -- bash -euo pipefail -c {shlex.quote(look)}", outside)
    assert "alice" in printed, "a phone of the demonstration"


def test_the_plugin_needs_nothing_and_disturbs_nothing(newcomer: Newcomer, tmp_path: Path) -> None:
    """As in the shell of somebody who works in a virtual environment of something else."""
    python = shutil.which("python3")
    newcomer.types(f"python3 -m venv --without-pip {tmp_path}/environment")
    path = f"{tmp_path}/environment/bin:$PWD/build/plugin:/usr/bin:/bin"
    shell = f"env -i HOME={tmp_path}/home PATH={path}"
    printed = newcomer.types(f"{shell} kubectl-softphone lint examples/demo && {shell} kubectl_complete-softphone dr")
    assert [line.partition("\t")[0] for line in printed.splitlines()] == ["drill", ":4"]
    found = newcomer.types("export PATH=$PWD/build/plugin:$PATH; command -v python3 pip || true")
    assert found.splitlines()[0] == python, "the folder of the plugin shadows nothing"
    assert sorted(file.name for file in (newcomer.clone / "build" / "plugin").iterdir()) == [
        "kubectl-softphone",
        "kubectl_complete-softphone",
    ]


def test_where_to_go(newcomer: Newcomer) -> None:
    newcomer.types("\n".join(newcomer.told("README.md", "Where to go")))
    assert (newcomer.clone / "build" / "site" / "index.html").exists()


def test_on_your_own_cluster(newcomer: Newcomer, tmp_path: Path) -> None:
    """The lab's cluster for one's own: another namespace than `default` is the current one there."""
    lab = {"PYTHONPATH": "tests"}
    images = dict(line.split("=", 1) for line in newcomer.types(f"{LAB} images", lab).split())
    script = examples.fitted(without("\n".join(newcomer.told("README.md", "On your own cluster"))))
    for program, image in images.items():
        repository, _, tag = image.rpartition(":")
        given = f"{repository} --set image.{program}.tag={tag}"
        script = script.replace(f"REGISTRY/softphone-fleet-{program}", given)
    script = script.replace("change-me", examples.password("alice"))
    current = (
        f'cp "$KUBECONFIG" {tmp_path}/config; export KUBECONFIG={tmp_path}/config; kubectl create namespace newcomer; '
        "kubectl config set-context --current --namespace=newcomer"
    )
    inside = shlex.quote("\n".join([current, script]))
    printed = newcomer.types(f"{LAB} exec -- bash -euo pipefail -c {inside}", lab)
    shown = [line.split()[1:4] for line in printed.splitlines() if "fleet.io/alice " in line and "Registered" in line]
    assert shown == [["Registered", "standby", "Home"]], "the lab's slave, which is her home"


def test_without_kubernetes(newcomer: Newcomer) -> None:
    (block,) = newcomer.told("README.md", "Without Kubernetes")
    make, given, run, look = (line.partition("#")[0].strip() for line in block.splitlines())
    newcomer.types(make)
    shell = ["bash", "-euc", f"{given}\n{run}"]
    with subprocess.Popen(
        shell, cwd=newcomer.clone, env=newcomer.environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as first_shell:
        try:
            wait_until(
                lambda: '"registered":true' in newcomer.types(f"{given}\n{look} || true").replace(" ", ""),
                "the agent tells that its phone is registered",
                alive=lambda: first_shell.poll() is None,
            )
        finally:
            os.killpg(first_shell.pid, signal.SIGTERM)


def test_the_ten_minutes(newcomer: Newcomer) -> None:
    printed = newcomer.types(without("\n".join(newcomer.told("docs/start.md"))))
    shown = [line.split()[1:4] for line in printed.splitlines() if line.startswith("alice ")]
    assert shown == [["Registered", "master", "Standby"], ["PBXNotFound", "slave", "Home"]], "killed; a mistake made"
    assert 'there is no PBX "nowhere"' in printed
