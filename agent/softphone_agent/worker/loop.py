"""A worker process: one SIP endpoint and a slice of the phones, each run by its machine.

One thread does everything: it waits in the SIP engine, turns answers into the machine's events, carries out the
machine's actions, and sends the supervisor news. The supervisor's orders come over the pipe between two waits.
"""

from __future__ import annotations

import os
import random
import select
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import structlog

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import DEFAULT_REGISTER_RATE, Phone, Tls
from softphone_agent.contract.report import LastFailure, Outage, PbxReport, PhoneReport, Redirect, Via
from softphone_agent.contract.report import State as PublicState
from softphone_agent.dns.targets import Place, Server, Target, choose, targets_of
from softphone_agent.phone import credentials
from softphone_agent.phone.directory import Directory, address_of, entry_uri, location_of, registrar_uri, tls_of
from softphone_agent.phone.observations import (
    Discarded,
    FailoverSeen,
    OutageSeen,
    PingSeen,
    RedirectSeen,
    RegisterDone,
    RequestsSeen,
)
from softphone_agent.phone.planning import plan_of, registering, without_credentials
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Abandon, Action, Register, Unregister
from softphone_agent.registration.changes import FailedOver, OutageBegan, OutageEnded, changes
from softphone_agent.registration.events import (
    Delayed,
    Event,
    PingAnswered,
    PingFailed,
    Reconfigured,
    Redirected,
    Registered,
    Rejected,
    StopRequested,
    TimePassed,
    TransportClosed,
    Unreachable,
    Unregistered,
)
from softphone_agent.registration.machine import Binding, Phase, State
from softphone_agent.registration.pacing import TokenBucket, begin_times
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.sip import connections, sip_message
from softphone_agent.sip.engine import (
    Answer,
    ConnectionClosed,
    ConnectionOpened,
    Engine,
    EngineSettings,
    Happening,
    Pong,
    Signal,
)
from softphone_agent.sip.request import Secret, TlsFiles
from softphone_agent.sip.second_opinion import SecondOpinion
from softphone_agent.worker import memory
from softphone_agent.worker.alarms import Alarms
from softphone_agent.worker.messages import Configure, LookedUp, LookUp, News, Share, Stop, ToWorker
from softphone_agent.worker.reachability import Reachability, Verdict
from softphone_agent.worker.scouting import Scouting

LONGEST_WAIT = 0.2
"""Seconds between two looks at the pipe. What is to be done in time, and the network, ends a wait earlier."""
EAGER_WAIT = 0.005
"""The same while an order is awaited: the first one, or where a name leads."""
REFRESH_PATIENCE = 0.5
"""Seconds that a refresh waits for DNS; after that it goes where the phone is registered."""
NAME_SECONDS = 30.0
"""A name whose servers are pinged is looked up again so often, besides for each attempt."""
NEWS_SECONDS = 1.0
"""The supervisor hears from a worker at least so often."""
ROUTINE_SECONDS = 0.25
"""What moves nothing but counters, as a refresh does, is told together at most so often."""
WATCH_SECONDS = 0.1
"""Which PBXes are to be pinged is found anew at most so often: all phones are looked at for it."""
TOLD_AT_ONCE = 10
"""Phones that are told of a closed connection between two looks at the network: the first are elsewhere before the
last have heard of it."""

REOPEN_SECONDS = 30.0
"""New UDP sockets are taken at most so often."""
LONGEST_MESSAGE = 256
"""Characters of a failure's message (report.LastFailure)."""
LONGEST_EXPIRY = 86400
"""Seconds; who grants more is refreshed within a day all the same."""

log = structlog.get_logger()


@dataclass
class _Phone:
    config: Phone
    secret: Secret | None
    state: State
    reported: PhoneReport | None = None
    told: tuple[Any, ...] | None = None
    """What that report was made of, besides the configuration."""
    expiry: float = 0.0
    asked_at: float = 0.0
    request: Register | None = None
    """The REGISTER that is asked for and not answered yet; a name may make several of it, or none yet."""
    asked: Place | None = None
    """Where it went."""
    others: tuple[Target, ...] = ()
    """Servers of the name that are asked if that one does not answer."""
    bound: Place | None = None
    """Where the phone was registered last."""
    shown: Secret | None = None
    """The credentials of its present registration."""
    carried: str | None = None
    """The physical location that its REGISTERs carry."""
    location: str | None = None
    """The one that the binding was made with, and likewise:"""
    contact: str | None = None
    observed: str | None = None
    outage: Outage | None = None
    removed: bool = False
    alarm: _Due | None = None
    """When the machine is to be woken."""


@dataclass(slots=True)
class _Due:
    """Something to do at a time: wake a phone, or send a REGISTER or un-REGISTER that waited for its turn."""

    at: float
    phone: str
    request: Register | Unregister | None = None


def run(pipe: Connection, settings: EngineSettings) -> None:
    """Run until told to stop, or until the supervisor is gone. The process's main function."""
    engine = Engine(settings)
    engine.open()
    try:
        Worker(engine, pipe).run()
    finally:
        engine.close()


