"""One system of PBXes: each PBX, and who is registered there. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from softphone_console.view import lights, overview, phones
from softphone_console.view.facts import Condition, Pbx
from softphone_console.view.lights import Light, Mood
from softphone_console.view.overview import SystemLights
from softphone_console.view.world import System, World, system


class PbxRow(NamedTuple):
    """A PBX of a system."""

    pbx: Pbx
    reachable: Light
    certificate: Light | None
    troubles: tuple[str, ...]

    @property
    def mood(self) -> Mood:
        """That of its worst light; attention where its spec is refused or not consistent."""
        found = lights.worst(filter(None, (self.reachable, self.certificate)))
        return Mood.ATTENTION if self.troubles and found in (Mood.GOOD, Mood.UNKNOWN) else found


class SystemPage(NamedTuple):
    """The page. `phones`: the Softphones of the system that are not well, the worst first; `more`: of how many."""

    lights: SystemLights
    pbxs: tuple[PbxRow, ...]
    fleets: tuple[phones.FleetRow, ...]
    phones: tuple[phones.Row, ...]
    troubled: int


TROUBLED = 50
"""Phones that are not well which the page names."""


def page(world: World, key: System, now: datetime) -> SystemPage | None:
    """The page of a system; None where there is none."""
    found = next((one for one in overview.systems(world, now) if one.key == key), None)
    if found is None:
        return None
    fleets = tuple(
        phones.fleet_row(fleet)
        for _, fleet in sorted(world.fleets.items())
        if (world.system_of(fleet.key.namespace, fleet.asked) or System(fleet.key.namespace, "")) == key
    )
    rows = [
        row
        for phone in world.phones.values()
        if (world.system_of(phone.key.namespace, phone.asked) or System(phone.key.namespace, "")) == key
        and (row := phones.row(world, phone)).mood in (Mood.BAD, Mood.ATTENTION)
    ]
    rows.sort(key=phones.ORDERS["trouble"])
    return SystemPage(found, tuple(pbx_row(pbx, now) for pbx in found.pbxs), fleets, tuple(rows[:TROUBLED]), len(rows))


def pbx_row(pbx: Pbx, now: datetime) -> PbxRow:
    """A PBX as its system's page has it."""
    troubles = tuple(
        f"{said.reason}: {said.message}"
        for said in (pbx.accepted, pbx.consistent)
        if said.status == "False" or _caution(said)
    )
    return PbxRow(pbx, lights.reachable([pbx]), lights.certificate([pbx], now), troubles)


def _caution(said: Condition) -> bool:
    return said.status == "True" and said.reason not in ("Accepted", "Consistent")


class PbxPage(NamedTuple):
    """The page of one PBX: itself, its system, and who is registered there."""

    row: PbxRow
    system: System
    redundant: Light
    phones: phones.Page


def pbx_page(world: World, pbx: Pbx, now: datetime, number: int = 1) -> PbxPage:
    """What the page of a PBX shows."""
    here = phones.table(world, f"namespace:{pbx.key.namespace} pbx:{pbx.key.name}", "name", number)
    return PbxPage(pbx_row(pbx, now), system(pbx), lights.redundant([pbx.redundant]), here)
