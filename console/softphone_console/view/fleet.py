"""One fleet or pool: its sums, and of a pool its Softphones. Pure."""

from __future__ import annotations

from typing import NamedTuple

from softphone_console.view import lights, phones
from softphone_console.view.facts import Fleet
from softphone_console.view.lights import Light, Mood
from softphone_console.view.world import World


class FleetPage(NamedTuple):
    """The page. `phones`: the Softphones in a pool; those of a fleet are no objects."""

    fleet: Fleet
    mood: Mood
    lights: tuple[Light, ...]
    state: str
    phones: tuple[phones.Row, ...]
    found: int


def page(world: World, of: Fleet) -> FleetPage:
    """What the page of a fleet or a pool shows."""
    shown = (lights.registered(phones.sum_of_fleet(of)), lights.redundant([of.redundant]))
    rows = [
        phones.row(world, one)
        for one in world.phones.values()
        if of.pool and one.pool == of.key.name and one.key.namespace == of.key.namespace
    ]
    rows.sort(key=phones.ORDERS["trouble"])
    state = f"{of.ready.reason}: {of.ready.message}" if of.ready.message else of.ready.reason or "Unknown"
    return FleetPage(of, phones.fleet_mood(of), shown, state, tuple(rows[: phones.PAGE]), len(rows))
