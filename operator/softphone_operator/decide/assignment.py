"""Which agent of a pool carries which phone: stable, level-triggered, pure.

The agents' files are the memory. A phone stays where its file has it; one that is new goes to the fullest agent with
room. Whoever else comes or goes moves nobody.

| a phone is in | what happens |
|---|---|
| no file | it is put into the fullest agent with room, else into a new agent |
| one file | it stays; if its agent can be spared or has too many, some phones at a time are put into another, too |
| two files | the old agent lets it go when the new one has it registered, or the old one has no binding to lose |
| two files for too long | it stays with the old agent, and is not moved for a while |

An agent can be spared when all phones fit the others, with a fifth of these to spare, and have done so for a while: of
many phones that go or come one after the other nobody is moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

MOVES_AT_ONCE = 10
MOVE_SECONDS = 60.0
"""How long a new agent may take to get a phone registered. A PBX that is away makes no move fail: then the old agent
has no binding either."""
REST_SECONDS = 600.0
"""How long a phone is left alone after a move that failed."""
SPARE_NUMERATOR, SPARE_DENOMINATOR = 4, 5
SPARED_SECONDS = 30.0
"""How long it must be possible to spare an agent before it is emptied."""


class Capacity(NamedTuple):
    """What an agent holds at most: phones, and bytes of their entries in its file."""

    phones: int
    bytes: int


class Move(NamedTuple):
    """A phone that two agents have: from which to which, and since when, in seconds."""

    source: int
    target: int
    since: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of the agents, by their numbers.

    `carried`: the phones in their files. `registered` and `idle`: those that they say to be registered, and not to be;
    nothing is known of the phones of an agent that is not heard.
    """

    carried: Mapping[int, Set[str]] = field(default_factory=dict)
    registered: Mapping[int, Set[str]] = field(default_factory=dict)
    idle: Mapping[int, Set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept between two steps. Without it, after a restart, only the times begin anew.

    `resting`: until when a phone is not moved. `spared_since`: since when an agent can be spared, None while none can.
    """

    moves: Mapping[str, Move] = field(default_factory=dict)
    resting: Mapping[str, float] = field(default_factory=dict)
    spared_since: float | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The phones that each agent's file is to have; agents without phones are left out. `failed`: moves given up now.

    `home`: the agent that each phone belongs to; while it moves the one to which it goes.
    """

    files: Mapping[int, frozenset[str]]
    home: Mapping[str, int]
    memory: Memory
    failed: Mapping[str, Move] = field(default_factory=dict)


def assign(
    phones: Mapping[str, int], staying: Set[str], capacity: Capacity, seen: Seen, memory: Memory, now: float
) -> Assignment:
    """One step. `phones`: all that are to be in a file, with the bytes of their entries.

    `staying`: those of them that are not put anywhere anew, but stay where they are: their specs are refused, or
    another agent, which is not of the pool, is to take them over.
    """
    table = _Table(phones, staying, capacity, seen)
    moves, failed = _settle(table, seen, memory.moves, now)
    resting = {phone: until for phone, until in memory.resting.items() if until > now and phone in table.agents_of}
    resting |= dict.fromkeys(failed, now + REST_SECONDS)
    spared = table.spared()
    for phone in sorted(phones.keys() - staying - table.agents_of.keys()):
        table.put(phone, table.room_for(phone, without=spared))
    since = None if spared is None else now if memory.spared_since is None else memory.spared_since
    emptied = spared if since is not None and now - since >= SPARED_SECONDS else None
    movable = [phone for phone in table.to_move(emptied) if phone not in moves and phone not in resting]
    for phone in movable[: max(0, MOVES_AT_ONCE - len(moves))]:
        (source,) = table.agents_of[phone]
        target = table.room_for(phone, without=spared if spared is not None else source)
        if target is None and source == emptied:
            break
        moves[phone] = Move(source, table.put(phone, target), now)
    home = {phone: min(agents) for phone, agents in table.agents_of.items()}
    home |= {phone: move.target for phone, move in moves.items()}
    files = {number: frozenset(names) for number, names in sorted(table.phones_of.items()) if names}
    return Assignment(files, home, Memory(moves, resting, since), failed)


class _Table:
    """Who is where, while a step is thought out."""

    def __init__(self, sizes: Mapping[str, int], staying: Set[str], capacity: Capacity, seen: Seen) -> None:
        self._sizes, self._staying, self._capacity = sizes, staying, capacity
        self.phones_of = {
            number: {phone for phone in phones if phone in sizes} for number, phones in seen.carried.items()
        }
        self.agents_of: dict[str, set[int]] = {}
        for number, phones in self.phones_of.items():
            for phone in phones:
                self.agents_of.setdefault(phone, set()).add(number)
        self._bytes = {number: sum(map(sizes.__getitem__, phones)) for number, phones in self.phones_of.items()}

    def put(self, phone: str, number: int | None) -> int:
        """Put a phone into an agent, None: into a new one; returns its number."""
        if number is None:
            number = next(n for n in range(len(self.phones_of) + 1) if not self.phones_of.get(n))
        self.phones_of.setdefault(number, set()).add(phone)
        self.agents_of.setdefault(phone, set()).add(number)
        self._bytes[number] = self._bytes.get(number, 0) + self._sizes[phone]
        return number

    def take(self, phone: str, number: int) -> None:
        """Take a phone out of an agent."""
        self.phones_of[number].discard(phone)
        self.agents_of[phone].discard(number)
        self._bytes[number] -= self._sizes[phone]

    def room_for(self, phone: str, *, without: int | None) -> int | None:
        """The fullest agent with room for a phone, None where there is none."""
        fitting = [
            number
            for number, phones in self.phones_of.items()
            if phones
            and number != without
            and len(phones) < self._capacity.phones
            and self._bytes[number] + self._sizes[phone] <= self._capacity.bytes
        ]
        return max(fitting, key=lambda number: (len(self.phones_of[number]), -number), default=None)

    def spared(self) -> int | None:
        """The agent that can be spared: that with the fewest phones, if all of them fit the others well."""
        used = {number: phones for number, phones in self.phones_of.items() if phones}
        new = self._sizes.keys() - self._staying - self.agents_of.keys()
        sizes = sum(map(self._sizes.__getitem__, self.agents_of)) + sum(map(self._sizes.__getitem__, new))
        there = Capacity(len(self.agents_of) + len(new), sizes)
        for needed, held in zip(there, self._capacity, strict=True):
            if needed * SPARE_DENOMINATOR > held * (len(used) - 1) * SPARE_NUMERATOR:
                return None
        return min(used, key=lambda number: (len(used[number]), -number), default=None)

    def to_move(self, spared: int | None) -> list[str]:
        """The phones that are to move: all of an agent that is spared, and those for which another has no place."""
        found = []
        for number, phones in sorted(self.phones_of.items()):
            free = sorted(phones - self._staying)
            alone = [phone for phone in free if len(self.agents_of[phone]) == 1]
            if number == spared:
                found += alone
            elif (more := self._too_many(number, phones, free)) > 0:
                found += alone[-more:]
        return found

    def _too_many(self, number: int, phones: Iterable[str], free: list[str]) -> int:
        """How many phones an agent has to give away, those left out that are on their way to another."""
        leaving = sum(1 for phone in phones if len(self.agents_of[phone]) > 1)
        count, size = len(set(phones)) - leaving, self._bytes[number]
        more = max(0, count - self._capacity.phones)
        size -= sum(self._sizes[phone] for phone in free[len(free) - more :])
        for phone in reversed(free[: len(free) - more]):
            if size <= self._capacity.bytes:
                break
            size, more = size - self._sizes[phone], more + 1
        return more


def _settle(
    table: _Table, seen: Seen, known: Mapping[str, Move], now: float
) -> tuple[dict[str, Move], dict[str, Move]]:
    """End the moves that are done or failed; returns those that go on, and those that failed."""
    moves, failed = {}, {}
    for phone, agents in sorted(table.agents_of.items()):
        if len(agents) < 2:
            continue
        move = known.get(phone)
        if move is None or not {move.source, move.target} <= agents:
            move = _unknown_move(table, seen, phone, agents, now)
        for other in agents - {move.source, move.target}:
            table.take(phone, other)
        if phone in seen.registered.get(move.target, ()) or phone in seen.idle.get(move.source, ()):
            table.take(phone, move.source)
        elif now - move.since < MOVE_SECONDS:
            moves[phone] = move
        elif phone in seen.registered.get(move.source, ()):
            table.take(phone, move.target)
            failed[phone] = move
        else:
            moves[phone] = move  # the old agent is not heard: it may have the only binding, or none
    return moves, failed


def _unknown_move(table: _Table, seen: Seen, phone: str, agents: Set[int], now: float) -> Move:
    """A move that an operator before has begun. Which way it went does not matter, as long as no binding is lost."""

    def rank(number: int) -> tuple[bool, int, int]:
        return phone in seen.registered.get(number, ()), len(table.phones_of[number]), -number

    spared = table.spared()
    target = max(agents - {spared} or agents, key=lambda number: rank(number)[1:])
    source = max(agents - {target}, key=rank)
    return Move(source, target, now)
