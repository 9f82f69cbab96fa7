"""What the files of a pool's agents hold: phones as they are decided on, and those as they were that go on or leave."""

from __future__ import annotations

from collections.abc import Mapping, Set

from softphone_operator.decide import decisions, desired_pool
from softphone_operator.decide.desired_pool import AgentFile
from softphone_operator.decide.names import POOL, SecretUse

ID_BYTES = 64
"""The id that a phone has with its agent, in bytes of its entry."""

Phones = Mapping[str, decisions.DesiredPhone | decisions.Refusal]
Pbxs = Mapping[str, decisions.DesiredPbx | decisions.Refusal]


def sizes(phones: Phones, staying: Set[str], carried: Mapping[int, AgentFile]) -> dict[str, int]:
    """The phones that are to be in a file, with the bytes of their entries."""
    found = {
        name: len(one.entry.encode()) + ID_BYTES
        for name, one in phones.items()
        if isinstance(one, decisions.DesiredPhone)
    }
    for file in carried.values():
        for name in sorted(staying & file.phones - found.keys()):
            found[name] = len(file.entry(name).encode())
    return found


def agents(
    pool: str,
    namespace: str,
    of: decisions.DesiredPool,
    files: Mapping[int, Set[str]],
    phones: Phones,
    pbxs: Pbxs,
    carried: Mapping[int, AgentFile],
) -> dict[int, decisions.DesiredAgent]:
    """The agents of a pool by their numbers. `files`: the phones of each; `carried`: their files as they are."""
    accepted = {name: one for name, one in pbxs.items() if isinstance(one, decisions.DesiredPbx)}
    entries: dict[int, dict[str, str]] = {}
    needed: dict[int, dict[str, decisions.DesiredPbx]] = {}
    for number, names in files.items():
        agent, here = POOL.agent(pool, number), carried.get(number, AgentFile(frozenset(), str))
        as_decided = {name: one for name in names if isinstance(one := phones.get(name), decisions.DesiredPhone)}
        as_it_was = sorted(here.phones & names - as_decided.keys())
        entries[number] = {name: desired_pool.entry_of(one, agent) for name, one in as_decided.items()}
        entries[number] |= {name: here.entry(name) for name in as_it_was}
        named = frozenset().union(*(one.pbxs for one in as_decided.values()))
        needed[number] = {name: accepted[name] for name in named}
        for kept in here.pbxs(as_it_was):
            needed[number].setdefault(kept.pbx.name, accepted.get(kept.pbx.name, kept))
    secrets: list[SecretUse] = [use for some in needed.values() for one in some.values() for use in one.secrets]
    return {
        number: desired_pool.agent(pool, namespace, number, of, entries[number], needed[number].values(), secrets)
        for number in files
    }
