"""Replaces the UDP socket from which the agent asks a PBX when something on the way has turned against it.

When a ping is not answered, another socket asks too (second opinion). If that one is answered and the next ping from
the agent's own socket is not, the own socket is dead for this PBX. Phones at other PBXes keep theirs.
"""

from __future__ import annotations

import structlog

from softphone_agent.dns.targets import Place
from softphone_agent.registration.events import Reconfigured
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.sip.routing import address_of, is_udp
from softphone_agent.sip.second_opinion import SecondOpinion
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.running import RunningPhone
from softphone_agent.worker.socket_patience import SocketPatience
from softphone_agent.worker.watched import Watched

log = structlog.get_logger()


class DeadSockets:
    """The second opinions that are asked for, one for each PBX, and what they lead to. Times are monotonic seconds."""

    def __init__(self, engine: SipEngine, configured: Configured, phones: Phones, watched: Watched) -> None:
        self._engine = engine
        self._configured = configured
        self._phones = phones
        self._watched = watched
        self._opinions: dict[Place, SecondOpinion] = {}
        self._patience = SocketPatience()

    def ping_answered(self, place: Place, now: float) -> None:
        """The own socket works: what another one was answered before says nothing of the next ping."""
        self._patience.served(address_of(place), now)
        self._is_answered(place)

    def ping_unanswered(self, place: Place, now: float) -> None:
        """Ask from another socket; if that was answered before and this ping was not, take a new one."""
        if self._is_answered(place):
            self._reopen(place, now)
        elif self._patience.allows(address_of(place), now):
            self._ask_from_another(place)

    def _is_answered(self, place: Place) -> bool:
        """Whether the second opinion was answered. It is not asked for any more."""
        opinion = self._opinions.pop(place, None)
        if opinion is None:
            return False
        answered = opinion.answered
        opinion.close()
        return answered

    def _ask_from_another(self, place: Place) -> None:
        settings, aor = self._engine.settings, self._watched.aor_for(place.uri)
        if settings.port or not is_udp(place) or aor is None:
            return
        try:
            self._opinions[place] = SecondOpinion(place, aor, settings.bind_address)
        except OSError as error:
            log.info("no way to the pbx", pbx=self._configured.directory.label(place.uri), reason=error.strerror)

    def _reopen(self, place: Place, now: float) -> None:
        """Take a new socket, and register from there the phones that are at this PBX, or ask it."""
        address = address_of(place)
        log.warning("the pbx answers others: a new UDP socket for it", pbx=self._configured.directory.label(place.uri))
        self._patience.took(address, now)
        self._engine.reopen_udp(address)
        for phone in self._phones.snapshot():
            used = _used(phone)
            if not phone.removed and used is not None and is_udp(used) and address_of(used) == address:
                before = phone.state.plan
                phone.sockets += 1
                plan = self._configured.plan(
                    phone.config, phone.secret, sockets=phone.sockets, fault=before.fault, waits=before.waits
                )
                self._phones.feed(phone.name, Reconfigured(plan))


def _used(phone: RunningPhone) -> Place | None:
    """Where the phone is registered, or else where its REGISTER is on its way to."""
    binding = phone.state.binding
    if binding is None:
        return phone.asked if phone.is_awaiting else None
    uri = binding.registrar.uri
    return phone.bound_at if phone.bound_at and phone.bound_at.uri == uri else Place(uri)
