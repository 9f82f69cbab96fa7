"""What comes from others than the PBXes that were asked: requests, connections, what is no SIP. Counts, and bounds."""

from __future__ import annotations

from typing import Protocol

from softphone_agent.registration.pacing import TokenBucket
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.happenings import FromStrangers
from softphone_agent.sip.known_phones import NOT_FOUND, KnownPhones
from softphone_agent.sip.transports import Transports
from softphone_agent.sip.unsolicited import ALLOWED, NOT_AVAILABLE, OK, Reply, Unsolicited

MAX_INCOMING = 16
"""Connections that others may have open to one process, and may make in a second."""
DEAF_SECONDS = 1.0
"""For so long nobody is let in after too many came at once."""


class Invited(Protocol):
    """Given an INVITE's number and text, the time, and whether a PBX in use sent it."""

    def __call__(self, number: int, text: str, now: float, *, from_pbx: bool) -> int:
        """The code of the answer; 0 where it has taken the INVITE."""


class Strangers:
    """Answers what is to be answered, and lets no more in than there is room for. Times are monotonic seconds."""

    def __init__(
        self,
        client: SipClient,
        transports: Transports,
        unsolicited: Unsolicited,
        phones: KnownPhones,
    ) -> None:
        self._client = client
        self._transports = transports
        self._unsolicited = unsolicited
        self._phones = phones
        self._seen = FromStrangers()
        self._incoming: set[int] = set()
        self._bucket = TokenBucket(MAX_INCOMING)
        self._deaf_until: float | None = None
        self.invited: Invited | None = None
        """Asked with each INVITE that makes a new dialog, where phones answer calls."""

    def take(self) -> FromStrangers:
        """What came since the last time."""
        taken, self._seen = self._seen, FromStrangers()
        return taken

    def asked(self, number: int, method: str, text: str, source: str, now: float) -> None:
        """A request came from this IP address."""
        head = text.partition("\r\n\r\n")[0] + "\r\n"
        reply = self._unsolicited.reply_to(method, head, source, now)
        request_uri = text.partition(" ")[2].partition(" ")[0]
        if reply.code == NOT_AVAILABLE and not self._phones.has(request_uri):
            reply = Reply(method, NOT_FOUND)
        elif reply.code == NOT_AVAILABLE and self.invited is not None:
            reply = Reply(method, self.invited(number, text, now, from_pbx=self._unsolicited.is_pbx(source)))
            if not reply.code:
                return
        elif method == ALLOWED and reply.code == OK:
            reply = Reply(method, self._phones.options_code(request_uri, source))
        self._seen.requests[reply] += 1
        self._client.reply(number, reply.code)

    def discarded(self, reason: str) -> None:
        """Something was thrown away."""
        self._seen.discarded[reason] += 1

    def connected(self, connection: int, now: float) -> None:
        """Another one made a connection. The one that was silent for longest makes room for it."""
        self._incoming.add(connection)
        if not self._bucket.take(now):
            self._deaf_until = now + DEAF_SECONDS
            self._deafen(deaf=True)
        if len(self._incoming) > MAX_INCOMING:
            self.discarded("TooMany")
            self._client.close_connection(self._client.quietest())

    def disconnected(self, connection: int) -> None:
        """A connection that another one made is no more."""
        self._incoming.discard(connection)

    def look(self, now: float) -> None:
        """Let others in again when it is time."""
        if self._deaf_until is not None and now >= self._deaf_until:
            self._deaf_until = None
            self._deafen(deaf=False)

    def _deafen(self, *, deaf: bool) -> None:
        for transport in self._transports.listening():
            self._client.deafen(transport, deaf)
