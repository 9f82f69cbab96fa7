"""Who was registered where, and when: folded from what PBXes granted and from what a drill broke. No I/O, no clock.

A *span* is the time that one PBX held one binding. A phone counts as registered while a span of it can carry a call:
the PBX lives and is reachable, and the phone's process is there. So a binding at a PBX that is silent counts for
nothing, whatever the PBX would say if it could.

All times are seconds of the epoch.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

FOREVER = float("inf")


@dataclass(frozen=True)
class Granted:
    """A PBX granted a binding, or refreshed it, for so many seconds."""

    time: float
    pbx: str
    user: str
    contact: str
    expires: float


@dataclass(frozen=True)
class TakenBack:
    """A binding was removed: un-REGISTERed, or given up by a redirect. `contact` None: all of this user there."""

    time: float
    pbx: str
    user: str
    contact: str | None = None


@dataclass(frozen=True)
class Died:
    """A PBX ended, and its bindings with it."""

    time: float
    pbx: str


@dataclass(frozen=True)
class Forgot:
    """A PBX lost its bindings and goes on."""

    time: float
    pbx: str


@dataclass(frozen=True)
class FellSilent:
    """A PBX, or the way to it, swallows all packets; its bindings stay."""

    time: float
    pbx: str


@dataclass(frozen=True)
class Back:
    """A PBX that had died or fallen silent is there again."""

    time: float
    pbx: str


@dataclass(frozen=True)
class Gone:
    """The process behind some Contacts ended without a word. `place` is their host, or host:port."""

    time: float
    place: str


Event = Granted | TakenBack | Died | Forgot | FellSilent | Back | Gone


class Interval(NamedTuple):
    """From `begin` up to, but not including, `end`."""

    begin: float
    end: float


@dataclass
class Span:
    """One binding at one PBX: held from `begin` to `end`, of use until `served` at the latest."""

    user: str
    pbx: str
    contact: str
    begin: float
    end: float
    served: float = FOREVER

    def held(self, at: float) -> bool:
        """Whether the PBX has this binding at a moment."""
        return self.begin <= at < self.end

    @property
    def place(self) -> str:
        """Host and port of the Contact, as they stand in it."""
        found = re.search(r"sips?:(?:[^@;>]*@)?(\[[^\]]*\](?::\d+)?|[^;>?]+)", self.contact)
        return found[1] if found else ""

    def is_at(self, place: str) -> bool:
        """Whether the Contact leads to this host or host:port."""
        return self.place == place or self.place.rpartition(":")[0] == place


@dataclass(frozen=True)
class Figures:
    """What a drill did to the phones. Seconds count from the fault."""

    before: int
    lowest: int
    after: int
    longest_outage: float
    whole_after: float
    duplicates: int
    orphans: int
    clean_after: float
    """Until when there were duplicates or orphans: second bindings that had not been taken back or expired yet."""
    longest_second: float
    """The longest time without a break for which one user had such a binding."""


@dataclass
class Ledger:
    """The spans and silences that all events together make, for the phones of `users`."""

    users: Collection[str]
    spans: list[Span] = field(default_factory=list)
    silences: dict[str, list[Interval]] = field(default_factory=dict)

    def count(self, at: float) -> int:
        """How many phones were registered at a moment."""
        return sum(any(i.begin <= at < i.end for i in self._of_use(user)) for user in self.users)

    def by_pbx(self, at: float) -> dict[str, int]:
        """How many of the phones each PBX held at a moment, without those that hold none."""
        places: dict[str, set[str]] = {}
        for span in self._held(at):
            if span.user in self._known:
                places.setdefault(span.pbx, set()).add(span.user)
        return {pbx: len(users) for pbx, users in sorted(places.items())}

    def lowest(self, begin: float, end: float) -> int:
        """The least number of phones that were registered at any moment from `begin` to `end`."""
        changes = [(gap.begin, 1) for gap in self._gaps(begin, end)]
        changes += [(gap.end, -1) for gap in self._gaps(begin, end)]
        missing = most = 0
        for _, change in sorted(changes):  # an end comes before a beginning of the same moment
            missing += change
            most = max(most, missing)
        return len(self._known) - most

    def outages(self, user: str, begin: float, end: float) -> list[Interval]:
        """When a phone was not registered, between two moments."""
        found, at = [], begin
        for interval in self._of_use(user):
            if interval.begin > at:
                found.append(Interval(at, min(interval.begin, end)))
            at = max(at, interval.end)
            if at >= end:
                break
        if at < end:
            found.append(Interval(at, end))
        return [gap for gap in found if gap.end > gap.begin]

    def duplicates(self, at: float) -> list[str]:
        """Users that are held by two PBXes, or with two Contacts by one."""
        held = Counter(span.user for span in self._held(at))
        return sorted(user for user, count in held.items() if count > 1)

    def orphans(self, at: float) -> list[Span]:
        """Bindings of nobody: their process is gone, or no phone has this user."""
        return [span for span in self._held(at) if span.served <= at or span.user not in self._known]

    def strays(self, begin: float, end: float) -> list[Interval]:
        """When there was a duplicate or an orphan, between two moments: for each user each time without a break."""
        return [each for spans in self._spans_of.values() for each in self._strays_of(spans, begin, end)]

    def _strays_of(self, spans: list[Span], begin: float, end: float) -> Iterator[Interval]:
        found = []
        until = -FOREVER
        for part in sorted(part for span in spans for part in self._heard(span, Interval(span.begin, span.end))):
            found.append(Interval(part.begin, min(part.end, until)))
            until = max(until, part.end)
        for span in spans:
            alone = span.begin if span.user not in self._known else span.served
            found += self._heard(span, Interval(alone, span.end))
        clipped = (Interval(max(begin, each.begin), min(each.end, end)) for each in found)
        return _joined(each for each in clipped if each.end > each.begin)

    def figures(self, fault: float, end: float) -> Figures:
        """The figures of a drill whose fault began at one moment and that was over at another."""
        gaps, strays = self._gaps(fault, end), self.strays(fault, end)
        return Figures(
            before=self.count(math.nextafter(fault, 0)),
            lowest=self.lowest(fault, end),
            after=self.count(end),
            longest_outage=max((gap.end - gap.begin for gap in gaps), default=0.0),
            whole_after=max((gap.end for gap in gaps), default=fault) - fault,
            duplicates=len(self.duplicates(end)),
            orphans=len(self.orphans(end)),
            clean_after=max((stray.end for stray in strays), default=fault) - fault,
            longest_second=max((stray.end - stray.begin for stray in strays), default=0.0),
        )

    def __post_init__(self) -> None:
        self._known = frozenset(self.users)
        self._spans_of: dict[str, list[Span]] = {}
        for span in self.spans:
            self._spans_of.setdefault(span.user, []).append(span)

    def _held(self, at: float) -> Iterator[Span]:
        """What the PBXes hold that can be heard."""
        return (span for span in self.spans if span.held(at) and not self._silent(span.pbx, at))

    def _silent(self, pbx: str, at: float) -> bool:
        return any(silence.begin <= at < silence.end for silence in self.silences.get(pbx, []))

    def _gaps(self, begin: float, end: float) -> list[Interval]:
        return [gap for user in self._known for gap in self.outages(user, begin, end)]

    def _of_use(self, user: str) -> list[Interval]:
        """When a call would have reached the phone, by one binding or another; in order, they may overlap."""
        found = []
        for span in self._spans_of.get(user, []):
            found += self._heard(span, Interval(span.begin, min(span.end, span.served)))
        return sorted(found)

    def _heard(self, span: Span, interval: Interval) -> list[Interval]:
        """The parts of an interval in which the span's PBX could be heard; none of an empty one."""
        parts = _without(interval, self.silences.get(span.pbx, []))
        return [part for part in parts if part.end > part.begin]


