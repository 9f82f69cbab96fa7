"""The table of phones: who is where and since when, which of them are asked for, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from softphone_console.view.facts import Condition, Fleet, Key, Phone
from softphone_console.view.lights import CHOSEN, TROUBLE, Mood, Sum
from softphone_console.view.world import World

PAGE = 500
"""Phones of one page."""
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A phone in the table."""

    key: Key
    aor: str
    state: str
    message: str
    pbx: str
    role: str
    site: str
    redundant: str
    since: datetime | None
    system: str
    pool: str
    mood: Mood


class FleetRow(NamedTuple):
    """A fleet or a pool in its table."""

    key: Key
    pool: bool
    state: str
    message: str
    sum: Sum
    agents: str
    redundant: str
    mood: Mood


class Page(NamedTuple):
    """The phones of one page of the table, and how many were found and are there."""

    rows: tuple[Row, ...]
    number: int
    found: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.found // PAGE))


def mood(phone: Phone) -> Mood:
    """How a phone fares: bad without registration, attention on standby or without redundancy."""
    if phone.asked.suspended:
        return Mood.UNKNOWN
    if phone.ready.status != "True":
        return Mood.BAD if phone.ready.status == "False" else Mood.UNKNOWN
    lost = phone.redundant.status == "False" and phone.redundant.reason not in CHOSEN
    return Mood.ATTENTION if phone.role == "Standby" or lost else Mood.GOOD


def fleet_mood(fleet: Fleet) -> Mood:
    """The same for many phones."""
    if fleet.ready.status != "True":
        return Mood.BAD if fleet.ready.status == "False" and fleet.ready.reason != "Suspended" else Mood.UNKNOWN
    lost = fleet.redundant.status == "False" and fleet.redundant.reason not in CHOSEN
    return Mood.ATTENTION if fleet.standby or lost else Mood.GOOD


def sum_of(phone: Phone) -> Sum:
    """What a phone adds to sums; one that is suspended adds nothing."""
    if phone.asked.suspended:
        return Sum()
    held = bool(phone.pbx) and phone.registered.status != "Unknown"
    return Sum(1, int(held), int(held and phone.role == "Standby"))


def sum_of_fleet(fleet: Fleet) -> Sum:
    """What a fleet adds to sums; one that is suspended adds nothing."""
    return Sum() if fleet.asked and fleet.asked.suspended else Sum(fleet.phones, fleet.registered, fleet.standby)


def row(world: World, phone: Phone) -> Row:
    """A phone as the table has it."""
    system = world.system_of(phone.key.namespace, phone.asked)
    return Row(
        key=phone.key,
        aor=phone.asked.aor,
        state=phone.ready.reason or phone.state,
        message="" if phone.ready.status == "True" else phone.ready.message,
        pbx=phone.pbx,
        role="" if phone.role == "Unknown" else phone.role,
        site=world.site_of(phone),
        redundant=_redundant(phone.redundant),
        since=phone.since,
        system=system.name if system else "",
        pool=phone.pool,
        mood=mood(phone),
    )


def fleet_row(fleet: Fleet) -> FleetRow:
    """A fleet or a pool as its table has it."""
    return FleetRow(
        key=fleet.key,
        pool=fleet.pool,
        state=fleet.ready.reason or "Unknown",
        message="" if fleet.ready.status == "True" else fleet.ready.message,
        sum=Sum(fleet.phones, fleet.registered, fleet.standby),
        agents=f"{fleet.agents_ready}/{fleet.agents}",
        redundant=_redundant(fleet.redundant),
        mood=fleet_mood(fleet),
    )


def _redundant(said: Condition) -> str:
    """A condition Redundant as tables have it: yes, unknown, or why not; empty where there is none."""
    return said.reason if said.status == "False" else {"True": "yes", "Unknown": "unknown"}.get(said.status, "")


def fleet_rows(world: World) -> tuple[FleetRow, ...]:
    """All fleets and pools, by name."""
    return tuple(fleet_row(one) for of in (world.fleets, world.pools) for _, one in sorted(of.items()))


# Which phones are asked for.

FIELDS: Mapping[str, Callable[[Row], str]] = {
    "name": lambda row: row.key.name,
    "namespace": lambda row: row.key.namespace,
    "aor": lambda row: row.aor,
    "state": lambda row: row.state,
    "pbx": lambda row: row.pbx,
    "role": lambda row: row.role,
    "site": lambda row: row.site,
    "system": lambda row: row.system,
    "redundant": lambda row: row.redundant,
    "pool": lambda row: row.pool,
    "is": lambda row: row.mood.value,
}
"""What may stand before a colon in the filter: the field must be the word, or for an empty word empty."""
_PLAIN = ("name", "aor", "state", "pbx", "site")
"""The fields in which a word without a colon is looked for."""

ORDERS: Mapping[str, Callable[[Row], Any]] = {
    "name": lambda row: row.key,
    "state": lambda row: (row.state, row.key),
    "pbx": lambda row: (row.pbx, row.key),
    "site": lambda row: (row.site, row.key),
    "since": lambda row: (-(row.since or LONG_AGO).timestamp(), row.key),
    "trouble": lambda row: (TROUBLE.index(row.mood), row.key),
}
"""By what the table may be ordered; `since`: the newest change first."""


def matches(row: Row, asked: str) -> bool:
    """Whether a phone is meant by a filter: by all its words, such as `anna pbx:slave is:bad`."""
    return all(_matches(row, word) for word in asked.lower().split())


def _matches(row: Row, word: str) -> bool:
    name, colon, wanted = word.partition(":")
    if colon and name in FIELDS:
        return FIELDS[name](row).lower() == wanted
    return any(word in FIELDS[name](row).lower() for name in _PLAIN)


def table(world: World, asked: str = "", order: str = "name", number: int = 1) -> Page:
    """One page of the table, counted from 1; the last one where there are fewer."""
    found = [one for phone in world.phones.values() if matches(one := row(world, phone), asked)]
    found.sort(key=ORDERS.get(order, ORDERS["name"]))
    number = max(1, min(number, -(-len(found) // PAGE)))
    return Page(tuple(found[(number - 1) * PAGE : number * PAGE]), number, len(found), len(world.phones))


def total(sums: Iterable[Sum]) -> Sum:
    """All together."""
    of = Sum()
    for one in sums:
        of = of.plus(one)
    return of
