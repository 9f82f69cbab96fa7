"""The operator in the lab's cluster, and a fleet to break."""

from __future__ import annotations

import os

import pytest

from drills import fleets
from drills.drill import Drill
from drills.fleets import Fleet
from drills.history import History
from e2e.conftest import namespace, operator, pbxes
from lab.kube import Kube
from lab.pbx import default_system

__all__ = ["namespace", "operator", "pbxes"]

PHONES = int(os.environ.get("E2E_PHONES", "200"))
EXPIRES_SECONDS = 30
"""So short that refreshes, every 15 to 27 s, fall into every fault."""


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Fleet:
    """A fleet in two agents, registered at home, with the product's defaults but for the expiry."""
    registration = {"expiresSeconds": EXPIRES_SECONDS}
    return fleets.make(namespace, History(default_system()), PHONES, -(-PHONES // 2), registration=registration)


@pytest.fixture
def drill(phones: Fleet) -> Drill:
    """Runs faults on that fleet."""
    return Drill(phones)
