"""What PBXes, and the way to them, do to a fleet. All phones are at home at `slave`; `master` and `standby` are the
entries, and keep the phones while `slave` does not answer them."""  # noqa: D205, D209

from __future__ import annotations

import pytest

from drills.drill import Drill

pytestmark = [pytest.mark.lab, pytest.mark.drill]


def test_the_home_pbx_is_killed_and_comes_back(drill: Drill) -> None:
    with drill("pbx", "killed", "The PBX that holds all phones is killed (kill -9).") as fault:
        fault.kill("slave")
    with drill("pbx", "killed-and-back", "The killed PBX is started again; the phones come home.") as fault:
        fault.start("slave")
        fault.until_all_at("slave")


def test_the_home_pbx_falls_silent_and_goes_on(drill: Drill) -> None:
    with drill("pbx", "silent", "The PBX that holds all phones falls silent (SIGSTOP).") as fault:
        fault.pause("slave")
    with drill("pbx", "silent-and-back", "The silent PBX goes on (SIGCONT), with the bindings it had.") as fault:
        fault.resume("slave")
        fault.until_all_at("slave")
