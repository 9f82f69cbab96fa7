"""What becomes of the REGISTERs that wait for DNS to say where their registrar's name leads."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from softphone_agent.dns.targets import Target, choose, targets_of
from softphone_agent.phone.observations import RegisterDone
from softphone_agent.registration.events import Unreachable
from softphone_agent.registration.states import Phase
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.messages import LookedUp
from softphone_agent.worker.names import Names
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.running import RunningPhone
from softphone_agent.worker.translation import LONGEST_MESSAGE
from softphone_agent.worker.watched import Watched

REFRESH_PATIENCE = 0.5
"""Seconds that a refresh waits for DNS; after that it goes where the phone is registered."""

log = structlog.get_logger()


class LookUps:
    """The answers to look-ups. `draw` gives random numbers in [0, 1)."""

    def __init__(
        self,
        configured: Configured,
        names: Names,
        outbox: Outbox,
        phones: Phones,
        watched: Watched,
        draw: Callable[[], float],
    ) -> None:
        self._configured = configured
        self._names = names
        self._outbox = outbox
        self._phones = phones
        self._watched = watched
        self._draw = draw

    def answered(self, answer: LookedUp, now: float) -> None:
        """Where a name leads: go on with the REGISTERs that waited for it."""
        uri, label = answer.uri, self._configured.directory.label(answer.uri)
        moved = self._names.answered(answer, now)
        if answer.fault:
            log.warning("name not resolved", pbx=label, fault=answer.fault)
            if self._names.is_pinged_in_vain(uri):
                self._watched.report_unresolved(uri)
        elif moved:
            log.info("name resolved", pbx=label, servers=[str(target) for target in targets_of(answer.servers)])
            self._watched.is_outdated = True
        for phone in self._phones.snapshot():
            if phone.request is not None and phone.asked is None and phone.request.registrar.uri == uri:
                self._go_on(phone, answer, now)

    def refresh_without_dns(self, now: float) -> None:
        """A binding must not depend on DNS: a refresh that waited for it goes where the phone is registered."""
        for uri in self._names.unanswered(REFRESH_PATIENCE, now):
            for phone in self._phones.snapshot():
                request, present = phone.request, phone.server_of(uri)
                waits = request is not None and phone.asked is None and now - phone.asked_at >= REFRESH_PATIENCE
                if not waits or request is None or not request.refresh or not phone.is_awaiting:
                    continue
                if request.registrar.uri == uri and present is not None:
                    self._phones.ask_servers(phone, (present,), now)

    def _go_on(self, phone: RunningPhone, answer: LookedUp, now: float) -> None:
        """Send the REGISTER that waited for this answer, or say that it cannot be sent."""
        request, uri = phone.request, answer.uri
        assert request is not None
        if not phone.is_awaiting:
            phone.request = None
            return
        if phone.state.phase is Phase.STOPPING:
            phone.request = None
            self._phones.feed(phone.name, Unreachable(request.serial))
            return
        present = phone.server_of(uri)
        if not answer.fault:
            order = choose(answer.servers, present, lambda target: self._is_alive(uri, target), self._draw)
            self._phones.ask_servers(phone, order, now)
        elif request.refresh and present is not None:  # the binding must not depend on DNS
            self._phones.ask_servers(phone, (present,), now)
        else:
            phone.request = None
            label = self._configured.directory.label(uri)
            self._outbox.observe(RegisterDone(label, "unreachable", "", None))
            self._phones.feed(phone.name, Unreachable(request.serial, answer.fault[:LONGEST_MESSAGE]))

    def _is_alive(self, uri: str, target: Target) -> bool | None:
        return self._watched.is_server_alive(uri, target, time.monotonic())
