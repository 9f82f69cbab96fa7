"""The only file that knows pjsua2: one endpoint, one account a phone, and what they answer.

Runs in one thread, from `open` to `close`; everything that pjsua2 calls back is queued as copied strings and numbers
and given out by `poll`. The patterns come from measured facts: pjsua2 aborts the process where it is misused.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import math
import re
import ssl
import time
from collections import Counter, deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from typing import Any

import pjsua2 as pj

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place, Target
from softphone_agent.sip import connections, sip_message
from softphone_agent.sip.mute import Mute
from softphone_agent.sip.name_table import NameTable
from softphone_agent.sip.ping_caller import NOBODY, PingCaller
from softphone_agent.sip.request import Registering, TlsFiles
from softphone_agent.sip.request_watch import RequestWatch
from softphone_agent.sip.response_watch import ResponseWatch
from softphone_agent.sip.sent_watch import SentWatch
from softphone_agent.sip.stream_watch import StreamWatch, is_incoming
from softphone_agent.sip.unsolicited import ALLOWED, Unsolicited, Verdict

WHEEL_ACCOUNTS = 8
"""Accounts that a process on the PyPI wheel carries; a ninth aborts it."""

_LOGGED_MESSAGE = re.compile(
    r"(?P<way>TX|RX) [0-9]+ bytes .*? (?:to|from) (?P<peer>\w+ \S+):\r?\n(?P<message>.*?)\s*(?:--end msg--|\Z)",
    re.DOTALL,
)
_TRACE_LEVEL = 4
"""The SIP stack logs every message at this level."""
_UNREGISTER_MSEC = 500
_AGAIN = frozenset({401, 407, 423})
"""Codes after which the SIP stack may send another REGISTER by itself."""
_LONGEST_CHAIN = 6
"""So many REGISTERs may come of one; a PBX that raises Min-Expires each time would get thousands."""
_TOO_BRIEF = 2
"""So many 423 may come in one chain: one tells what the PBX wants, a second one is odd enough."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the endpoint is opened with. An empty `bind_address` leaves the choice to the system."""

    user_agent: str
    bind_address: str = ""
    port: int = 0
    answer_seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer to a REGISTER or un-REGISTER. `code` 0: none, and `reason` says why."""

    phone: str
    serial: int
    unregister: bool
    code: int
    reason: str
    expires: int
    """Granted expiry in seconds; 0 where the answer grants none."""
    contact: str
    """Of the binding that it grants, as the PBX lists it."""
    message: str
    """The whole answer, for its headers."""
    earlier: tuple[int, ...] = ()
    """Codes of the answers before it, to which the SIP stack sent another REGISTER by itself (401, 407, 423)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The end of an OPTIONS ping: any answer of the PBX itself counts as alive."""

    place: Place
    alive: bool


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """A TCP or TLS connection of ours is there; pjsua2 does not say to whom."""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """TCP or TLS connections of ours were closed; pjsua2 does not say whose."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A SIP message of a phone that is traced, without its credentials."""

    phone: str
    sent: bool
    peer: str
    """Transport, host and port, as in `UDP 192.0.2.1:5060`."""
    message: str


@dataclass(slots=True)
class Intruders:
    """What came from others than the PBXes that were asked, counted since it was last taken."""

    requests: Counter[Verdict] = field(default_factory=Counter)
    discarded: Counter[str] = field(default_factory=Counter)
    """By reason: NotSip, TooLong, Slow, TooMany (connections), Stray (an answer to nothing)."""


Happening = Answer | Pong | ConnectionOpened | ConnectionClosed | Signal

_NO_ANSWER = frozenset({408, 503})
_BAD_CERTIFICATE = "PJSIP_TLS_ECERTVERIF"


_KINDS = {
    ("udp", False): pj.PJSIP_TRANSPORT_UDP,
    ("udp", True): pj.PJSIP_TRANSPORT_UDP6,
    ("tcp", False): pj.PJSIP_TRANSPORT_TCP,
    ("tcp", True): pj.PJSIP_TRANSPORT_TCP6,
    ("tls", False): pj.PJSIP_TRANSPORT_TLS,
    ("tls", True): pj.PJSIP_TRANSPORT_TLS6,
}
"""(transport, whether the host is an IPv6 address) -> pjsip's name for it."""
_V6_KINDS = frozenset(kind for (_, v6), kind in _KINDS.items() if v6)
_SYSTEM_CA_FILE = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"


