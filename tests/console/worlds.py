"""Worlds of objects, for the tests of views and pages."""

from __future__ import annotations

from typing import Any

from console import objects
from console.objects import Object
from softphone_console.view import of_objects
from softphone_console.view.facts import Event
from softphone_console.view.world import World
from softphone_console.watch.store import MAKERS


def world(*objs: Object, **more: Any) -> World:
    """A world of these objects."""
    made: dict[str, list[Any]] = {kind: [] for kind in (*MAKERS, "Event")}
    for obj in objs:
        kind = obj["kind"]
        made[kind].append(MAKERS[kind](obj) if kind in MAKERS else of_objects.event(obj))
    events: list[Event] = made["Event"]
    return World(
        pbxs={one.key: one for one in made["PBX"]},
        phones={one.key: one for one in made["Softphone"]},
        fleets={one.key: one for one in made["SoftphoneFleet"]},
        pools={one.key: one for one in made["SoftphonePool"]},
        call_checks={one.key: one for one in made["CallCheck"]},
        rehearsals={one.key: one for one in made["Rehearsal"]},
        events=tuple(events),
        **more,
    )


def acme(*more: Object) -> World:
    """A system of three PBXes, one of which no agent reaches, and what else is given."""
    pbxs = (objects.pbx("master"), objects.pbx("slave"), objects.pbx("standby", reachable=False))
    return world(*pbxs, *more)
