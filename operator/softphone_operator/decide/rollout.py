"""Which agents of a fleet may be changed now, so that enough of its phones stay registered. Pure.

Level-triggered: looked at again whenever something moved, it needs no memory of what was done before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from softphone_agent.contract import sip_uri

_SHARE = re.compile(r"([1-9][0-9]?|100)%\Z")


@dataclass(frozen=True, slots=True)
class Slice:
    """One agent. `outdated`: its pod is to be made anew. `up`: it runs, and its phones are registered again."""

    number: int
    outdated: bool
    up: bool


def may_change(slices: Sequence[Slice], max_unavailable: int) -> frozenset[int]:
    """The numbers of the outdated agents that may be changed now.

    An agent that was changed and is not up yet holds the others back: a change that does more harm than good stops
    there. An agent that is down anyway goes first, since changing it takes nothing away.
    """
    changing = sum(not one.outdated and not one.up for one in slices)
    down = sum(not one.up for one in slices)
    chosen: list[int] = []
    for one in sorted((one for one in slices if one.outdated), key=lambda one: (one.up, one.number)):
        if changing + len(chosen) >= max_unavailable or (one.up and down >= max_unavailable):
            break
        chosen.append(one.number)
        down += one.up
    return frozenset(chosen)


def agents_away(max_unavailable: int | str, agents: int) -> int:
    """How many of `agents` may be away: a number as it is, a share rounded down, one at least.

    Raises ValueError, in words for the person who wrote it.
    """
    if isinstance(max_unavailable, int):
        if max_unavailable < 1:
            raise ValueError(f"must be at least 1, is {max_unavailable}: an agent is changed as a whole")
        return max_unavailable
    share = _SHARE.match(max_unavailable)
    if share is None:
        raise ValueError(
            f'"{sip_uri.printable(str(max_unavailable))}" is neither a number of agents nor a share from 1% to 100%'
        )
    return max(1, agents * int(share[1]) // 100)
