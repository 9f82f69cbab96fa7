"""The path checks of a worker's phones: gives events to their machines, asks what they want asked, reports the ways."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from softphone_agent.contract.report import PathReport
from softphone_agent.paths import events, machine
from softphone_agent.paths.actions import Ask
from softphone_agent.paths.plan import CheckPlan, Holding
from softphone_agent.paths.states import State, Way
from softphone_agent.paths.support import Support
from softphone_agent.phone.observations import PathChecked
from softphone_agent.phone.planning import instance_id
from softphone_agent.registration import states
from softphone_agent.registration.pacing import fraction
from softphone_agent.registration.plan import Registrar
from softphone_agent.sip.happenings import Fetched
from softphone_agent.worker.alarms import Alarms
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.event_queue import EventQueue
from softphone_agent.worker.fetching import Fetching
from softphone_agent.worker.listing import event_of
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.running import RunningPhone
from softphone_agent.worker.way_reports import checks_ways, described, without_times


@dataclass(slots=True, eq=False)
class _Check:
    """What is kept of a phone that checks its ways."""

    state: State
    wake_at: float | None = None
    dead: frozenset[Registrar] = frozenset()
    """The PBXes that the phone knew to be dead when it was looked at last."""
    reports: dict[Way, PathReport] = field(default_factory=dict)
    """Of the ways as they were reported, without the times that change with each check."""


class PathChecks:
    """Those of all phones that are to check their ways, by name; the others cost nothing here."""

    def __init__(
        self, configured: Configured, outbox: Outbox, phones: Phones, fetching: Fetching, support: Support
    ) -> None:
        self._configured = configured
        self._outbox = outbox
        self._phones = phones
        self._fetching = fetching
        self._support = support
        self._checks: dict[str, _Check] = {}
        self._alarms: Alarms[tuple[str, float]] = Alarms(self._is_still_due)
        self._events: EventQueue[events.Event] = EventQueue(self._take)

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` has something to do."""
        return self._alarms.next

    def look_at(self, names: Iterable[str]) -> None:
        """Something has changed with these phones."""
        for name in names:
            phone = self._phones.get(name)
            if phone is not None and not phone.removed and checks_ways(phone.config):
                self._look_at(phone)
            elif name in self._checks:
                self._forget(name, phone)

    def wake(self, now: float) -> None:
        """Do what is due by now."""
        for due in self._alarms.due(now):
            if self._is_still_due(due):
                self._checks[due[0]].wake_at = None
                self._events.feed(due[0], events.TimePassed())

    def _look_at(self, phone: RunningPhone) -> None:
        config = phone.config
        own = fraction(f"{config.id or config.name} paths", 0.0, 1.0)
        plan = CheckPlan(phone.state.plan, config.registration.path_check_seconds, own)
        check = self._checks.get(phone.name)
        if check is None:
            check = self._checks[phone.name] = _Check(machine.begin(plan))
            self._report(phone, check)
        elif check.state.plan != plan:
            check.reports.clear()
            self._events.feed(phone.name, events.Reconfigured(plan))
        dead, check.dead = check.dead, phone.state.dead
        self._events.feed(phone.name, _event_of(phone.state))
        for registrar in dead ^ check.dead:
            self._events.feed(phone.name, events.Doubted(registrar))

    def _forget(self, name: str, phone: RunningPhone | None) -> None:
        """The phone checks its ways no more, or is gone."""
        del self._checks[name]
        self._fetching.drop(name)
        if phone is not None:
            phone.paths = ()
            self._phones.report(phone)

    def _take(self, name: str, event: events.Event) -> None:
        check, phone, now = self._checks.get(name), self._phones.get(name), time.monotonic()
        if check is None or phone is None:
            return
        before = check.state
        check.state, actions = machine.step(before, event, now)
        for action in actions:
            if isinstance(action, Ask):
                self._ask(phone, action, now)
            else:
                self._fetching.drop(name)
        if check.state.ways != before.ways:
            self._observe(before, check.state)
            self._report(phone, check)
        wakeup = machine.next_wakeup(check.state)
        if wakeup is not None and wakeup != check.wake_at:
            self._alarms.set(wakeup, (name, wakeup))
        check.wake_at = wakeup

    def _ask(self, phone: RunningPhone, ask: Ask, now: float) -> None:
        uri = ask.registrar.uri
        if (why := self._support.why_not(uri, now)) is not None:
            self._events.feed(phone.name, events.NotSupported(ask.serial, why))
        elif not self._fetching.ask(phone, uri, partial(self._answered, ask), now):
            self._events.feed(phone.name, events.Postponed(ask.serial))

    def _answered(self, ask: Ask, answer: Fetched, now: float) -> None:
        phone = self._phones.get(answer.phone)
        if phone is None:
            return
        config, plan = phone.config, phone.state.plan
        contact, instance = phone.contact or "", str(instance_id(config))
        registrar = partial(self._configured.registrar, config=config, plan=plan)
        event = event_of(ask.serial, answer, contact, instance, registrar)
        if isinstance(event, events.Found) and event.lists:
            self._support.listed(ask.registrar.uri, now)
        self._events.feed(phone.name, event)

    def _observe(self, before: State, after: State) -> None:
        """Count the checks that have ended."""
        known = {(way.entry, way.checked_at) for way in before.ways}
        for way in after.ways:
            if way.seconds is not None and (way.entry, way.checked_at) not in known:
                self._outbox.observe(PathChecked(way.entry.value, way.result, way.seconds))  # type: ignore[arg-type]

    def _report(self, phone: RunningPhone, check: _Check) -> None:
        """Report the ways, where they are others than before."""
        label = partial(self._configured.label, phone.config)
        wall = partial(operator.add, time.time() - time.monotonic())
        ways = {without_times(way): way for way in check.state.ways}
        check.reports = {bare: check.reports.get(bare) or described(way, label, wall) for bare, way in ways.items()}
        paths = tuple(check.reports.values())
        if paths != phone.paths:
            phone.paths = paths
            self._phones.report(phone)

    def _is_still_due(self, due: tuple[str, float]) -> bool:
        check = self._checks.get(due[0])
        return check is not None and check.wake_at == due[1]


def _event_of(state: states.State) -> events.Event:
    """What the state of a phone's registration means to its path checks."""
    binding = state.binding
    if binding is None or state.phase is states.Phase.UNREGISTERING or state.ended:
        return events.Lost()
    if state.attempt is not None:
        return events.Refreshing()
    home = state.plan.home or state.home
    is_dead = home is not None and home in state.dead | state.silent
    return events.Held(Holding(binding.registrar, home, is_dead, state.health.not_before))
