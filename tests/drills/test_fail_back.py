"""Two PBXes that know nothing of each other and never redirect: phones come home by themselves (failBack: Primary)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drills import fleets
from drills.causes import PINGS
from drills.conftest import EXPIRES_SECONDS, PHONES
from drills.drill import Drill
from drills.fleets import Fleet
from drills.history import History
from e2e.objects import pbx
from lab.kube import Kube
from lab.pbx import PbxSpec, System
from lab.settings import settings

pytestmark = [pytest.mark.lab, pytest.mark.drill]

AFTER_SECONDS = 10


@pytest.fixture(scope="module")
def systems() -> Iterator[list[System]]:
    """The primary and the secondary PBX; each keeps everybody."""
    places = settings().pbx_addresses[6:8]
    made = [
        System(settings(), [PbxSpec(name, address)], {}, {"load[0-9]+": name})
        for name, address in zip(("first", "second"), places, strict=True)
    ]
    for each in made:
        each.pbxes[0].start()
        each.pbxes[0].wait_ready()
    yield made
    for each in made:
        each.pbxes[0].kill()


@pytest.fixture(scope="module")
def phones(namespace: Kube, systems: list[System]) -> Fleet:
    return fleets.make(
        namespace,
        History(*systems),
        PHONES,
        -(-PHONES // 2),
        pbxs=[pbx(each.pbxes[0].name, address=each.pbxes[0].uri, system=each.pbxes[0].name) for each in systems],
        pri="first",
        sec="second",
        registration={
            "expiresSeconds": EXPIRES_SECONDS,
            "failBack": "Primary",
            "failBackAfterSeconds": AFTER_SECONDS,
        },
    )


def test_the_primary_is_killed_and_the_phones_return_by_themselves(drill: Drill) -> None:
    done = "The primary of two PBXes that never redirect is killed (kill -9)."
    with drill("pbx", "independent-killed", done, note=PINGS) as fault:
        fault.until_all_at("first")
        fault.begins()
        fault.kill("first")
        fault.until_all_at("second")
    done = f"It is started again; registration.failBack is Primary, failBackAfterSeconds {AFTER_SECONDS}."
    note = (
        "Each phone returns when the primary has answered pings for 10 to 15 s, and un-REGISTERs at the secondary when "
        "the primary has taken it: for that moment both hold it."
    )
    with drill("pbx", "independent-fail-back", done, note=note) as fault:
        fault.start("first")
        fault.until_all_at("first")
