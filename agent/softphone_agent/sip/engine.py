"""The SIP engine: sends each REGISTER and OPTIONS of many phones, and tells what came of them.

Runs in one thread, from `open` to `close`. The requests go out by the client of our own pjsua2
(images/pjsua2/client.h), which calls nothing back: `poll` hands out what happened.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

import pjsua2 as pj

from softphone_agent.dns.targets import Place
from softphone_agent.sip import binding, chain, sip_message
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.call_protocol import CallEngine
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.connections import Connections, Peer, read_peer
from softphone_agent.sip.endpoint import endpoint_config
from softphone_agent.sip.fetches import Fetches
from softphone_agent.sip.happenings import (
    Answer,
    ConnectionClosed,
    ConnectionOpened,
    FromStrangers,
    Happening,
    Pong,
    Refused,
    SentAgain,
    Signal,
)
from softphone_agent.sip.known_phones import KnownPhone, KnownPhones
from softphone_agent.sip.outgoing import Fetching, Outgoing, Pinging, Registering
from softphone_agent.sip.request import RegisterRequest, TlsFiles
from softphone_agent.sip.routing import address_of, explained, is_udp, peer_of
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.sip.strangers import Strangers
from softphone_agent.sip.transports import Transports
from softphone_agent.sip.unsolicited import ALLOWED, Unsolicited

if TYPE_CHECKING:
    from softphone_agent.sip.calling import Calling

_LEAVING_SECONDS = 0.5
"""For so long at most `close` waits for the answers to its un-REGISTERs."""


class Engine:
    """A SIP user agent for many phones. Use from one thread only; after `close` it is of no more use."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.unsolicited = Unsolicited()
        self.happenings: deque[Happening] = deque()
        self._phones = KnownPhones()
        self._traced: frozenset[str] = frozenset()
        self._transports = Transports(settings)
        self._calling: Calling | None = None

    def open(self) -> None:
        """Start the endpoint with its UDP and TCP transports. Raises RuntimeError where it cannot."""
        pj.silence_log()
        self._endpoint = pj.Endpoint()
        try:
            self._endpoint.libCreate()
            self._endpoint.libInit(endpoint_config(self.settings.user_agent))
            pj.silence_log()
            self._client: SipClient = pj.SipClient(ALLOWED)
            if self._client.error():
                raise RuntimeError(f"pjsua2 did not start: {self._client.error()}")
            self._transports.start(self._client)
            self._endpoint.libStart()
        except (pj.Error, OSError) as error:
            raise RuntimeError(f"pjsua2 did not start: {getattr(error, 'reason', '') or error}") from None
        self._outgoing = Outgoing(self._client, self.settings.user_agent, ALLOWED, self.settings.answer_seconds)
        self._fetches = Fetches(self._outgoing, self._transports, self.happenings)
        self._connections = Connections(self._client)
        self._strangers = Strangers(self._client, self._transports, self.unsolicited, self._phones)
        self.set_answer_time(self.settings.answer_seconds)

    def close(self) -> None:
        """End the endpoint. Bindings that are left are removed as far as that goes quickly."""
        if not hasattr(self, "_strangers"):
            return
        for name in self._phones:
            self.remove(name)
        until = time.monotonic() + _LEAVING_SECONDS
        while any(isinstance(one, Registering) for one in self._outgoing) and time.monotonic() < until:
            for _ in self.poll(until - time.monotonic()):
                pass
        self._client.end()
        with contextlib.suppress(pj.Error):  # it is over either way
            self._endpoint.libDestroy()

    def reopen_udp(self, address: str) -> None:
        """Send what goes to the PBX at this IP address from a new UDP socket that nothing else uses (protocol.py)."""
        self._transports.renew_udp(address)

    def trace(self, phones: Set[str]) -> None:
        """Give out the SIP messages of these phones as Signals, from now on. With none of them it costs nothing."""
        self._traced = frozenset(phones)
        self._client.trace(bool(phones))

    def set_answer_time(self, seconds: float) -> None:
        """How long a request waits for its answer (RFC 3261: timers B, D and F), from now on."""
        self._outgoing.answer_seconds = seconds
        self._client.set_patience(int(seconds * 1000))

    @property
    def calling(self) -> CallEngine:
        """Calls. What they take is there from when this is first asked for."""
        if self._calling is None:
            from softphone_agent.sip.call_requests import CallRequests
            from softphone_agent.sip.calling import Calling  # phones that are only registered do without

            requests = CallRequests(self._client, self.settings.user_agent, lambda: self._outgoing.answer_seconds)
            self._calling = Calling(
                self._client,
                requests,
                self.happenings,
                self._phones.callee,
                self._phones.bound,
                self._transports.host_towards,
            )
            self._strangers.invited = self._calling.invited
        return self._calling

    def take_from_strangers(self) -> FromStrangers:
        """What came from strangers since the last time."""
        return self._strangers.take()

    def connected_to(self) -> set[Peer]:
        """The PBXes to which there is a TCP or TLS connection, as IP address and port."""
        return self._connections.peers()

    def poll(self, seconds: float) -> Iterator[Happening]:
        """Wait up to `seconds` for the network, then give out what happened."""
        wait = 0 if self.happenings else max(0, math.ceil(seconds * 1000))  # rounded up: else it would be too early
        for happened in self._client.poll(wait):
            self._happened(*happened)
        self._strangers.look(time.monotonic())
        while self.happenings:
            yield self.happenings.popleft()

    def register(self, phone: str, serial: int, request: RegisterRequest, *, unregister_old: bool = False) -> None:
        """Send a REGISTER of a new registration; an Answer with `serial` follows.

        It takes the place of the present one, which is un-REGISTERed only with `unregister_old`.
        """
        known = self._phones.known(phone, request.aor)
        self._outgoing.cancel(phone)
        if unregister_old:
            self._leave_behind(known)
        known.present = None
        place = Place(request.registrar, request.target)
        self.unsolicited.pbx_in_use(address_of(place))  # it may ask for the phone before we have read its answer
        try:
            transport = self._transports.for_place(place, request.tls)
            contact = self._contact(phone, request, place, transport)
        except OSError as error:
            reason = error.strerror or str(error)
            self.happenings.append(Answer(phone, serial, False, 0, reason, 0, "", ""))
            return
        known.present = Registration(request, place, contact, transport, binding.new_session(request), request.expires)
        self._begin(phone, serial, known.present, request.expires)
        if request.tls is not None:
            self._transports.close_unused_tls(self._used_transports())

    def refresh(self, phone: str, serial: int) -> bool:
        """Go on with the present registration (its Call-ID): an Answer with `serial` follows.

        False where there is none to go on with, or where the phone has another address by now.
        """
        known = self._phones.get(phone)
        present = known.present if known else None
        if present is None or not present.bound:
            return False
        try:
            if self._contact(phone, present.request, present.place, present.transport) != present.template:
                return False
        except OSError:
            pass  # no way there now; the REGISTER says so
        self._outgoing.cancel(phone)
        self._begin(phone, serial, present, present.expires)
        return True

    def unregister(self, phone: str, serial: int) -> None:
        """Remove the phone's binding; an Answer with `serial` follows, at once where there is nothing to remove."""
        known = self._phones.get(phone)
        present = known.present if known else None
        self._outgoing.cancel(phone)
        if present is None or not present.bound:
            self.happenings.append(Answer(phone, serial, True, 0, "nothing to remove", 0, "", ""))
            return
        self._begin(phone, serial, present, 0)

    def abandon(self, phone: str) -> None:
        """Forget the phone's REGISTER in flight, and its registration: its PBX gets nothing more of it."""
        self._outgoing.cancel(phone)
        known = self._phones.get(phone)
        if known is not None:
            known.present = None

    def fetch(self, phone: str, serial: int, request: RegisterRequest, *, anew: bool = False) -> None:
        """Ask for the bindings of the phone's AOR, in place of the last such request; a Fetched follows.

        `anew`: over a TLS connection of its own.
        """
        self._fetches.fetch(phone, serial, request, time.monotonic(), anew=anew)

    def drop_fetch(self, phone: str) -> None:
        """Wait no longer for that."""
        self._fetches.drop(phone)

    def remove(self, phone: str) -> None:
        """Forget the phone. A binding that it still has is removed."""
        self._fetches.forget(phone)
        known = self._phones.pop(phone)
        if known is None:
            return
        self._outgoing.cancel(phone)
        self._leave_behind(known)

    def ping(self, place: Place, aor: str, tls: TlsFiles | None = None) -> None:
        """Send OPTIONS there as this AOR, over TLS with these files; a Pong follows."""
        try:
            fault = self._outgoing.ping(place, aor, tls, self._transports.for_place(place, tls))
        except OSError as error:
            fault = str(error)
        if fault:
            self.happenings.append(Pong(place, False))

    def watch(self, places: Set[Place]) -> None:
        """No other places are pinged from now on. What neither they nor phones use is closed."""
        used = {one.present.place for one in self._phones.values() if one.present} | places
        self._connections.keep(set(map(peer_of, used)))
        self._transports.keep_own_sockets({address_of(place) for place in used})

    def _contact(self, phone: str, request: RegisterRequest, place: Place, transport: int) -> str:
        """The Contact of this phone. Raises OSError where there is no way to the PBX."""
        host = request.public_address or self._transports.own_host(address_of(place))
        port = self._transports.port(transport) if is_udp(place) else None
        line = phone if self._phones.shares_its_aor(phone) else ""
        return binding.contact(request, host, port, line)

    def _leave_behind(self, known: KnownPhone) -> None:
        """Un-REGISTER the present registration; nobody waits for the answer."""
        present, known.present = known.present, None
        if present is not None and present.bound:
            known.left_behind = present.call_id
            self._begin("", 0, present, 0)

    def _begin(self, phone: str, serial: int, registration: Registration, expires: int) -> None:
        """Begin a chain of REGISTERs."""
        self._send(Registering(phone, serial, registration, chain.Chain(expires, registration.session)))

    def _send(self, one: Registering) -> None:
        fault = self._outgoing.register(one)
        if fault:
            self._answered(one, 0, fault, "")

    def _used_transports(self) -> set[int]:
        used = {known.present.transport for known in self._phones.values() if known.present}
        return used | {one.transport for one in self._outgoing}

    def _happened(self, kind: int, number: int, code: int, reason: str, text: str, peer: str) -> None:
        """One entry of what the client hands out (client.h: enum Kind)."""
        if kind == pj.SIP_ANSWER:
            one = self._outgoing.take(number)
            if isinstance(one, Registering):
                one.registration.port = peer or one.registration.port
                self._answered(one, code, reason, text)
            elif isinstance(one, Fetching):
                self._close_unless_needed(one.place, answered=code != 0)
                self._fetches.answered(one, code, reason, text, was_sent=bool(peer))
            elif isinstance(one, Pinging):
                self._close_unless_needed(one.place, answered=code != 0)
                self.happenings.append(Pong(one.place, code != 0))
            elif self._calling is not None:
                self._calling.answered(number, code, reason, text)
        elif kind == pj.SIP_REQUEST:
            if self._calling is None or not self._calling.took(number, reason, text):
                self._strangers.asked(number, reason, text, peer, time.monotonic())
        elif kind in (pj.SIP_OPENED, pj.SIP_CLOSED):
            self._connection(number, peer, text, opened=kind == pj.SIP_OPENED, incoming=code != 0)
        elif kind == pj.SIP_REFUSED:
            self.happenings.append(Refused(*read_peer(peer)))
        elif kind in (pj.SIP_SENT, pj.SIP_RECEIVED):
            self._overheard(kind == pj.SIP_SENT, peer, text)
        elif kind == pj.SIP_PROGRESS and self._calling is not None:
            self._calling.progressed(number, code)
        elif kind != pj.SIP_LATE or self._calling is None or not self._calling.came_late(text):
            self._strangers.discarded(reason if kind == pj.SIP_FAULT else "Stray")

    def _close_unless_needed(self, place: Place, *, answered: bool) -> None:
        """Asked in vain over a connection that no phone needs: it may be dead, and a new one would pass."""
        if not answered and not is_udp(place):
            peer, present = peer_of(place), (known.present for known in self._phones.values())
            if not any(one is not None and peer_of(one.place) == peer for one in present):
                self._connections.close(peer)

    def _connection(self, number: int, peer: str, certificate_end: str, *, opened: bool, incoming: bool) -> None:
        """A connection was made or is no more. That of a stranger is no news."""
        if incoming and opened:
            self._strangers.connected(number, time.monotonic())
        elif incoming:
            self._strangers.disconnected(number)
        elif opened:
            self._connections.opened(number, peer)
            expires = float(certificate_end) if certificate_end else None
            self.happenings.append(ConnectionOpened(*read_peer(peer), expires))
        else:
            self._connections.closed(number)
            self.happenings.append(ConnectionClosed())

    def _answered(self, one: Registering, code: int, reason: str, message: str) -> None:
        """The final answer to a REGISTER; `code` 0: none, and `reason` says why."""
        earlier, registration = tuple(one.chain.codes), one.registration
        following = chain.step(one.chain, code, message) if code else chain.Final()
        if isinstance(following, chain.Again):
            self.happenings.append(SentAgain(registration.place))
            if one.chain.expires:
                registration.expires = one.chain.expires
            self._send(one)
            return
        granted = None
        if 200 <= code < 300 and not one.is_unregister:
            granted = sip_message.granted(message, registration.own_binding, one.chain.expires)
        registration.bound = granted is not None
        if not one.phone:
            return
        if registration.bound:
            self._phones.has_bound(one.phone, registration)
        reason = explained(reason, registration.place, registration.request.tls)
        self.happenings.append(
            Answer(
                one.phone,
                one.serial,
                one.is_unregister,
                code,
                following.reason or reason or ("" if code else "no answer"),
                granted.expires if granted else 0,
                granted.contact if granted else "",
                message,
                earlier,
            )
        )

    def _overheard(self, sent: bool, peer: str, message: str) -> None:
        """A SIP message went over the wire."""
        call_id = sip_message.call_id(message)
        calling = self._calling.phone_of(call_id) if self._calling is not None else None
        for name in self._traced:
            known = self._phones.get(name)
            if known is None:
                continue
            is_present = known.present is not None and known.present.call_id == call_id
            is_another = known.left_behind == call_id or calling == name
            if is_present or is_another or self._fetches.is_of(name, call_id):
                self.happenings.append(Signal(name, sent, peer, sip_message.redacted(message)))
