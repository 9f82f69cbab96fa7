"""Keeps what is known of all objects, and tells when it changed. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from softphone_console.view import of_objects, raw
from softphone_console.view.facts import Event, Key
from softphone_console.view.raw import Object
from softphone_console.view.world import World

MOST_EVENTS = 5000
"""Events that are kept, the newest."""
KEPT = timedelta(days=7)
"""How long an Event is kept: longer than the cluster keeps it, which is an hour by default."""

MAKERS: Mapping[str, Callable[[Object], Any]] = {
    "PBX": of_objects.pbx,
    "Softphone": of_objects.phone,
    "SoftphoneFleet": of_objects.fleet,
    "SoftphonePool": of_objects.pool,
    "Rehearsal": of_objects.rehearsal,
    "CallCheck": of_objects.call_check,
}
EVENTS = "Event"


class Source(NamedTuple):
    """A collection that is watched: a kind, in a namespace or in all (empty)."""

    kind: str
    namespace: str


@dataclass
class _Heard:
    """What is known of a source."""

    listed: bool = False
    at: datetime | None = None
    """When it was heard last."""
    broken: bool = False
    """The API server does not answer."""
    refused: str = ""
    """Why it may not be seen, in the API server's words."""


class Store:
    """What the watches have brought."""

    def __init__(self, sources: Iterable[Source], now: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._now = now
        self._changed = changed
        self._heard = {source: _Heard() for source in sources}
        self._objects: dict[str, dict[Key, Any]] = {kind: {} for kind in MAKERS}
        self._events: dict[str, Event] = {}
        self._world: World | None = None
        self.version = 0

    def world(self) -> World:
        """All that is known now."""
        if self._world is None:
            self._world = World(
                pbxs=self._objects["PBX"],
                phones=self._objects["Softphone"],
                fleets=self._objects["SoftphoneFleet"],
                pools=self._objects["SoftphonePool"],
                rehearsals=self._objects["Rehearsal"],
                call_checks=self._objects["CallCheck"],
                events=tuple(self._events.values()),
                problems=self._problems(),
                as_of=self._as_of(),
            )
        return self._world

    def listed(self, source: Source, objects: Iterable[Any]) -> None:
        """All objects that a source has, as `made` makes them. Events that it has no more are kept."""
        if source.kind == EVENTS:
            for uid, event in objects:
                self._events[uid] = event
            self._forget_events()
        else:
            of = self._objects[source.kind]
            for key in [key for key in of if source.namespace in ("", key.namespace)]:
                del of[key]
            of.update((one.key, one) for one in objects)
        self._heard[source].listed = True
        self.heard(source)
        self._change()

    def changed(self, source: Source, obj: Object) -> None:
        """An object appeared or changed."""
        made = self.made(source, obj)
        if source.kind == EVENTS:
            for uid, event in made:
                self._events[uid] = event
            self._forget_events()
        else:
            (one,) = made
            if self._objects[source.kind].get(one.key) == one:
                return
            self._objects[source.kind][one.key] = one
        self._change()

    def deleted(self, source: Source, obj: Object) -> None:
        """An object is gone. An Event is kept: the cluster forgets it after an hour."""
        if source.kind != EVENTS and self._objects[source.kind].pop(of_objects.key_of(obj), None) is not None:
            self._change()

    @staticmethod
    def made(source: Source, obj: Object) -> tuple[Any, ...]:
        """What is kept of an object; of an Event with its uid, nothing where it is of no use."""
        if source.kind != EVENTS:
            return (MAKERS[source.kind](obj),)
        event = of_objects.event(obj)
        return ((raw.text(obj, "metadata", "uid"), event),) if event else ()

    def heard(self, source: Source) -> None:
        """The API server has just told something of a source."""
        of = self._heard[source]
        was = of.broken or bool(of.refused)
        of.at, of.broken, of.refused = self._now(), False, ""
        if was:
            self._change()

    def broken(self, source: Source, refused: str = "") -> None:
        """The API server does not answer, or refuses for this reason."""
        of = self._heard[source]
        if (of.broken, of.refused) != (not refused, refused):
            of.broken, of.refused = not refused, refused
            self._change()

    def unready(self) -> str | None:
        """Which kinds were neither listed nor refused yet; None where all were."""
        waiting = sorted({source.kind for source, of in self._heard.items() if not of.listed and not of.refused})
        return f"not listed yet: {', '.join(waiting)}" if waiting else None

    def counts(self) -> dict[str, int]:
        """How many objects there are of each kind."""
        return {**{kind: len(of) for kind, of in self._objects.items()}, EVENTS: len(self._events)}

    def ages(self) -> dict[str, float]:
        """Seconds since something was heard of each kind; of several namespaces, of the one that is worst."""
        now, ages = self._now(), dict[str, float]()
        for source, of in self._heard.items():
            if of.at is not None:
                ages[source.kind] = max(ages.get(source.kind, 0.0), (now - of.at).total_seconds())
        return ages

    def _problems(self) -> dict[str, str]:
        return {
            f"{source.kind}{f' in {source.namespace}' if source.namespace else ''}": of.refused
            for source, of in self._heard.items()
            if of.refused
        }

    def _as_of(self) -> datetime | None:
        if not any(of.broken for of in self._heard.values()):
            return None
        heard = [of.at for of in self._heard.values() if of.broken and of.at]
        return min(heard, default=self._now())

    def _forget_events(self) -> None:
        oldest = self._now() - KEPT
        kept = sorted(
            ((uid, event) for uid, event in self._events.items() if event.time >= oldest), key=lambda one: one[1].time
        )
        self._events = dict(kept[-MOST_EVENTS:])

    def _change(self) -> None:
        self._world = None
        self.version += 1
        self._changed()
