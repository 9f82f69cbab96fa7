"""Where a registrar's name leads: the servers that DNS gives for it, and in which order they are asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One server of a name, as it is sent to."""

    address: str
    """IP address, IPv6 without brackets."""
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Server:
    """One SRV record with its addresses (RFC 2782); without SRV the only one, of priority and weight 0."""

    targets: tuple[Target, ...]
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a REGISTER or a ping goes: a registrar's canonical URI and, where that holds a name, one server of it."""

    uri: str
    target: Target | None = None


Judgement = Callable[[Target], bool | None]
"""Whether a server answers; None where nothing is known."""


def targets_of(servers: Iterable[Server]) -> tuple[Target, ...]:
    """All targets of the servers, each once, in the order given."""
    return tuple(dict.fromkeys(target for server in servers for target in server.targets))


def choose(
    servers: tuple[Server, ...], present: Target | None, answers: Judgement, draw: Callable[[], float]
) -> tuple[Target, ...]:
    """The targets in the order in which a REGISTER asks them; `draw` gives random numbers in [0, 1).

    By priority and weight (RFC 2782), those that are known to be silent last. A phone stays at `present`, unless a
    server of better priority is known to answer.
    """
    order = targets_of(by_weight(servers, draw))
    ordered = [target for target in order if answers(target) is not False]
    ordered += [target for target in order if answers(target) is False]
    if present in ordered and answers(present) is not False:
        mine = min(server.priority for server in servers if present in server.targets)
        better = {target for server in servers if server.priority < mine for target in server.targets}
        if not any(answers(target) for target in better):
            ordered.remove(present)
            ordered.insert(0, present)
    return tuple(ordered)


def by_weight(servers: tuple[Server, ...], draw: Callable[[], float]) -> list[Server]:
    """The servers by priority; within one, each comes first as often as its weight says (RFC 2782)."""
    ordered: list[Server] = []
    for priority in sorted({server.priority for server in servers}):
        left = sorted((server for server in servers if server.priority == priority), key=lambda server: server.weight)
        while left:
            mark = draw() * sum(server.weight for server in left)
            place = 0
            while place < len(left) - 1 and mark >= left[place].weight:
                mark -= left[place].weight
                place += 1
            ordered.append(left.pop(place))
    return ordered
