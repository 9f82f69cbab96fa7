"""The SIP engine: one endpoint of pjsua2, one account a phone, and what they answer.

Runs in one thread, from `open` to `close`; everything that pjsua2 calls back is queued as copied strings and numbers
and given out by `poll`. The patterns come from measured facts: pjsua2 aborts the process where it is misused.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import time
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import replace
from typing import Any

import pjsua2 as pj

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place, Target
from softphone_agent.sip import connections, library, sip_message
from softphone_agent.sip.callbacks import Endpoint, PhoneAccount, Pinger, Trace, superseded
from softphone_agent.sip.happenings import (
    Answer,
    ConnectionClosed,
    ConnectionOpened,
    FromStrangers,
    Happening,
    Pong,
    Signal,
)
from softphone_agent.sip.name_table import NameTable
from softphone_agent.sip.ping_caller import PingCaller
from softphone_agent.sip.pjsua_configs import TRACE_LEVEL, account_config, endpoint_config, pinger_config
from softphone_agent.sip.request import RegisterRequest, TlsFiles
from softphone_agent.sip.request_watch import RequestWatch
from softphone_agent.sip.response_watch import ResponseWatch
from softphone_agent.sip.routing import address_of, route, target_of, tls_name
from softphone_agent.sip.sending_block import SendingBlock
from softphone_agent.sip.sent_watch import SentWatch
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.sip.stream_watch import StreamWatch, is_incoming
from softphone_agent.sip.transports import Transports
from softphone_agent.sip.unsolicited import ALLOWED, Unsolicited

_LONGEST_CHAIN = 6
"""So many REGISTERs may come of one; a PBX that raises Min-Expires each time would get thousands."""
_TOO_BRIEF = 2
"""So many 423 may come in one chain: one tells what the PBX wants, a second one is odd enough."""


class Engine:
    """A SIP user agent for many phones. Use from one thread only; after `close` it is of no more use."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._answer_seconds = settings.answer_seconds
        self.happenings: deque[Happening] = deque()
        self._endpoint: Endpoint | None = None
        self._pinger: Pinger | None = None
        self._phones: dict[str, PhoneAccount] = {}
        self._library = ctypes.CDLL(library.path())
        self._by_call_id: dict[str, PhoneAccount] = {}
        """Not by AOR: PBXes and the SIP stack write one in many ways, and two phones may have the same."""
        self._sending: PhoneAccount | None = None
        """Whose REGISTER is being sent."""
        self._trace = Trace(self)
        self._traced: frozenset[str] = frozenset()
        self._watch = ResponseWatch(self._library, self._seen)
        self._nothing_sent = SendingBlock(self._library)
        self._sent = SentWatch(self._library, lambda: self._sending is not None, self._goes_out)
        self._caller = PingCaller(self._library)
        self._from_strangers = FromStrangers()
        self.unsolicited = Unsolicited()
        self._requests = RequestWatch(self._library, ALLOWED, self._asked, lambda: self._discarded("Stray"))
        self._streams = StreamWatch(self._library, self._discarded)
        self._transports = Transports(settings, self._streams.listens)
        self._connected: set[int] = set()
        """The TCP and TLS connections that this process made, by the address of their `pjsip_transport`."""
        self._names = NameTable(self._library)
        self._pings: dict[int, tuple[Any, Place]] = {}
        """The pings in flight, each with what it was sent with."""
        self._ping_transports: dict[Place, int] = {}

    def open(self) -> None:
        """Start the endpoint with its UDP and TCP transports. Raises RuntimeError where it cannot."""
        endpoint = self._endpoint = Endpoint(self)
        try:
            self._library.pj_log_set_level(0)
            endpoint.libCreate()
            endpoint.libInit(endpoint_config(self.settings.user_agent, self._trace))
            self._library.pj_log_set_level(0)
            watches = (
                self._watch,
                self._requests,
                self._streams,
                self._names,
                self._nothing_sent,
                self._caller,
                self._sent,
            )
            for watch in watches:
                watch.start()
            self._transports.start(endpoint)
            endpoint.libStart()
            self.set_answer_time(self.settings.answer_seconds)
            self._pinger = Pinger(self)
            self._pinger.create(pinger_config())
        except pj.Error as error:
            raise RuntimeError(f"pjsua2 did not start: {_reason(error)}") from None

    def reopen_udp(self, address: str) -> None:
        """Ask the PBX at this IP address from a new UDP socket of its own: something on the way is against the old one.

        Its phones need a new registration after this, since a refresh would keep the old socket.
        """
        self._transports.reopen_udp(address)

    def trace(self, phones: Set[str]) -> None:
        """Give out the SIP messages of these phones as Signals, from now on. With none of them it costs nothing."""
        self._traced = frozenset(phones)
        self._library.pj_log_set_level(TRACE_LEVEL if phones else 0)

    def overheard(self, sent: bool, peer: str, message: str) -> None:
        """A SIP message went over the wire."""
        begins = self._sending if sent else None  # the Call-ID of a new registration is not known yet
        phone = begins or self._by_call_id.get(sip_message.call_id(message))
        if phone is not None and phone.name in self._traced:
            self.happenings.append(Signal(phone.name, sent, peer, sip_message.redacted(message)))

    def set_answer_time(self, seconds: float) -> None:
        """How long a transaction waits for its answer (RFC 3261: timers B, D and F), from now on."""
        self._answer_seconds = seconds
        self._library.pjsip_tsx_set_timers(0, 0, 0, int(seconds * 1000))

    def poll(self, seconds: float) -> Iterator[Happening]:
        """Wait up to `seconds` for the network, then give out what happened."""
        assert self._endpoint is not None
        if self.happenings:
            seconds = 0
        # Rounded up: else the caller would be back before it is time.
        self._endpoint.libHandleEvents(max(0, math.ceil(seconds * 1000)))
        self._streams.look(time.monotonic(), self._answer_seconds)
        while self.happenings:
            yield self.happenings.popleft()

    def take_from_strangers(self) -> FromStrangers:
        """What came from strangers since the last time."""
        taken, self._from_strangers = self._from_strangers, FromStrangers()
        return taken

    def connected(self, transport: int) -> None:
        """A TCP or TLS connection is there. That of a stranger is no news."""
        self._streams.opened(transport)
        if not is_incoming(transport):
            self._connected.add(transport)
            self.happenings.append(ConnectionOpened())

    def disconnected(self, transport: int) -> None:
        """A TCP or TLS connection is no more. That of a stranger is no news, nor is one that never was there."""
        self._streams.closed(transport)
        if transport in self._connected:
            self._connected.remove(transport)
            self.happenings.append(ConnectionClosed())

    def _asked(self, method: str, head: str, source: str) -> int:
        reply = self.unsolicited.reply_to(method, head, source, time.monotonic())
        self._from_strangers.requests[reply] += 1
        return reply.code

    def _discarded(self, reason: str) -> None:
        self._from_strangers.discarded[reason] += 1

    def register(self, phone: str, serial: int, request: RegisterRequest, *, unregister_old: bool = False) -> None:
        """Send a REGISTER of a new registration; an Answer with `serial` follows.

        It takes the place of the present one, which is un-REGISTERed only with `unregister_old`.
        """
        account = self._phones.get(phone)
        if account is None:
            account = self._phones[phone] = PhoneAccount(self, phone)
        account.serial, account.unregistering = serial, False
        account.earlier = []
        account.tls_name = tls_name(sip_uri.parse(request.registrar), request.tls)
        try:
            (self._shut if unregister_old else self._leave)(account)
            place = Place(request.registrar, request.target)
            self.unsolicited.pbx_in_use(address_of(place))  # it may ask for the phone before we have read its answer
            account.transport = self._transports.for_place(place, request.tls)
            account.handled = None
            with self._noting(account):
                account.create(self._account_config(account, request))
            account.live = True
            if request.tls is not None:
                used = {other.transport for other in self._phones.values() if other.live}
                self._transports.close_unused_tls(used | set(self._ping_transports.values()))
        except pj.Error as error:
            self._failed(account, error)

    def refresh(self, phone: str, serial: int) -> bool:
        """Go on with the present registration (its Call-ID): an Answer with `serial` follows.

        False where there is none to go on with.
        """
        account = self._phones.get(phone)
        if account is None or not account.live or not account.bound:
            return False
        account.serial, account.unregistering = serial, False
        account.earlier = []
        try:
            with self._noting(account):
                account.setRegistration(True)
        except pj.Error as error:
            self._failed(account, error)
        return True

    def unregister(self, phone: str, serial: int) -> None:
        """Remove the phone's binding; an Answer with `serial` follows, at once where there is nothing to remove."""
        account = self._phones.get(phone)
        if account is None:
            self.happenings.append(Answer(phone, serial, True, 0, "nothing to remove", 0, "", ""))
            return
        account.serial, account.unregistering = serial, True
        account.earlier = []
        try:
            account.setRegistration(False)
        except pj.Error as error:
            self._failed(account, error)

    def abandon(self, phone: str) -> None:
        """Forget the phone's REGISTER in flight."""
        account = self._phones.get(phone)
        if account is not None:
            self._leave(account)

    def remove(self, phone: str) -> None:
        """Forget the phone."""
        account = self._phones.pop(phone, None)
        if account is not None:
            self._shut(account)
            for call_id in (account.call_id, account.former_call_id):
                self._by_call_id.pop(call_id, None)

    def ping(self, place: Place, aor: str, tls: TlsFiles | None = None) -> None:
        """Send OPTIONS there as this AOR, over TLS with these files; a Pong follows."""
        assert self._pinger is not None
        uri = sip_uri.parse(place.uri)
        name = tls_name(uri, tls)
        target = target_of(uri, place.target, name)
        if uri.secure and name != uri.host:
            uri = replace(uri, host=name)
        if target is not None:
            self._names.point(uri.host, uri.port or 0, target)
        request = pj.SendRequestParam()
        request.method = "OPTIONS"
        request.txOption.targetUri = str(uri)
        request.userData = request
        request.this.acquire()  # by that SWIG takes it for given away, and would never free it
        token = int(request.this)
        self._pings[token] = request, place
        try:
            transport = self._transports.for_place(place, tls)
            if uri.secure:
                self._ping_transports[place] = transport
            several = self._transports.several_udp and uri.effective_transport == "udp"
            bound = several or uri.secure or ":" in (target.address if target else uri.host)
            self._pinger.setTransport(transport if bound else pj.INVALID_ID)
            with self._caller(aor):
                self._pinger.sendRequest(request)
        except pj.Error:
            self.ponged(token, alive=False)

    def ponged(self, token: int, *, alive: bool) -> None:
        """A ping is over."""
        ping = self._pings.pop(token, None)
        if ping is not None:
            self.happenings.append(Pong(ping[1], alive))

    def watch(self, places: Set[Place]) -> None:
        """No other places are pinged from now on."""
        self._ping_transports = {place: used for place, used in self._ping_transports.items() if place in places}

    def forget_names(self) -> None:
        """Forget where names led that no phone uses any more, if they are many."""
        self._names.keep({phone.handled for phone in self._phones.values() if phone.live and phone.handled})

    def close(self) -> None:
        """End the endpoint. Bindings that are left are removed as far as that goes quickly."""
        for name in list(self._phones):
            self.remove(name)
        if self._endpoint is not None:
            with contextlib.suppress(pj.Error):  # it is over either way
                self._endpoint.libDestroy()

    def _seen(self, code: int, message: str) -> bool:
        """An answer to a REGISTER that the SIP stack has not seen yet; True keeps it from seeing it.

        A chain of REGISTERs that does not end is cut here: what came last is the answer.
        """
        call_id = sip_message.call_id(message)
        phone = self._by_call_id.get(call_id)
        if phone is None:
            return False
        present = call_id == phone.call_id
        earlier = phone.earlier if present else phone.former
        earlier.append(code)
        if earlier.count(423) <= _TOO_BRIEF and len(earlier) <= _LONGEST_CHAIN:
            return False
        if present and not phone.unregistering and len(phone.earlier) <= _LONGEST_CHAIN + 1:
            self.happenings.append(
                Answer(
                    phone.name,
                    phone.serial,
                    False,
                    code,
                    sip_message.reason_phrase(message),
                    0,
                    "",
                    message,
                    superseded(phone.earlier, code),
                )
            )
            phone.earlier += [code] * _LONGEST_CHAIN
        return True

    @contextlib.contextmanager
    def _noting(self, account: PhoneAccount) -> Iterator[None]:
        """Within the block this phone's REGISTER is sent."""
        self._sending = account
        try:
            yield
        finally:
            self._sending = None

    def _goes_out(self, request: str) -> None:
        """The REGISTER of the phone that is being noted is sent. One registration keeps its Call-ID and its Contact."""
        account = self._sending
        call_id = sip_message.call_id(request)
        if account is None or call_id == account.call_id:
            return
        account.own_binding = sip_message.own_binding(request)
        self._by_call_id.pop(account.former_call_id, None)
        account.former_call_id, account.call_id, account.former = account.call_id, call_id, []
        self._by_call_id[call_id] = account

    def _leave(self, account: PhoneAccount) -> None:
        """End the account and send its PBX nothing: the PBX is silent, or gets a new REGISTER with the same Contact.

        The un-REGISTER of the old registration could come late and take away the binding of the new one.
        """
        account.leaving = True
        with self._nothing_sent():
            self._shut(account)
        account.leaving = False

    def _shut(self, account: PhoneAccount) -> None:
        """End the account; the SIP stack un-REGISTERs what is still registered."""
        if account.live:
            account.live = account.bound = False
            account.shutdown()

    def _account_config(self, account: PhoneAccount, request: RegisterRequest) -> Any:
        to, name = sip_uri.parse(request.registrar), account.tls_name
        target = target_of(to, request.target, name)
        hop = ""
        if target is not None and to.secure:
            # The route carries the name that the certificate must have; its port is but a handle of the name table.
            hop = route(to, name, self._names.handle(name, target))
            account.handled = (name, target)
        elif target is not None:
            hop = route(to, target.address, target.port)
        contact = self._forced_contact(request, account.transport, target)
        several = self._transports.several_udp
        return account_config(request, target, account.transport, hop, contact, several_udp=several)

    def _forced_contact(self, request: RegisterRequest, transport: int, target: Target | None) -> str:
        """The Contact with the announced address; empty for the SIP stack's own choice.

        That one would look the name up by which a TLS connection is checked.
        """
        to = sip_uri.parse(request.registrar)
        host = request.public_address
        if host is None and to.secure and target is not None:
            with contextlib.suppress(OSError):  # no way there: the REGISTER says so
                own = self._transports.bound_address(v6=":" in target.address)
                host = own or connections.local_address(target.address)
        if host is None:
            return ""
        user = sip_uri.parse_aor(request.aor).user
        return sip_uri.contact(user, host, self._transports.port(transport), request.registrar)

    def _failed(self, account: PhoneAccount, error: Any) -> None:
        self.happenings.append(
            Answer(account.name, account.serial, account.unregistering, 0, _reason(error), 0, "", "")
        )


def _reason(error: Any) -> str:
    return str(error.reason or error.title)
