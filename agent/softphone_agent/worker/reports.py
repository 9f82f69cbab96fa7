"""Tells the supervisor, and the log, what each step of a phone means to people."""

from __future__ import annotations

import time

import structlog

from softphone_agent.phone.observations import FailoverSeen, OutageSeen
from softphone_agent.registration.actions import Action
from softphone_agent.registration.changes import FailedOver, OutageBegan, OutageEnded, changes
from softphone_agent.registration.events import Event
from softphone_agent.registration.states import State
from softphone_agent.worker import reporting
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.moves import Back, Lost, Moves
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.running import RunningPhone

log = structlog.get_logger()


class Reports:
    """Reports of phones, and the observations that come of their steps."""

    def __init__(self, configured: Configured, outbox: Outbox, moves: Moves) -> None:
        self._configured = configured
        self._outbox = outbox
        self._moves = moves

    def stepped(self, phone: RunningPhone, before: State, now: float) -> None:
        """Note the outages and fail-overs of a step from the state `before`."""
        found = changes(before, phone.state, now)
        if any(isinstance(change, OutageEnded | FailedOver) for change in found):
            self._moves.add(Back(phone.name, before.loss.at if before.loss is not None else now))
        for change in found:
            if isinstance(change, OutageBegan):
                assert phone.state.loss is not None
                label = self._configured.directory.of_phone(phone.config).label
                phone.outage = reporting.outage_of(phone.state.loss, label, wall)
                self._moves.add(Lost(phone.name, phone.state.loss.at))
            elif isinstance(change, OutageEnded):
                self._outbox.observe(OutageSeen(change.seconds))
                if phone.outage is not None:
                    phone.outage = phone.outage.model_copy(update={"ended": reporting.rfc3339(wall(now))})
            elif isinstance(change, FailedOver):
                label = self._configured.directory.of_phone(phone.config).label
                source, target = label(change.source.uri), label(change.target.uri)
                self._outbox.observe(FailoverSeen(source, target, change.reason))
        if phone.outage is not None and phone.outage.ended is None and phone.state.loss is None:
            phone.outage = None  # nobody waits for its end: the phone is to rest

    def trace(self, phone: RunningPhone, event: Event, before: State, actions: tuple[Action, ...]) -> None:
        """Log a step of a phone that is traced."""
        after = phone.state
        log.info(
            "transition",
            softphone=phone.name,
            on=type(event).__name__,
            before=before.phase.value,
            after=after.phase.value,
            registrar=after.binding.registrar.uri if after.binding else None,
            actions=[reporting.words(action) for action in actions],
        )

    def report(self, phone: RunningPhone) -> None:
        """Report the phone if something is other than in its last report."""
        binding = phone.state.binding
        expiry = wall(binding.expires_at) if binding else 0.0
        if abs(expiry - phone.reported_expiry) > 0.5:
            phone.reported_expiry = expiry
            self._outbox.news.expiries[phone.name] = expiry
        if reporting.is_retrying(phone.state) and phone.reported is not None:
            return  # round after round of the same is no news
        basis = reporting.basis(phone)
        if basis == phone.reported_from:
            return
        phone.reported_from = basis
        label = self._configured.directory.of_phone(phone.config).label
        report = reporting.describe(phone, label, wall, time.monotonic())
        if report != phone.reported:
            phone.reported = report
            self._outbox.news.phones.append(report)

    def report_removed(self, name: str) -> None:
        """The phone is gone."""
        self._outbox.news.removed.append(name)


def wall(monotonic: float) -> float:
    """The Unix time at this monotonic one."""
    return time.time() + monotonic - time.monotonic()
