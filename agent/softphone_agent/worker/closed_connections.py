"""What follows when a TCP or TLS connection was closed that phones were registered over.

One of them asks its PBX first, and the others go by what it finds (scouting).
"""

from __future__ import annotations

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.registration.events import PingFailed, TransportClosed
from softphone_agent.registration.plan import Registrar
from softphone_agent.registration.states import Phase
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.sip.request import TlsFiles
from softphone_agent.sip.routing import peer_of
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.scouting import Scouting
from softphone_agent.worker.watched import Watched

AT_ONCE = 10
"""Phones that are told of a closed connection between two looks at the network: the first have gone elsewhere
before the last are told."""


class ClosedConnections:
    """The connections whose phones were not all told yet."""

    def __init__(self, engine: SipEngine, configured: Configured, phones: Phones, watched: Watched) -> None:
        self._engine = engine
        self._configured = configured
        self._phones = phones
        self._watched = watched
        self._scouting: Scouting[tuple[Place, TlsFiles | None]] = Scouting()

    @property
    def has_news(self) -> bool:
        """Whether `tell` has somebody to tell."""
        return self._scouting.ready()

    def connection_closed(self, now: float) -> None:
        """Lose the bindings whose connection is gone: at once, or when it is known whether their PBX takes another."""
        peers = self._engine.connected_to()
        for phone in self._phones.snapshot():
            binding = phone.state.binding
            if binding is None or sip_uri.parse(binding.registrar.uri).effective_transport == "udp":
                continue
            uri = binding.registrar.uri
            place = phone.bound_at if phone.bound_at and phone.bound_at.uri == uri else Place(uri)
            if peer_of(place) in peers:
                continue
            if phone.state.phase is Phase.REGISTERED and self._watched.places(uri) == {place}:
                tls = self._configured.connection_files(phone.config, uri)
                self._scouting.closed((place, tls), phone.name, now)
                phone.is_held = phone.state.plan.closed_wait > 0
            else:  # it asks by itself, or its PBX has other servers
                self._phones.feed(phone.name, TransportClosed(binding.registrar))

    def connection_opened(self) -> None:
        """Where a scout has a connection the others may follow, whatever its own REGISTER is answered."""
        scouts = list(self._scouting.scouts())
        peers = self._engine.connected_to() if scouts else set()
        for connection, _ in scouts:
            if peer_of(connection[0]) in peers:
                self._scouting.found(connection, refused=False)

    def tell(self) -> None:
        """Send a scout where a connection was closed, and tell the others, some at a time, what it found."""
        for connection, name in self._scouting.scouts():
            registrar, scout = Registrar(connection[0].uri), self._phones.get(name)
            attempt = scout.state.attempt if scout else None
            if scout is not None and scout.state.round.patient:
                continue  # it asks again soon
            if scout is None or attempt is None or attempt.target != registrar:
                refused = scout is not None and registrar in scout.state.silent | scout.state.dead
                self._scouting.found(connection, refused=refused)
        for finding in self._scouting.next(AT_ONCE):
            phone = self._phones.get(finding.phone)
            if phone is None:
                continue
            was_held, phone.is_held = phone.is_held, False
            registrar = Registrar(finding.connection[0].uri)
            if phone.asked_at <= finding.closed_at:  # else it has another connection by now
                self._phones.feed(finding.phone, TransportClosed(registrar, finding.closed_at, finding.refused))
            if was_held and self._watched.is_alive(registrar.uri) is False:  # which it was not told of
                self._phones.feed(finding.phone, PingFailed(registrar, finding.closed_at))
