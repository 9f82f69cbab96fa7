"""A fail-over as it is watched: who was at the PBX, who lost it and for how long, who came back, and where. Pure.

Of `kubectl softphone drill` and of Rehearsals. A phone takes part if it was registered at the PBX, or at one of the
PBXes, when the drill began. Outages are told by the agents themselves: from the first request that was not answered to
the next registration.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from softphone_agent.contract.report import Outage, PhoneReport

SETTLED_SECONDS = 10.0
"""Where only some of the phones lost the PBX, the drill is over when all are registered and nothing moved so long."""
PERCENTILES = {"median": 50, "p95": 95, "p99": 99, "worst": 100}
MOST_BARS = 10
STEPS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Widths that a bar may have, in seconds; where all are too narrow, a multiple of the last."""


@dataclass
class Part:
    """One phone of the drill."""

    began_before: str | None
    """When the outage began that it had last when the drill began, RFC 3339; None for none."""
    registered: bool = True
    pbx: str | None = None
    outages: dict[str, float] = field(default_factory=dict)
    """Seconds of each outage that has ended, by when it began, RFC 3339."""
    lost: str | None = None
    """When the outage began that lasts, RFC 3339."""
    moved: bool = False

    @property
    def touched(self) -> bool:
        """Whether anything happened to it."""
        return self.moved or self.lost is not None or bool(self.outages)


@dataclass(frozen=True)
class Result:
    """What came out. Times in seconds."""

    pbx: str
    phones: int
    lost: int
    """Phones that had an outage."""
    moved: int
    """Phones that went to another PBX without one."""
    untouched: int
    missing: tuple[str, ...]
    """Phones that are registered nowhere, or whose agent is not heard."""
    outages: tuple[float, ...]
    """All that have ended, in ascending order."""
    places: Mapping[str, int]
    """Where the phones are now."""

    @property
    def all_back(self) -> bool:
        """Whether something happened, and everybody is registered."""
        return not self.missing and self.lost + self.moved > 0

    @property
    def percentiles(self) -> dict[str, float]:
        """Median, p95, p99 and worst; {} where no outage has ended."""
        return {name: percentile(self.outages, share) for name, share in PERCENTILES.items()} if self.outages else {}

    def data(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "pbx": self.pbx,
            "allBack": self.all_back,
            "phones": self.phones,
            "lost": self.lost,
            "moved": self.moved,
            "untouched": self.untouched,
            "missing": list(self.missing),
            "outageSeconds": {name: round(value, 3) for name, value in self.percentiles.items()},
            "outages": [round(value, 3) for value in self.outages],
            "places": dict(self.places),
        }

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Result:
        """What was written for other programs."""
        counts = {name: data[name] for name in ("pbx", "phones", "lost", "moved", "untouched", "places")}
        return cls(**counts, missing=tuple(data["missing"]), outages=tuple(data["outages"]))


class Drill:
    """What the agents tell, phone by phone; a phone is named namespace/name. Times on a clock that never goes back."""

    def __init__(self, *pbxs: str) -> None:
        """Watch the phones of `pbxs`."""
        self.pbxs = pbxs
        self._parts: dict[str, Part] = {}
        self._unheard: set[str] = set()
        self._moved_at: float | None = None

    def begin(self, phones: Mapping[str, PhoneReport]) -> None:
        """Who takes part."""
        for name, report in phones.items():
            if report.registered and report.pbx in self.pbxs:
                began = report.last_outage.began if report.last_outage else None
                self._parts[name] = Part(began, pbx=report.pbx)

    @classmethod
    def resumed(cls, pbxs: Iterable[str], parts: Mapping[str, Part], now: float) -> Drill:
        """One that goes on after its watcher was away: nobody is heard yet, and something may just have moved."""
        drill = cls(*pbxs)
        drill._parts = dict(parts)
        drill._unheard = set(parts)
        if any(part.touched for part in parts.values()):
            drill._moved_at = now
        return drill

    @property
    def phones(self) -> frozenset[str]:
        """The phones that take part."""
        return frozenset(self._parts)

    @property
    def parts(self) -> Mapping[str, Part]:
        """What is known of each."""
        return self._parts

    @property
    def missing(self) -> frozenset[str]:
        """Those that are registered nowhere, or whose agent is not heard."""
        return frozenset(self._missing())

    def told(self, name: str, report: PhoneReport, now: float) -> bool:
        """An agent told of a phone; whether that is news for the drill."""
        part = self._parts.get(name)
        if part is None:
            return False
        self._unheard.discard(name)
        before = (part.registered, part.pbx, part.lost, len(part.outages))
        outage = report.last_outage
        if outage is not None and outage.began != part.began_before:
            if outage.ended is None:
                part.lost = outage.began
            else:
                part.lost = None
                part.outages[outage.began] = seconds_of(outage)
        elif not report.registered and part.registered:
            part.lost = part.lost or report.since  # an agent of an earlier version tells no outages
        elif report.registered and part.lost is not None:
            part.lost = None
        if report.registered and report.pbx not in self.pbxs and not part.touched:
            part.moved = True
        part.registered, part.pbx = report.registered, report.pbx
        news = before != (part.registered, part.pbx, part.lost, len(part.outages))
        if news:
            self._moved_at = now
        return news

    def unheard(self, names: Iterable[str]) -> None:
        """An agent cannot be heard: nobody knows where its phones are."""
        self._unheard |= set(names) & set(self._parts)

    def is_over(self, now: float) -> bool:
        """Whether everybody who was at the PBX has lost it and is registered again, or nothing moves any more."""
        if self._moved_at is None or self._missing():
            return False
        parts = self._parts.values()
        return all(part.touched for part in parts) or now - self._moved_at >= SETTLED_SECONDS

    def result(self) -> Result:
        """How it stands."""
        parts = self._parts
        lost = sum(part.lost is not None or bool(part.outages) for part in parts.values())
        places = Counter(part.pbx for name, part in parts.items() if part.registered and part.pbx)
        return Result(
            pbx=", ".join(self.pbxs),
            phones=len(parts),
            lost=lost,
            moved=sum(part.moved and not part.outages and part.lost is None for part in parts.values()),
            untouched=sum(not part.touched for part in parts.values()),
            missing=tuple(sorted(self._missing())),
            outages=tuple(sorted(seconds for part in parts.values() for seconds in part.outages.values())),
            places=dict(places.most_common()),
        )

    def _missing(self) -> set[str]:
        return self._unheard | {name for name, part in self._parts.items() if not part.registered}


def seconds_of(outage: Outage) -> float:
    """How long an outage that has ended lasted."""
    assert outage.ended is not None
    return (datetime.fromisoformat(outage.ended) - datetime.fromisoformat(outage.began)).total_seconds()


def percentile(ascending: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that `share` percent of all do not exceed."""
    return ascending[max(0, math.ceil(len(ascending) * share / 100) - 1)]


def bars(ascending: Sequence[float]) -> list[tuple[str, int]]:
    """How many outages were how long: label and count, in steps that make ten bars at most."""
    if not ascending:
        return []
    spread = ascending[-1] - ascending[0]
    widest = STEPS[-1] * math.ceil(spread / STEPS[-1] / (MOST_BARS - 2))
    step = next((size for size in STEPS if spread / size <= MOST_BARS - 2), widest)
    first = math.floor(ascending[0] / step)
    counts = Counter(math.floor(value / step) for value in ascending)
    return [(f"{n * step:g} to {(n + 1) * step:g} s", counts[n]) for n in range(first, max(counts) + 1)]
