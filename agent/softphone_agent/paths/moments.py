"""When ways and bindings are checked, and how long a result counts. Pure. All times in seconds."""

from __future__ import annotations

import math

from softphone_agent.contract.report import PathResult

FIRST_SECONDS = 10.0
"""The ways of many phones are checked for the first time within so many seconds after they registered; less where the
interval is less."""
REFUSED_SECONDS = 300.0
"""A way that ended in a refusal is not walked again before: a PBX may lock an account that it refuses often."""
SELDOM_SECONDS = 3600.0
"""The same of a PBX that does not answer a REGISTER without Contact as RFC 3261 has it."""
SHORTEST_VALIDITY = 60.0
"""For so many seconds a result counts, where two intervals are less."""
AGAIN_SECONDS = 1.0
"""After so long a request is tried again that could not be sent, or that overlapped another one."""
BINDINGS_SOONEST = 10.0
"""A PBX that holds phones is asked for a binding at most once in so many seconds."""
BINDINGS_LATEST = 30.0
"""And at least so often, however long the expiry is: until their refreshes its phones would not know that it forgot."""
BINDINGS_PART = 15
"""Between these two: so often in one expiry."""
FORGOTTEN_OFTEN = 6
"""So often in a row a PBX may forget its bindings before it is asked more seldom."""


def wait_after(result: PathResult, interval: float) -> float:
    """Seconds from the end of a check with this result to the next one, on average."""
    if result == "CheckNotSupported":
        return max(interval, SELDOM_SECONDS)
    return max(interval, REFUSED_SECONDS) if result == "Refused" else interval


def next_check(result: PathResult, fraction: float, interval: float, now: float) -> float:
    """When a way is checked next whose check ended now with this result.

    After a refusal, and where the PBX has no use for checks, when the whole wait is over. Else at the phone's own
    moment of each interval, half an interval from now at the earliest: phones that registered together, as all do after
    a fail-over, are spread evenly from their second check on.
    """
    if result in ("CheckNotSupported", "Refused"):
        return full_second(now + wait_after(result, interval))
    period = max(interval, AGAIN_SECONDS)
    moment = fraction * period
    passed = math.ceil((now + period / 2 - moment) / period)
    return full_second(moment + passed * period)


def validity(result: PathResult, interval: float) -> float:
    """Seconds for which a result counts."""
    return max(2 * wait_after(result, interval), SHORTEST_VALIDITY)


def soon(fraction: float, interval: float, now: float) -> float:
    """When a way is checked of which nothing is known, or that may be another one now."""
    return full_second(now + fraction * min(FIRST_SECONDS, interval))


def binding_wait(expires: float) -> float:
    """Seconds between two binding checks at a PBX whose phones ask for this expiry, the shortest of them."""
    return min(max(expires / BINDINGS_PART, BINDINGS_SOONEST), BINDINGS_LATEST)


def full_second(at: float) -> float:
    """The next full second: several wake-ups at once cost less."""
    return float(math.ceil(at))


def forgotten_wait(before: int) -> float:
    """Seconds until a PBX is asked again that has just forgotten its bindings, `before` times in a row before this.

    Soon after the first time. One that restarts in a loop gets all its phones every 10 s; when that goes on for a
    minute, more and more seldom.
    """
    if before == 0:
        return AGAIN_SECONDS
    doubled = min(max(before - FORGOTTEN_OFTEN, 0), 10)
    return min(BINDINGS_SOONEST * 2.0**doubled, REFUSED_SECONDS)
