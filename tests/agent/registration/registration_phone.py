"""One phone's machine with a clock that the test turns: what the tests of the rules talk to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from softphone_agent.registration import machine
from softphone_agent.registration.actions import Action, Register, Unregister
from softphone_agent.registration.changes import Change, changes
from softphone_agent.registration.events import (
    Event,
    Redirected,
    Registered,
    Rejected,
    TimePassed,
    Unreachable,
    Unregistered,
)
from softphone_agent.registration.machine import step
from softphone_agent.registration.plan import Entry, Mode, Plan, Registrar
from softphone_agent.registration.states import Phase, State

MASTER = Registrar("sip:master:5060;transport=udp", known=True)
SLAVE = Registrar("sip:slave:5060;transport=udp", known=True)
STANDBY = Registrar("sip:standby:5060;transport=udp", known=True)
OTHER = Registrar("sip:other:5060;transport=udp")

LAUNCHER = Plan(aor="sip:alice@pbx.test", pri=MASTER, sec=STANDBY)
BROWSER = Plan(aor="sip:alice@pbx.test", cur=SLAVE, mode=Mode.BROWSER)


def plan(base: Plan = LAUNCHER, **changed: Any) -> Plan:
    return replace(base, **changed)


@dataclass
class Phone:
    """Feeds events to the machine and keeps what it asked for."""

    plan: Plan
    now: float = 0.0
    jitter: float = 0.5
    state: State = field(init=False)
    actions: list[Action] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = machine.begin(self.plan, self.now)

    def happens(self, event: Event) -> Phone:
        before = self.state
        self.state, actions = step(before, event, self.now, self.jitter)
        assert (
            self.state.phase in {before.phase} | machine.TRANSITIONS.get((before.phase, type(event)), (None, set()))[1]
        )
        self.actions += actions
        self.changes += changes(before, self.state, self.now)
        return self

    def begins(self) -> Phone:
        return self.happens(TimePassed())

    def accepted(self, expires: float = 100.0) -> Phone:
        return self.happens(Registered(self.state.serial, expires))

    def redirected(self, *targets: Registrar, code: int = 302) -> Phone:
        return self.happens(Redirected(self.state.serial, code, targets))

    def rejected(self, code: int = 403, retry_after: float | None = None) -> Phone:
        return self.happens(Rejected(self.state.serial, code, "no", retry_after))

    def unanswered(self) -> Phone:
        return self.happens(Unreachable(self.state.serial))

    def unregistered(self) -> Phone:
        return self.happens(Unregistered(self.state.serial))

    def at_home(self) -> Phone:
        """Registered at the slave by way of the master."""
        return self.begins().redirected(SLAVE).accepted()

    def until_wakeup(self) -> Phone:
        wakeup = machine.next_wakeup(self.state)
        assert wakeup is not None
        self.now = max(self.now, wakeup)
        return self.happens(TimePassed())

    @property
    def asked(self) -> list[Registrar]:
        """Where REGISTERs went, in order."""
        return [action.registrar for action in self.actions if isinstance(action, Register)]

    @property
    def asking(self) -> Registrar | None:
        """Where the REGISTER in flight went."""
        return self.state.attempt.target if self.state.attempt else None

    @property
    def last_action(self) -> Action:
        return self.actions[-1]

    @property
    def at(self) -> Registrar | None:
        """Where the phone is registered."""
        return self.state.binding.registrar if self.state.binding else None


__all__ = [
    "BROWSER",
    "LAUNCHER",
    "MASTER",
    "OTHER",
    "SLAVE",
    "STANDBY",
    "Entry",
    "Phase",
    "Phone",
    "Unregister",
    "plan",
]
