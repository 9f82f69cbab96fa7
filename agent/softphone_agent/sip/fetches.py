"""REGISTERs without Contact, which ask a PBX for the bindings of a phone and change none (RFC 3261, section 10.2.3).

They have Call-IDs and CSeqs of their own, so that the phone's registration knows nothing of them.
"""

from __future__ import annotations

from collections import deque

from softphone_agent.dns.targets import Place
from softphone_agent.sip import binding, chain
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.happenings import Fetched, Happening, SentAgain
from softphone_agent.sip.outgoing import Fetching, Outgoing
from softphone_agent.sip.request import RegisterRequest
from softphone_agent.sip.routing import explained
from softphone_agent.sip.transports import Transports

ANEW_SECONDS = 60.0
"""A TLS connection is made anew to one place at most so often: it costs what a thousand requests do."""
MOST_PLACES = 4
"""Of so many places a phone keeps Call-ID and nonce: the next request there needs no challenge."""


class Fetches:
    """Those of all phones that ask. What comes of them is appended to `happenings`."""

    def __init__(self, outgoing: Outgoing, transports: Transports, happenings: deque[Happening]) -> None:
        self._outgoing = outgoing
        self._transports = transports
        self._happenings = happenings
        self._kept: dict[str, dict[Place, Registration]] = {}
        self._anew_at: dict[Place, float] = {}

    def fetch(self, phone: str, serial: int, request: RegisterRequest, now: float, *, anew: bool) -> None:
        """Send one in place of the phone's last one; a Fetched with `serial` follows.

        `anew`: where it goes by TLS, over a connection of its own. One that is there may have been made with a
        certificate that the PBX shows no more, or that is accepted no more.
        """
        self.drop(phone)
        place = Place(request.registrar, request.target)
        anew = anew and request.tls is not None and now - self._anew_at.get(place, float("-inf")) >= ANEW_SECONDS
        opened = self._transports.open_once if anew else self._transports.for_place
        try:
            transport = opened(place, request.tls)
        except OSError as error:
            self._happenings.append(Fetched(phone, serial, 0, error.strerror or str(error), "", was_sent=False))
            return
        if anew:
            self._anew_at = {at: then for at, then in self._anew_at.items() if now - then < ANEW_SECONDS} | {place: now}
        kept = self._kept.setdefault(phone, {})
        known = kept.pop(place, None)
        if known is None or known.request != request:
            known = Registration(request, place, "", transport, binding.new_session(request), 0)
        kept[place] = known
        while len(kept) > MOST_PLACES:
            del kept[next(iter(kept))]
        self._send(Fetching(phone, serial, known, chain.Chain(0, known.session), transport, anew))

    def drop(self, phone: str) -> None:
        """Wait no longer for the phone's, if there is one in flight."""
        dropped = self._outgoing.cancel_fetch(phone)
        if dropped is not None and dropped.is_only_one:
            self._transports.close_once(dropped.transport)

    def forget(self, phone: str) -> None:
        """The phone is gone."""
        self.drop(phone)
        self._kept.pop(phone, None)

    def is_of(self, phone: str, call_id: str) -> bool:
        """Whether a message with this Call-ID is of such a request of the phone."""
        return any(one.call_id == call_id for one in self._kept.get(phone, {}).values())

    def answered(self, one: Fetching, code: int, reason: str, message: str, *, was_sent: bool) -> None:
        """The final answer to one; `code` 0: none, and `reason` says why."""
        following = chain.step(one.chain, code, message) if code else chain.Final()
        if isinstance(following, chain.Again):
            self._happenings.append(SentAgain(one.place))
            self._send(one)
            return
        if one.is_only_one:
            self._transports.close_once(one.transport)
        reason = following.reason or reason or ("" if code else "no answer")
        words = explained(reason, one.place, one.registration.request.tls)
        self._happenings.append(Fetched(one.phone, one.serial, code, words, message, was_sent))

    def _send(self, one: Fetching) -> None:
        fault = self._outgoing.fetch(one)
        if fault:
            self.answered(one, 0, fault, "", was_sent=False)
