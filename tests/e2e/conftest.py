"""The operator, installed by Helm in the lab's cluster, and namespaces to play in."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from lab import release
from lab.kube import Kube, kubectl
from lab.pbx import System, default_system


@pytest.fixture(scope="session")
def operator() -> Iterator[Kube]:
    """The operator's namespace, with the operator running in it.

    Where the variable LAB_OPERATOR is `shared` or `resting`, several processes of pytest run at the same time, and
    somebody else installs it.
    """
    if os.environ.get("LAB_OPERATOR"):
        yield Kube(release.NAMESPACE)
        return
    was_there = release.is_installed()
    release.install()
    yield Kube(release.NAMESPACE)
    if not was_there:
        release.uninstall()


@pytest.fixture(scope="module")
def operator_rests(operator: Kube) -> Iterator[None]:
    """The operator of the other tests rests, so that tests with operators of their own may run, side by side.

    Where the variable LAB_OPERATOR is `resting`, somebody else has stopped it.
    """
    if os.environ.get("LAB_OPERATOR") == "resting":
        yield
        return
    release.stop()
    yield
    release.go_on()


@pytest.fixture(scope="module")
def namespace(operator: Kube) -> Iterator[Kube]:
    """A namespace of the test module's own."""
    made = Kube(f"e2e-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", made.namespace)
    yield made
    made.close()


@pytest.fixture(scope="session", autouse=True)
def own_pbxes() -> Iterator[None]:
    """Three PBXes of this process's own, where others use the lab at the same time: each may kill its own."""
    system = default_system()
    if not system.place:
        yield
        return
    start(system)
    yield
    for pbx in system.pbxes:
        pbx.kill()


def start(system: System) -> None:
    """Start those that do not run, and wait until all answer."""
    for pbx in system.pbxes:
        pbx.start()
    for pbx in system.pbxes:
        pbx.wait_ready()


@pytest.fixture
def pbxes() -> Iterator[System]:
    """Master, slave and standby, all alive before and after the test."""
    system = default_system()
    yield system
    start(system)
    system.reset_homes()