class Worker:
    """The loop and what it keeps. Times are monotonic seconds but where a name says `wall`."""

    def __init__(self, engine: Engine, pipe: Connection) -> None:
        self._engine = engine
        self._pipe = pipe
        self._orders = select.poll()
        self._orders.register(pipe.fileno(), select.POLLIN)
        self._phones: dict[str, _Phone] = {}
        self._random = random.Random()  # for all phones: one takes 2.5 KB
        self._directory = Directory.of(())
        self._answer_seconds = engine.settings.answer_seconds
        self._share = 1.0
        """The part of each PBX's rate that is this worker's."""
        self._public_address: str | None = None
        self._tls: dict[Tls | None, TlsFiles] = {}
        self._tls_of_pbx: dict[str, TlsFiles] = {}
        self._reachability = Reachability()
        self._scouting: Scouting[tuple[Place, TlsFiles | None]] = Scouting()
        self._servers: dict[str, tuple[Server, ...]] = {}
        """Where the names of registrars led when they were looked up last."""
        self._lookups: dict[str, float] = {}
        """Look-ups in flight, and when they began."""
        self._stale_at: dict[str, float] = {}
        """When names that are pinged are looked up again."""
        self._not_before: dict[Place, float] = {}
        """Retry-After of one server of a name."""
        self._ping_tls: dict[str, TlsFiles] = {}
        self._ping_aors: dict[str, str] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._alarms = Alarms(self._counts)
        self._news = News()
        self._news_at = 0.0
        self._memory_at = time.monotonic()
        self._sent_at = float("-inf")
        self._stopping = False
        self._moved = False
        """Whether the PBXes to watch have to be found anew."""
        self._watched_at = float("-inf")
        self._told_pbxs: set[str] = set()
        """The PBXes of which the supervisor was told."""
        self._second_opinion: SecondOpinion | None = None
        self._reopened_at = float("-inf")
        self._sockets = 0
        """How often the UDP sockets were taken anew; part of what shapes a REGISTER, so that phones follow."""

    def run(self) -> None:
        """Loop until every phone has stopped after a Stop, or the pipe is closed."""
        while True:
            for happening in self._engine.poll(self._pause(time.monotonic())):
                self._happened(happening)
            if not self._take_orders():
                return
            self._tell_of_closed()
            now = time.monotonic()
            if self._moved and now - self._watched_at >= WATCH_SECONDS:
                self._watch(now)
            self._ping(now)
            self._wake(now)
            self._refresh_without_dns(now)
            self._send_news(now)
            self._give_memory_back(now)
            if self._stopping and all(p.state.phase is Phase.STOPPED for p in self._phones.values()):
                self._send_news(now, at_once=True)
                return

    def _pause(self, now: float) -> float:
        if self._scouting.ready():
            return 0.0
        times = [now + (EAGER_WAIT if self._lookups or not self._phones else LONGEST_WAIT)]
        if (alarm := self._alarms.next) is not None:
            times.append(alarm)
        if (ping := self._reachability.next_wakeup()) is not None:
            times.append(ping)
        return max(0.0, min(times) - now)

    # Orders

    def _take_orders(self) -> bool:
        """Carry out what the supervisor asks for; False when it is gone."""
        try:
            while self._orders.poll(0):
                order: ToWorker = self._pipe.recv()
                if isinstance(order, Configure):
                    self._configure(order)
                elif isinstance(order, Share):
                    self._share = order.part or 1.0
                elif isinstance(order, Stop):
                    self._stop()
                else:
                    self._looked_up(order, time.monotonic())
        except (EOFError, ConnectionError):
            return False
        return True

    def _configure(self, order: Configure) -> None:
        """Hold every phone against its old self; only what changed acts."""
        now = time.monotonic()
        self._directory = Directory.of(order.pbxs)
        self._answer_seconds = max(
            (phone.registration.attempt_timeout_seconds for phone in order.phones), default=self._answer_seconds
        )
        self._engine.set_answer_time(self._answer_seconds)
        self._engine.trace({phone.name for phone in order.phones if "Signaling" in phone.trace})
        self._public_address = order.sip.public_address
        self._read_tls(order)
        for name in set(self._phones) - {phone.name for phone in order.phones}:
            self._phones[name].removed = True
            self._feed(name, StopRequested())
        begin_at = self._begin_times(order.phones, now)
        reader, dead = credentials.Reader(), [uri for uri in self._ping_tls if self._alive(uri) is False]
        for config in order.phones:
            secret, fault = reader.read(config)
            phone, waits = self._phones.get(config.name), False
            if fault is not None:
                former = None if phone is None or phone.removed else phone
                config, secret, waits = without_credentials(
                    config,
                    former.config if former else None,
                    former.secret if former else None,
                    bound=former is not None and former.state.binding is not None,
                )
                goes_on = "waits for them" if waits else "with those it had"
                log.warning("credentials not usable", softphone=config.name, fault=fault, goes_on=goes_on)
            plan = self._plan(config, secret, (fault or "")[:LONGEST_MESSAGE], waits)
            if phone is None or phone.removed:
                state = machine.begin(plan, begin_at.get(config.name, now))
                state = replace(state, dead=frozenset(self._registrar(uri, config, plan) for uri in dead))
                if phone is not None:  # taken back while it leaves: answers to its last requests are none of ours
                    self._engine.abandon(config.name)
                    state = replace(state, serial=phone.state.serial + 1)
                self._phones[config.name] = _Phone(config, secret, state)
                self._settle(config.name, now)
            else:
                phone.config, phone.secret = config, secret
                if plan != phone.state.plan:
                    self._feed(config.name, Reconfigured(plan))
                phone.told = None  # names of PBXes may be others now
                self._report(config.name)
        self._moved = True

    def _read_tls(self, order: Configure) -> None:
        """Read the files of every PBX. One of which a file is missing or empty keeps those that it had."""
        former, self._tls = self._tls_of_pbx, {}
        for pbx in order.pbxs:
            if pbx.tls not in self._tls:
                files, faults = credentials.read_tls(pbx.tls)
                for fault in faults:
                    log.warning("TLS file not usable", pbx=pbx.name, fault=fault)
                self._tls[pbx.tls] = former.get(pbx.name, files) if faults else files
        self._tls_of_pbx = {pbx.name: self._tls[pbx.tls] for pbx in order.pbxs}

    def _plan(self, config: Phone, secret: Secret | None, fault: str, waits: bool) -> Plan:
        return plan_of(
            config,
            self._directory,
            secret,
            self._answer_seconds,
            public_address=self._public_address,
            transports=f"{self._tls_digest(config)} {self._sockets}",
            fault=fault,
            waits=waits,
        )

    def _tls_digest(self, config: Phone) -> str:
        """What the files hold with which this phone makes TLS connections to the PBXes that it names."""
        digests = []
        for reference in (config.pri, config.sec, config.cur, config.home):
            if reference is None or not sip_uri.parse(self._directory.address(reference)).secure:
                continue
            uri = registrar_uri(self._directory.address(reference))
            digests.append(self._tls_files(config, uri).digest)
        return " ".join(digests)

    def _tls_files(self, config: Phone, uri: str) -> TlsFiles:
        return self._tls.get(tls_of(config, self._directory, uri), TlsFiles())

    def _begin_times(self, phones: tuple[Phone, ...], now: float) -> dict[str, float]:
        """Spread the first registrations: at each PBX as fast as its rate allows."""
        new = (phone for phone in phones if phone.name not in self._phones)
        entries = ((phone.name, entry_uri(phone, self._directory)) for phone in new)
        return begin_times(((name, uri, self._rate(uri)) for name, uri in entries), now)

    def _watch(self, now: float) -> None:
        """Ping every PBX that a phone names, is registered at, or may be redirected to within its system.

        Each in the name of a phone that it knows: one that is registered there, else one that might be.
        """
        self._moved, self._watched_at = False, now
        intervals: dict[str, float] = {}
        bound: dict[str, Phone] = {}
        configured: dict[str, Phone] = {}
        systems: dict[str | None, Phone] = {}
        self._ping_tls = {uri: self._tls.get(pbx.tls, TlsFiles()) for uri, pbx in self._directory.by_registrar.items()}

        def watch(uri: str, seconds: float) -> None:
            intervals[uri] = min(seconds, intervals.get(uri, seconds))

        for phone in self._phones.values():
            seconds = phone.config.registration.ping_seconds
            if seconds <= 0 or phone.removed:
                continue
            plan = phone.state.plan
            systems.setdefault(self._system(phone.config, plan), phone.config)
            for registrar in (plan.pri, plan.sec, plan.cur, plan.home, phone.state.home):
                if registrar is not None:
                    watch(registrar.uri, seconds)
                    configured.setdefault(registrar.uri, phone.config)
                    self._ping_tls.setdefault(registrar.uri, self._tls_files(phone.config, registrar.uri))
            if phone.state.binding is not None:
                uri = phone.state.binding.registrar.uri
                watch(uri, seconds)
                bound.setdefault(uri, phone.config)
                self._ping_tls.setdefault(uri, self._tls_files(phone.config, uri))
        fastest = min(intervals.values(), default=None)
        if fastest is not None:
            for uri, pbx in self._directory.by_registrar.items():
                if pbx.system in systems:
                    watch(uri, fastest)
                    configured.setdefault(uri, systems[pbx.system])
        callers = {**configured, **bound}
        self._ping_aors = {
            uri: address_of(phone, self._directory.of_phone(phone), uri) for uri, phone in callers.items()
        }
        places = {place: seconds for uri, seconds in intervals.items() for place in self._places(uri)}
        self._reachability.watch(places, now)
        self._engine.watch(places.keys())
        self._stale_at = {uri: self._stale_at.get(uri, now) for uri in intervals if _is_name(uri)}
        labels = {name: self._alive(uri) for uri in intervals for name in self._directory.labels(uri)}
        for name, reachable in labels.items():
            if name not in self._told_pbxs:
                self._note_pbx(name, reachable)
        unwatched = self._told_pbxs - labels.keys()
        self._told_pbxs -= unwatched
        self._news.unwatched += sorted(unwatched)

    def _stop(self) -> None:
        self._stopping = True
        for name in list(self._phones):
            self._feed(name, StopRequested())

    # Happenings

    def _happened(self, happening: Happening) -> None:
        now = time.monotonic()
        match happening:
            case Answer():
                self._answered(happening, now)
            case Pong(place, alive):
                self._judged(self._reachability.answered(place, alive, now), now)
                if alive:
                    self._ping_answered(place)
                else:
                    self._ping_unanswered(place, now)
            case ConnectionOpened():
                self._connection_opened()
            case ConnectionClosed():
                self._connection_closed(now)
            case Signal(name, sent, peer, message):
                log.info("SIP sent" if sent else "SIP received", softphone=name, peer=peer, message=message)

    def _connection_closed(self, now: float) -> None:
        """Lose the bindings whose connection is gone: at once, or when it is known whether their PBX takes another."""
        peers = connections.established()
        for name, phone in list(self._phones.items()):
            binding = phone.state.binding
            if binding is None or sip_uri.parse(binding.registrar.uri).effective_transport == "udp":
                continue
            uri = binding.registrar.uri
            place = phone.bound if phone.bound and phone.bound.uri == uri else Place(uri)
            if _peer(place) in peers:
                continue
            if phone.state.phase is Phase.REGISTERED and self._places(uri) == {place}:
                tls = self._tls_files(phone.config, uri) if sip_uri.parse(uri).secure else None
                self._scouting.closed((place, tls), name, now)
            else:  # it asks by itself, or its PBX has other servers
                self._feed(name, TransportClosed(binding.registrar))

    def _connection_opened(self) -> None:
        """Where a scout is let in, the others may follow: what it is answered is its own affair."""
        scouts = list(self._scouting.scouts())
        peers = connections.established() if scouts else set()
        for connection, _ in scouts:
            if _peer(connection[0]) in peers:
                self._scouting.found(connection, refused=False)

    def _tell_of_closed(self) -> None:
        """Send a scout where a connection was closed, and tell the others, some at a time, what it found."""
        for connection, name in self._scouting.scouts():
            registrar, scout = Registrar(connection[0].uri), self._phones.get(name)
            attempt = scout.state.attempt if scout else None
            if scout is None or attempt is None or attempt.target != registrar:
                refused = scout is not None and registrar in scout.state.silent | scout.state.dead
                self._scouting.found(connection, refused=refused)
        for word in self._scouting.next(TOLD_AT_ONCE):
            phone = self._phones.get(word.phone)
            if phone is not None and phone.asked_at <= word.closed_at:  # else it has another connection by now
                registrar = Registrar(word.connection[0].uri)
                self._feed(word.phone, TransportClosed(registrar, word.closed_at, word.refused))

    def _answered(self, answer: Answer, now: float) -> None:
        phone = self._phones.get(answer.phone)
        if phone is None or answer.serial != phone.state.serial:
            return
        if answer.unregister:
            self._feed(answer.phone, Unregistered(answer.serial))
            return
        attempt = phone.state.attempt
        if attempt is None:
            return
        event, outcome = self._event(answer, phone)
        place = phone.asked or Place(attempt.target.uri)
        pbx = self._directory.of_phone(phone.config).label(place.uri)
        code = str(answer.code) if answer.code else ""
        for earlier in answer.earlier:
            kind = "rejected" if earlier == 423 else "challenged"
            self._news.observations.append(RegisterDone(pbx, kind, str(earlier), None))
        self._news.observations.append(RegisterDone(pbx, outcome, code, now - phone.asked_at))
        if outcome == "redirected":
            self._news.observations.append(RedirectSeen(pbx))
        if outcome == "accepted":
            phone.bound = place
        if outcome == "unreachable":
            self._judged(self._reachability.silent(place, phone.asked_at), now)
        else:
            self._judged(self._reachability.registered(place, now), now)
        if answer.serial != phone.state.serial:
            return
        if outcome == "unreachable" or answer.code == 503:
            if place.target is not None and isinstance(event, Rejected) and event.retry_after:
                self._not_before[place] = now + event.retry_after
            if phone.others and phone.state.phase is not Phase.STOPPING:
                self._ask(answer.phone, phone, phone.others, now)
                return
        phone.request = None
        self._feed(answer.phone, event)

    def _event(self, answer: Answer, phone: _Phone) -> tuple[Event, str]:
        """The machine's event for an answer, and the outcome that the metrics count."""
        if answer.expires > 0:
            phone.location, phone.contact = phone.carried, answer.contact
            phone.observed = sip_message.observed_address(answer.message)
            return Registered(answer.serial, min(answer.expires, LONGEST_EXPIRY)), "accepted"
        if answer.code == 0:
            return Unreachable(answer.serial, answer.reason[:LONGEST_MESSAGE]), "unreachable"
        if 300 <= answer.code < 400:
            plan, uris = phone.state.plan, sip_uri.redirect_targets(answer.message)
            targets = tuple(self._registrar(str(uri), phone.config, plan) for uri in uris)
            return Redirected(answer.serial, answer.code, targets), "redirected"
        reason = "no binding of ours in the answer" if answer.code < 300 else answer.reason[:LONGEST_MESSAGE]
        return Rejected(answer.serial, answer.code, reason, sip_uri.retry_after(answer.message)), "rejected"

    def _registrar(self, uri: str, config: Phone, plan: Plan) -> Registrar:
        """The registrar at `uri` as this phone sees it: known where it is a PBX of the phone's system."""
        return self._directory.of_phone(config).registrar(uri, self._system(config, plan))

    def _system(self, config: Phone, plan: Plan) -> str | None:
        entry = plan.pri or plan.cur
        pbx = self._directory.of_phone(config).pbx(entry.uri) if entry else None
        return pbx.system if pbx else None

    def _judged(self, verdict: Verdict | None, now: float) -> None:
        """Tell everybody whom it concerns whether a PBX answers."""
        if verdict is None:
            return
        place = verdict.place
        label = self._directory.label(place.uri)
        if verdict.seconds is not None:
            self._news.observations.append(PingSeen(label, verdict.seconds))
        if not verdict.changed:
            return
        server = {"server": str(place.target)} if place.target else {}
        log.info("pbx reachable" if verdict.alive else "pbx unreachable", pbx=label, **server)
        alive = self._alive(place.uri)
        for name in self._directory.labels(place.uri):
            self._note_pbx(name, alive)
        registrar = Registrar(place.uri)
        elsewhere = place.target is not None and alive is not False
        if verdict.alive or not elsewhere:
            for name, phone in list(self._phones.items()):
                registrar = self._registrar(place.uri, phone.config, phone.state.plan)
                self._feed(name, PingAnswered(registrar) if verdict.alive else PingFailed(registrar, verdict.since))
            return
        for name, phone in list(self._phones.items()):
            binding = phone.state.binding
            if binding is not None and binding.registrar == registrar and phone.bound == place:
                self._feed(name, PingFailed(registrar, verdict.since, elsewhere=True))
            elif phone.asked == place and phone.others and _is_awaited(phone):
                self._ask(name, phone, phone.others, now)

    # Names

    def _places(self, uri: str) -> set[Place]:
        """Where a registrar is to be had: the servers of its name, also those where phones still are."""
        if not _is_name(uri):
            return {Place(uri)}
        known = {Place(uri, target) for target in targets_of(self._servers.get(uri, ()))}
        bound = {
            phone.bound
            for phone in self._phones.values()
            if phone.bound and phone.state.binding and phone.bound.uri == phone.state.binding.registrar.uri == uri
        }
        return known | bound

    def _alive(self, uri: str) -> bool | None:
        """Whether a registrar answers: one of its servers is enough."""
        views = {self._reachability.alive(place) for place in self._places(uri)}
        return True if True in views else None if None in views or not views else False

    def _answers(self, uri: str, target: Target) -> bool | None:
        """Whether this server of a name answers; one that asked to be left alone does not."""
        place = Place(uri, target)
        if self._not_before.get(place, 0.0) > time.monotonic():
            return False
        return self._reachability.alive(place)

    def _look_up(self, uri: str, now: float) -> None:
        """Have the supervisor look the registrar's name up, unless it does so just now."""
        if uri not in self._lookups:
            self._lookups[uri] = now
            self._pipe.send(LookUp(uri, self._answer_seconds))

    def _looked_up(self, answer: LookedUp, now: float) -> None:
        """Where a name leads: go on with the REGISTERs that waited for it."""
        uri, label = answer.uri, self._directory.label(answer.uri)
        self._lookups.pop(uri, None)
        if uri in self._stale_at:
            self._stale_at[uri] = now + NAME_SECONDS
        if answer.fault:
            log.warning("name not resolved", pbx=label, fault=answer.fault)
            if uri in self._stale_at and uri not in self._servers:
                for known_as in self._directory.labels(uri):
                    self._note_pbx(known_as, False)
        elif set(targets_of(answer.servers)) != set(targets_of(self._servers.get(uri, ()))):
            log.info("name resolved", pbx=label, servers=[str(target) for target in targets_of(answer.servers)])
            self._moved = True
        if answer.servers:
            self._servers[uri] = answer.servers
        for name, phone in list(self._phones.items()):
            request = phone.request
            if request is None or phone.asked is not None or request.registrar.uri != uri:
                continue
            if request.serial != phone.state.serial:
                phone.request = None
                continue
            if phone.state.phase is Phase.STOPPING:
                phone.request = None
                self._feed(name, Unreachable(request.serial))
                continue
            present = phone.bound.target if phone.bound and phone.bound.uri == uri else None
            if not answer.fault:
                order = choose(answer.servers, present, lambda target: self._answers(uri, target), self._random.random)
                self._ask(name, phone, order, now)
            elif request.refresh and present is not None:  # the binding must not depend on DNS
                self._ask(name, phone, (present,), now)
            else:
                phone.request = None
                self._news.observations.append(RegisterDone(label, "unreachable", "", None))
                self._feed(name, Unreachable(request.serial, answer.fault[:LONGEST_MESSAGE]))

    def _refresh_without_dns(self, now: float) -> None:
        """A binding must not depend on DNS: a refresh that waited for it goes where the phone is registered."""
        for uri, begun in self._lookups.items():
            if now - begun < REFRESH_PATIENCE:
                continue
            for name, phone in list(self._phones.items()):
                request = phone.request
                waits = request is not None and phone.asked is None and now - phone.asked_at >= REFRESH_PATIENCE
                if not waits or request is None or not request.refresh or request.serial != phone.state.serial:
                    continue
                if request.registrar.uri == uri and phone.bound and phone.bound.uri == uri and phone.bound.target:
                    self._ask(name, phone, (phone.bound.target,), now)

    def _ask(self, name: str, phone: _Phone, targets: tuple[Target, ...], now: float) -> None:
        """Send the REGISTER to the first of these, and keep the others for when it does not answer."""
        request = phone.request
        assert request is not None
        self._feed(name, Delayed(request.serial, now - phone.asked_at))
        phone.asked_at = now
        phone.others = targets[1:]
        self._register(name, phone, request, Place(request.registrar.uri, targets[0]))

    # A UDP socket that something on the way has turned against

    def _ping_answered(self, place: Place) -> None:
        """Our socket is well: what another one was answered before says nothing of the next ping."""
        if self._second_opinion is not None and self._second_opinion.place == place:
            self._second_opinion.close()
            self._second_opinion = None

    def _ping_unanswered(self, place: Place, now: float) -> None:
        """Ask another socket; where that was answered and this ping, sent meanwhile, was not, ours is dead."""
        opinion, self._second_opinion = self._second_opinion, None
        answered = False
        if opinion is not None:
            answered = opinion.place == place and opinion.answered
            opinion.close()
        if answered:
            self._reopen_udp(place.uri, now)
        elif now - self._reopened_at >= REOPEN_SECONDS:
            self._ask_second_opinion(place)

    def _ask_second_opinion(self, place: Place) -> None:
        settings = self._engine.settings
        if settings.port or sip_uri.parse(place.uri).effective_transport != "udp" or place.uri not in self._ping_aors:
            return
        try:
            self._second_opinion = SecondOpinion(place, self._ping_aors[place.uri], settings.bind_address)
        except OSError as error:
            log.info("no way to the pbx", pbx=self._directory.label(place.uri), reason=error.strerror)

    def _reopen_udp(self, uri: str, now: float) -> None:
        """Take new sockets, and register all phones from there."""
        log.warning("the pbx answers others: new UDP sockets", pbx=self._directory.label(uri))
        self._reopened_at = now
        self._sockets += 1
        self._engine.reopen_udp()
        for name, phone in list(self._phones.items()):
            if not phone.removed:
                before = phone.state.plan
                plan = self._plan(phone.config, phone.secret, before.fault, before.waits)
                self._feed(name, Reconfigured(plan))

    def _note_pbx(self, name: str, reachable: bool | None) -> None:
        self._told_pbxs.add(name)
        self._news.pbxs.append(PbxReport(name=name, reachable=reachable))

    # Time

    def _ping(self, now: float) -> None:
        for verdict in self._reachability.overdue(now):
            self._judged(verdict, now)
        for place in self._reachability.due(now):
            self._engine.ping(place, self._ping_aors[place.uri], self._ping_tls.get(place.uri))
        for uri, stale_at in self._stale_at.items():
            if stale_at <= now:
                self._look_up(uri, now)

    def _wake(self, now: float) -> None:
        for due in self._alarms.due(now):
            if not self._counts(due):
                continue
            phone = self._phones[due.phone]
            if due.request is not None:
                self._send(due.phone, phone, due.request, now)
            else:
                phone.alarm = None
                self._feed(due.phone, TimePassed())

    def _counts(self, due: _Due) -> bool:
        """Whether it is still to be done: the phone may have gone on meanwhile, or be gone."""
        phone = self._phones.get(due.phone)
        if phone is None:
            return False
        return phone.alarm is due if due.request is None else phone.state.serial == due.request.serial

    # The machine

    def _feed(self, name: str, event: Event) -> None:
        """One step of one phone, and all that follows from it."""
        phone = self._phones[name]
        now = time.monotonic()
        before = phone.state
        phone.state, actions = machine.step(before, event, now, self._random.random())
        if before == phone.state and not actions:
            self._settle(name, now)
            return
        for change in changes(before, phone.state, now):
            if isinstance(change, OutageBegan):
                self._outage_began(phone)
            elif isinstance(change, OutageEnded):
                self._news.observations.append(OutageSeen(change.seconds))
                if phone.outage is not None:
                    phone.outage = phone.outage.model_copy(update={"ended": _rfc3339(_wall(now))})
            elif isinstance(change, FailedOver):
                label = self._directory.of_phone(phone.config).label
                source, target = label(change.source.uri), label(change.target.uri)
                self._news.observations.append(FailoverSeen(source, target, change.reason))
        if phone.outage is not None and phone.outage.ended is None and phone.state.loss is None:
            phone.outage = None  # nobody waits for its end: the phone was told to rest
        if "App" in phone.config.trace:
            self._trace(name, event, before, phone.state, actions)
        for action in actions:
            self._carry_out(name, phone, action, now)
        self._settle(name, now)
        if _whereabouts(before) != _whereabouts(phone.state):
            self._moved = True

    def _outage_began(self, phone: _Phone) -> None:
        loss = phone.state.loss
        assert loss is not None
        pbx = self._directory.of_phone(phone.config).label(loss.binding.registrar.uri)
        phone.outage = Outage(began=_rfc3339(_wall(loss.at)), pbx=pbx, reason=loss.reason)

    def _trace(self, name: str, event: Event, before: State, after: State, actions: tuple[Action, ...]) -> None:
        log.info(
            "transition",
            softphone=name,
            on=type(event).__name__,
            before=before.phase.value,
            after=after.phase.value,
            registrar=after.binding.registrar.uri if after.binding else None,
            actions=[_words(action) for action in actions],
        )

    def _carry_out(self, name: str, phone: _Phone, action: Action, now: float) -> None:
        match action:
            case Register(serial, registrar) | Unregister(serial, registrar):
                wait = self._bucket(registrar.uri).reserve(now)
                if wait > 0:
                    self._alarms.set(now + wait, _Due(now + wait, name, action))
                    self._feed(name, Delayed(serial, wait))
                else:
                    self._send(name, phone, action, now)
            case Abandon():
                self._engine.abandon(name)

    def _send(self, name: str, phone: _Phone, request: Register | Unregister, now: float) -> None:
        phone.asked_at = now
        self._sent_at = time.monotonic()
        if isinstance(request, Unregister):
            self._engine.unregister(name, request.serial)
            return
        phone.request, phone.asked, phone.others = request, None, ()
        if _is_name(request.registrar.uri):
            self._look_up(request.registrar.uri, now)
        else:
            self._register(name, phone, request, Place(request.registrar.uri))

    def _register(self, name: str, phone: _Phone, request: Register, place: Place) -> None:
        phone.asked = place
        moves = place != phone.bound  # only a name leads to another server from one refresh to the next
        goes_on = request.refresh and not moves and phone.shown == phone.secret
        if goes_on and self._engine.refresh(name, request.serial):
            return
        phone.shown, phone.carried = phone.secret, location_of(phone.config, self._directory)
        tls = self._tls_files(phone.config, place.uri) if sip_uri.parse(place.uri).secure else None
        wire = registering(
            phone.config,
            self._directory,
            phone.secret,
            place.uri,
            public_address=self._public_address,
            tls=tls,
            target=place.target,
        )
        self._engine.register(name, request.serial, wire, goodbye=request.refresh and moves)

    def _bucket(self, uri: str) -> TokenBucket:
        rate = self._rate(uri)
        bucket = self._buckets.get(uri)
        if bucket is None:
            bucket = self._buckets[uri] = TokenBucket(rate)
        bucket.rate = rate
        return bucket

    def _rate(self, uri: str) -> float:
        """The REGISTERs a second that this worker may send to a registrar."""
        pbx = self._directory.pbx(uri)
        return (pbx.register_rate if pbx else DEFAULT_REGISTER_RATE) * self._share

    def _settle(self, name: str, now: float) -> None:
        """After a step: set the alarm, report, and forget a phone that is gone."""
        phone = self._phones[name]
        if phone.removed and phone.state.phase is Phase.STOPPED:
            del self._phones[name]
            self._engine.remove(name)
            self._news.removed.append(name)
            return
        wakeup = machine.next_wakeup(phone.state)
        if wakeup is not None and (phone.alarm is None or wakeup != phone.alarm.at):
            phone.alarm = _Due(wakeup, name)
            self._alarms.set(wakeup, phone.alarm)
        self._report(name)

    # News

    def _report(self, name: str) -> None:
        phone = self._phones[name]
        binding = phone.state.binding
        expiry = _wall(binding.expires_at) if binding else 0.0
        if abs(expiry - phone.expiry) > 0.5:
            phone.expiry = expiry
            self._news.expiries[name] = expiry
        if _is_retrying(phone.state) and phone.reported is not None:
            return  # round after round of the same is no news
        told = _reported_of(phone)
        if told == phone.told:
            return
        phone.told = told
        report = self._describe(name, phone)
        if report != phone.reported:
            phone.reported = report
            self._news.phones.append(report)

    def _describe(self, name: str, phone: _Phone) -> PhoneReport:
        state, before = phone.state, phone.reported
        binding, label = state.binding, self._directory.of_phone(phone.config).label
        failure = None
        if state.failure is not None:
            failure = LastFailure(
                code=state.failure.code,
                reason=state.failure.reason,
                message=state.failure.message,
                pbx=label(state.failure.registrar.uri),
                time=_rfc3339(_wall(state.failure.at)),
            )
        report = PhoneReport(
            name=name,
            state=_public_state(state),
            registered=binding is not None,
            pbx=label(binding.registrar.uri) if binding else None,
            registrar=binding.registrar.uri if binding else None,
            via=_via(binding) if binding else None,
            role=binding.role if binding else None,
            redirects=tuple(
                Redirect(pbx=label(hop.source.uri), target=label(hop.target.uri), code=hop.code)
                for hop in (binding.hops if binding else ())
            ),
            physical_location=phone.location if binding else None,
            contact=phone.contact if binding else None,
            observed_address=phone.observed if binding else None,
            since=_rfc3339(time.time()),
            last_failure=failure,
            last_outage=phone.outage,
        )
        if before and before.last_failure and failure and _same_failure(before.last_failure, failure):
            # The same failure again is told with the next change: else every round of every phone were news.
            again = {"last_failure": before.last_failure, "since": before.since}
            if report.model_copy(update=again) == before:
                return before
        if before and (before.state, before.registered, before.registrar) == (
            report.state,
            report.registered,
            report.registrar,
        ):
            return report.model_copy(update={"since": before.since})
        return report

    def _send_news(self, now: float, *, at_once: bool = False) -> None:
        patience = 0.0 if at_once or self._news.urgent else ROUTINE_SECONDS if self._news else NEWS_SECONDS
        if now - self._news_at < patience:
            return
        intruders = self._engine.take_intruders()
        self._news.observations += [
            RequestsSeen(verdict.method, str(verdict.code or ""), number)
            for verdict, number in intruders.requests.items()
        ]
        self._news.observations += [Discarded(reason, number) for reason, number in intruders.discarded.items()]
        try:
            self._pipe.send(self._news)
        except (BrokenPipeError, ConnectionError):
            log.warning("the supervisor is gone", pid=os.getpid())
            self._stopping = True
        self._news, self._news_at = News(), now

    def _give_memory_back(self, now: float) -> None:
        """A burst takes several times what its phones hold afterwards. The last time is when all of it is over."""
        if now - self._memory_at < memory.GIVE_BACK_SECONDS or self._memory_at - self._sent_at > memory.BURST_SECONDS:
            return
        self._memory_at = now
        self._forget_places(now)
        memory.give_back()

    def _forget_places(self, now: float) -> None:
        """Keep nothing of PBXes that nobody uses any more: redirects may lead to ever new ones."""
        used = self._stale_at.keys() | self._lookups.keys()
        for phone in self._phones.values():
            state = phone.state
            used |= {one.registrar.uri for one in (state.binding, phone.request) if one is not None}
        self._servers = {uri: servers for uri, servers in self._servers.items() if uri in used}
        self._not_before = {place: when for place, when in self._not_before.items() if when > now}
        self._buckets = {uri: bucket for uri, bucket in self._buckets.items() if not bucket.is_full(now)}
        self._engine.forget_names()


