"""Pings over a bad way to a PBX, without a network: how often a PBX that lives is taken for dead, how soon a dead one.

By the agent's rule, and beside it by that of the first releases. Pure: chance comes from a seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from softphone_agent.dns.targets import Place
from softphone_agent.worker.reachability import Reachability

PBX = Place("sip:192.0.2.1:5060;transport=udp")
RETRANSMITTED = (0.0, 0.5, 1.5, 3.5)
"""When an OPTIONS is sent, in seconds after the first time (RFC 3261, timer E)."""
ANSWER_SECONDS = 4.0
"""After so long a ping is over (`attemptTimeoutSeconds`)."""
INTERVAL = 2.0
GAPS_APART = 61.7
LAST = float("inf")


class Rule(Protocol):
    """What decides when to ping and when the PBX is dead."""

    def next_wakeup(self) -> float | None: ...
    def look(self, now: float) -> tuple[int, bool]:
        """Pings to send now, and whether the PBX is taken for dead from now on."""

    def ended(self, alive: bool, now: float) -> None: ...
    def register(self, asked_at: float, now: float) -> None:
        """A REGISTER was answered, or, where both times are the same, sent."""


class FixedPatience:
    """The rule of the first releases: dead is who leaves one ping without an answer for an interval, 1 s at least."""

    def __init__(self) -> None:
        self._next, self._sent_at, self._alive = 0.0, LAST, False

    def next_wakeup(self) -> float:
        if self._sent_at == LAST:
            return self._next
        return self._sent_at + max(1.0, INTERVAL) if self._alive else LAST

    def look(self, now: float) -> tuple[int, bool]:
        died = self._alive and self._sent_at + max(1.0, INTERVAL) <= now
        self._alive = self._alive and not died
        if self._sent_at < LAST or now < self._next:
            return 0, died
        self._sent_at, self._next = now, now + INTERVAL
        return 1, died

    def ended(self, alive: bool, now: float) -> None:
        self._sent_at, self._alive = LAST, alive
        self._next = max(self._next, now if alive else now + 0.5)

    def register(self, asked_at: float, now: float) -> None:
        pass


class MeasuredPatience:
    """The agent's own rule."""

    def __init__(self) -> None:
        self._reachability = Reachability()
        self._reachability.watch({PBX: INTERVAL}, 0.0)

    def next_wakeup(self) -> float | None:
        return self._reachability.next_wakeup()

    def look(self, now: float) -> tuple[int, bool]:
        died = bool(self._reachability.overdue(now))
        return len(self._reachability.due(now)), died

    def ended(self, alive: bool, now: float) -> None:
        self._reachability.answered(PBX, alive, now)

    def register(self, asked_at: float, now: float) -> None:
        if asked_at == now:
            self._reachability.asked(PBX, now)
        else:
            self._reachability.registered(PBX, asked_at, now)


@dataclass(frozen=True)
class Way:
    """The way to the PBX, each way: share of lost packets, seconds that others take, more or less by `spread`.

    `gap`: how long, about once a minute, all packets are lost.
    """

    loss: float = 0.0
    seconds: float = 0.0005
    spread: float = 0.0
    gap: float = 0.0

    def passes(self, at: float, chance: random.Random) -> float | None:
        """When a packet that is sent at this time is there, None where it is lost."""
        if chance.random() < self.loss or at % GAPS_APART < self.gap:
            return None
        return at + self.seconds + chance.uniform(-self.spread, self.spread)


@dataclass
class Run:
    """One simulation. `seconds` after its begin the PBX dies; `registers` REGISTERs a second go there."""

    rule: Rule
    way: Way
    seconds: float
    seed: int
    registers: float = 0.0
    verdicts: int = 0
    pings: int = 0
    noticed_after: float = float("inf")
    """Infinite where only REGISTERs without an answer would tell."""
    _events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._noticed = False
        if self.registers:
            self._at(self._chance.expovariate(self.registers), self._register)
        now = 0.0
        while not self._noticed and now < self.seconds + 60.0:
            sent, died = self.rule.look(now)
            for _ in range(sent):
                self._ping(now)
            if died and now < self.seconds:
                self.verdicts += 1
            elif died:
                self._noticed, self.noticed_after = True, now - self.seconds
            wakeup = self.rule.next_wakeup()
            if self._events and (wakeup is None or self._events[0][0] <= wakeup):
                now, _, event = heapq.heappop(self._events)
                event(now)
            else:
                assert wakeup is not None
                now = max(now, wakeup)

    def _at(self, at: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), event))

    def _request(self, sent_at: float, answered: Callable[[float], None]) -> None:
        """Send a datagram to the PBX; it answers while it lives."""
        there = self.way.passes(sent_at, self._chance)
        if there is not None and there < self.seconds:
            back = self.way.passes(there, self._chance)
            if back is not None:
                self._at(back, answered)

    def _ping(self, now: float) -> None:
        self.pings += 1
        over = False

        def end(alive: bool, at: float) -> None:
            nonlocal over
            if not over:
                over = True
                self.rule.ended(alive, at)

        for after in RETRANSMITTED:
            self._at(now + after, lambda at: None if over else self._request(at, lambda back: end(True, back)))
        self._at(now + ANSWER_SECONDS, lambda at: end(False, at))

    def _register(self, now: float) -> None:
        self.rule.register(now, now)
        self._request(now, lambda back: self.rule.register(now, back))
        self._at(now + self._chance.expovariate(self.registers), self._register)
