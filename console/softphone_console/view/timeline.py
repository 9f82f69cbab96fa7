"""Outages, fail-overs and what else happened, in order of time: of Events, statuses, and what agents remember. Pure.

An agent's memory is more exact than Events, which say nothing of how long. So the Events of a phone that it tells of
are left out where they say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from softphone_agent.contract.history import HistoryEntry
from softphone_agent.registration.policy import Reason
from softphone_console.view import raw
from softphone_console.view.facts import Event, Key
from softphone_console.view.lights import SEVERITY, Mood
from softphone_console.view.world import World

MOST = 500
"""Entries of the page, the newest."""
SPANS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
MOVES = frozenset({"Standby", "Home", "Moved", "Registered"})
LOSSES = frozenset(map(str, Reason))
PATHS = frozenset({"RedundancyLost", "RedundancyBack"})
_TOLD_BY_AGENTS = MOVES | LOSSES | PATHS


class About(NamedTuple):
    """What an entry is about."""

    kind: str
    key: Key


class Entry(NamedTuple):
    """One thing that happened, or lasts (`seconds` None and `open`)."""

    time: datetime
    about: About
    what: str
    words: str
    mood: Mood
    seconds: float | None = None
    open: bool = False
    fleet: About | None = None
    """Of a fleet's phone: its fleet, since the phone is no object."""


class Memory(NamedTuple):
    """What agents or a Prometheus remember of phones of a namespace."""

    namespace: str
    entries: Sequence[HistoryEntry]


class Remembered(NamedTuple):
    """What agents remember, and in words who could not be asked."""

    memories: Sequence[Memory] = ()
    notes: Sequence[str] = ()


MOODS = {"Outage": Mood.BAD, "FailOver": Mood.GOOD, "PathLost": Mood.ATTENTION, "PathBack": Mood.GOOD}
NAMES = {"Outage": "outage", "FailOver": "fail-over", "PathLost": "way lost", "PathBack": "way back"}


def timeline(
    world: World, memories: Iterable[Memory], now: datetime, span: timedelta, about: About | None = None
) -> tuple[Entry, ...]:
    """What happened within a span of time, the newest first; of one object where `about` says which."""
    remembered = [entry for memory in memories for entry in _remembered(world, memory)]
    known = {entry.about for entry in remembered}
    lasting = list(_lasting(world))
    begun = {(entry.about, entry.time) for entry in lasting}
    told = (
        _of_event(event)
        for event in world.events
        if not _is_known(event, known) and (About(event.kind, event.about), event.time) not in begun
    )
    begin = now - span
    everything = [*remembered, *told, *lasting]
    found = [one for one in everything if about in (None, one.about) and (one.open or _end(one) >= begin)]
    return tuple(sorted(found, key=lambda entry: (entry.time, entry.about), reverse=True)[:MOST])


def _end(entry: Entry) -> datetime:
    return entry.time + timedelta(seconds=entry.seconds or 0)


def _remembered(world: World, memory: Memory) -> Iterator[Entry]:
    for entry in memory.entries:
        time = raw.parsed(entry.time)
        if time is None:
            continue
        key = Key(memory.namespace, entry.phone)
        about = About("Softphone" if key in world.phones else "Phone", key)
        fleet = _fleet(world, key) if about.kind == "Phone" else None
        words, mood = _words(entry), MOODS[entry.kind]
        yield Entry(time, about, NAMES[entry.kind], words, mood, entry.seconds, fleet=fleet)


def _fleet(world: World, phone: Key) -> About | None:
    found = Key(phone.namespace, phone.name.rpartition("-")[0])
    return About("SoftphoneFleet", found) if found in world.fleets else None


def _words(entry: HistoryEntry) -> str:
    way = f"from {' to '.join(filter(None, (entry.from_pbx, entry.to_pbx)))}" if entry.from_pbx else ""
    if entry.kind in ("PathLost", "PathBack"):
        way = f"{entry.via}, at {entry.to_pbx}" if entry.to_pbx else str(entry.via or "")
    return ", ".join(filter(None, (way, entry.reason)))


def _is_known(event: Event, known: set[About]) -> bool:
    return event.reason in _TOLD_BY_AGENTS and About(event.kind, event.about) in known


def _of_event(event: Event) -> Entry:
    mood = Mood.GOOD if not event.warning else Mood.BAD if event.reason in LOSSES else Mood.ATTENTION
    times = f" ({event.count} times)" if event.count > 1 else ""
    return Entry(event.time, About(event.kind, event.about), event.reason, f"{event.message}{times}", mood)


def _lasting(world: World) -> Iterator[Entry]:
    """Outages that last, by statuses."""
    for phone in world.phones.values():
        said = phone.registered
        if said.status == "False" and said.reason in LOSSES and said.since and not phone.asked.suspended:
            words = f"{said.reason}: {said.message}" if said.message else said.reason
            yield Entry(said.since, About("Softphone", phone.key), "outage", words, Mood.BAD, None, True)
    for pbx in world.pbxs.values():
        if pbx.reachable is False:
            began = max((e.time for e in world.events if _is_loss_of(e, pbx.key)), default=None)
            if began:
                words = "no agent reaches it"
                yield Entry(began, About("PBX", pbx.key), "unreachable", words, Mood.BAD, None, True)


def _is_loss_of(event: Event, pbx: Key) -> bool:
    return event.kind == "PBX" and event.about == pbx and event.reason == "Unreachable"


# As it is drawn.

ORDER = {"PBX": 0, "SoftphoneFleet": 1}
LANES = 24
"""Objects that are drawn; the table has all of them."""


class Mark(NamedTuple):
    """A bar from `begin` to `end`, as shares of the span; a point where they are the same."""

    begin: float
    end: float
    mood: Mood
    words: str


class Lane(NamedTuple):
    """What happened to one object."""

    about: About
    marks: tuple[Mark, ...]


def lanes(entries: Sequence[Entry], now: datetime, span: timedelta) -> tuple[Lane, ...]:
    """The lanes of the drawing: PBXes, fleets, and then whose troubles are the newest.

    A fleet's phones share its lane. What is worse lies over what is better.
    """
    of: dict[About, list[Entry]] = {}
    for entry in entries:
        of.setdefault(entry.fleet or entry.about, []).append(entry)
    ordered = sorted(of.items(), key=lambda item: ORDER.get(item[0].kind, len(ORDER)))[:LANES]
    return tuple(Lane(about, tuple(_mark(entry, now, span) for entry in _by_mood(told))) for about, told in ordered)


def _by_mood(told: Sequence[Entry]) -> list[Entry]:
    return sorted(told, key=lambda entry: (SEVERITY.index(entry.mood), entry.time))


def _mark(entry: Entry, now: datetime, span: timedelta) -> Mark:
    end = now if entry.open else _end(entry)
    return Mark(_share(entry.time, now, span), _share(end, now, span), entry.mood, f"{entry.what} {entry.words}")


def _share(time: datetime, now: datetime, span: timedelta) -> float:
    return min(1.0, max(0.0, 1 - (now - time) / span))
