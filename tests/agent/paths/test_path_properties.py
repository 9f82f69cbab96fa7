"""What holds for every sequence of events, however odd the PBXes behave."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.paths import events, machine
from softphone_agent.paths.actions import Ask
from softphone_agent.paths.moments import REFUSED_SECONDS
from softphone_agent.paths.plan import CheckPlan, Holding
from softphone_agent.paths.states import Phase, State
from softphone_agent.registration.plan import Registrar
from walking_phone import BROWSER, MASTER, OTHER, SLAVE, STANDBY, check_plan

REGISTRARS = st.sampled_from([MASTER, SLAVE, STANDBY, OTHER])
PLANS = st.sampled_from(
    [
        check_plan(),
        check_plan(sec=None),
        check_plan(interval=0.5, fraction=0.0),
        check_plan(known_pbxes_only=True),
        check_plan(max_redirects=0),
        check_plan(max_redirects=1),
        check_plan(credentials="new", fraction=0.999),
        check_plan(sec=SLAVE, interval=86400.0),
        check_plan(BROWSER),
    ]
)
HOLDINGS = st.builds(
    Holding,
    REGISTRARS,
    st.none() | REGISTRARS,
    st.booleans(),
    st.lists(st.tuples(REGISTRARS, st.floats(0, 2000)), max_size=1).map(tuple),
)
TARGETS = st.lists(REGISTRARS, max_size=3, unique=True).map(tuple)
CODES = st.sampled_from([400, 401, 403, 404, 405, 408, 480, 488, 500, 503, 603])
OF_THE_PHONE = st.one_of(
    st.builds(events.Held, HOLDINGS),
    st.just(events.Refreshing()),
    st.just(events.Lost()),
    st.builds(events.Doubted, REGISTRARS),
    st.builds(events.Reconfigured, PLANS),
)
ANSWERS = st.sampled_from([events.Found, events.Redirected, events.Refused, events.Silent, events.NotSupported])


@dataclass
class World:
    """A phone's checks, and the one request that is in flight."""

    state: State
    now: float = 0.0
    in_flight: Registrar | None = None

    def happens(self, event: events.Event) -> None:
        self.state, actions = machine.step(self.state, event, self.now)
        for action in actions:
            self.in_flight = action.registrar if isinstance(action, Ask) else None
        if self.state.phase is not Phase.CHECKING:
            self.in_flight = None
        self._holds()

    def _holds(self) -> None:
        state = self.state
        assert (state.phase is Phase.RESTING) == (state.holding is None)
        assert (state.phase is Phase.CHECKING) == (state.walk is not None)
        if state.walk is not None:
            assert self.in_flight == state.walk.target
            visited = state.walk.visited
            assert len(set(visited)) == len(visited), "no PBX twice in one walk"
            assert state.walk.redirects <= max(state.plan.phone.max_redirects, 0)
            assert not (state.busy and state.walk.target == state.held.registrar), "its own REGISTER goes before"
        for way in state.ways:
            assert (way.result == "Unchecked") == (way.since is None)
            assert (way.since is None) == (way.checked_at is None)
            if way.result == "Holds":
                assert way.end is not None
        wakeup = machine.next_wakeup(state)
        assert state.phase not in (Phase.WAITING, Phase.CHECKING) or wakeup is not None, "never stuck without a wake-up"

    def answered(self, data: st.DataObject) -> None:
        kind, serial = data.draw(ANSWERS), self.state.serial
        if kind is events.Found:
            self.happens(events.Found(serial, data.draw(st.booleans())))
        elif kind is events.Redirected:
            self.happens(events.Redirected(serial, 302, data.draw(TARGETS)))
        elif kind is events.Refused:
            retry_after = data.draw(st.none() | st.floats(0, 10000))
            known = self.state.ways
            self.happens(events.Refused(serial, data.draw(CODES), "no", retry_after))
            for way in self.state.ways:
                if way.result == "Refused" and way not in known:
                    assert way.due >= self.now + REFUSED_SECONDS, "who refuses is not asked often"
        else:
            self.happens(kind(serial, "words"))


@given(PLANS, st.data())
def test_whatever_happens_the_rules_hold(plan: CheckPlan, data: st.DataObject) -> None:
    world = World(machine.begin(plan))
    for _ in range(data.draw(st.integers(1, 30))):
        wakeup = machine.next_wakeup(world.state)
        if world.state.phase is Phase.CHECKING and data.draw(st.booleans()):
            world.answered(data)
        elif wakeup is not None and data.draw(st.booleans()):
            world.now = max(world.now, wakeup)
            world.happens(events.TimePassed())
        else:
            world.now += data.draw(st.floats(0, 100))
            world.happens(data.draw(OF_THE_PHONE))


@given(PLANS, st.data())
def test_a_phone_that_stays_registered_has_all_its_ways_checked_within_the_interval(
    plan: CheckPlan, data: st.DataObject
) -> None:
    world = World(machine.begin(plan))
    world.happens(events.Held(Holding(MASTER)))
    for _ in range(200):
        if all(way.checked_at is not None for way in world.state.ways):
            return
        wakeup = machine.next_wakeup(world.state)
        assert wakeup is not None
        world.now = max(world.now, wakeup)
        if world.state.phase is Phase.CHECKING:
            world.happens(events.Silent(world.state.serial))
        else:
            world.happens(events.TimePassed())
    raise AssertionError("it never ends")
