"""The counts of `top` and how they went in the last minutes. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from softphone_plugin.overview import Mood
from softphone_plugin.pages import Whereabouts
from softphone_plugin.phones import Object, condition, stored_registration

MOST_SAMPLES = 600
BARS = "▁▂▃▄▅▆▇█"
ROLES = ("Home", "Standby", "Unknown")

Named = tuple[str, str]
"""Namespace, empty where it is the same for all, and name."""


@dataclass(frozen=True)
class Fleet:
    """What is known of a fleet: where its phones are, as its agents tell, and the counts of its status."""

    obj: Object
    places: Counter[Whereabouts] = field(default_factory=Counter)
    unheard: int = 0
    """Agents that did not tell."""


@dataclass(frozen=True)
class Sample:
    """The counts at one moment. Keys are PBXes and physical locations; a location may be empty."""

    phones: int
    """Phones that want to be registered."""
    places: Counter[Whereabouts]
    unplaced: int = 0
    """Registered phones of which nobody told where."""
    failures: Counter[str] = field(default_factory=Counter)
    """Phones that are not registered, by the reason."""
    reachable: Mapping[Named, bool | None] = field(default_factory=dict)
    """Whether the PBX objects answer."""
    unheard: int = 0
    """Agents of fleets that did not tell."""

    @property
    def registered(self) -> int:
        """Phones that are registered."""
        return self.places.total() + self.unplaced

    def at(self, pbx: Named, role: str | None = None) -> int:
        """Phones registered at a PBX, in a role or in any."""
        return sum(n for at, n in self.places.items() if (at.namespace, at.pbx) == pbx and role in (None, at.role))

    def of(self, location: Named, role: str | None = None) -> int:
        """Phones registered with a physical location, in a role or in any."""
        return sum(
            n for at, n in self.places.items() if (at.namespace, at.location) == location and role in (None, at.role)
        )

    def role(self, role: str) -> int:
        """Phones registered in a role."""
        return sum(n for place, n in self.places.items() if place.role == role)

    @property
    def standby(self) -> int:
        """Phones that are kept by another PBX than their home."""
        return self.role("Standby")

    @property
    def out(self) -> int:
        """Phones that want to be registered, and are not."""
        return max(0, self.phones - self.registered)


def sample(
    pbxs: Iterable[Object], softphones: Iterable[Object], fleets: Iterable[Fleet], *, namespaces: bool = False
) -> Sample:
    """The counts from all objects, and from what the agents of fleets tell.

    `namespaces`: the objects are of several, whose PBXes and locations are told apart.
    """

    def space(obj: Object) -> str:
        return str(obj["metadata"]["namespace"]) if namespaces else ""

    places: Counter[Whereabouts] = Counter()
    failures: Counter[str] = Counter()
    phones = unplaced = unheard = 0
    for obj in softphones:
        if (obj.get("spec") or {}).get("suspend"):
            continue
        phones += 1
        at = stored_registration(obj)
        if at is not None and at.pbx:
            places[Whereabouts(at.pbx, at.role or "Unknown", at.physical_location or "", space(obj))] += 1
        else:
            failures[condition(obj, "Ready").get("reason") or "Unknown"] += 1
    for fleet in fleets:
        status = fleet.obj.get("status") or {}
        phones += int(status.get("replicas") or 0)
        places += Counter({at._replace(namespace=space(fleet.obj)): n for at, n in fleet.places.items()})
        unheard += fleet.unheard
        if fleet.unheard:
            unplaced += max(0, int(status.get("registered") or 0) - fleet.places.total())
        failures.update(status.get("failures") or {})
    reachable = {(space(obj), obj["metadata"]["name"]): (obj.get("status") or {}).get("reachable") for obj in pbxs}
    return Sample(phones, places, unplaced, failures, reachable, unheard)


class Row(NamedTuple):
    """A PBX or a location: how many are there now, by role, and how many were there before, oldest first."""

    name: str
    registered: int
    roles: tuple[int, int, int]
    """Home, Standby, Unknown."""
    past: tuple[int, ...]
    mood: Mood
    namespace: str = ""
    """Empty where it is the same for all."""

    def data(self) -> dict[str, Any]:
        """For other programs."""
        home, standby, unknown = self.roles
        return {
            **({"namespace": self.namespace} if self.namespace else {}),
            "name": self.name,
            "registered": self.registered,
            "home": home,
            "standby": standby,
            "unknown": unknown,
        }


class History:
    """The last samples."""

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._samples: deque[Sample] = deque(maxlen=most)
        self._times: deque[float] = deque(maxlen=most)

    def add(self, one: Sample, at: float) -> None:
        """The newest sample, and when it was taken, on a clock that never goes back."""
        self._samples.append(one)
        self._times.append(at)

    @property
    def span(self) -> float:
        """Seconds from the oldest sample to the newest."""
        return self._times[-1] - self._times[0]

    @property
    def now(self) -> Sample:
        """The newest one."""
        return self._samples[-1]

    @property
    def registered(self) -> tuple[int, ...]:
        """How many were registered, oldest first."""
        return tuple(one.registered for one in self._samples)

    def pbxs(self) -> list[Row]:
        """A row for each PBX that is, or was, of use."""
        held = (
            named for one in self._samples for named in (*one.reachable, *((at.namespace, at.pbx) for at in one.places))
        )
        return [self._pbx(named) for named in sorted(set(held))]

    def _pbx(self, named: Named) -> Row:
        now = self.now
        home, standby, unknown = (now.at(named, role) for role in ROLES)
        mood: Mood = "ill" if now.reachable.get(named) is False else "standby" if standby else "well"
        if not now.at(named) and mood == "well":
            mood = "unknown"
        past = tuple(one.at(named) for one in self._samples)
        return Row(named[1], now.at(named), (home, standby, unknown), past, mood, named[0])

    def locations(self) -> list[Row]:
        """A row for each physical location that is, or was, registered with."""
        found = {(at.namespace, at.location) for one in self._samples for at in one.places}
        return [self._location(named) for named in sorted(found)]

    def _location(self, named: Named) -> Row:
        home, standby, unknown = (self.now.of(named, role) for role in ROLES)
        past = tuple(one.of(named) for one in self._samples)
        mood: Mood = "standby" if standby else "well" if past[-1] else "ill"
        return Row(named[1] or "(none)", past[-1], (home, standby, unknown), past, mood, named[0])


_URGENT: tuple[Mood, ...] = ("ill", "standby", "well", "unknown")


def fitted(rows: Sequence[Row], room: int) -> tuple[list[Row], list[Row]]:
    """The rows for which there is room, in their order, and those that are left out: who fares well is, first."""
    ranked = sorted(rows, key=lambda row: (_URGENT.index(row.mood), -row.registered))
    kept = {id(row) for row in ranked[: max(0, room)]}
    return [row for row in rows if id(row) in kept], [row for row in rows if id(row) not in kept]


def data(history: History) -> dict[str, Any]:
    """How things are now, for other programs."""
    now = history.now
    return {
        "phones": now.phones,
        "registered": now.registered,
        "home": now.role("Home"),
        "standby": now.standby,
        "out": now.out,
        "failures": dict(now.failures.most_common()),
        "unheardAgents": now.unheard,
        "pbxs": [{**row.data(), "reachable": now.reachable.get((row.namespace, row.name))} for row in history.pbxs()],
        "locations": [row.data() for row in history.locations()],
    }


def sparkline(values: Sequence[int], width: int) -> str:
    """All values in `width` bars of eight heights; zero is the lowest, the greatest of those shown the highest.

    A bar that stands for several values shows the least of them: a short outage must not vanish between two bars.
    """
    bars = min(width, len(values))
    shown = [min(values[bar * len(values) // bars : (bar + 1) * len(values) // bars]) for bar in range(bars)]
    most = max(shown, default=0)
    if most <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[0 if value <= 0 else max(1, round(value / most * (len(BARS) - 1)))] for value in shown)
