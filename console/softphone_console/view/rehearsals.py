"""Rehearsals: what is to fail, how the last ones went, and when one is due again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from softphone_console.view.facts import Key, Rehearsal, RehearsalResult
from softphone_console.view.lights import TROUBLE, Light, Mood
from softphone_console.view.world import System, World, system

VERDICTS = {"Passed": Mood.GOOD, "Failed": Mood.BAD, "Expired": Mood.ATTENTION}
UNDER_WAY = frozenset({"Breaking", "Watching"})


class Row(NamedTuple):
    """A Rehearsal in the table."""

    key: Key
    about: str
    phase: str
    message: str
    last: RehearsalResult | None
    last_passed: datetime | None
    next: datetime | None
    overdue: bool
    mood: Mood


class RehearsalPage(NamedTuple):
    """The page of one."""

    row: Row
    rehearsal: Rehearsal


def row(of: Rehearsal, now: datetime) -> Row:
    """A Rehearsal as the table has it."""
    last = of.history[0] if of.history else None
    overdue = is_overdue(of, now)
    mood = VERDICTS.get(last.verdict, Mood.UNKNOWN) if last else Mood.UNKNOWN
    if overdue and mood is not Mood.BAD:
        mood = Mood.ATTENTION
    about = f"PBX {of.pbx}" if of.pbx else f"system {of.system}"
    return Row(of.key, about, of.phase, of.message, last, of.last_passed, of.next, overdue, mood)


def is_overdue(of: Rehearsal, now: datetime) -> bool:
    """Whether none has passed within `everyDays`, counted from its making where none ever has."""
    since = of.last_passed or of.made
    return bool(of.every_days) and since is not None and now - since > timedelta(days=of.every_days)


def rows(world: World, now: datetime) -> tuple[Row, ...]:
    """All, by name."""
    return tuple(row(one, now) for _, one in sorted(world.rehearsals.items()))


def light(world: World, key: System, now: datetime) -> Light | None:
    """Whether the fail-over of a system was rehearsed: the worst of its Rehearsals; None where it has none."""
    ours = [one for one in world.rehearsals.values() if _system(world, one) == key]
    if not ours:
        return None
    worst = min((row(one, now) for one in ours), key=lambda one: TROUBLE.index(one.mood))
    name = worst.key.name
    if worst.overdue:
        return Light("rehearsed", worst.mood, f"{name}: none has passed for too long")
    if worst.last is None:
        return Light("rehearsed", Mood.UNKNOWN, f"{name}: none yet")
    return Light("rehearsed", worst.mood, f"{name}: {worst.last.verdict}, {worst.last.ended:%Y-%m-%d}")


def _system(world: World, of: Rehearsal) -> System | None:
    if of.system:
        return System(of.key.namespace, of.system)
    pbx = world.pbxs.get(Key(of.key.namespace, of.pbx))
    return system(pbx) if pbx else None
