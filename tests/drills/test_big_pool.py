"""A thousand different phones in a pool, and their home PBX dies: as with a fleet of a thousand."""

from __future__ import annotations

import os
import time

import pytest

from drills import pools
from drills.causes import COMES_HOME, PINGS
from drills.conftest import EXPIRES_SECONDS
from drills.drill import Drill
from drills.history import History
from drills.pools import Pools
from lab.kube import Kube
from lab.pbx import default_system

pytestmark = [pytest.mark.lab, pytest.mark.drill, pytest.mark.timeout(900)]

PHONES = int(os.environ.get("E2E_PHONES", "1000"))
PER_AGENT = 250


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Pools:
    registration = {"expiresSeconds": EXPIRES_SECONDS}
    return pools.make(namespace, History(default_system()), "office", PHONES, PER_AGENT, registration=registration)


def test_the_home_pbx_of_a_pool_is_killed(drill: Drill, phones: Pools) -> None:
    agents = len(phones.pods("office"))
    done = f"The home PBX of {PHONES} different phones in {agents} agents of a pool is killed (kill -9)."
    with drill("pools", "pool-home-killed", done, note=PINGS) as fault:
        fault.kill("slave")
        fault.until_all_at("master")
        fault.figures["all at the primary"] = f"after {time.time() - fault.began:.1f} s"


def test_the_home_pbx_of_a_pool_comes_back(drill: Drill, phones: Pools) -> None:
    with drill("pools", "pool-home-back", "It is started again; the phones come home.", note=COMES_HOME) as fault:
        fault.start("slave")
        fault.until_all_at("slave")
