"""What follows from an answer to a REGISTER or un-REGISTER: counters, verdicts on the PBX, the machine's event."""

from __future__ import annotations

from softphone_agent.dns.targets import Place
from softphone_agent.paths.support import Support
from softphone_agent.registration.events import Rejected, Unregistered
from softphone_agent.registration.policy import LONGEST_RETRY_AFTER
from softphone_agent.registration.states import Phase
from softphone_agent.sip import sip_message
from softphone_agent.sip.happenings import Answer
from softphone_agent.worker import translation
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.names import Names
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.watched import Watched


class Answers:
    """Hands answers on. Those to a request that the machine does not await any more are dropped."""

    def __init__(
        self,
        configured: Configured,
        names: Names,
        outbox: Outbox,
        phones: Phones,
        watched: Watched,
        support: Support,
    ) -> None:
        self._configured = configured
        self._names = names
        self._outbox = outbox
        self._phones = phones
        self._watched = watched
        self._support = support

    def answered(self, answer: Answer, now: float) -> None:
        """The final answer of a PBX, or its silence."""
        phone = self._phones.get(answer.phone)
        if phone is None or answer.serial != phone.state.serial:
            return
        if answer.unregister:
            self._phones.feed(phone.name, Unregistered(answer.serial))
            return
        attempt, config, plan = phone.state.attempt, phone.config, phone.state.plan
        if attempt is None:
            return
        event, outcome = translation.event_of(answer, lambda uri: self._configured.registrar(uri, config, plan))
        place = phone.asked or Place(attempt.target.uri)
        pbx = self._configured.label(config, place.uri)
        self._outbox.news.observations += translation.observations(answer, outcome, pbx, now - phone.asked_at)
        if outcome == "accepted":
            phone.location, phone.contact = phone.sent_location, answer.contact
            phone.observed_address = sip_message.observed_address(answer.message)
            if phone.bound_at != place:
                phone.former_at, phone.bound_at = phone.bound_at, place
        if outcome == "unreachable":
            self._watched.register_unanswered(place, phone.asked_at, now)
        else:
            self._support.register_answered(place.uri, phone.asked_at, now)
            self._watched.register_answered(place, phone.asked_at, now)
        if answer.serial != phone.state.serial:
            return  # the verdict on its PBX made the phone ask another one
        if outcome == "unreachable" or answer.code == 503:
            if place.target is not None and isinstance(event, Rejected) and event.retry_after:
                self._names.leave_alone(place, now + min(event.retry_after, LONGEST_RETRY_AFTER))
            if phone.other_servers and phone.state.phase is not Phase.STOPPING:
                self._phones.ask_servers(phone, phone.other_servers, now)
                return
        phone.request = None
        self._phones.feed(phone.name, event)

    def refused(self, place: Place, now: float) -> None:
        """Nobody listens there: REGISTERs that wait for an answer from there wait in vain."""
        for phone in self._phones.snapshot():
            if phone.asked == place and phone.request is not None and phone.is_awaiting:
                answer = Answer(phone.name, phone.request.serial, False, 0, "nobody listens there (ICMP)", 0, "", "")
                self.answered(answer, now)
