"""Which PBXes answer: one ping for each place, whoever uses it. Pure: time is an argument, in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from softphone_agent.dns.targets import Place

SHORTEST_WAIT = 1.0
"""A ping waits at least so long: with retransmissions (RFC 3261, timer E) it survives a lost datagram."""


@dataclass
class _Watched:
    interval: float
    next_ping: float
    sent_at: float | None = None
    overdue_at: float = 0.0
    alive: bool | None = None
    answers_pings: bool = False
    """Whether silence means anything: a PBX may drop OPTIONS and still take REGISTER."""
    heard_at: float = float("-inf")
    """When it answered last, whatever it was asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became known of a PBX. `changed`: it was not known before."""

    place: Place
    alive: bool
    changed: bool
    seconds: float | None = None
    """Round trip, where there was an answer to a ping."""
    since: float = 0.0
    """Where it is not alive: when the first request was sent that was not answered."""


class Reachability:
    """Decides when to ping which registrar, and what the answers, and their absence, mean."""

    def __init__(self) -> None:
        self._watched: dict[Place, _Watched] = {}

    def watch(self, intervals: dict[Place, float], now: float) -> None:
        """Watch these registrars (place -> seconds between pings) and no others."""
        for place in list(self._watched):
            if place not in intervals:
                del self._watched[place]
        for place, interval in intervals.items():
            watched = self._watched.setdefault(place, _Watched(interval, now))
            watched.interval = interval

    def alive(self, place: Place) -> bool | None:
        """Whether the registrar answers; None while nothing is known."""
        watched = self._watched.get(place)
        return watched.alive if watched else None

    def probe(self, places: Iterable[Place], now: float) -> None:
        """Ping these at once: something hints that they are gone."""
        for place in places:
            watched = self._watched.get(place)
            if watched and watched.sent_at is None:
                watched.next_ping = now

    def due(self, now: float) -> list[Place]:
        """The registrars to ping now; each is taken as pinged."""
        found = []
        for place, watched in self._watched.items():
            if watched.sent_at is None and watched.next_ping <= now:
                watched.sent_at = now
                watched.overdue_at = now + max(SHORTEST_WAIT, watched.interval)
                watched.next_ping = now + watched.interval
                found.append(place)
        return found

    def overdue(self, now: float) -> list[Verdict]:
        """The registrars whose answer did not come in time."""
        found = []
        for place, watched in self._watched.items():
            if _awaits_judgement(watched) and watched.overdue_at <= now:
                found.append(self._judge(place, watched, alive=False, since=watched.sent_at or now))
        return found

    def answered(self, place: Place, alive: bool, now: float) -> Verdict | None:
        """The end of a ping. None where it says nothing, or nobody watches that registrar any more."""
        watched = self._watched.get(place)
        if watched is None or watched.sent_at is None:
            return None
        sent_at = watched.sent_at
        seconds = now - sent_at if alive else None
        watched.sent_at = None
        watched.next_ping = max(watched.next_ping, now if alive else now + SHORTEST_WAIT / 2)
        watched.answers_pings |= alive
        if alive:
            watched.heard_at = now
        if not watched.answers_pings:
            return None
        return self._judge(place, watched, alive=alive, seconds=seconds, since=sent_at)

    def registered(self, place: Place, now: float) -> Verdict | None:
        """A REGISTER was answered by this registrar: it is alive, and its silence to pings means nothing."""
        watched = self._watched.get(place)
        if watched is None:
            return None
        watched.heard_at = now
        if watched.alive:
            return None
        watched.answers_pings = False
        return self._judge(place, watched, alive=True)

    def silent(self, place: Place, asked_at: float) -> Verdict | None:
        """A REGISTER was not answered. That counts where pings say nothing, and nothing was heard since it was sent.

        Else a PBX that is back would be dead again with each REGISTER that was sent before.
        """
        watched = self._watched.get(place)
        if watched is None or watched.answers_pings or asked_at < watched.heard_at:
            return None
        return self._judge(place, watched, alive=False, since=asked_at)

    def next_wakeup(self) -> float | None:
        """When `due` or `overdue` has something to say."""
        times = [
            watched.next_ping if watched.sent_at is None else watched.overdue_at
            for watched in self._watched.values()
            if watched.sent_at is None or _awaits_judgement(watched)
        ]
        return min(times, default=None)

    def _judge(
        self, place: Place, watched: _Watched, *, alive: bool, seconds: float | None = None, since: float = 0.0
    ) -> Verdict:
        changed = watched.alive is not alive
        watched.alive = alive
        return Verdict(place, alive, changed, seconds, since)


def _awaits_judgement(watched: _Watched) -> bool:
    return watched.sent_at is not None and watched.answers_pings and watched.alive is not False
