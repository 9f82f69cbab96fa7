"""Replaces the agent's UDP sockets when something on the way has turned against them.

When a ping is not answered, another socket asks too (second opinion). If that one is answered and the next ping from
the agent's own socket is not, the own socket is dead.
"""

from __future__ import annotations

import structlog

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.registration.events import Reconfigured
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.sip.routing import address_of
from softphone_agent.sip.second_opinion import SecondOpinion
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.watched import Watched

REOPEN_SECONDS = 30.0
"""New UDP sockets are taken at most so often."""

log = structlog.get_logger()


class DeadSockets:
    """The one second opinion that is asked for at a time, and what it leads to. Times are monotonic seconds."""

    def __init__(self, engine: SipEngine, configured: Configured, phones: Phones, watched: Watched) -> None:
        self._engine = engine
        self._configured = configured
        self._phones = phones
        self._watched = watched
        self._opinion: SecondOpinion | None = None
        self._reopened_at = float("-inf")

    def ping_answered(self, place: Place) -> None:
        """The own socket works: what another one was answered before says nothing of the next ping."""
        if self._opinion is not None and self._opinion.place == place:
            self._opinion.close()
            self._opinion = None

    def ping_unanswered(self, place: Place, now: float) -> None:
        """Ask from another socket; if that was answered before and this ping was not, take new sockets."""
        opinion, self._opinion = self._opinion, None
        answered = False
        if opinion is not None:
            answered = opinion.place == place and opinion.answered
            opinion.close()
        if answered:
            self._reopen(place, now)
        elif now - self._reopened_at >= REOPEN_SECONDS:
            self._ask_from_another(place)

    def _ask_from_another(self, place: Place) -> None:
        settings, aor = self._engine.settings, self._watched.aor_for(place.uri)
        if settings.port or sip_uri.parse(place.uri).effective_transport != "udp" or aor is None:
            return
        try:
            self._opinion = SecondOpinion(place, aor, settings.bind_address)
        except OSError as error:
            log.info("no way to the pbx", pbx=self._configured.directory.label(place.uri), reason=error.strerror)

    def _reopen(self, place: Place, now: float) -> None:
        """Take new sockets, and register all phones from there."""
        log.warning("the pbx answers others: new UDP sockets", pbx=self._configured.directory.label(place.uri))
        self._reopened_at = now
        self._configured.count_new_sockets()
        self._engine.reopen_udp(address_of(place))
        for phone in self._phones.snapshot():
            if not phone.removed:
                before = phone.state.plan
                plan = self._configured.plan(phone.config, phone.secret, fault=before.fault, waits=before.waits)
                self._phones.feed(phone.name, Reconfigured(plan))
