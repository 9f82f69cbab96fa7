"""The phones of a worker: gives events to their machines, carries out what the machines ask for, and wakes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from softphone_agent.dns.targets import Target
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Abandon, Action, Register, Unregister
from softphone_agent.registration.events import Delayed, Event, StopRequested, TimePassed
from softphone_agent.registration.states import State
from softphone_agent.worker.alarms import Alarms
from softphone_agent.worker.event_queue import EventQueue
from softphone_agent.worker.reports import Reports
from softphone_agent.worker.running import Due, RunningPhone
from softphone_agent.worker.sending import Sending


class Phones:
    """All phones, by name. `draw` gives random numbers in [0, 1).

    Events go through a queue: one that follows from another is taken when the step before it is finished.
    """

    def __init__(self, sending: Sending, reports: Reports, draw: Callable[[], float]) -> None:
        self._sending = sending
        self._reports = reports
        self._draw = draw
        self._phones: dict[str, RunningPhone] = {}
        self._alarms = Alarms(self._is_still_due)
        self._events: EventQueue[Event] = EventQueue(self._take)
        self.have_moved = False
        """Whether a phone has gone to another PBX. Who looks at that resets it."""
        self._changed: set[str] = set()

    def __len__(self) -> int:
        return len(self._phones)

    def __iter__(self) -> Iterator[RunningPhone]:
        """All phones. For loops that feed no events: an event may end in a phone's being forgotten."""
        return iter(self._phones.values())

    def snapshot(self) -> list[RunningPhone]:
        """All phones that there are now, for loops that feed events."""
        return list(self._phones.values())

    def get(self, name: str) -> RunningPhone | None:
        """The phone of this name."""
        return self._phones.get(name)

    def pbx_of(self, name: str) -> str | None:
        """Where this phone is registered, as people call that PBX; None for nowhere."""
        phone = self._phones.get(name)
        return phone.reported.pbx if phone is not None and phone.reported is not None else None

    @property
    def have_stopped(self) -> bool:
        """Whether every phone has stopped."""
        return all(phone.has_stopped for phone in self._phones.values())

    @property
    def next_alarm(self) -> float | None:
        """When the first phone is to be woken, or a request to be sent."""
        return self._alarms.next

    def add(self, phone: RunningPhone, now: float) -> None:
        """Take a new phone, in place of one with its name that was removed and has not stopped yet."""
        if phone.name in self._phones:
            self._sending.abandon(self._phones[phone.name])
        self._phones[phone.name] = phone
        self._finish(phone, now)

    def remove(self, phone: RunningPhone) -> None:
        """Stop a phone, and forget it when it has stopped."""
        phone.removed = True
        self.feed(phone.name, StopRequested())

    def stop(self) -> None:
        """Stop all phones."""
        for phone in self.snapshot():
            self.feed(phone.name, StopRequested())

    def report_again(self, phone: RunningPhone) -> None:
        """Make the phone's report again: PBXes may have other names now."""
        phone.reported_from = None
        self._changed.add(phone.name)
        self._reports.report(phone)

    def report(self, phone: RunningPhone) -> None:
        """Report the phone if something is other than in its last report."""
        self._reports.report(phone)

    def take_changed(self) -> set[str]:
        """The names of the phones of which something has changed since this was last asked."""
        taken, self._changed = self._changed, set()
        return taken

    def feed(self, name: str, event: Event) -> None:
        """Give an event to a phone's machine, and do all that follows from it before this returns."""
        self._events.feed(name, event)

    def ask_servers(self, phone: RunningPhone, targets: tuple[Target, ...], now: float) -> None:
        """Send the phone's REGISTER to the first of these servers, and keep the others for when it does not answer."""
        assert phone.request is not None
        self.feed(phone.name, Delayed(phone.request.serial, now - phone.asked_at))
        self._sending.send_to_servers(phone, targets, now)

    def wake(self, now: float) -> None:
        """Do what is due by now."""
        for due in self._alarms.due(now):
            if not self._is_still_due(due):
                continue
            phone = self._phones[due.phone]
            if due.request is not None:
                self._sending.send(phone, due.request, now)
            else:
                phone.alarm = None
                self.feed(due.phone, TimePassed())

    def _is_still_due(self, due: Due) -> bool:
        """The phone may have gone on meanwhile, or be gone."""
        phone = self._phones.get(due.phone)
        if phone is None:
            return False
        return phone.alarm is due if due.request is None else phone.state.serial == due.request.serial

    def _take(self, name: str, event: Event) -> None:
        """One step of one phone."""
        phone = self._phones[name]
        now = time.monotonic()
        before = phone.state
        phone.state, actions = machine.step(before, event, now, self._draw())
        if before != phone.state or actions:
            self._reports.stepped(phone, before, now)
            if "App" in phone.config.trace:
                self._reports.trace(phone, event, before, actions)
            for action in actions:
                self._carry_out(phone, action, now)
            if _whereabouts(before) != _whereabouts(phone.state):
                self.have_moved = True
        if self._events.next_name != name:  # else its next step does that
            self._finish(phone, now)

    def _carry_out(self, phone: RunningPhone, action: Action, now: float) -> None:
        match action:
            case Register(serial) | Unregister(serial):
                wait = self._sending.reserve(action, now)
                if wait > 0:
                    self._alarms.set(now + wait, Due(now + wait, phone.name, action))
                    self.feed(phone.name, Delayed(serial, wait))
                else:
                    self._sending.send(phone, action, now)
            case Abandon():
                self._sending.abandon(phone)

    def _finish(self, phone: RunningPhone, now: float) -> None:
        """After a step: set the alarm, report, and forget a phone that is gone."""
        self._changed.add(phone.name)
        if phone.removed and phone.has_stopped:
            del self._phones[phone.name]
            self._sending.remove(phone.name)
            self._reports.report_removed(phone.name)
            return
        wakeup = machine.next_wakeup(phone.state)
        if wakeup is not None and (phone.alarm is None or wakeup != phone.alarm.at):
            phone.alarm = Due(wakeup, phone.name)
            self._alarms.set(wakeup, phone.alarm)
        self._reports.report(phone)


def _whereabouts(state: State) -> tuple[Any, ...]:
    """What decides which PBXes are watched for a phone, besides its configuration."""
    return (state.binding.registrar.uri if state.binding else None, state.home)