def _reported_of(phone: _Phone) -> tuple[Any, ...]:
    """What a phone's report is made of, besides the configuration."""
    state, binding = phone.state, phone.state.binding
    where = (binding.registrar, binding.entry, binding.hops, binding.role) if binding else None
    return _public_state(state), where, state.failure, phone.location, phone.contact, phone.observed, phone.outage


def _is_awaited(phone: _Phone) -> bool:
    """Whether the machine still waits for the REGISTER that the phone asked for."""
    return phone.request is not None and phone.request.serial == phone.state.serial


def _peer(place: Place) -> tuple[str, int]:
    """Address and port to which a connection to this place leads."""
    registrar = sip_uri.parse(place.uri)
    target = place.target or Target(registrar.host, registrar.effective_port)
    return target.address, target.port


def _is_name(uri: str) -> bool:
    """Whether DNS has to say where this registrar is."""
    return not sip_uri.is_address(sip_uri.parse(uri).host)


def _whereabouts(state: State) -> tuple[Any, ...]:
    """What decides which PBXes are watched for a phone, besides its configuration."""
    return (state.binding.registrar.uri if state.binding else None, state.home)


def _is_retrying(state: State) -> bool:
    return state.phase is Phase.TRYING and state.failed_rounds > 0


def _via(binding: Binding) -> Via:
    if binding.hops:
        return "redirect"
    return {Entry.PRI: "pri", Entry.SEC: "sec"}.get(binding.entry, "cur")  # type: ignore[return-value]


def _public_state(state: State) -> PublicState:
    match state.phase:
        case Phase.IDLE:
            return "Starting"
        case Phase.TRYING:
            return "Registering"
        case Phase.REGISTERED | Phase.REFRESHING:
            return "Registered"
        case Phase.WAITING if state.binding is not None:
            return "Registered"
        case Phase.WAITING:
            return "Rejected" if state.rejected else "Waiting"
        case Phase.STOPPING | Phase.UNREGISTERING:
            return "Unregistering"
        case _ if state.ended:
            return "Stopped"
        case _:
            return "Suspended" if state.plan.suspend else "Waiting"


def _same_failure(one: LastFailure, other: LastFailure) -> bool:
    """Whether they differ at most in words and time."""
    return (one.code, one.reason, one.pbx) == (other.code, other.reason, other.pbx)


def _words(action: Action) -> str:
    match action:
        case Register(_, registrar, refresh):
            return f"{'refresh' if refresh else 'REGISTER'} at {registrar.uri}"
        case Unregister(_, registrar):
            return f"un-REGISTER at {registrar.uri}"
        case _:
            return "abandon"


def _wall(monotonic: float) -> float:
    return time.time() + monotonic - time.monotonic()


def _rfc3339(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
