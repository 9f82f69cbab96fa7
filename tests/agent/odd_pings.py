"""The table of odd pings: what a PBX does with OPTIONS, and what the agent must make of it.

The rows are run by test_odd_pings.py against the real agent; odd_answers.py puts them on its page.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sip_responder import Behaviour, Request, answer, reply


@dataclass(frozen=True)
class PingRow:
    """One odd way to treat pings. REGISTERs are all accepted."""

    name: str
    what: str
    """What the PBX does, in words."""
    options: Callable[[], Behaviour]


def _another_branch(request: Request) -> list[bytes]:
    return [answer(request, 200).replace(request.branch.encode(), b"z9hG4bKnot-yours")]


def _first_of_each_port() -> Behaviour:
    seen: dict[tuple[str, int], str] = {}

    def behave(request: Request) -> Iterable[bytes]:
        first = seen.setdefault(request.source, request.branch)
        return [answer(request, 200)] if request.branch == first else []

    return behave


def _at_most_one_in(seconds: float) -> Behaviour:
    last = float("-inf")

    def behave(request: Request) -> Iterable[bytes]:
        nonlocal last
        if time.monotonic() - last < seconds:
            return []
        last = time.monotonic()
        return [answer(request, 200)]

    return behave


def _banned_after(count: int, seconds: float) -> Behaviour:
    heard, until = 0, 0.0

    def behave(request: Request) -> Iterable[bytes]:
        nonlocal heard, until
        if time.monotonic() < until:
            return []
        heard += 1
        if heard % count == 0:
            until = time.monotonic() + seconds
        return [answer(request, 200)]

    return behave


def _drops(share: float) -> Behaviour:
    chance = random.Random(1)
    return lambda request: [] if chance.random() < share else [answer(request, 200)]


UNANSWERED = [
    PingRow("trying-only", "100 and nothing after it", lambda: reply(100)),
    PingRow("progress-only", "183 and nothing after it", lambda: reply(183)),
    PingRow("trying-twice", "100 twice and nothing after it", lambda: lambda request: [answer(request, 100)] * 2),
    PingRow("other-branch", "200 with another branch in Via", lambda: _another_branch),
]
"""Nobody gets a final answer: not the agent, and not another socket either."""

PORTS = PingRow("ports", "200 to the first OPTIONS of each port, then nothing", _first_of_each_port)
"""Another socket is always answered."""

LIMITED = [
    PingRow("rate", "200 to one OPTIONS in 2 s, the others are dropped", lambda: _at_most_one_in(2.0)),
    PingRow("ban", "200 to twelve OPTIONS, then silence for 2 s, again and again", lambda: _banned_after(12, 2.0)),
    PingRow("random", "four of five OPTIONS are dropped at random", lambda: _drops(0.8)),
]
"""Where OPTIONS are limited and REGISTERs are not."""

_MADE_OF_IT = [
    (UNANSWERED, "no phone moves, none registers anew, no socket is replaced: REGISTER decides"),
    (
        [PORTS],
        "a new UDP socket for this PBX and its phones; the next one waits 30 s, then twice as long each time. Phones "
        "of other PBXes keep port and Call-ID",
    ),
    (LIMITED, "after three losses at most its silence means nothing, until it has answered many pings in a row"),
]


def table() -> list[str]:
    """The table for the page."""
    rows = [(row, made) for group, made in _MADE_OF_IT for row in group]
    return [
        "## Odd pings",
        "",
        "What a PBX may do with OPTIONS while it accepts every REGISTER (`tests/agent/test_odd_pings.py`).",
        "",
        "| The PBX answers OPTIONS with | What the agent makes of it |",
        "|---|---|",
        *(f"| {row.what} | {made} |" for row, made in rows),
    ]
