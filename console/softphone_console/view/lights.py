"""Traffic lights: what counts as good, what wants attention, and what is bad. Pure.

| light | good | attention | bad | not known |
|---|---|---|---|---|
| registered | all phones | not all, or some on standby | half or fewer | there are no phones |
| redundant | each way that is checked would hold | - | a way would not | nobody knows |
| reachable | agents reach all PBXes | not all of them | none of them | nobody knows |
| certificate | 21 days or more | fewer than 21 days | fewer than 3 days, or ended | nobody knows |

The days are those of the alerts SoftphonePBXCertificateEnding and SoftphonePBXCertificateEnds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from softphone_console.view.facts import Condition, Pbx

ENDING, ENDS = timedelta(days=21), timedelta(days=3)
CHOSEN = frozenset({"OneWay", "ChecksOff", "Suspended"})
"""Reasons of the condition Redundant that whoever wrote the spec has chosen."""


class Mood(StrEnum):
    """How something fares."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    UNKNOWN = "unknown"


SEVERITY = (Mood.UNKNOWN, Mood.GOOD, Mood.ATTENTION, Mood.BAD)
"""From good to bad; what is not known is no worse than good."""
TROUBLE = (Mood.BAD, Mood.ATTENTION, Mood.UNKNOWN, Mood.GOOD)
"""In the order in which somebody looks: what is not known before what is good."""


class Light(NamedTuple):
    """One traffic light: what it is about, how that fares, and in words why."""

    about: str
    mood: Mood
    words: str


class Sum(NamedTuple):
    """How many phones there are that want to be registered, how many are, and how many of these on standby."""

    phones: int = 0
    registered: int = 0
    standby: int = 0

    def plus(self, other: Sum) -> Sum:
        """Both together."""
        return Sum(*(one + another for one, another in zip(self, other, strict=True)))


def registered(of: Sum) -> Light:
    """Whether phones are registered."""
    if not of.phones:
        return Light("registered", Mood.UNKNOWN, "no phones")
    said = f"{of.registered} of {of.phones}"
    if of.registered * 2 <= of.phones:
        return Light("registered", Mood.BAD, said)
    if of.standby:
        return Light("registered", Mood.ATTENTION, f"{said}, {of.standby} on standby")
    return Light("registered", Mood.GOOD if of.registered >= of.phones else Mood.ATTENTION, said)


def redundant(conditions: Iterable[Condition]) -> Light:
    """Whether the redundancy would hold, from conditions Redundant; those that the spec has chosen do not count."""
    found = [one for one in conditions if one.status and one.reason not in CHOSEN]
    lost = [one for one in found if one.status == "False"]
    if lost:
        return Light("redundant", Mood.BAD, lost[0].message or lost[0].reason)
    if any(one.status == "True" for one in found):
        return Light("redundant", Mood.GOOD, "each way that is checked would hold")
    return Light("redundant", Mood.UNKNOWN, "not known yet" if found else "nobody checks")


def reachable(pbxs: Collection[Pbx]) -> Light:
    """Whether agents reach the PBXes."""
    silent = sorted(pbx.key.name for pbx in pbxs if pbx.reachable is False)
    answering = sum(pbx.reachable is True for pbx in pbxs)
    if silent:
        mood = Mood.BAD if len(silent) == len(pbxs) else Mood.ATTENTION
        return Light("reachable", mood, f"no agent reaches {', '.join(silent)}")
    if answering:
        return Light("reachable", Mood.GOOD, f"{answering} of {len(pbxs)}")
    return Light("reachable", Mood.UNKNOWN, "no agent knows")


def certificate(pbxs: Iterable[Pbx], now: datetime) -> Light | None:
    """Whether the certificates last that the PBXes show; None where no PBX speaks TLS."""
    tls = [pbx for pbx in pbxs if pbx.tls]
    if not tls:
        return None
    ends = min(((pbx.certificate_ends, pbx.key.name) for pbx in tls if pbx.certificate_ends), default=None)
    if ends is None:
        return Light("certificate", Mood.UNKNOWN, "no agent has seen it")
    when, name = ends
    left = when - now
    said = f"{name}: until {when:%Y-%m-%d}"
    if left <= timedelta(0):
        return Light("certificate", Mood.BAD, f"{name}: ended {when:%Y-%m-%d}")
    return Light("certificate", Mood.BAD if left < ENDS else Mood.ATTENTION if left < ENDING else Mood.GOOD, said)


def worst(lights: Iterable[Light]) -> Mood:
    """The mood of the worst light."""
    return max((light.mood for light in lights), key=SEVERITY.index, default=Mood.UNKNOWN)
