"""The overview: systems of PBXes and sites as traffic lights. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from softphone_console.view import calls, lights, phones, rehearsals
from softphone_console.view.facts import Asked, Condition, Fleet, Key, Pbx
from softphone_console.view.lights import Light, Mood, Sum
from softphone_console.view.world import System, World, system


class SystemLights(NamedTuple):
    """A system of PBXes; or the phones of a namespace whose PBXes are no objects (`pbxs` empty)."""

    key: System
    pbxs: tuple[Pbx, ...]
    sum: Sum
    lights: tuple[Light, ...]

    @property
    def mood(self) -> Mood:
        """That of its worst light."""
        return lights.worst(self.lights)


class SiteLights(NamedTuple):
    """The phones of a namespace with one physical location; empty: with none."""

    key: Key
    sum: Sum
    lights: tuple[Light, ...]

    @property
    def mood(self) -> Mood:
        """That of its worst light."""
        return lights.worst(self.lights)


class Overview(NamedTuple):
    """The page."""

    systems: tuple[SystemLights, ...]
    sites: tuple[SiteLights, ...]
    sum: Sum
    mood: Mood


class _Member(NamedTuple):
    """What counts as phones somewhere: one phone, or those of a fleet."""

    sum: Sum
    redundant: Condition


def overview(world: World, now: datetime) -> Overview:
    """What the page shows. A pool's phones are Softphones, and counted as these."""
    of_systems = systems(world, now)
    of_sites = _sites(world)
    whole = phones.total(one.sum for one in of_systems)
    return Overview(of_systems, of_sites, whole, lights.worst(light for one in of_systems for light in one.lights))


def systems(world: World, now: datetime) -> tuple[SystemLights, ...]:
    """All systems by namespace and name; phones whose PBXes are no objects come after them, under an empty name."""
    pbxs: defaultdict[System, list[Pbx]] = defaultdict(list)
    for pbx in world.pbxs.values():
        pbxs[system(pbx)].append(pbx)
    members: defaultdict[System, list[_Member]] = defaultdict(list)
    for namespace, asked, member in _members(world):
        members[world.system_of(namespace, asked) or Key(namespace, "")].append(member)
    keys = sorted({*pbxs, *members}, key=lambda key: (key.namespace, not key.name, key.name))
    made = (_system(key, sorted(pbxs[key], key=lambda pbx: pbx.key), members[key], now) for key in keys)
    return tuple(_with_more(world, one, now) for one in made)


def _with_more(world: World, of: SystemLights, now: datetime) -> SystemLights:
    """With the lights that not every system has."""
    more = (calls.light(world, of.key.namespace), rehearsals.light(world, of.key, now))
    return of._replace(lights=(*of.lights, *(light for light in more if light)))


def _system(key: System, pbxs: Sequence[Pbx], members: Sequence[_Member], now: datetime) -> SystemLights:
    of = phones.total(member.sum for member in members)
    shown = [lights.registered(of)]
    if pbxs:
        shown += [lights.redundant(pbx.redundant for pbx in pbxs), lights.reachable(pbxs)]
        shown += filter(None, [lights.certificate(pbxs, now)])
    else:
        shown.append(lights.redundant(member.redundant for member in members))
    return SystemLights(key, tuple(pbxs), of, tuple(shown))


def _sites(world: World) -> tuple[SiteLights, ...]:
    sites: defaultdict[Key, list[_Member]] = defaultdict(list)
    for phone in world.phones.values():
        member = _Member(phones.sum_of(phone), phone.redundant)
        sites[Key(phone.key.namespace, world.site_of(phone))].append(member)
    for fleet in world.fleets.values():
        # Of a fleet whose phones have each a location of its own no sums are known.
        if fleet.asked and "{" not in (site := world.expected_site(fleet.key.namespace, fleet.asked)):
            sites[Key(fleet.key.namespace, site)].append(_member(fleet))
    return tuple(_site(key, members) for key, members in sorted(sites.items()))


def _site(key: Key, members: Sequence[_Member]) -> SiteLights:
    of = phones.total(member.sum for member in members)
    return SiteLights(key, of, (lights.registered(of), lights.redundant(member.redundant for member in members)))


def _members(world: World) -> Iterator[tuple[str, Asked | None, _Member]]:
    for phone in world.phones.values():
        yield phone.key.namespace, phone.asked, _Member(phones.sum_of(phone), phone.redundant)
    for fleet in world.fleets.values():
        yield fleet.key.namespace, fleet.asked, _member(fleet)


def _member(fleet: Fleet) -> _Member:
    return _Member(phones.sum_of_fleet(fleet), fleet.redundant)
