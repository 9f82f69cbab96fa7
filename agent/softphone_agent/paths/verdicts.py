"""The judgements of path checks: what a way's end is worth, which answers tell nothing, when a way is checked next."""

from __future__ import annotations

import math

from softphone_agent.contract.report import PathResult
from softphone_agent.paths.plan import Holding
from softphone_agent.registration.plan import Registrar
from softphone_agent.registration.policy import OVERLAPPING, Reason

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
MOST_OVERLAPS = 3
"""Who says so often in a row that requests overlap has no use for them: the phone has nothing else under way."""

NOT_SUPPORTED = frozenset({400, 405, 406, 413, 415, 416, 420, 421, 501, 505})
"""Answers that are about the request and not about the phone: the PBX has no use for a REGISTER without Contact."""


def end_of_way(end: Registrar, holding: Holding, *, lists: bool) -> tuple[PathResult, str]:
    """What a PBX that answered 200 is to the phone, and words for it where the result does not say all."""
    if end == holding.registrar:
        return ("Holds", "") if lists else ("WouldKeep", "it holds the phone, and does not list its binding")
    if holding.home == holding.registrar and not holding.home_is_dead:
        return "OtherHome", "it would keep the phone instead of sending it to its home"
    return "WouldKeep", "it lists a binding of the phone, too" if lists else ""


def tells_nothing(code: int, at: Registrar, holding: Holding) -> bool:
    """Whether a refusal is one of the request without Contact, and not of the phone.

    So is any refusal of the PBX that holds the phone, but for one that says that it cannot serve now (5xx).
    """
    return code in NOT_SUPPORTED or (at == holding.registrar and not 500 <= code < 600)


def is_overlap(code: int) -> bool:
    """Whether the PBX says that it deals with another REGISTER of the phone (488 of innovaphone)."""
    return code == OVERLAPPING


def redirect_result(reason: Reason) -> PathResult:
    """The result where a redirect cannot be followed, for this reason."""
    results: dict[Reason, PathResult] = {
        Reason.REDIRECT_LOOP: "Loop",
        Reason.TOO_MANY_REDIRECTS: "TooManyRedirects",
        Reason.REDIRECT_REFUSED: "Forbidden",
        Reason.UNEXPECTED_REDIRECT: "Forbidden",
        Reason.BAD_REDIRECT: "Refused",
    }
    return results[reason]


def wait_after(result: PathResult, interval: float) -> float:
    """Seconds from the end of a check with this result to the next one."""
    if result == "CheckNotSupported":
        return max(interval, SELDOM_SECONDS)
    return max(interval, REFUSED_SECONDS) if result == "Refused" else interval


def validity(result: PathResult, interval: float) -> float:
    """Seconds for which a result counts."""
    return max(2 * wait_after(result, interval), SHORTEST_VALIDITY)


def soon(fraction: float, interval: float, now: float) -> float:
    """When a way is checked of which nothing is known, or that may be another one now."""
    return full_second(now + fraction * min(FIRST_SECONDS, interval))


def full_second(at: float) -> float:
    """The next full second: several wake-ups at once cost less."""
    return float(math.ceil(at))
