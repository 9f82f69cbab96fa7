"""The PBXes that are pinged, and whom it concerns when one falls silent or answers again."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from softphone_agent.contract.report import PbxReport
from softphone_agent.dns.targets import Place, Target
from softphone_agent.phone.observations import PingSeen
from softphone_agent.registration.events import PingAnswered, PingFailed
from softphone_agent.registration.plan import Registrar
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.sip.routing import address_of, is_udp, peer_of
from softphone_agent.worker.certificates import Certificates, Peer
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.names import Names, is_name
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.reachability import Reachability, Verdict
from softphone_agent.worker.refusals import CONFIRM_SECONDS, Refusals
from softphone_agent.worker.reporting import rfc3339
from softphone_agent.worker.sending import Sending
from softphone_agent.worker.watch_list import WatchList, watch_list

LOOK_SECONDS = 0.1
"""How often at most all phones are looked at for the PBXes to ping."""
HELD_UP_SECONDS = 0.4
"""The process looks at the network more often, or it was held up: then it does not know who was silent."""

log = structlog.get_logger()


class Watched:
    """Sends the pings, and tells phones and supervisor what they show. Times are monotonic seconds."""

    def __init__(
        self,
        engine: SipEngine,
        configured: Configured,
        names: Names,
        outbox: Outbox,
        sending: Sending,
        phones: Phones,
    ) -> None:
        self._engine = engine
        self._configured = configured
        self._names = names
        self._outbox = outbox
        self._sending = sending
        self._phones = phones
        self._reachability = Reachability()
        self._refusals = Refusals()
        self._certificates = Certificates()
        self._places: frozenset[Place] = frozenset()
        """Where pings go."""
        self._pinged_at = float("-inf")
        self._list = WatchList()
        self._looked_at = float("-inf")
        self._reported: dict[str, PbxReport] = {}
        """What the supervisor was told of PBXes."""
        self.is_outdated = False
        """Whether the PBXes to ping may be others now, besides for phones that have moved."""

    @property
    def next_wakeup(self) -> float | None:
        """When `ping` has something to do."""
        return self._reachability.next_wakeup()

    def update(self, now: float) -> None:
        """Find out which PBXes are to be pinged, if they may be others than before."""
        outdated = self.is_outdated or self._phones.have_moved
        if not outdated or now - self._looked_at < LOOK_SECONDS:
            return
        self.is_outdated = self._phones.have_moved = False
        self._looked_at = now
        self._list = watch_list(self._phones, self._configured)
        seconds_at = self._list.seconds
        places = {place: seconds for uri, seconds in seconds_at.items() for place in self.places(uri)}
        self._places = frozenset(places)
        self._reachability.watch(places, now)
        self._engine.watch(places.keys())
        self._engine.unsolicited.pbxes_in_use(self._addresses_in_use(), len(self._phones))
        self._names.keep_fresh(seconds_at, now)
        self._report_those_that_changed()

    def ping(self, now: float) -> None:
        """Send the pings that are due, and judge those that were not answered."""
        if now - self._pinged_at > HELD_UP_SECONDS:
            self._reachability.held_up(now)
        self._pinged_at = now
        for place, at in self._sending.take_asked().items():
            self._reachability.asked(place, at)
        for verdict in self._reachability.overdue(now):
            self._judged(verdict, now)
        self._tell_of_options()
        for place in self._reachability.due(now):
            self._engine.ping(place, self._list.aors[place.uri], self._list.tls.get(place.uri))
        self._names.look_up_stale(now)

    def ping_ended(self, place: Place, alive: bool, now: float) -> bool:
        """A ping was answered, or not. Returns whether it was the last one that asked the same question."""
        if alive:
            self._refusals.heard(peer_of(place))
        was_last, verdict = self._reachability.answered(place, alive, now)
        self._judged(verdict, now)
        self._tell_of_options()
        return was_last

    def register_answered(self, place: Place, asked_at: float, now: float) -> None:
        """A REGISTER that was sent at `asked_at` was answered by this PBX, with whatever answer."""
        self._refusals.heard(peer_of(place))
        self._judged(self._reachability.registered(place, asked_at, now), now)

    def refused(self, address: str, port: int, now: float) -> list[Place]:
        """ICMP says that nobody listens at this UDP place; the places that are gone by that, which is asked again."""
        gone = self._refusals.refused((address, port), now)
        if gone is False:
            return []
        asked = {phone.asked for phone in self._phones if phone.asked is not None and phone.is_awaiting}
        places = [each for each in self._places | asked if is_udp(each) and peer_of(each) == (address, port)]
        if not gone:
            for place in places:
                self._reachability.ask_again(place, now + CONFIRM_SECONDS)
            return []
        for place in places:
            self._judged(self._reachability.gone(place, now), now)
        return places

    def register_unanswered(self, place: Place, asked_at: float, now: float) -> None:
        """A REGISTER that was sent at `asked_at` was not answered."""
        self._judged(self._reachability.silent(place, asked_at), now)

    def places(self, uri: str) -> set[Place]:
        """Where a registrar is reached: the servers of its name, also those where phones still are."""
        if not is_name(uri):
            return {Place(uri)}
        known = {Place(uri, target) for target in self._names.targets(uri)}
        bound = {phone.bound_at for phone in self._phones if phone.bound_at and phone.is_bound_at(uri)}
        return known | bound

    def _addresses_in_use(self) -> set[str]:
        """The IP addresses of the configured PBXes, also where no phone is now, and of those that phones use.

        A PBX that lost its phones to another one goes on asking for them until their bindings end.
        """
        uris = self._configured.directory.by_registrar
        places = {Place(uri, target) for uri in uris for target in self._names.targets(uri) or (None,)}
        for phone in self._phones:
            places |= {place for place in (phone.bound_at, phone.asked) if place is not None}
        return {address_of(place) for place in places}

    def is_alive(self, uri: str) -> bool | None:
        """Whether a registrar answers: one of its servers is enough. None where nothing is known."""
        return _of_servers(self._reachability.alive(place) for place in self.places(uri))

    def is_server_alive(self, uri: str, target: Target, now: float) -> bool | None:
        """Whether this server of a name answers. One that asked to be left alone counts as silent."""
        place = Place(uri, target)
        return False if self._names.is_left_alone(place, now) else self._reachability.alive(place)

    def dead(self) -> list[str]:
        """The registrars that do not answer."""
        return [uri for uri in self._list.tls if self.is_alive(uri) is False]

    def aor_for(self, uri: str) -> str | None:
        """The AOR in whose name this registrar is pinged."""
        return self._list.aors.get(uri)

    def connection_opened(self, peer: Peer, certificate_ends: float | None) -> None:
        """There is a new connection; over TLS the PBX has shown a certificate that ends then, in Unix time."""
        if certificate_ends is None:
            return
        self._certificates.shown(peer, certificate_ends)
        for uri in self._list.seconds:
            if any(peer_of(place) == peer for place in self.places(uri)):
                self._tell_of(uri)

    def report_unresolved(self, uri: str) -> None:
        """Tell the supervisor that nobody knows where the PBXes at this address are."""
        for name in self._configured.directory.labels(uri):
            self._report(PbxReport(name=name, reachable=False))

    def _tell_of_options(self) -> None:
        """Tell the supervisor of the PBXes that answer OPTIONS now, or do no more."""
        for place in self._reachability.take_news():
            self._tell_of(place.uri)

    def _tell_of(self, uri: str) -> None:
        """Tell the supervisor what is known of the PBXes at this address."""
        places = self.places(uri)
        ends = self._certificates.ends(places)
        found = PbxReport(
            name="",
            reachable=_of_servers(self._reachability.seen(place) for place in places),
            answers_options=_of_servers(self._reachability.answers_options(place) for place in places),
            certificate_expires=rfc3339(ends) if ends is not None else None,
        )
        for name in self._configured.directory.labels(uri):
            self._report(found.model_copy(update={"name": name}))

    def _report(self, report: PbxReport) -> None:
        if self._reported.get(report.name) != report:
            self._reported[report.name] = report
            self._outbox.news.pbxs.append(report)

    def _report_those_that_changed(self) -> None:
        """Report the PBXes that are watched now and were not before, and the other way round."""
        directory = self._configured.directory
        names = {name: uri for uri in self._list.seconds for name in directory.labels(uri)}
        for uri in {uri for name, uri in names.items() if name not in self._reported}:
            self._tell_of(uri)
        unwatched = sorted(self._reported.keys() - names.keys())
        for name in unwatched:
            del self._reported[name]
        self._outbox.news.unwatched += unwatched

    def _judged(self, verdict: Verdict | None, now: float) -> None:
        """Tell everybody whom it concerns whether a PBX answers."""
        if verdict is None:
            return
        place = verdict.place
        label = self._configured.directory.label(place.uri)
        if verdict.seconds is not None:
            self._outbox.observe(PingSeen(label, verdict.seconds))
        if not verdict.changed:
            return
        server = {"server": str(place.target)} if place.target else {}
        log.info("pbx reachable" if verdict.alive else "pbx unreachable", pbx=label, **server)
        alive = self.is_alive(place.uri)
        self._tell_of(place.uri)
        if verdict.alive or place.target is None or alive is False:
            self._tell_all(verdict)
        else:
            self._leave_server(verdict, now)

    def _tell_all(self, verdict: Verdict) -> None:
        """Any phone may have to do with a PBX that answers again, or has no server that answers."""
        for phone in self._phones.snapshot():
            if phone.is_held and not verdict.alive and phone.is_bound_at(verdict.place.uri):
                continue  # it is told when the wait for its PBX is over
            registrar = self._configured.registrar(verdict.place.uri, phone.config, phone.state.plan)
            event = PingAnswered(registrar) if verdict.alive else PingFailed(registrar, verdict.since)
            self._phones.feed(phone.name, event)

    def _leave_server(self, verdict: Verdict, now: float) -> None:
        """One server of a name is silent and others may answer: this concerns the phones that use that server."""
        place, registrar = verdict.place, Registrar(verdict.place.uri)
        for phone in self._phones.snapshot():
            binding = phone.state.binding
            if binding is not None and binding.registrar == registrar and phone.bound_at == place:
                self._phones.feed(phone.name, PingFailed(registrar, verdict.since, elsewhere=True))
            elif phone.asked == place and phone.other_servers and phone.is_awaiting:
                self._phones.ask_servers(phone, phone.other_servers, now)


def _of_servers(views: Iterable[bool | None]) -> bool | None:
    """What holds for a registrar whose servers are seen so: one that answers is enough; None where nothing is known."""
    seen = set(views)
    return True if True in seen else None if None in seen or not seen else False
