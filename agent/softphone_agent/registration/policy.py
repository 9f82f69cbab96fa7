"""The judgements within the rules: how long to wait, which redirects to follow, what role a binding has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from softphone_agent.registration.plan import Plan, Registrar


class Reason(StrEnum):
    """Why an attempt failed or a binding was lost."""

    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"
    UNREACHABLE = "Unreachable"
    KNOWN_DEAD = "KnownDead"
    REDIRECT_LOOP = "RedirectLoop"
    TOO_MANY_REDIRECTS = "TooManyRedirects"
    BAD_REDIRECT = "BadRedirect"
    REDIRECT_REFUSED = "RedirectRefused"
    UNEXPECTED_REDIRECT = "UnexpectedRedirect"
    PING_FAILED = "PingFailed"
    TRANSPORT_CLOSED = "TransportClosed"
    EXPIRED = "Expired"
    NO_CREDENTIALS = "NoCredentials"


class Role(StrEnum):
    """What the registrar is to the phone (docs/rules.md, Role). Never more than is known."""

    HOME = "Home"
    STANDBY = "Standby"
    UNKNOWN = "Unknown"


TRUSTED_ROUNDS = 3
"""A PBX that answers no pings is passed over for so many failed rounds. Then it is asked all the same: it may drop
OPTIONS and still take REGISTER."""

FLAPPING_SECONDS = 10.0
"""A binding that is lost within so many seconds flaps. Once may be chance: a PBX is restarted. If the next one flaps,
too, the PBX does not serve."""

LONGEST_SHOWN = 120
"""Characters of a URI in the words for a refusal."""

LONGEST_RETRY_AFTER = 3600.0
"""Seconds; a PBX that asks for more is asked after an hour all the same."""

LONGEST_RETURN_WAIT = 3600.0
"""Seconds; the bound of the wait after a return to the primary PBX that failed."""

ASK_AGAIN_SECONDS = 0.25
"""How often a PBX that closed its connection is asked while the phone waits for it."""

REFRESH_FRACTIONS = (0.5, 0.9)
"""Of the granted expiry: each phone refreshes at its own one between these."""
TOGETHER = (1.0, 1 / 100)
"""Refreshes of many phones fall together: on full steps of so many seconds, or of such a part of the expiry if that is
less. It costs less than half to send several at once."""

OVERLAPPING = 488
"""innovaphone's answer to a REGISTER that overlaps another one of the same phone: it says nothing of the binding."""

_TEMPORARY = frozenset({408, 480, OVERLAPPING})


def answer_reason(code: int) -> Reason:
    """Whether a final answer is a rejection (403, 404, 6xx …) or a PBX that cannot serve now (5xx, 408, 480, 488).

    A 2xx that grants no binding is a PBX that does not serve, too.
    """
    unavailable = 500 <= code < 600 or code < 300 or code in _TEMPORARY
    return Reason.UNAVAILABLE if unavailable else Reason.REJECTED


def refresh_at(plan: Plan, expires: float, now: float) -> float:
    """When to refresh a binding that was granted now for `expires` seconds, on the clock of `now`.

    At the phone's own fraction of the expiry, or up to a step of TOGETHER earlier.
    """
    step = min(TOGETHER[0], TOGETHER[1] * expires)
    own = now + expires * plan.refresh_fraction
    earliest = now + expires * min(REFRESH_FRACTIONS[0], plan.refresh_fraction)
    return max(earliest, math.floor(own / step) * step)


def backoff(plan: Plan, failed_rounds: int, jitter: float, *, rejected: bool) -> float:
    """Seconds to wait after the `failed_rounds`-th failed round in a row (1 or more); `jitter` in [0, 1).

    Exponential with full jitter. After a rejection the bound starts three doublings higher and its lower half is
    not used: asking again soon cannot help, and must never hammer.
    """
    exponent = min(failed_rounds - 1 + (3 if rejected else 0), 32)
    bound = min(plan.backoff_max, plan.backoff_initial * 2.0**exponent)
    return bound * (0.5 + 0.5 * jitter) if rejected else bound * jitter


def return_wait(plan: Plan, failed: int, jitter: float) -> float:
    """Seconds from the `failed`-th return to the primary PBX that failed in a row to the next; `jitter` in [0, 1).

    The phone is registered meanwhile, so that there is no hurry: the bound begins with `fail_back_after`, or the
    longest back-off where that is more, and doubles. Its lower half is not used.
    """
    first = max(plan.fail_back_after or 0.0, plan.backoff_max)
    return min(LONGEST_RETURN_WAIT, first * 2.0 ** min(failed - 1, 32)) * (0.5 + 0.5 * jitter)


def followable(
    plan: Plan, source: Registrar, targets: tuple[Registrar, ...], visited: tuple[Registrar, ...]
) -> tuple[Registrar, ...] | Reason:
    """The targets of a redirect that may be followed, at least one, best first; or why none may."""
    if not targets:
        return Reason.BAD_REDIRECT
    allowed = [target for target in targets if not _refused(plan, source, target)]
    if not allowed:
        return Reason.REDIRECT_REFUSED
    return tuple(dict.fromkeys(target for target in allowed if target not in visited)) or Reason.REDIRECT_LOOP


def refusal_words(source: Registrar, targets: tuple[Registrar, ...]) -> str:
    """Why none of the targets of a redirect may be followed: the first of them, and the rule."""
    target = targets[0]
    if source.secure and not target.secure:
        rule = "from TLS no redirect leads to a transport without it"
    else:
        rule = "redirectPolicy KnownPBXes: it is no PBX of the system of the phone's primary PBX"
    return f"to {target.uri[:LONGEST_SHOWN]}, refused: {rule}"


def _refused(plan: Plan, source: Registrar, target: Registrar) -> bool:
    downgraded = source.secure and not target.secure
    return downgraded or (plan.known_pbxes_only and not target.known)


def learned_home(known: Registrar | None, source: Registrar, target: Registrar, *, in_doubt: bool) -> Registrar | None:
    """The home after `source` redirected to `target`, where `known` was the home so far.

    Only a known home itself may overrule it: other PBXes also point to one that stands in for the home, as a master
    does to a slave's standby. `in_doubt`: the target may be such a one.
    """
    if known is None:
        return None if in_doubt else target
    return target if known == source else known


def role(home: Registrar | None, registrar: Registrar, *, redirected: bool, in_doubt: bool) -> Role:
    """The role of a binding at `registrar`, reached by a redirect or not, with a home that is configured or learned."""
    if home is not None:
        return Role.HOME if home == registrar else Role.STANDBY
    return Role.HOME if redirected and not in_doubt else Role.UNKNOWN


def may_stand_in(plan: Plan, registrar: Registrar, silent: Iterable[Registrar]) -> bool:
    """Whether a redirect's end may stand in for a home of which nothing is known.

    That is so where another PBX of the system is silent: that one may be the home. Entry PBXes do not count: where the
    home is one of them, nobody points elsewhere.
    """
    entries = {at for _, at in plan.entries}
    return any(at.known and at != registrar and at not in entries for at in silent)
