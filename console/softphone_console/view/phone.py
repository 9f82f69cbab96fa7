"""One phone: where it is and why, its ways, and what happened to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from softphone_console.view import phones, ways
from softphone_console.view.facts import Failure, Phone
from softphone_console.view.lights import Mood
from softphone_console.view.world import World


class Fact(NamedTuple):
    """A line of what is known; a PBX object's name where the words are a PBX, to lead there."""

    name: str
    words: str
    pbx: str = ""
    since: datetime | None = None


class PhonePage(NamedTuple):
    """The page."""

    phone: Phone
    mood: Mood
    headline: str
    facts: tuple[Fact, ...]
    lines: tuple[ways.Line, ...]


def page(world: World, phone: Phone) -> PhonePage:
    """What the page of a phone shows, but for its timeline."""
    return PhonePage(phone, phones.mood(phone), _headline(phone), tuple(_facts(world, phone)), ways.lines(world, phone))


def _headline(phone: Phone) -> str:
    """In a sentence."""
    if phone.asked.suspended:
        return "Suspended by its spec."
    if phone.registered.status == "Unknown":
        return f"Nobody knows: {phone.registered.message or phone.registered.reason}."
    if not phone.pbx:
        return f"Registered nowhere: {phone.registered.message or phone.registered.reason or phone.state}."
    where = {"Standby": ", on standby", "Home": ", at home"}.get(phone.role, "")
    return f"Registered at {phone.pbx}{where}."


def _facts(world: World, phone: Phone) -> Iterator[Fact]:
    yield Fact("AOR", phone.asked.aor)
    yield Fact("mode", phone.asked.mode)
    yield Fact("state", phone.state, since=phone.since)
    if phone.pbx:
        yield Fact("PBX", phone.pbx, pbx=phone.pbx if world.pbx(phone.key.namespace, phone.pbx) else "")
    for name, words in (
        ("registrar", phone.registrar),
        ("came by", phone.via),
        ("role", phone.role),
        ("physical location", world.site_of(phone) or "none"),
        ("Contact", phone.contact),
        ("agent", phone.agent),
        ("pool", phone.pool),
    ):
        if words:
            yield Fact(name, words)
    if phone.ready.status != "True" and phone.ready.message:
        yield Fact("not ready", f"{phone.ready.reason}: {phone.ready.message}", since=phone.ready.since)
    if phone.redundant.status:
        said = {"True": "yes", "False": "no"}.get(phone.redundant.status, "not known")
        yield Fact("redundant", f"{said}, {phone.redundant.message or phone.redundant.reason}")
    if phone.failure:
        yield Fact("last failure", failure(phone.failure), since=phone.failure.time)


def failure(of: Failure) -> str:
    """A failure in words."""
    answer = " ".join(filter(None, (str(of.code or ""), of.message)))
    return f"{of.reason} at {of.pbx}" + (f" ({answer})" if answer else "")
