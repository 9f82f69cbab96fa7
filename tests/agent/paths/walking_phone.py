"""One phone's path checks with a clock that the test turns: what the tests of their rules talk to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from registration_phone import BROWSER, LAUNCHER, MASTER, OTHER, SLAVE, STANDBY
from softphone_agent.paths import events, machine
from softphone_agent.paths.actions import Action, Ask
from softphone_agent.paths.plan import CheckPlan, Holding
from softphone_agent.paths.states import Phase, State, Way
from softphone_agent.registration.plan import Entry, Plan, Registrar

INTERVAL = 300.0


def check_plan(phone: Plan = LAUNCHER, interval: float = INTERVAL, fraction: float = 0.5, **changed: Any) -> CheckPlan:
    return CheckPlan(replace(phone, **changed), interval, fraction)


@dataclass
class WalkingPhone:
    """Feeds events to the machine and keeps what it asked for."""

    plan: CheckPlan = field(default_factory=check_plan)
    now: float = 100.0
    state: State = field(init=False)
    actions: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = machine.begin(self.plan)

    def happens(self, event: events.Event) -> WalkingPhone:
        self.state, actions = machine.step(self.state, event, self.now)
        self.actions += actions
        return self

    def held(self, at: Registrar = MASTER, **known: Any) -> WalkingPhone:
        return self.happens(events.Held(Holding(at, **known)))

    def until_wakeup(self) -> WalkingPhone:
        wakeup = machine.next_wakeup(self.state)
        assert wakeup is not None
        self.now = max(self.now, wakeup)
        return self.happens(events.TimePassed())

    def walks(self, at: Registrar = MASTER, **known: Any) -> WalkingPhone:
        """Registered, and its first way is being checked."""
        return self.held(at, **known).until_wakeup()

    def found(self, *, lists: bool = False) -> WalkingPhone:
        return self.happens(events.Found(self.state.serial, lists))

    def redirected(self, *targets: Registrar, code: int = 302) -> WalkingPhone:
        return self.happens(events.Redirected(self.state.serial, code, targets, "" if targets else "no Contact"))

    def refused(self, code: int = 403, retry_after: float | None = None) -> WalkingPhone:
        return self.happens(events.Refused(self.state.serial, code, "no", retry_after))

    def silent(self) -> WalkingPhone:
        return self.happens(events.Silent(self.state.serial, "no answer"))

    def way(self, entry: Entry) -> Way:
        return next(way for way in self.state.ways if way.entry is entry)

    @property
    def asked(self) -> list[Registrar]:
        """Where REGISTERs without Contact went, in order."""
        return [action.registrar for action in self.actions if isinstance(action, Ask)]

    def second_way(self, at: Registrar = MASTER, **known: Any) -> WalkingPhone:
        """Registered, the first way is found good, and the second one is being checked."""
        self.walks(at, **known).found(lists=True).until_wakeup()
        assert self.state.walk is not None
        assert self.state.walk.entry is Entry.SEC
        return self


__all__ = [
    "BROWSER",
    "INTERVAL",
    "LAUNCHER",
    "MASTER",
    "OTHER",
    "SLAVE",
    "STANDBY",
    "Entry",
    "Phase",
    "WalkingPhone",
    "check_plan",
]
