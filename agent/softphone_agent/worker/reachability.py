"""Which PBXes answer: one watch for each place, whoever uses it. Pure: time is an argument, in seconds.

A ping whose answer is overdue (round_trip.py) is followed by further ones. The PBX is dead when nothing at all was
heard of it for a time, its patience, and its silence means something (trust.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from softphone_agent.dns.targets import Place
from softphone_agent.worker.round_trip import RoundTrip
from softphone_agent.worker.trust import Trust

SHORTEST_WAIT = 1.0
"""A PBX is given at least so long: it may be busy, and a lost datagram is sent again (RFC 3261, timer E)."""
TIMEOUTS = 3
"""A PBX is given so many times the time after which an answer is overdue: the first wait, and the second, twice as
long (RFC 6298, 5.5); but no longer than the interval between pings."""

CAUTIOUS_WAIT = 2.0
"""A PBX that was taken for dead and answers within so many seconds gets as long the next times. Its way has gaps."""
CAUTIOUS_SECONDS = 3600.0
"""How long that holds."""
SHORT_DEATH = 5.0
"""A PBX that is heard so soon after it was taken for dead has probably lived: it drops pings, or its way does."""
MOST_SELDOM = 5
"""So many further pings go at least within the patience, where round trips are short."""
MISSED_PINGS = 3
"""A PBX that limits OPTIONS answers them all the same: it is told as one that does not after so many intervals."""
SENT_AGAIN = 0.5
"""After so many seconds a ping is sent again over UDP (RFC 3261, T1): a later answer measures nothing."""


@dataclass
class _Watched:
    interval: float
    next_ping: float
    sent_at: float | None = None
    """When the first of the pings was sent that wait for an answer."""
    sent: int = 0
    """How many wait since then."""
    stale: int = 0
    """How many were sent before those. Their end says nothing any more."""
    further_at: float = 0.0
    """When one more ping goes, unless an answer came."""
    silent_from: float = 0.0
    patience: float = 0.0
    alive: bool | None = None
    died_at: float = float("-inf")
    """When it fell silent for so long that it was taken for dead."""
    trust: Trust = field(default_factory=Trust)
    heard_at: float = float("-inf")
    """When it answered last, whatever it was asked."""
    cautious_until: float = float("-inf")
    asked_at: float | None = None
    """When the first REGISTER was sent since it answered one."""
    pings: RoundTrip = field(default_factory=RoundTrip)
    registers: RoundTrip = field(default_factory=RoundTrip)
    options: bool | None = None
    """Whether it answers OPTIONS, for people: it says nothing of REGISTERs. None while nothing is known."""
    ponged_at: float | None = None
    """When it answered OPTIONS last."""
    pingless_from: float | None = None
    """When the first ping was sent since then."""

    @property
    def unanswering_at(self) -> float | None:
        """When it counts as one that answers no OPTIONS, unless it does before."""
        if self.pingless_from is None or self.options is False:
            return None
        usual = self.pingless_from + self.patience
        return usual if self.ponged_at is None else max(usual, self.ponged_at + MISSED_PINGS * self.interval)

    @property
    def awaits_judgement(self) -> bool:
        """Whether silence kills it now."""
        return self.sent_at is not None and self.trust.holds and self.alive is not False

    @property
    def ping_at(self) -> float | None:
        """When the next ping goes; None while that depends on the one that is on its way."""
        if self.awaits_judgement:
            return self.further_at
        if self.sent_at is not None:
            return None
        if self.asked_at is None or not self.trust.holds or not self.alive:
            return self.next_ping
        return min(self.next_ping, self.asked_at + self.registers.timeout)  # a REGISTER is overdue: why?

    @property
    def wait_for_further(self) -> float:
        """Seconds to the next of the pings that follow one without an answer; it grows (RFC 6298, 5.5), up to a bound.

        On a way that loses much, the time-out is long from one ping to the next, but these must be many.
        """
        expected = self.pings.expected
        return min(expected * 2.0 ** (self.sent - 1), max(expected, self.patience / MOST_SELDOM))

    def end_pings(self) -> None:
        """None of those that are on their way says anything any more."""
        self.stale, self.sent, self.sent_at = self.stale + self.sent, 0, None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became known of a PBX. `changed`: it was not known before."""

    place: Place
    alive: bool
    changed: bool
    seconds: float | None = None
    """Round trip, where there was an answer to a ping that was sent once."""
    since: float = 0.0
    """Where it is not alive: when the first request was sent that was not answered."""


