"""Which agent of a pool carries which phone: nobody moves for another, and nobody is without a binding by a move."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from softphone_operator.decide import assignment as subject
from softphone_operator.decide.assignment import Assignment, Capacity, Memory, Move, Seen, assign

ROOM = Capacity(10, 10_000)


def names(number: int, start: int = 0) -> list[str]:
    return [f"phone-{n:03}" for n in range(start, start + number)]


def step(
    phones: Set[str] | list[str],
    carried: Mapping[int, Set[str] | list[str]],
    *,
    registered: Mapping[int, Set[str] | list[str]] | None = None,
    idle: Mapping[int, Set[str] | list[str]] | None = None,
    staying: Set[str] = frozenset(),
    capacity: Capacity = ROOM,
    memory: Memory | None = None,
    now: float = 0.0,
    size: int = 100,
) -> Assignment:
    def sets(of: Mapping[int, Set[str] | list[str]] | None) -> dict[int, frozenset[str]]:
        return {number: frozenset(some) for number, some in (of or {}).items()}

    seen = Seen(sets(carried), sets(registered), sets(idle))
    before = Memory(spared_since=now - subject.SPARED_SECONDS) if memory is None else memory
    return assign(dict.fromkeys(phones, size), staying, capacity, seen, before, now)


def test_the_first_phones_fill_one_agent_after_the_other() -> None:
    made = step(names(25), {})
    assert [len(phones) for phones in made.files.values()] == [10, 10, 5]
    assert list(made.files) == [0, 1, 2]
    assert made.memory == Memory()


def test_a_new_phone_goes_to_the_fullest_agent_with_room() -> None:
    there = {0: names(10), 1: names(4, 10), 2: names(7, 20)}
    made = step({*names(10), *names(4, 10), *names(7, 20), "zoe"}, there)
    assert "zoe" in made.files[2]


def test_the_place_of_a_phone_that_goes_is_not_filled_by_another() -> None:
    there = {0: names(10), 1: names(9, 10)}
    made = step(set(names(19)) - {"phone-003"}, there)
    assert made.files == {0: frozenset(names(10)) - {"phone-003"}, 1: frozenset(names(9, 10))}


def test_a_pool_without_phones_has_no_agent() -> None:
    assert step([], {0: names(3)}).files == {}


def test_the_number_of_an_agent_that_is_gone_is_used_again() -> None:
    there = {0: names(10), 2: names(10, 20)}
    made = step({*names(10), *names(10, 20), "zoe"}, there)
    assert made.files[1] == {"zoe"}


def test_an_agent_is_full_when_its_file_is() -> None:
    made = step(names(25), {}, capacity=Capacity(10, 1000), size=250)
    assert {len(phones) for phones in made.files.values()} <= {4, 1}


@pytest.mark.parametrize(("phones", "emptied"), [(17, False), (16, True)])
def test_an_agent_is_emptied_when_the_others_have_a_fifth_to_spare(phones: int, *, emptied: bool) -> None:
    there = {0: names(7), 1: names(6, 7), 2: names(phones - 13, 13)}
    made = step(names(phones), there)
    assert bool(made.memory.moves) is emptied
    assert {move.source for move in made.memory.moves.values()} <= {2}


def test_it_is_emptied_a_few_phones_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOVES_AT_ONCE", 2)
    there = {0: names(5), 1: names(3, 5)}
    made = step(names(8), there, now=7.0)
    assert made.memory.moves == {"phone-005": Move(1, 0, 7.0), "phone-006": Move(1, 0, 7.0)}
    assert made.files == {0: frozenset(names(7)), 1: frozenset(names(3, 5))}, "both have them"
    assert made.home["phone-005"] == 0
    assert made.home["phone-007"] == 1


def test_an_agent_is_not_emptied_while_phones_still_come_and_go() -> None:
    there: dict[int, Set[str] | list[str]] = {0: names(5), 1: names(3, 5)}
    first = step(names(8), there, memory=Memory(), now=100.0)
    assert first.memory == Memory(spared_since=100.0)
    assert step(names(8), there, memory=first.memory, now=129.0).memory.moves == {}
    full = step({*names(8), *names(9, 20)}, there, memory=first.memory, now=130.0)
    assert full.memory == Memory(), "it begins again when they fit again"
    assert len(step(names(8), there, memory=first.memory, now=130.0).memory.moves) == 3


def moving(**seen: Mapping[int, Set[str] | list[str]]) -> Assignment:
    memory = Memory({"phone-005": Move(1, 0, 0.0)}, spared_since=-100.0)
    return step(names(6), {0: names(6), 1: ["phone-005"]}, memory=memory, now=1.0, **seen)  # type: ignore[arg-type]


def test_the_old_agent_lets_a_phone_go_when_the_new_one_has_it_registered() -> None:
    assert moving(registered={1: ["phone-005"]}).files[1] == {"phone-005"}
    assert 1 not in moving(registered={0: ["phone-005"], 1: ["phone-005"]}).files


def test_the_old_agent_lets_a_phone_go_that_it_has_not_registered_itself() -> None:
    assert 1 not in moving(idle={1: ["phone-005"]}).files


def test_an_old_agent_that_is_not_heard_keeps_its_phones_until_the_new_one_has_them() -> None:
    memory = Memory({"phone-005": Move(1, 0, 0.0)}, spared_since=-100.0)
    later = 10 * subject.MOVE_SECONDS
    there: dict[int, list[str]] = {0: names(6), 1: ["phone-005"]}
    made = step(names(6), there, memory=memory, now=later)
    assert made.files[1] == {"phone-005"}
    assert made.failed == {}
    assert 1 not in step(names(6), there, memory=made.memory, registered={0: ["phone-005"]}, now=later).files


def test_a_move_that_takes_too_long_is_given_up_told_and_not_tried_again_at_once() -> None:
    memory, late = Memory({"phone-005": Move(1, 0, 0.0)}, spared_since=-100.0), subject.MOVE_SECONDS
    there: dict[int, Set[str] | list[str]] = {0: names(6), 1: ["phone-005"]}
    made = step(names(6), there, memory=memory, registered={1: ["phone-005"]}, now=late)
    assert made.failed == {"phone-005": Move(1, 0, 0.0)}
    assert made.files == {0: frozenset(names(5)), 1: frozenset({"phone-005"})}
    assert made.home["phone-005"] == 1
    again = step(names(6), made.files, memory=made.memory, registered={1: ["phone-005"]}, now=late + 1)
    assert again.memory.moves == {}
    later = late + subject.REST_SECONDS
    assert step(names(6), made.files, memory=again.memory, now=later).memory.moves == {"phone-005": Move(1, 0, later)}


def test_an_operator_that_did_not_begin_a_move_ends_it() -> None:
    made = step(names(6), {0: names(6), 1: ["phone-005"]}, registered={1: ["phone-005"]}, now=3.0)
    assert made.memory.moves == {"phone-005": Move(1, 0, 3.0)}


def test_a_phone_that_three_agents_have_stays_where_it_is_registered() -> None:
    there = {0: names(6), 1: names(3, 5), 2: ["phone-005"]}
    made = step(names(8), there, registered={2: ["phone-005"]})
    assert made.memory.moves == {"phone-005": Move(2, 0, 0.0)}
    assert "phone-005" not in made.files[1]


def test_fewer_phones_per_agent_move_those_that_are_too_many() -> None:
    made = step(names(9), {0: names(9)}, capacity=Capacity(6, 10_000))
    assert {phone for phone, move in made.memory.moves.items() if move.source == 0} == set(names(3, 6))
    assert made.files == {0: frozenset(names(9)), 1: frozenset(names(3, 6))}
    there = made.files
    done = step(names(9), there, registered={1: names(3, 6)}, capacity=Capacity(6, 10_000), memory=made.memory)
    assert done.files == {0: frozenset(names(6)), 1: frozenset(names(3, 6))}


def test_a_file_that_has_become_too_long_gives_phones_away() -> None:
    made = step(names(8), {0: names(8)}, size=200, capacity=Capacity(10, 1000))
    assert len(made.memory.moves) == 3


def test_a_phone_whose_spec_is_refused_stays_and_is_put_nowhere() -> None:
    made = step([*names(6), "new"], {0: names(5), 1: ["phone-005"]}, staying={"phone-005", "new"})
    assert made.files == {0: frozenset(names(5)), 1: frozenset({"phone-005"})}
    assert made.memory.moves == {}


def test_where_the_others_have_no_room_an_agent_is_not_emptied() -> None:
    """Its phones fit by number, but not one of them by its size."""
    sizes = dict.fromkeys(names(2), 500) | {"long": 600}
    seen = Seen({0: frozenset(["phone-000"]), 1: frozenset(["phone-001"]), 2: frozenset(["long"])})
    made = assign(sizes, frozenset(), Capacity(10, 1000), seen, Memory(spared_since=0.0), subject.SPARED_SECONDS)
    assert made.memory.moves == {}


@given(there=st.sets(st.integers(0, 60)), other=st.integers(0, 60), room=st.integers(1, 12), comes=st.booleans())
def test_a_phone_more_or_less_moves_no_other(there: set[int], other: int, room: int, *, comes: bool) -> None:
    """Short of the point at which an agent becomes one too many."""
    capacity = Capacity(room, 10**6)
    phones = {f"phone-{n:03}" for n in there}
    settled = step(phones, {}, capacity=capacity)
    phones = phones | {f"phone-{other:03}"} if comes else phones - {f"phone-{other:03}"}
    made = step(phones, settled.files, capacity=capacity)
    for number, before in settled.files.items():
        assert before & phones <= made.files.get(number, frozenset())
    assert {number: len(some) for number, some in made.files.items() if len(some) > room} == {}


@dataclass
class Agent:
    """An agent that takes its file, and registers each phone when it gets round to it."""

    file: set[str] = field(default_factory=set)
    registered: set[str] = field(default_factory=set)


class Pool(RuleBasedStateMachine):
    """A pool in the course of time, under edits, restarts of the operator and agents that are slow or not heard."""

    @initialize(room=st.integers(2, 8))
    def begin(self, room: int) -> None:
        self.capacity = Capacity(room, 10**6)
        self.phones: set[str] = set()
        self.agents: dict[int, Agent] = {}
        self.memory, self.now = Memory(), 0.0
        self.bound: set[str] = set()

    @rule(added=st.sets(st.integers(0, 40), max_size=9))
    def come(self, added: set[int]) -> None:
        self.phones |= {f"phone-{n:03}" for n in added}

    @rule(gone=st.sets(st.integers(0, 40), max_size=9))
    def go(self, gone: set[int]) -> None:
        self.phones -= {f"phone-{n:03}" for n in gone}

    @rule()
    def the_operator_is_restarted(self) -> None:
        self.memory = Memory()

    @rule(room=st.integers(2, 8))
    def another_number_of_phones_per_agent(self, room: int) -> None:
        self.capacity = Capacity(room, 10**6)

    @rule(data=st.data())
    def agents_register_some(self, data: st.DataObject) -> None:
        for agent in self.agents.values():
            agent.registered |= data.draw(st.sets(st.sampled_from(sorted(agent.file)))) if agent.file else set()

    @rule(seconds=st.floats(0, 100), data=st.data())
    def the_operator_looks(self, seconds: float, data: st.DataObject) -> None:
        self.now += seconds
        heard = data.draw(st.sets(st.sampled_from(sorted(self.agents)))) if self.agents else set()
        self.look(heard)

    def look(self, heard: Set[int]) -> None:
        before = self.everybody_bound()
        seen = Seen(
            {number: frozenset(agent.file) for number, agent in self.agents.items()},
            {number: frozenset(self.agents[number].registered) for number in heard},
            {number: frozenset(self.agents[number].file - self.agents[number].registered) for number in heard},
        )
        made = assign(dict.fromkeys(self.phones, 1), frozenset(), self.capacity, seen, self.memory, self.now)
        self.memory = made.memory
        for number in set(self.agents) - set(made.files):
            del self.agents[number]
        for number, phones in made.files.items():
            agent = self.agents.setdefault(number, Agent())
            agent.file = set(phones)
            agent.registered &= agent.file
        assert before & self.phones <= self.everybody_bound(), "a phone lost its binding by a move"
        assert set().union(*made.files.values()) == self.phones, "a phone is lost, or one too many is there"
        assert set(made.home) == self.phones
        assert all(phone in made.files[number] for phone, number in made.home.items())
        assert len(made.memory.moves) <= subject.MOVES_AT_ONCE + len(seen.carried)

    def everybody_bound(self) -> set[str]:
        return set().union(*(agent.registered for agent in self.agents.values()))

    @rule()
    def all_is_well_for_a_while(self) -> None:
        for _ in range(60):
            for agent in self.agents.values():
                agent.registered |= agent.file
            self.now += 1
            self.look(set(self.agents))
        self.now += subject.REST_SECONDS
        for _ in range(60):
            for agent in self.agents.values():
                agent.registered |= agent.file
            self.now += 1
            self.look(set(self.agents))
        total = len(self.phones)
        assert sum(len(agent.file) for agent in self.agents.values()) == total, "a move goes on for ever"
        assert all(len(agent.file) <= self.capacity.phones for agent in self.agents.values())
        spare = self.capacity.phones * (len(self.agents) - 1) * 4
        assert not self.agents or total * 5 > spare or len(self.agents) == 1, "an agent could be spared"

    @invariant()
    def nobody_is_carried_without_being_wanted_for_long(self) -> None:
        assert not hasattr(self, "agents") or len(self.agents) <= 60


TestPool = Pool.TestCase
