"""Sends the REGISTERs without Contact of path and binding checks: paid, looked up, to one server after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from softphone_agent.contract.retry_after import retry_after
from softphone_agent.dns.targets import Place, Target, choose
from softphone_agent.paths.support import Support
from softphone_agent.paths.verdicts import NOT_SUPPORTED
from softphone_agent.registration.policy import LONGEST_RETRY_AFTER
from softphone_agent.sip.happenings import Fetched
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.messages import LookedUp
from softphone_agent.worker.names import Names, is_name
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.rates import Rates
from softphone_agent.worker.running import RunningPhone
from softphone_agent.worker.watched import Watched

Tell = Callable[[Fetched, float], None]
"""Who asked is told the answer, and the time of it in monotonic seconds."""


@dataclass(slots=True)
class _Asked:
    """One request in flight."""

    uri: str
    tell: Tell
    asked_at: float
    serial: int = 0
    place: Place | None = None
    """Where it was sent; None while the name is being looked up."""
    anew: bool = True
    others: tuple[Target, ...] = field(default=())
    """Servers of the name that are asked if that one does not answer."""


class Fetching:
    """At most one request of each phone is in flight. `draw` gives random numbers in [0, 1)."""

    def __init__(
        self,
        engine: SipEngine,
        configured: Configured,
        names: Names,
        rates: Rates,
        phones: Phones,
        watched: Watched,
        support: Support,
        draw: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._configured = configured
        self._names = names
        self._rates = rates
        self._phones = phones
        self._watched = watched
        self._support = support
        self._draw = draw
        self._asked: dict[str, _Asked] = {}
        self._serial = 0

    def ask(self, phone: RunningPhone, uri: str, tell: Tell, now: float, place: Place | None = None) -> bool:
        """Ask this registrar; `tell` is called with the answer.

        With `place` it is asked there, over the connection that the phone's registration goes over; else it is looked
        up as for a REGISTER, and asked over a connection that is made anew now and then.

        False where the phone waits for another answer of this kind, or where REGISTERs that cannot wait go before.
        """
        if phone.name in self._asked or not self._rates.spare(uri, now):
            return False
        asked = self._asked[phone.name] = _Asked(uri, tell, now, anew=place is None)
        if place is None and is_name(uri):
            self._names.look_up(uri, now)
        else:
            self._send(phone, asked, place or Place(uri), now)
        return True

    def is_asking(self, name: str) -> bool:
        """Whether an answer is awaited for this phone."""
        return name in self._asked

    def drop(self, name: str) -> None:
        """Wait for the phone's no longer."""
        if self._asked.pop(name, None) is not None:
            self._engine.drop_fetch(name)

    def looked_up(self, answer: LookedUp, now: float) -> None:
        """Where a name leads: send what waited for it."""
        for name, asked in list(self._asked.items()):
            if asked.uri != answer.uri or asked.place is not None:
                continue
            phone = self._phones.get(name)
            if phone is None:
                del self._asked[name]
                continue
            present = phone.server_of(asked.uri)
            if not answer.fault:
                judge = partial(self._is_alive, answer.uri, now)
                order = choose(answer.servers, present, judge, self._draw)
                asked.others = order[1:]
                self._send(phone, asked, Place(asked.uri, order[0]), now)
            elif present is not None:  # the PBX that holds the phone
                self._send(phone, asked, Place(asked.uri, present), now)
            else:
                self._tell(Fetched(name, asked.serial, 0, answer.fault, "", was_sent=False), now)

    def fetched(self, answer: Fetched, now: float) -> None:
        """The final answer of a PBX, or its silence."""
        asked, phone = self._asked.get(answer.phone), self._phones.get(answer.phone)
        if asked is None or answer.serial != asked.serial or asked.place is None:
            return
        if phone is not None:
            self._judge(asked, asked.place, answer, now)
            if answer.code in (0, 503) and asked.others:
                target, *others = asked.others
                asked.others = tuple(others)
                self._send(phone, asked, Place(asked.uri, target), now)
                return
        self._tell(answer, now)

    def refused(self, place: Place, now: float) -> None:
        """Nobody listens there: what waits for an answer from there waits in vain."""
        for name, asked in list(self._asked.items()):
            if asked.place == place and self._asked.get(name) is asked:
                self._engine.drop_fetch(name)
                self.fetched(Fetched(name, asked.serial, 0, "nobody listens there (ICMP)", "", was_sent=False), now)

    def _judge(self, asked: _Asked, place: Place, answer: Fetched, now: float) -> None:
        """What the answer says of the PBX itself."""
        if not answer.code:
            if answer.was_sent:
                self._support.unanswered(asked.uri, asked.asked_at)
            return
        self._support.answered(asked.uri)
        self._watched.register_answered(place, asked.asked_at, now)
        if answer.code in NOT_SUPPORTED:
            why = f"it answers a REGISTER without Contact with {answer.code}"
            self._support.learned(asked.uri, why, now)
        if answer.code == 503 and place.target is not None and (seconds := retry_after(answer.message)):
            self._names.leave_alone(place, now + min(seconds, LONGEST_RETRY_AFTER))

    def _send(self, phone: RunningPhone, asked: _Asked, place: Place, now: float) -> None:
        self._serial += 1
        asked.serial, asked.place, asked.asked_at = self._serial, place, now
        request = self._configured.request(phone.config, phone.secret, place)
        self._engine.fetch(phone.name, asked.serial, request, anew=asked.anew)

    def _tell(self, answer: Fetched, now: float) -> None:
        asked = self._asked.pop(answer.phone)
        asked.tell(answer, now)

    def _is_alive(self, uri: str, now: float, target: Target) -> bool | None:
        return self._watched.is_server_alive(uri, target, now)