class Reachability:
    """Decides when to ping which registrar, and what the answers, and their absence, mean."""

    def __init__(self) -> None:
        self._watched: dict[Place, _Watched] = {}
        self._news: set[Place] = set()

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

    def seen(self, place: Place) -> bool | None:
        """The same for people: one that was asked for longer than its patience, and never answered, does not."""
        watched = self._watched.get(place)
        if watched is None or watched.alive is not None:
            return watched.alive if watched else None
        return False if watched.options is False else None

    def answers_options(self, place: Place) -> bool | None:
        """Whether the registrar answers OPTIONS; None while nothing is known."""
        watched = self._watched.get(place)
        return watched.options if watched else None

    def take_news(self) -> set[Place]:
        """The registrars of which it became known whether they answer OPTIONS, since this was last asked."""
        taken, self._news = self._news, set()
        return taken

    def asked(self, place: Place, at: float) -> None:
        """A REGISTER was sent there. Where its answer is overdue, the next ping does not wait for its turn."""
        watched = self._watched.get(place)
        if watched is not None and watched.asked_at is None:
            watched.asked_at = at

    def ask_again(self, place: Place, at: float) -> None:
        """Ping this one at that time, unless it is to be earlier: something hints that it is gone."""
        watched = self._watched.get(place)
        if watched is not None:
            watched.next_ping = min(watched.next_ping, at)
            watched.further_at = min(watched.further_at, at)

    def due(self, now: float) -> list[Place]:
        """The registrars to ping now; each is taken as pinged."""
        found = []
        for place, watched in self._watched.items():
            at = watched.ping_at
            if at is None or at > now:
                continue
            if watched.sent_at is None:
                watched.sent_at = watched.silent_from = now
                watched.patience = _patience(watched, now)
                watched.pingless_from = now if watched.pingless_from is None else watched.pingless_from
                watched.next_ping = now + watched.interval
            else:
                watched.pings.overdue()
            watched.sent += 1
            watched.further_at = now + watched.wait_for_further
            found.append(place)
        return found

    def held_up(self, now: float) -> None:
        """Nothing was read from the network for a while until now: this was our silence, not theirs."""
        for watched in self._watched.values():
            watched.silent_from = now
            if watched.pingless_from is not None:
                watched.pingless_from = now

    def overdue(self, now: float) -> list[Verdict]:
        """The registrars that were silent for too long; who answers no OPTIONS is noted, too."""
        found = []
        for place, watched in self._watched.items():
            at = watched.unanswering_at
            if at is not None and at <= now:
                watched.options = False
                self._news.add(place)
            if watched.awaits_judgement and watched.silent_from + watched.patience <= now:
                watched.died_at = now
                found.append(self._judge(place, watched, alive=False, since=_since(watched, now)))
        return found

    def answered(self, place: Place, alive: bool, now: float) -> tuple[bool, Verdict | None]:
        """The end of a ping. Whether it ends the question that it was sent for, and what that says of the registrar.

        Pings of a place are not told from each other: those that were sent first end first, unless they are answered.
        """
        watched = self._watched.get(place)
        if watched is None:
            return False, None
        if alive:
            if not watched.options:
                self._news.add(place)
            watched.options, watched.ponged_at, watched.pingless_from = True, now, None
        if watched.sent_at is None or (watched.stale and not alive):
            is_ours = watched.stale > 0
            watched.stale = max(0, watched.stale - 1)
            return False, self._heard(place, watched, now) if alive and is_ours else None
        sent_at, heard_at = watched.sent_at, watched.heard_at
        if alive and watched.alive is False and now - sent_at < CAUTIOUS_WAIT:
            watched.cautious_until = now + CAUTIOUS_SECONDS
        once = watched.sent == 1 and not watched.stale
        since = _since(watched, now)
        watched.sent -= 1
        watched.end_pings()
        watched.next_ping = max(watched.next_ping, now if alive else now + SHORTEST_WAIT / 2)
        if alive:
            if watched.alive is False and now - watched.died_at < SHORT_DEATH:
                watched.trust.flapped()
            watched.trust.answered()
            if once and now - sent_at < SENT_AGAIN:
                watched.pings.measured(now - sent_at)
            return True, self._heard(place, watched, now, seconds=now - sent_at if once else None)
        if watched.alive and heard_at > sent_at:
            watched.trust.caught()
            return True, None
        watched.trust.unanswered()
        return True, self._judge(place, watched, alive=False, since=since) if watched.trust.holds else None

    def registered(self, place: Place, asked_at: float, now: float) -> Verdict | None:
        """A REGISTER that was sent at `asked_at` was answered by this registrar: it is alive."""
        watched = self._watched.get(place)
        if watched is None:
            return None
        watched.registers.measured(now - asked_at)
        if not watched.alive and watched.trust.holds:
            watched.trust.contradicted()
            watched.end_pings()
            watched.next_ping = now
        verdict = self._heard(place, watched, now)
        return verdict if verdict.changed else None

    def silent(self, place: Place, asked_at: float) -> Verdict | None:
        """A REGISTER was not answered. That counts where pings say nothing, and nothing was heard since it was sent.

        Else a PBX that is back would be dead again with each REGISTER that was sent before.
        """
        watched = self._watched.get(place)
        if watched is None or watched.trust.holds or asked_at < watched.heard_at:
            return None
        return self._judge(place, watched, alive=False, since=asked_at)

    def gone(self, place: Place, now: float) -> Verdict | None:
        """It is certain that nobody listens there."""
        watched = self._watched.get(place)
        return self._judge(place, watched, alive=False, since=_since(watched, now)) if watched else None

    def next_wakeup(self) -> float | None:
        """When `due` or `overdue` has something to say."""
        times = [at for watched in self._watched.values() if (at := watched.ping_at) is not None]
        times += [each.silent_from + each.patience for each in self._watched.values() if each.awaits_judgement]
        times += [at for each in self._watched.values() if (at := each.unanswering_at) is not None]
        return min(times, default=None)

    def _heard(self, place: Place, watched: _Watched, now: float, *, seconds: float | None = None) -> Verdict:
        watched.heard_at = watched.silent_from = now
        watched.asked_at = None
        return self._judge(place, watched, alive=True, seconds=seconds)

    def _judge(
        self, place: Place, watched: _Watched, *, alive: bool, seconds: float | None = None, since: float = 0.0
    ) -> Verdict:
        changed = watched.alive is not alive
        watched.alive = alive
        return Verdict(place, alive, changed, seconds, since)


def _patience(watched: _Watched, now: float) -> float:
    longest, timeout = max(SHORTEST_WAIT, watched.interval), watched.pings.timeout
    shortest = min(longest, CAUTIOUS_WAIT) if now < watched.cautious_until else SHORTEST_WAIT
    return max(shortest, timeout, min(TIMEOUTS * timeout, longest))


def _since(watched: _Watched, now: float) -> float:
    """Since when it is silent: the first request after it was last heard."""
    asked = [at for at in (watched.sent_at, watched.asked_at) if at is not None]
    return max(min(asked, default=now), watched.heard_at)
