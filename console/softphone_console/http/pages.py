"""Makes the page of an address, and keeps it as long as nothing changed: many people look at the same one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from softphone_console.html import calls as calls_html
from softphone_console.html import fleet as fleet_html
from softphone_console.html import layout, words
from softphone_console.html import overview as overview_html
from softphone_console.html import phone as phone_html
from softphone_console.html import phones as phones_html
from softphone_console.html import rehearsals as rehearsals_html
from softphone_console.html import systems as systems_html
from softphone_console.html import timeline as timeline_html
from softphone_console.html.parts import Page
from softphone_console.http.routes import Route, route
from softphone_console.view import calls, overview, phone, phones, rehearsals, systems, timeline
from softphone_console.view import fleet as fleet_view
from softphone_console.view.facts import Key, Phone
from softphone_console.view.rehearsals import RehearsalPage
from softphone_console.view.timeline import About, Remembered
from softphone_console.view.world import World

KEPT = 64
"""Pages that are kept."""
TICK = timedelta(seconds=10)
"""What depends on the time is made anew so often."""
SPAN = "24h"
NOT_FOUND = "There is no such page. The object may have been deleted, or it is not one that this console may see."


@dataclass(frozen=True)
class Sources:
    """What pages are made of. Each is asked anew."""

    world: Callable[[], World]
    version: Callable[[], int]
    """Goes up with every change of the world."""
    now: Callable[[], datetime]
    of_phone: Callable[[Phone, timedelta], Awaitable[Remembered]]
    of_all: Callable[[], Awaitable[Remembered]]


class Made(NamedTuple):
    """A page, of which version of the world it is, and its HTTP status."""

    page: Page
    version: int
    status: int = 200


class Pages:
    """Makes pages."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._kept: OrderedDict[tuple[str, datetime], Made] = OrderedDict()

    async def at(self, address: str) -> Made:
        """The page of an address; one that says so where there is none."""
        now, version = _whole_ticks(self._sources.now()), self._sources.version()
        kept = self._kept.get((address, now))
        if kept is not None and kept.version == version:
            return kept
        world, found = self._sources.world(), route(address)
        page = await self._page(world, found, now) if found else None
        status = 200 if page else 404
        page = page or layout.fault("Not found", NOT_FOUND)
        shown = layout.with_problems(page, world.problems, words.when(world.as_of))
        made = Made(shown, version, status)
        if status == 200:
            self._keep(address, now, made)
        return made

    def _keep(self, address: str, now: datetime, made: Made) -> None:
        self._kept[address, now] = made
        self._kept.move_to_end((address, now))
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    async def _page(self, world: World, asked: Route, now: datetime) -> Page | None:
        if asked.key is not None:
            return await self._of_object(world, asked.name, asked.key, asked, now)
        if asked.name == "phones":
            return _phones(world, asked)
        if asked.name == "calls":
            return calls_html.page(calls.page(world))
        if asked.name == "rehearsals":
            return rehearsals_html.page(rehearsals.rows(world, now))
        if asked.name == "timeline":
            span = _span(asked, "1h")
            told = await self._sources.of_all()
            entries = timeline.timeline(world, told.memories, now, timeline.SPANS[span])
            return timeline_html.page(entries, now, span, told.notes)
        return overview_html.page(overview.overview(world, now))

    async def _of_object(self, world: World, kind: str, key: Key, asked: Route, now: datetime) -> Page | None:
        if kind == "phones":
            found = world.phones.get(key)
            return await self._phone(world, found, _span(asked, SPAN), now) if found else None
        if kind == "pbxs":
            pbx = world.pbxs.get(key)
            return systems_html.pbx_page(systems.pbx_page(world, pbx, now)) if pbx else None
        if kind == "systems":
            of_system = systems.page(world, key, now)
            return systems_html.page(of_system) if of_system else None
        if kind == "rehearsals":
            one = world.rehearsals.get(key)
            return rehearsals_html.one(RehearsalPage(rehearsals.row(one, now), one)) if one else None
        many = (world.pools if kind == "pools" else world.fleets).get(key)
        return fleet_html.page(fleet_view.page(world, many)) if many else None

    async def _phone(self, world: World, of: Phone, span: str, now: datetime) -> Page:
        told = await self._sources.of_phone(of, timeline.SPANS[span])
        about = About("Softphone", of.key)
        entries = timeline.timeline(world, told.memories, now, timeline.SPANS[span], about)
        return phone_html.page(phone.page(world, of), entries, now, span, " ".join(told.notes))


def _phones(world: World, asked: Route) -> Page:
    words_, order = asked.query.get("q", "")[:200], asked.query.get("order", "name")
    order = order if order in phones.ORDERS else "name"
    found = phones.table(world, words_, order, asked.number("page"))
    return phones_html.page(found, phones.fleet_rows(world), words_, order)


def _span(asked: Route, default: str) -> str:
    said = asked.query.get("last", default)
    return said if said in timeline.SPANS else default


def _whole_ticks(now: datetime) -> datetime:
    """The end of the tick, so that nothing that happened lies in the future."""
    past = timedelta(seconds=now.second % TICK.seconds, microseconds=now.microsecond)
    return now - past + TICK if past else now
