"""Sends REGISTER and OPTIONS by the SIP client, and knows which answer belongs to which of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.sip import binding
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.chain import Chain
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.request import TlsFiles
from softphone_agent.sip.routing import server_of, tls_name


@dataclass(slots=True)
class Registering:
    """A chain of REGISTERs whose last one waits for its answer."""

    phone: str
    """Empty where nobody waits for what becomes of it: what was left behind is removed."""
    serial: int
    registration: Registration
    chain: Chain

    @property
    def place(self) -> Place:
        """Where it goes."""
        return self.registration.place

    @property
    def transport(self) -> int:
        """Over which transport."""
        return self.registration.transport

    @property
    def is_unregister(self) -> bool:
        """Whether it removes the binding."""
        return self.chain.expires == 0


@dataclass(slots=True)
class Fetching:
    """A chain of REGISTERs without Contact whose last one waits for its answer."""

    phone: str
    serial: int
    registration: Registration
    chain: Chain
    transport: int
    """Over which it goes. Not that of `registration`."""
    is_only_one: bool = False
    """Whether the transport is there for this chain alone."""

    @property
    def place(self) -> Place:
        """Where it goes."""
        return self.registration.place


@dataclass(slots=True)
class Pinging:
    """An OPTIONS that waits for its answer."""

    place: Place
    transport: int


Request = Registering | Fetching | Pinging


class Outgoing:
    """The requests in flight, by number."""

    def __init__(self, client: SipClient, user_agent: str, allow: str, answer_seconds: float) -> None:
        self._client = client
        self._user_agent = user_agent
        self._allow = allow
        self.answer_seconds = answer_seconds
        self._in_flight: dict[int, Request] = {}
        self._of_phone: dict[str, int] = {}
        """The number of each phone's REGISTER in flight."""
        self._fetches: dict[str, int] = {}
        """The same of those without Contact."""
        self._last = 0

    def __iter__(self) -> Iterator[Request]:
        return iter(self._in_flight.values())

    def take(self, number: int) -> Request | None:
        """What this answer belongs to, which waits no longer; None where nobody waits for it."""
        taken = self._in_flight.pop(number, None)
        if isinstance(taken, Registering) and self._of_phone.get(taken.phone) == number:
            del self._of_phone[taken.phone]
        if isinstance(taken, Fetching) and self._fetches.get(taken.phone) == number:
            del self._fetches[taken.phone]
        return taken

    def cancel(self, phone: str) -> None:
        """Wait no longer for this phone's REGISTER."""
        self._cancel(self._of_phone.pop(phone, None))

    def cancel_fetch(self, phone: str) -> Fetching | None:
        """Wait no longer for this phone's REGISTER without Contact; returns it, None where there is none."""
        cancelled = self._cancel(self._fetches.pop(phone, None))
        return cancelled if isinstance(cancelled, Fetching) else None

    def _cancel(self, number: int | None) -> Request | None:
        if number is None:
            return None
        self._client.cancel(number)
        return self._in_flight.pop(number)

    def register(self, one: Registering) -> str:
        """Send the next REGISTER of this chain; returns why that cannot be, empty where it can."""
        headers = binding.headers(one.registration, one.chain.expires, self._user_agent, self._allow)
        return self._send_register(one, headers)

    def fetch(self, one: Fetching) -> str:
        """Send the next REGISTER without Contact of this chain; returns why that cannot be, empty where it can."""
        return self._send_register(one, binding.fetching_headers(one.registration, self._user_agent))

    def _send_register(self, one: Registering | Fetching, headers: list[tuple[str, str]]) -> str:
        registration = one.registration
        request = registration.request
        registration.cseq += 1
        return self._send(
            one,
            "REGISTER",
            binding.request_uri(request),
            request.aor,
            registration.tag,
            registration.call_id,
            registration.cseq,
            headers,
            request.tls,
        )

    def ping(self, place: Place, aor: str, tls: TlsFiles | None, transport: int) -> str:
        """Send OPTIONS there, in the name of this AOR; returns why that cannot be, empty where it can."""
        one, identity = Pinging(place, transport), uuid.uuid4().hex
        headers = [("Accept", "application/sdp"), ("User-Agent", self._user_agent)]
        return self._send(one, "OPTIONS", place.uri, aor, identity[:12], identity, 1, headers, tls)

    def _send(
        self,
        one: Request,
        method: str,
        uri: str,
        aor: str,
        tag: str,
        call_id: str,
        cseq: int,
        headers: list[tuple[str, str]],
        tls: TlsFiles | None,
    ) -> str:
        to = sip_uri.parse(one.place.uri)
        server = server_of(one.place)
        if not sip_uri.is_address(server.address):
            return f"no server of {server.address} is known"
        self._last += 1
        self._in_flight[self._last] = one
        if isinstance(one, Registering) and one.phone:
            self._of_phone[one.phone] = self._last
        elif isinstance(one, Fetching):
            self._fetches[one.phone] = self._last
        party = f"<{aor}>"
        fault = self._client.send(
            self._last,
            method,
            uri,
            party,
            tag,
            party,
            call_id,
            cseq,
            "\n".join(f"{name}: {value}" for name, value in headers),
            server.address,
            server.port,
            tls_name(to, tls) if to.secure else "",
            one.transport,
            int(self.answer_seconds * 1000),
        )
        if fault:
            self.take(self._last)
        return fault