def _without(whole: Interval, silences: Iterable[Interval]) -> Iterator[Interval]:
    """The parts of an interval outside of others, which are in order."""
    begin = whole.begin
    for silence in silences:
        if silence.end <= begin or silence.begin >= whole.end:
            continue
        yield Interval(begin, silence.begin)
        begin = silence.end
    yield Interval(begin, whole.end)


def _joined(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """The same times, those that touch or overlap as one."""
    open_: Interval | None = None
    for each in sorted(intervals):
        if open_ is None or each.begin > open_.end:
            if open_ is not None:
                yield open_
            open_ = each
        else:
            open_ = Interval(open_.begin, max(open_.end, each.end))
    if open_ is not None:
        yield open_


def fold(events: Iterable[Event], users: Collection[str]) -> Ledger:
    """The ledger of these events, in whatever order they come."""
    spans: list[Span] = []
    live: dict[tuple[str, str], dict[str, Span]] = {}
    """The spans that may still be held, by PBX and user, then by Contact."""
    dead: set[str] = set()
    silences: dict[str, list[Interval]] = {}

    def end(held: dict[str, Span], at: float, contact: str | None = None) -> None:
        for each in [each for each in held if contact in (None, each)]:
            span = held.pop(each)
            span.end = min(span.end, at)

    def forget(pbx: str, at: float) -> None:
        for (where, _), held in live.items():
            if where == pbx:
                end(held, at)

    for event in sorted(events, key=lambda event: event.time):
        match event:
            case Granted(time, pbx, user, contact, expires):
                if pbx in dead:
                    continue  # its last words, before the signal reached it
                held = live.setdefault((pbx, user), {})
                span = held.get(contact)
                if span is None or span.end <= time or span.served <= time:
                    if span is not None:
                        span.end = min(span.end, time)
                    span = held[contact] = Span(user, pbx, contact, time, FOREVER)
                    spans.append(span)
                span.end = time + expires
            case TakenBack(time, pbx, user, contact):
                end(live.get((pbx, user), {}), time, contact)
            case Died(time, pbx):
                forget(pbx, time)
                dead.add(pbx)
            case Forgot(time, pbx):
                forget(pbx, time)
            case FellSilent(time, pbx):
                earlier = silences.setdefault(pbx, [])
                if not earlier or earlier[-1].end < FOREVER:  # else it is silent since a drill that failed
                    earlier.append(Interval(time, FOREVER))
            case Back(time, pbx):
                dead.discard(pbx)
                if (known := silences.get(pbx)) and known[-1].end == FOREVER:
                    known[-1] = Interval(known[-1].begin, time)
            case Gone(time, place):
                for span in spans:
                    if span.held(time) and span.is_at(place):
                        span.served = min(span.served, time)
    return Ledger(users, spans, silences)