class _Phone(pj.Account):  # type: ignore[misc]
    """One phone's account. `live` guards it: shutting an account down twice would hit another one's slot."""

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__()
        self.engine, self.name = engine, name
        self.live = False
        self.bound = False
        """Whether its last answer granted a binding: a refresh can go on with that registration."""
        self.leaving = False
        """Whether it is being ended: what is heard now is about no request of ours."""
        self.serial = 0
        self.unregistering = False
        self.ours = sip_message.NOBODY
        """How its present binding is known in an answer."""
        self.call_id = self.former_call_id = ""
        """Of its registration and of the one before, which may still be un-REGISTERed."""
        self.transport = -1
        self.tls_name = ""
        self.handled: tuple[str, Target] | None = None
        """The name and the target for which it uses a handle of the name table."""
        self.earlier: list[int] = []
        """Answers of the present chain of REGISTERs that the SIP stack sees to by itself."""
        self.former: list[int] = []
        """The same of the registration before."""

    def onRegState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        if self.leaving:
            return
        answer = _answer(self, prm.status, prm.code, str(prm.reason), int(prm.expiration), str(prm.rdata.wholeMsg))
        self.bound = answer.expires > 0
        if prm.code // 100 == 2 and not self.bound and not self.unregistering:
            self.engine.abandon(self.name)  # else the SIP stack would refresh what it takes for ours
        self.engine.happenings.append(answer)


class _Pinger(pj.Account):  # type: ignore[misc]
    """The one account that never registers and sends the pings of all."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def onSendRequest(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        state = prm.e.body.tsxState
        from_peer = state.type == pj.PJSIP_EVENT_RX_MSG
        self.engine.ponged(int(prm.userData), alive=from_peer or state.tsx.statusCode not in _NO_ANSWER)


class _Endpoint(pj.Endpoint):  # type: ignore[misc]
    """The endpoint, for its transports' news."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def onTransportState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED:
            self.engine.connected(int(prm.hnd))
        elif prm.state in (pj.PJSIP_TP_STATE_DISCONNECTED, pj.PJSIP_TP_STATE_DESTROY):
            self.engine.disconnected(int(prm.hnd))


class _Trace(pj.LogWriter):  # type: ignore[misc]
    """Takes the SIP messages out of the SIP stack's log."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def write(self, entry: Any) -> None:
        found = _LOGGED_MESSAGE.search(str(entry.msg))
        if found:
            self.engine.overheard(found["way"] == "TX", found["peer"], found["message"])


def _answer(phone: _Phone, status: int, code: int, reason: str, expiration: int, message: str) -> Answer:
    """pjsua2's registration state in our words."""
    no_peer = not message and code in _NO_ANSWER
    if _BAD_CERTIFICATE in reason:
        reason += f', checked for "{phone.tls_name}"'
    granted = None
    if status == 0 and code // 100 == 2 and not phone.unregistering:
        granted = sip_message.granted(message, phone.ours, max(0, expiration))
    return Answer(
        phone.name,
        phone.serial,
        phone.unregistering,
        0 if no_peer or not code else code,
        reason or ("no answer" if no_peer else ""),
        granted.expires if granted else 0,
        granted.contact if granted else "",
        message,
        _superseded(phone.earlier, code if message else 0),
    )


def _superseded(seen: list[int], final: int) -> tuple[int, ...]:
    """What was seen on the way, without the final answer itself."""
    return tuple(seen[:-1] if seen and seen[-1] == final else seen)


