"""The requests that go out for calls: what each carries, where it goes, and whose answer is whose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from softphone_agent.contract import sip_uri
from softphone_agent.sip import chain, dialog
from softphone_agent.sip.binding import PORT, Registration
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.dialog import Dialog
from softphone_agent.sip.routing import server_of, tls_name

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS"
"""The Allow header of phones that answer or make calls."""
ALLOW_HEADER = ("Allow", ALLOWED)
SUPPORTED_HEADER = ("Supported", "replaces")
FIRST_NUMBER = 1 << 40
"""REGISTERs and pings have the numbers below."""


@dataclass(slots=True)
class Call:
    """One call, as the engine knows it."""

    number: int
    phone: str
    registration: Registration
    dialog: Dialog
    invite: int = 0
    """The number of the INVITE that came last, by which it is answered; 0 for none, or one that is through."""
    answer: tuple[int, str] | None = None
    """The answer to it, to be sent again: code, and headers with the description."""
    in_flight: dict[int, str] = field(default_factory=dict)
    """The numbers of our requests that wait for their answers, and their methods."""
    offer: str = ""
    """Of our own INVITE."""
    headers: tuple[tuple[str, str], ...] = ()
    """More headers of our own INVITE."""
    chain: chain.Chain | None = None
    has_progressed: bool = False
    is_cancelled: bool = False
    is_answered: bool = False
    acknowledged: int = 0
    """The CSeq of our INVITE whose 2xx was acknowledged."""


class CallRequests:
    """Those that wait for their answers, by number."""

    def __init__(self, client: SipClient, user_agent: str, answer_seconds: Callable[[], float]) -> None:
        self._client = client
        self._user_agent = user_agent
        self._answer_seconds = answer_seconds
        self._sent: dict[int, Call] = {}
        self._last = FIRST_NUMBER

    def call_of(self, number: int) -> Call | None:
        """The call for which this request was sent."""
        return self._sent.get(number)

    def done(self, number: int) -> str:
        """This request waits no longer; its method."""
        call = self._sent.pop(number, None)
        return call.in_flight.pop(number, "") if call is not None else ""

    def cancel(self, call: Call, invite: int) -> None:
        """Send CANCEL for this INVITE."""
        self.track(call, "CANCEL", lambda number: self._client.send_cancel(number, invite, self.msec))

    @property
    def msec(self) -> int:
        """How long an answer is waited for."""
        return int(self._answer_seconds() * 1000)

    def send(self, call: Call, method: str, cseq: int) -> str:
        """Send this request; returns why that cannot be, empty where it can."""
        known, registration = call.dialog, call.registration
        to = known.remote + (f";tag={known.remote_tag}" if known.remote_tag else "")
        lines, sdp = known.route_headers(), ""
        if method != "ACK":
            lines.append(("User-Agent", self._user_agent))
        if method == "INVITE":
            lines += [("Contact", contact_of(registration, PORT)), ALLOW_HEADER, SUPPORTED_HEADER, *call.headers]
            sdp = call.offer
            if call.chain is not None and call.chain.session is not None:
                lines += call.chain.session.headers(method, known.request_uri)
        address, port = self._next_hop(call)
        place, secure = registration.place, sip_uri.parse(registration.place.uri).secure
        name = tls_name(sip_uri.parse(place.uri), registration.request.tls) if secure else ""
        rest = (address, port, name, registration.transport, self.msec)
        text = lines_of(lines, sdp)

        def sent(number: int) -> str:
            head = (number, method, known.request_uri, known.local, known.local_tag, to, known.call_id, cseq, text)
            return self._client.send(*head, *rest)

        return sent(0) if method == "ACK" else self.track(call, method, sent)

    def track(self, call: Call, method: str, send: Callable[[int], str]) -> str:
        """Send by this, given the number; returns why that cannot be. The answer is one to the number."""
        self._last += 1
        number = self._last
        call.in_flight[number], self._sent[number] = method, call
        fault = send(number)
        if fault:
            self.done(number)
        return fault

    def _next_hop(self, call: Call) -> tuple[str, int]:
        """Where a request goes: where its dialog says, as far as that is an address on the phone's transport.

        Else, and with the first INVITE, to the PBX at which the phone is registered: a name would need DNS.
        """
        server = server_of(call.registration.place)
        if not call.dialog.remote_tag:
            return server.address, server.port
        host, port, transport = dialog.hop_of(call.dialog.next_hop)
        kind = sip_uri.parse(call.registration.place.uri).effective_transport
        same_family = (":" in host) == (":" in server.address)
        if transport != kind or not sip_uri.is_address(host) or not same_family:
            return server.address, server.port
        return host, port


def lines_of(headers: list[tuple[str, str]], sdp: str = "") -> str:
    """Headers, and a description, as the client takes them."""
    head = "\n".join(f"{name}: {value}" for name, value in headers)
    return f"{head}\n\n{sdp}" if sdp else head


def contact_of(registration: Registration, port: str = "") -> str:
    """Our Contact in a dialog: that of the registration, without what is between phone and registrar only."""
    template = registration.template.partition(">")[0] + ">"
    return template.replace(PORT, port or registration.port)
