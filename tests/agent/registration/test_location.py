"""The table of docs/rules.md, Physical location."""

from __future__ import annotations

import pytest

from softphone_agent.registration.location import physical_location
from softphone_agent.registration.plan import Mode

PHYS, PRIMARY = "branch-7", "headquarters"


@pytest.mark.parametrize(
    ("mode", "no_physical_location", "explicit", "used"),
    [
        (Mode.LAUNCHER, False, PHYS, PHYS),
        (Mode.LAUNCHER, False, None, PRIMARY),
        (Mode.LAUNCHER, True, PHYS, PHYS),
        (Mode.LAUNCHER, True, None, None),
        (Mode.BROWSER, False, PHYS, PHYS),
        (Mode.BROWSER, True, PHYS, PHYS),
        (Mode.BROWSER, False, None, None),
        (Mode.BROWSER, True, None, None),
    ],
)
@pytest.mark.proves("S8", "S10", "S11", "S12", "S13", "S14", "S15", "P1")
def test_the_location_used(mode: Mode, no_physical_location: bool, explicit: str | None, used: str | None) -> None:
    assert (
        physical_location(mode, no_physical_location=no_physical_location, explicit=explicit, primary=PRIMARY) == used
    )
