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

    Where the variable LAB_OPERATOR is `shared`, several runs use it at the same time, and somebody else installs it.
    """
    if os.environ.get("LAB_OPERATOR") == "shared":
        yield Kube(release.NAMESPACE)
        return
    was_there = release.is_installed()
    release.install()
    yield Kube(release.NAMESPACE)
    if not was_there:
        release.uninstall()


@pytest.fixture(scope="module")
def namespace(operator: Kube) -> Iterator[Kube]:
    """A namespace of the test module's own."""
    made = Kube(f"e2e-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", made.namespace)
    yield made
    made.close()


@pytest.fixture
def pbxes() -> Iterator[System]:
    """The lab's master, slave and standby, all alive before and after the test."""
    system = default_system()
    yield system
    for pbx in system.pbxes:
        pbx.start()
    for pbx in system.pbxes:
        pbx.wait_ready()
    system.reset_homes()