class Engine:
    """A SIP user agent for many phones. Use from one thread only; after `close` it is of no more use."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._answer_seconds = settings.answer_seconds
        self.happenings: deque[Happening] = deque()
        self._endpoint: _Endpoint | None = None
        self._pinger: _Pinger | None = None
        self._phones: dict[str, _Phone] = {}
        self._library = ctypes.CDLL(_library_path())
        self._by_call_id: dict[str, _Phone] = {}
        """Not by AOR: PBXes and the SIP stack write one in many ways, and two phones may have the same."""
        self._sending: _Phone | None = None
        """Whose REGISTER is being sent."""
        self._transports: dict[tuple[int, TlsFiles | None], int] = {}
        self._trace = _Trace(self)
        self._traced: frozenset[str] = frozenset()
        self._watch = ResponseWatch(self._library, self._seen)
        self._mute = Mute(self._library)
        self._sent = SentWatch(self._library, lambda: self._sending is not None, self._goes_out)
        self._caller = PingCaller(self._library)
        self._intruders = Intruders()
        self._unsolicited = Unsolicited()
        self._requests = RequestWatch(self._library, ALLOWED, self._asked, lambda: self._discarded("Stray"))
        self._streams = StreamWatch(self._library, self._discarded)
        self._connected: set[int] = set()
        """Our TCP and TLS connections, by the address of their `pjsip_transport`."""
        self._names = NameTable(self._library)
        self._pings: dict[int, tuple[Any, Place]] = {}
        """The pings in flight, each with what it was sent with."""
        self._ping_transports: dict[Place, int] = {}

    def open(self) -> None:
        """Start the endpoint with its UDP and TCP transports. Raises RuntimeError where it cannot."""
        endpoint = self._endpoint = _Endpoint(self)
        try:
            self._library.pj_log_set_level(0)
            endpoint.libCreate()
            endpoint.libInit(self._endpoint_config())
            self._library.pj_log_set_level(0)
            for watch in (
                self._watch,
                self._requests,
                self._streams,
                self._names,
                self._mute,
                self._caller,
                self._sent,
            ):
                watch.start()
            for kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP):
                self._open_transport(kind)
            endpoint.libStart()
            self.set_answer_time(self.settings.answer_seconds)
            self._pinger = self._create_pinger()
        except pj.Error as error:
            raise RuntimeError(f"pjsua2 did not start: {_reason(error)}") from None

    def _endpoint_config(self) -> Any:
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = _TRACE_LEVEL
        config.logConfig.decor = 0
        config.logConfig.writer = self._trace
        config.uaConfig.userAgent = self.settings.user_agent
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.medConfig.threadCnt = 0
        config.medConfig.hasIoqueue = False
        return config

    # Transports

    def _open_transport(self, kind: int, tls: TlsFiles | None = None) -> int:
        """Open one, unless it is open; returns its number. Raises pj.Error."""
        assert self._endpoint is not None
        present = self._transports.get((kind, tls))
        if present is not None:
            return present
        config = pj.TransportConfig()
        config.boundAddress = self._bound_address(v6=kind in _V6_KINDS)
        if kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP):
            config.port = self.settings.port
        if tls is not None:
            config.tlsConfig.CaListFile = tls.ca_file or _SYSTEM_CA_FILE
            config.tlsConfig.certFile = tls.certificate_file or ""
            config.tlsConfig.privKeyFile = tls.key_file or ""
            config.tlsConfig.verifyServer = True
            config.tlsConfig.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
            config.tlsConfig.msecTimeout = int(self.settings.answer_seconds * 1000)
        number: int = self._endpoint.transportCreate(kind, config)
        self._transports[kind, tls] = number
        if tls is not None:
            connections.refuse(self._port(number))  # the SIP stack cannot but listen
        elif kind in (pj.PJSIP_TRANSPORT_TCP, pj.PJSIP_TRANSPORT_TCP6):
            self._streams.listens(self._port(number))
        return number

    def _bound_address(self, *, v6: bool) -> str:
        ours = self.settings.bind_address
        return ours if (":" in ours) == v6 else ""

    def _transport_for(self, place: Place, tls: TlsFiles | None) -> int:
        """The transport over which a request goes there; opened where it is the first one of its kind."""
        uri = sip_uri.parse(place.uri)
        kind = _KINDS[uri.effective_transport, ":" in (place.target.address if place.target else uri.host)]
        return self._open_transport(kind, (tls or TlsFiles()) if uri.secure else None)

    def _close_unused_tls(self) -> None:
        """Close the TLS transports whose files no phone uses any more: the SIP stack carries but a few."""
        assert self._endpoint is not None
        used = {phone.transport for phone in self._phones.values() if phone.live}
        used.update(self._ping_transports.values())
        for key, number in list(self._transports.items()):
            if key[1] is not None and number not in used:
                del self._transports[key]
                self._endpoint.transportClose(number)

    def reopen_udp(self) -> None:
        """Take new UDP sockets: something on the way may have turned against the old ones.

        Every phone is to be registered anew after this, since a refresh would hold on to the old socket.
        """
        assert self._endpoint is not None
        for kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_UDP6):
            number = self._transports.pop((kind, None), None)
            if number is not None:
                self._endpoint.transportClose(number)
                self._open_transport(kind)

    def trace(self, phones: Set[str]) -> None:
        """Give out the SIP messages of these phones as Signals, from now on. With none of them it costs nothing."""
        self._traced = frozenset(phones)
        self._library.pj_log_set_level(_TRACE_LEVEL if phones else 0)

    def overheard(self, sent: bool, peer: str, message: str) -> None:
        """A SIP message went over the wire."""
        begins = self._sending if sent else None  # the first of a registration is told before its Call-ID is known
        phone = begins or self._by_call_id.get(sip_message.call_id(message))
        if phone is not None and phone.name in self._traced:
            self.happenings.append(Signal(phone.name, sent, peer, sip_message.redacted(message)))

    def _create_pinger(self) -> _Pinger:
        pinger = _Pinger(self)
        config = pj.AccountConfig()
        config.idUri = NOBODY
        config.regConfig.registerOnAdd = False
        config.natConfig.contactUseSrcPort = 0  # else the SIP stack looks names up by itself
        pinger.create(config)
        return pinger

    def set_answer_time(self, seconds: float) -> None:
        """How long a transaction waits for its answer (RFC 3261: timers B, D and F), from now on."""
        self._answer_seconds = seconds
        self._library.pjsip_tsx_set_timers(0, 0, 0, int(seconds * 1000))

    def poll(self, seconds: float) -> Iterator[Happening]:
        """Wait up to `seconds` for the network, then give out what happened."""
        assert self._endpoint is not None
        if self.happenings:
            seconds = 0
        self._endpoint.libHandleEvents(max(0, math.ceil(seconds * 1000)))  # too early, and the caller would ask again
        self._streams.look(time.monotonic(), self._answer_seconds)
        while self.happenings:
            yield self.happenings.popleft()

    def take_intruders(self) -> Intruders:
        """What came from strangers since the last time."""
        taken, self._intruders = self._intruders, Intruders()
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

    def _asked(self, method: str, head: str) -> int:
        verdict = self._unsolicited.judge(method, head, time.monotonic())
        self._intruders.requests[verdict] += 1
        return verdict.code

    def _discarded(self, reason: str) -> None:
        self._intruders.discarded[reason] += 1

    def register(self, phone: str, serial: int, registering: Registering, *, goodbye: bool = False) -> None:
        """Send a REGISTER of a new registration; an Answer with `serial` follows.

        It takes the place of the present one, which is un-REGISTERed only with `goodbye`.
        """
        account = self._phones.get(phone)
        if account is None:
            account = self._phones[phone] = _Phone(self, phone)
        account.serial, account.unregistering = serial, False
        account.earlier = []
        account.tls_name = _tls_name(sip_uri.parse(registering.registrar), registering.tls)
        try:
            (self._shut if goodbye else self._leave)(account)
            account.transport = self._transport_for(Place(registering.registrar, registering.target), registering.tls)
            account.handled = None
            with self._noting(account):
                account.create(self._account_config(account, registering))
            account.live = True
            if registering.tls is not None:
                self._close_unused_tls()
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
        target, name = place.target, _tls_name(uri, tls)
        if uri.secure and name != uri.host:
            target = target or Target(uri.host, uri.effective_port)
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
            transport = self._transport_for(place, tls)
            if uri.secure:
                self._ping_transports[place] = transport
            bound = uri.secure or ":" in (target.address if target else uri.host)
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
                    _superseded(phone.earlier, code),
                )
            )
            phone.earlier += [code] * _LONGEST_CHAIN
        return True

    @contextlib.contextmanager
    def _noting(self, account: _Phone) -> Iterator[None]:
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
        account.ours = sip_message.ours(request)
        self._by_call_id.pop(account.former_call_id, None)
        account.former_call_id, account.call_id, account.former = account.call_id, call_id, []
        self._by_call_id[call_id] = account

    def _leave(self, account: _Phone) -> None:
        """End the account without a word to its PBX, which is silent, or is asked anew with the same Contact.

        The un-REGISTER of the old registration could come late and take away the binding of the new one.
        """
        account.leaving = True
        with self._mute():
            self._shut(account)
        account.leaving = False

    def _shut(self, account: _Phone) -> None:
        """End the account; the SIP stack un-REGISTERs what is still registered."""
        if account.live:
            account.live = account.bound = False
            account.shutdown()

    def _account_config(self, account: _Phone, registering: Registering) -> Any:
        transport = account.transport
        config = pj.AccountConfig()
        config.idUri = registering.aor
        registration = config.regConfig
        registration.registrarUri = registering.registrar
        registration.timeoutSec = registering.expires
        registration.retryIntervalSec = 0
        registration.firstRetryIntervalSec = 0
        registration.delayBeforeRefreshSec = 1
        registration.unregWaitMsec = _UNREGISTER_MSEC
        registration.contactParams = "".join(f";{name}={value}" for name, value in registering.contact_parameters)
        for name, value in registering.headers:
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            registration.headers.append(header)
        to = sip_uri.parse(registering.registrar)
        target, name = registering.target, _tls_name(to, registering.tls)
        if to.secure and name != to.host:
            target = target or Target(to.host, to.effective_port)
        if target is not None:
            config.sipConfig.proxies.append(self._route(to, name, target))
            account.handled = (name, target) if to.secure else None
        config.sipConfig.contactForced = self._forced_contact(registering, transport, target)
        if to.secure or ":" in (target.address if target else to.host):
            config.sipConfig.transportId = transport  # TLS: one of several, each with its own files
        nat = config.natConfig
        nat.contactRewriteUse = nat.viaRewriteUse = nat.sipOutboundUse = 0
        nat.udpKaIntervalSec = 0
        if registering.password is not None:
            credentials = pj.AuthCredInfo("digest", "*", registering.username, 0, registering.password)
            config.sipConfig.authCreds.append(credentials)
        return config

    def _route(self, to: sip_uri.SipUri, name: str, target: Target) -> str:
        """A route to the target that the SIP stack follows and does not send (its parameter `hide`).

        Over TLS it carries the name that the certificate must have; its port is then but a handle of the name table.
        """
        host, port = (name, self._names.handle(name, target)) if to.secure else (target.address, target.port)
        return f"<{sip_uri.SipUri(to.scheme, '', host, port, to.transport, ('lr', 'hide'))}>"

    def _forced_contact(self, registering: Registering, transport: int, target: Target | None) -> str:
        """The Contact with the announced address; empty for the SIP stack's own choice.

        That one would look the name up by which a TLS connection is checked.
        """
        to = sip_uri.parse(registering.registrar)
        host = registering.public_address
        if host is None and to.secure and target is not None:
            with contextlib.suppress(OSError):  # no way there: the REGISTER says so
                host = self._bound_address(v6=":" in target.address) or connections.local_address(target.address)
        if host is None:
            return ""
        user = sip_uri.parse_aor(registering.aor).user
        return sip_uri.contact(user, host, self._port(transport), registering.registrar)

    def _port(self, transport: int) -> int:
        """The port that a transport listens on."""
        assert self._endpoint is not None
        return int(str(self._endpoint.transportGetInfo(transport).localName).rpartition(":")[2])

    def _failed(self, account: _Phone, error: Any) -> None:
        self.happenings.append(
            Answer(account.name, account.serial, account.unregistering, 0, _reason(error), 0, "", "")
        )


def _tls_name(uri: sip_uri.SipUri, tls: TlsFiles | None) -> str:
    """The name that the certificate of the PBX at this URI must have."""
    return ((tls.server_name if tls else None) or uri.host).lower()


def _reason(error: Any) -> str:
    return str(error.reason or error.title)


def phones_per_endpoint() -> int:
    """How many phones one process carries; one account of its table is the pinger's.

    The own build (images/pjsua2) tells the size of its table. One that does not is taken for the PyPI wheel.
    """
    library = ctypes.CDLL(_library_path())
    try:
        accounts = ctypes.c_uint.in_dll(library, "softphone_fleet_max_accounts").value
    except ValueError:
        accounts = WHEEL_ACCOUNTS
    return accounts - 1


def version() -> str:
    """The version of pjproject, as `2.15.1`."""
    library = ctypes.CDLL(_library_path())
    library.pj_get_version.restype = ctypes.c_char_p
    found = library.pj_get_version()
    return found.decode() if found else "unknown"


def _library_path() -> str:
    """The shared library, in the wheel's layout or that of an own build."""
    for name in ("pjsua2._pjsua2", "_pjsua2"):
        with contextlib.suppress(ImportError):
            return str(importlib.import_module(name).__file__)
    raise RuntimeError("pjsua2 has no shared library beside it")
