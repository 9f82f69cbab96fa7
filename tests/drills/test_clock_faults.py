"""What a PBX does to phones when its clock is set: its bindings and nonces end by it. They are at home at `slave`.

The PBX runs under libfaketime, which sets the clock of a program that runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drills.causes import UNTOLD
from drills.drill import Drill
from drills.fleets import Fleet
from drills.ledger import Forgot
from lab.pbx import Pbx
from lab.settings import settings

pytestmark = [pytest.mark.lab, pytest.mark.drill]

HOUR = 3600
NONCES = "Nonces of the other time are stale: the PBX says so, and the phones answer without asking anybody."


class Clock:
    """The clock of one PBX, ahead by a number of seconds."""

    def __init__(self, pbx: Pbx) -> None:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._file = settings().run / "pbx" / f"{pbx.name}-clock"
        self.set(0)
        faked = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1"}
        pbx.service = replace(pbx.service, env=faked | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"})

    def set(self, ahead: int) -> None:
        self._file.write_text(f"{ahead:+d}s\n")


@pytest.fixture
def clock(phones: Fleet, drill: Drill) -> Iterator[Clock]:
    """The clock of `slave`; the PBX is started again for it, and all phones are at home."""
    slave = phones.history.pbxes["slave"]
    plain = slave.service
    done = "The home PBX is killed and started at once."
    note = f"{UNTOLD} It answers again before a ping has failed, and is empty."
    with drill("pbx", "killed-and-started", done, note=note) as fault:
        fault.kill("slave")
        set_by = Clock(slave)
        fault.start("slave")
        fault.until_all_at("slave")
    yield set_by
    slave.kill()
    slave.service = plain
    slave.start()
    slave.wait_ready()


def test_the_clock_is_put_forward_and_back(drill: Drill, phones: Fleet, clock: Clock) -> None:
    note = f"All bindings expire at once, and SIP does not tell it. {NONCES}"
    with drill("pbx", "clock-forward", "The home PBX's clock is put forward by an hour.", note=note) as fault:
        phones.history.ahead["slave"] = HOUR
        clock.set(HOUR)
        phones.history.add(Forgot(time.time(), "slave"))
        fault.until_all_at("slave")
    done = "The home PBX's clock is put back by an hour, to the right time."
    with drill("pbx", "clock-back", done, note=f"Bindings live longer by it. {NONCES}") as fault:
        clock.set(0)
        since = phones.history.pbxes["slave"].position()
        fault.until(lambda _: _refreshed(phones, since) >= phones.users, "every phone has refreshed")


def _refreshed(phones: Fleet, since: int) -> set[str]:
    seen = phones.history.pbxes["slave"].registers(since=since)
    return {register.aor.partition("@")[0] for register in seen if register.code == 200}
