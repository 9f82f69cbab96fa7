"""The ways of a phone, from its entry PBXes to their ends, and which of them its registration took. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from softphone_agent.contract.report import GOOD_PATHS, UNKNOWN_PATHS
from softphone_console.view.facts import Hop, Phone, Way
from softphone_console.view.world import World
from softphone_operator.decide.redundancy import WORDS

ENTRIES = {"pri": "primary", "sec": "secondary", "cur": "current"}


class Stop(NamedTuple):
    """A PBX on a way. `code`: of its redirect to the next one, 0 at the end. `holds`: it holds the registration."""

    pbx: str
    code: int
    holds: bool


class Line(NamedTuple):
    """One way as it is drawn."""

    title: str
    stops: tuple[Stop, ...]
    good: bool | None
    """Whether it would hold; None: not known."""
    taken: bool
    """Whether the registration went this way."""
    words: str
    since: datetime | None


def lines(world: World, phone: Phone) -> tuple[Line, ...]:
    """The ways of a phone, the primary first; and that of its registration, where it is none of these."""
    checked = {way.via: way for way in phone.ways}
    drawn = [_line(world, phone, via, named, checked.pop(via, None)) for via, named in phone.asked.entries]
    drawn += [_line(world, phone, via, "", way) for via, way in checked.items()]
    if phone.pbx and not any(line.taken for line in drawn):
        stops = tuple(_stops(phone, phone.hops, phone.pbx))
        drawn.append(Line("registered", stops, None, True, "no entry PBX of the present spec", phone.since))
    return tuple(drawn)


def _line(world: World, phone: Phone, via: str, named: str, way: Way | None) -> Line:
    title = ENTRIES.get(via, via)
    entry = _label(world, phone, named)
    walked = [hop.pbx for hop in phone.hops] + [phone.pbx] if phone.pbx else []
    taken = bool(walked) and walked[0] == (entry or (_first(way) if way else ""))
    if way is None or not _first(way):
        stops = _stops(phone, phone.hops, phone.pbx) if taken else iter([Stop(entry, 0, False)])
        said = "not checked" if way is None else _words(way)
        return Line(title, tuple(stops), None, taken, said, way.since if way else None)
    good = None if way.result in UNKNOWN_PATHS else way.result in GOOD_PATHS
    stops = _stops(phone, way.hops, way.pbx)
    same = walked == [hop.pbx for hop in way.hops] + [way.pbx]
    return Line(title, tuple(stops), good, taken and (same or not good), _words(way), way.since)


def _first(way: Way) -> str:
    return way.hops[0].pbx if way.hops else way.pbx


def _label(world: World, phone: Phone, named: str) -> str:
    found = world.pbx(phone.key.namespace, named) if named else None
    return found.key.name if found else named


def _stops(phone: Phone, hops: tuple[Hop, ...], end: str) -> Iterator[Stop]:
    for hop in hops:
        yield Stop(hop.pbx, hop.code, False)
    if end and not (hops and hops[-1].pbx == end):
        yield Stop(end, 0, end == phone.pbx)


def _words(way: Way) -> str:
    said = dict(WORDS).get(way.result, way.result).format(pbx=way.pbx or "a PBX")  # type: ignore[call-overload]
    answer = " ".join(filter(None, (str(way.code or ""), way.message)))
    bad = way.result not in GOOD_PATHS | UNKNOWN_PATHS
    return f"{way.result}: {said}{f' ({answer})' if bad and answer else ''}"
