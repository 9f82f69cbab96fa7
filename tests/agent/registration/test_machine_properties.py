"""What holds for every sequence of events, however odd the PBXes behave."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration_phone import BROWSER, LAUNCHER, MASTER, OTHER, SLAVE, STANDBY, Phase, plan
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Abandon, Register, Unregister
from softphone_agent.registration.events import (
    BindingForgotten,
    Delayed,
    Event,
    PingAnswered,
    PingFailed,
    Reconfigured,
    Redirected,
    Registered,
    Rejected,
    StopRequested,
    TimePassed,
    TransportClosed,
    Unreachable,
    Unregistered,
)
from softphone_agent.registration.machine import step
from softphone_agent.registration.plan import Entry, Mode, Plan
from softphone_agent.registration.policy import refresh_at
from softphone_agent.registration.states import State

REGISTRARS = st.sampled_from([MASTER, SLAVE, STANDBY, OTHER])
PLANS = st.sampled_from(
    [
        LAUNCHER,
        plan(sec=None),
        plan(pri=OTHER),
        plan(sec=SLAVE, home=SLAVE),
        plan(register_digest="new"),
        plan(aor="sip:bob@pbx.test"),
        plan(credentials="new"),
        plan(fail_back_after=20.0),
        plan(fail_back_after=0.0, home=STANDBY),
        plan(fail_back_after=5.0, backoff_max=2.0, sec=SLAVE),
        plan(closed_wait=1.0),
        plan(closed_wait=20.0, fail_back_after=0.0),
        plan(fault="a file is missing", waits=True),
        plan(fault="a file is missing"),
        plan(suspend=True),
        plan(known_pbxes_only=True),
        plan(max_redirects=1),
        plan(max_redirects=0, sec=None),
        BROWSER,
        plan(BROWSER, cur=MASTER),
    ]
)
JITTER = st.floats(0, 1, exclude_max=True)
THOROUGH = int(os.environ.get("THOROUGH", "1"))
"""How many times the examples for which `make check` has time."""
NOT_ASKED = (PingFailed, PingAnswered, TransportClosed, Reconfigured, StopRequested)


@dataclass
class World:
    """A phone, the one answer that is due, and what was seen on the way."""

    state: State
    now: float = 0.0
    due: Register | Unregister | None = None
    entries: list[Entry] = field(default_factory=list)

    def happens(self, event: Event, jitter: float) -> None:
        before = self.state
        self.state, actions = step(before, event, self.now, jitter)
        ignored = self.state is before and not actions
        if not ignored:
            assert self.state.phase in machine.TRANSITIONS[before.phase, type(event)][1]
        if not isinstance(event, Delayed) and getattr(event, "serial", None) == getattr(self.due, "serial", 0):
            self.due = None
        asks = [action for action in actions if not isinstance(action, Abandon)]
        assert len(asks) <= 1, "never two registrations in flight for one phone"
        for action in actions:
            if isinstance(action, Register):
                assert self.state.refusal(action.registrar) is None, "who refused is not asked again in the round"
            self.due = None if isinstance(action, Abandon) else action
        self._holds(before)
        self._returns(before, event)

    def _returns(self, before: State, event: Event) -> None:
        """Fail-back: the binding stays whatever the primary answers, and there is one try in a wait."""
        after, held = self.state, before.binding
        if after.is_returning and not before.is_returning:
            since = before.health.primary_since
            assert held is not None
            assert since is not None
            assert before.plan.fail_back_after is not None
            assert self.now >= max(before.returns.not_before, max(since, held.since) + before.plan.fail_back_after)
        if after.is_returning:
            assert after.plan.mode is Mode.LAUNCHER
            assert after.in_flight.target != after.held.registrar, "who holds the phone is not asked"
        answered = isinstance(event, Registered | Redirected | Rejected | Unreachable | TimePassed)
        if before.is_returning and before.phase is Phase.REFRESHING and answered:
            assert after.binding is not None, "no binding is lost by fail-back"

    def _holds(self, before: State) -> None:
        state = self.state
        asking = state.phase in (Phase.TRYING, Phase.REFRESHING, Phase.STOPPING)
        assert (state.attempt is not None) == asking
        if asking:
            assert isinstance(self.due, Register)
            assert self.due.serial == state.serial
        if state.phase in (Phase.REGISTERED, Phase.REFRESHING, Phase.UNREGISTERING):
            assert state.binding is not None
        if state.phase in (Phase.TRYING, Phase.IDLE, Phase.STOPPED):
            assert state.binding is None
        wakeup = machine.next_wakeup(state)
        assert (wakeup is None) == (state.phase is Phase.STOPPED), "never stuck without a wake-up"
        if state.attempt is not None:
            hops_before = len(before.attempt.hops) if before.attempt else 0
            if len(state.attempt.hops) > hops_before:
                assert len(state.attempt.hops) <= state.plan.max_redirects
            visited = state.attempt.visited
            assert len(set(visited)) == len(visited), "no PBX twice in one attempt"
        attempt = state.attempt
        if attempt and state.serial != before.serial and not attempt.hops and attempt.entry is not Entry.CURRENT:
            self._alternates(attempt.entry, before)

    def _alternates(self, entry: Entry, before: State) -> None:
        if state_mode(before) is Mode.BROWSER or self.state.plan.mode is Mode.BROWSER:
            return
        assert entry in self.state.tried
        if entry is Entry.SEC:
            passed_over = any(at == self.state.plan.pri for at, _ in self.state.health.not_before)
            dead = self.state.plan.pri in self.state.dead | self.state.silent
            refused = any(refusal.registrar == self.state.plan.pri for refusal in self.state.round.refusals)
            assert Entry.PRI in self.state.tried or passed_over or dead or refused, "the primary comes first"


def state_mode(state: State) -> Mode:
    return state.plan.mode


@st.composite
def answers(draw: st.DrawFn, due: Register | Unregister) -> Event:
    serial = draw(st.sampled_from([due.serial, due.serial, due.serial, max(due.serial - 1, 0)]))
    if draw(st.integers(0, 5)) == 0:
        return Delayed(serial, draw(st.floats(0, 30)))
    if isinstance(due, Unregister):
        return Unregistered(serial)
    kind = draw(st.sampled_from([Registered, Redirected, Rejected, Unreachable]))
    if kind is Registered:
        return Registered(serial, draw(st.floats(1, 600)))
    if kind is Redirected:
        return Redirected(serial, 302, tuple(draw(st.lists(REGISTRARS, max_size=3))))
    if kind is Rejected:
        code = draw(st.sampled_from([401, 403, 404, 480, 503, 600]))
        return Rejected(serial, code, "", draw(st.sampled_from([None, None, 0, 7, 10**9])))
    return Unreachable(serial)


@st.composite
def events(draw: st.DrawFn, world: World, *, may_stop: bool) -> Event:
    if world.due is not None and draw(st.booleans()):
        return draw(answers(world.due))
    kind = draw(st.sampled_from([TimePassed, TimePassed, PingFailed, PingAnswered, TransportClosed, Reconfigured, "x"]))
    if kind is PingFailed:
        return PingFailed(draw(REGISTRARS), world.now - draw(st.floats(0, 30)), draw(st.booleans()))
    if kind is PingAnswered:
        return PingAnswered(draw(REGISTRARS))
    if kind is TransportClosed:
        since = draw(st.sampled_from([None, world.now, world.now - 30]))
        return TransportClosed(draw(REGISTRARS), since, draw(st.booleans()))
    if kind is Reconfigured:
        return Reconfigured(draw(PLANS))
    if kind == "x" and world.state.phase is machine.Phase.REGISTERED and draw(st.booleans()):
        return BindingForgotten(draw(REGISTRARS), draw(st.floats(0, 10)))
    if kind == "x" and may_stop and draw(st.integers(0, 5)) == 0:
        return StopRequested()
    wakeup = machine.next_wakeup(world.state)
    world.now += draw(st.floats(0, 30)) if wakeup is None or draw(st.booleans()) else max(0.0, wakeup - world.now)
    return TimePassed()


@st.composite
def worlds(draw: st.DrawFn, *, may_stop: bool = True) -> World:
    world = World(machine.begin(draw(PLANS), 0.0))
    for _ in range(draw(st.integers(0, 40))):
        world.happens(draw(events(world, may_stop=may_stop)), draw(JITTER))
    return world


@settings(max_examples=150 * THOROUGH, deadline=None)
@given(worlds())
@pytest.mark.proves("M1", "M2", "L1b", "L1c", "X3", "F2", "F4")
def test_the_invariants_hold_whatever_happens(world: World) -> None:
    assert world.state.serial >= 0


@settings(max_examples=75 * THOROUGH, deadline=None)
@given(worlds(), JITTER)
@pytest.mark.proves("M2")
def test_stop_always_ends(world: World, jitter: float) -> None:
    world.happens(StopRequested(), jitter)
    for _ in range(3):
        wakeup = machine.next_wakeup(world.state)
        if wakeup is None:
            break
        world.now = max(world.now, wakeup)
        world.happens(TimePassed(), jitter)
    assert world.state.phase is Phase.STOPPED


@settings(max_examples=75 * THOROUGH, deadline=None)
@given(worlds(may_stop=False), JITTER)
@pytest.mark.proves("M2")
def test_once_the_pbxes_behave_the_phone_registers(world: World, jitter: float) -> None:
    good: Plan = LAUNCHER
    for at in (MASTER, SLAVE, STANDBY, OTHER):
        world.happens(PingAnswered(at), jitter)
    world.happens(Reconfigured(good), jitter)
    for _ in range(30):
        if world.state.phase is Phase.REGISTERED:
            break
        if isinstance(world.due, Register):
            world.happens(Registered(world.due.serial, 100), jitter)
        elif isinstance(world.due, Unregister):
            world.happens(Unregistered(world.due.serial), jitter)
        else:
            wakeup = machine.next_wakeup(world.state)
            assert wakeup is not None
            world.now = max(world.now, wakeup)
            world.happens(TimePassed(), jitter)
    assert world.state.phase is Phase.REGISTERED
    assert world.state.binding is not None
    assert (world.state.binding.aor, world.state.binding.register_digest) == (good.aor, good.register_digest)


def _accepted_in_vain(world: World, data: st.DataObject) -> None:
    """The binding is granted, perhaps refreshed, and lost within seconds."""
    assert isinstance(world.due, Register)
    world.happens(Registered(world.due.serial, 1.0 if data.draw(st.booleans()) else 300.0), 0.5)
    for _ in range(data.draw(st.integers(0, 2))):
        wakeup = machine.next_wakeup(world.state)
        if wakeup is not None and wakeup < world.now + 1.0:
            world.now = wakeup
            world.happens(TimePassed(), 0.5)
            world.happens(Registered(world.state.serial, 1.0), 0.5)
    binding = world.state.binding
    assert binding is not None
    world.now += data.draw(st.sampled_from([0.0, 0.3]))
    at, closed = binding.registrar, data.draw(st.booleans())
    world.happens(TransportClosed(at) if closed else PingFailed(at, world.now), 0.5)


@settings(max_examples=50 * THOROUGH, deadline=None)
@given(st.data(), st.sampled_from([LAUNCHER, plan(sec=None), BROWSER]))
@pytest.mark.proves("L2a", "L5")
def test_failing_pbxes_are_never_hammered(data: st.DataObject, of: Plan) -> None:
    """In ten minutes of nothing but failures an entry PBX gets a bounded number of REGISTERs.

    One that accepts the phone and is gone within seconds fails, too.
    """
    world, sent = World(machine.begin(of, 0.0)), 0
    while world.now < 600:
        if isinstance(world.due, Register):
            sent += 1
            serial, kind = world.due.serial, data.draw(st.sampled_from([Rejected, Unreachable, Registered]))
            if kind is Registered:
                _accepted_in_vain(world, data)
            else:
                world.happens(Rejected(serial, 403) if kind is Rejected else Unreachable(serial), 0.5)
        else:
            wakeup = machine.next_wakeup(world.state)
            assert wakeup is not None
            world.now = max(world.now, wakeup)
            world.happens(TimePassed(), 0.5)
    assert sent <= 60


@pytest.mark.proves("L3")
@given(st.integers(1, 86400), st.floats(0.5, 0.9), st.floats(0, 1e6))
def test_refreshes_fall_together_within_their_range(expires: int, fraction: float, now: float) -> None:
    """On full seconds, or hundredths of a shorter expiry, so that one wake-up serves many phones."""
    at = refresh_at(plan(refresh_fraction=fraction), expires, now)
    step = min(1.0, expires / 100)
    assert now + 0.5 * expires <= at <= now + 0.9 * expires
    assert now + fraction * expires - at <= step + 1e-6
    assert at == now + 0.5 * expires or abs(at / step - round(at / step)) < 1e-3
