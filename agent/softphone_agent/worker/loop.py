"""The loop of a worker process: one SIP engine and a slice of the phones, each run by its machine.

One thread does everything: it waits in the SIP engine, turns answers into the machines' events, carries out the
machines' actions, and sends the supervisor news. The supervisor's orders come over the pipe between two waits.
"""

from __future__ import annotations

import random
import time
from multiprocessing.connection import Connection

import structlog

from softphone_agent.dns.targets import Place
from softphone_agent.paths.support import Support
from softphone_agent.sip.happenings import (
    Answer,
    CallOffered,
    CallSignal,
    ConnectionClosed,
    ConnectionOpened,
    Fetched,
    Happening,
    Pong,
    Refused,
    SentAgain,
    Signal,
)
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.worker.answers import Answers
from softphone_agent.worker.binding_checks import BindingChecks
from softphone_agent.worker.call_switch import CallSwitch
from softphone_agent.worker.closed_connections import ClosedConnections
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.configuring import Configuring
from softphone_agent.worker.dead_sockets import DeadSockets
from softphone_agent.worker.fetching import Fetching
from softphone_agent.worker.lookups import LookUps
from softphone_agent.worker.messages import LookUp
from softphone_agent.worker.moves import Moves
from softphone_agent.worker.names import Names
from softphone_agent.worker.orders import Orders
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.path_checks import PathChecks
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.rates import Rates
from softphone_agent.worker.reports import Reports
from softphone_agent.worker.sending import Sending
from softphone_agent.worker.tidying import Tidying
from softphone_agent.worker.watched import Watched

LONGEST_WAIT = 0.2
"""Seconds between two looks at the pipe. What is to be done in time, and the network, ends a wait earlier."""
EAGER_WAIT = 0.005
"""The same while an order is awaited: the first one, or where a name leads."""

log = structlog.get_logger()


class Worker:
    """The loop. Each part that it is made of knows those before it, and none that come after."""

    def __init__(self, engine: SipEngine, pipe: Connection) -> None:
        draw = random.Random().random  # for all phones: one generator takes 2.5 KB
        configured = Configured(engine.settings.answer_seconds)
        self._engine = engine
        self._outbox = Outbox(pipe, engine.take_from_strangers)
        self._names = Names(lambda uri: pipe.send(LookUp(uri, configured.answer_seconds)))
        self._rates = rates = Rates(configured)
        sending = Sending(engine, configured, rates, self._names)
        moves = Moves()
        self._phones = Phones(sending, Reports(configured, self._outbox, moves), draw)
        self._watched = Watched(engine, configured, self._names, self._outbox, sending, self._phones)
        self._lookups = LookUps(configured, self._names, self._outbox, self._phones, self._watched, draw)
        support = Support()
        self._answers = Answers(configured, self._names, self._outbox, self._phones, self._watched, support)
        self._fetching = Fetching(engine, configured, self._names, rates, self._phones, self._watched, support, draw)
        self._path_checks = PathChecks(configured, self._outbox, self._phones, self._fetching, support)
        self._binding_checks = BindingChecks(configured, self._phones, self._fetching, support)
        self._closed_connections = ClosedConnections(engine, configured, self._phones, self._watched)
        self._dead_sockets = DeadSockets(engine, configured, self._phones, self._watched)
        configuring = Configuring(engine, configured, rates, self._phones, self._watched)
        self._calls = CallSwitch(engine, self._outbox, moves, self._phones.pbx_of)
        self._orders = Orders(pipe, self._calls, configuring, self._lookups, self._fetching, self._phones, rates)
        self._tidying = Tidying(engine, self._names, rates, sending, self._phones, support, time.monotonic())

    def run(self) -> None:
        """Loop until every phone has stopped after a Stop, or the pipe is closed."""
        while True:
            for happening in self._engine.poll(self._pause(time.monotonic())):
                self._happened(happening, time.monotonic())
            if not self._orders.take():
                return
            self._closed_connections.tell()
            now = time.monotonic()
            self._calls.wake(now)
            self._watched.update(now)
            self._watched.ping(now)
            self._phones.wake(now)
            self._check(now)
            self._lookups.refresh_without_dns(now)
            self._outbox.send(now)
            self._tidying.tidy(now)
            if (self._orders.is_stopping or self._outbox.is_cut_off) and self._has_stopped:
                self._outbox.send(now, at_once=True)
                return

    @property
    def _has_stopped(self) -> bool:
        return self._phones.have_stopped and self._calls.is_idle

    def _pause(self, now: float) -> float:
        """Seconds to wait for the network."""
        if self._closed_connections.has_news:
            return 0.0
        times = [now + (EAGER_WAIT if self._names.is_asking or not self._phones else LONGEST_WAIT)]
        if (alarm := self._phones.next_alarm) is not None:
            times.append(alarm)
        if (ping := self._watched.next_wakeup) is not None:
            times.append(ping)
        if (call := self._calls.next_wakeup) is not None:
            times.append(call)
        if (check := self._path_checks.next_wakeup) is not None:
            times.append(check)
        times.append(self._binding_checks.next_wakeup)
        return max(0.0, min(times) - now)

    def _check(self, now: float) -> None:
        """Ask PBXes about bindings and ways, but for phones that have something else to do now."""
        changed = self._phones.take_changed()
        self._path_checks.look_at(changed)
        self._binding_checks.look_at(changed, now)
        self._path_checks.wake(now)
        self._binding_checks.wake(now)

    def _happened(self, happening: Happening, now: float) -> None:
        match happening:
            case Answer():
                self._answers.answered(happening, now)
            case Fetched():
                self._fetching.fetched(happening, now)
            case Pong(place, alive):
                self._ping_ended(place, alive, now)
            case SentAgain(place):
                self._rates.reserve(place.uri, now)
            case Refused(address, port):
                for place in self._watched.refused(address, port, now):
                    self._answers.refused(place, now)
                    self._fetching.refused(place, now)
            case ConnectionOpened(address, port, expires):
                self._watched.connection_opened((address, port), expires)
                self._closed_connections.connection_opened()
            case ConnectionClosed():
                self._closed_connections.connection_closed(now)
            case CallOffered() | CallSignal():
                self._calls.happened(happening, now)
            case Signal(name, sent, peer, message):
                log.info("SIP sent" if sent else "SIP received", softphone=name, peer=peer, message=message)

    def _ping_ended(self, place: Place, alive: bool, now: float) -> None:
        was_last = self._watched.ping_ended(place, alive, now)
        if alive:
            self._dead_sockets.ping_answered(place, now)
        elif was_last:
            self._dead_sockets.ping_unanswered(place, now)
