"""The judgements within the rules: how long to wait, which redirects to follow, what role a binding has."""

from __future__ import annotations

import math
from enum import Enum

from softphone_agent.registration.plan import Plan, Registrar


class Reason(Enum):
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


class Role(Enum):
    """What the registrar is to the phone (design, section 1). Never more than is known."""

    HOME = "Home"
    STANDBY = "Standby"
    UNKNOWN = "Unknown"


TRUSTED_ROUNDS = 3
"""For so many failed rounds a PBX that answers no pings is passed over; then it is asked all the same, since a PBX
may drop OPTIONS and still take REGISTER."""

BRIEF_SECONDS = 10.0
"""A binding that is lost within so many seconds was brief. One may be chance, a PBX that is restarted; where one
follows another, the PBX does not serve."""

LONGEST_SHOWN = 120
"""Characters of a URI in the words for a refusal."""

LONGEST_RETRY_AFTER = 3600.0
"""Seconds; a PBX that asks for more is asked after an hour all the same."""

REFRESH_FRACTIONS = (0.5, 0.9)
"""Of the granted expiry: each phone refreshes at its own one between these."""
TOGETHER = (1.0, 1 / 100)
"""Refreshes of many phones fall together: on full steps of so many seconds, or of such a part of the expiry if that is
less. It costs less than half to send several at once."""

_TEMPORARY = frozenset({408, 480})


def answer_reason(code: int) -> Reason:
    """Whether a final answer is a rejection (403, 404, 6xx …) or a PBX that cannot serve now (5xx, 408, 480).

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


def refusal_words(plan: Plan, source: Registrar, targets: tuple[Registrar, ...]) -> str:
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


def learned_home(
    plan: Plan, known: Registrar | None, source: Registrar, target: Registrar, *, known_is_dead: bool
) -> Registrar:
    """The home after `source` redirected to `target`, where `known` was the home so far.

    A redirect to an entry PBX (a standby that points to its active PBX), or one while the home is dead, does not
    overrule a home that was shown before, unless that home itself points elsewhere.
    """
    if known is None or known == source:
        return target
    return known if known_is_dead or any(target == at for _, at in plan.entries) else target


def role(
    plan: Plan, learned: Registrar | None, registrar: Registrar, *, redirected: bool, learned_is_dead: bool
) -> Role:
    """The role of a binding at `registrar`, reached by a redirect or not.

    A PBX that keeps a phone whose home is dead stands in for it, also where a redirect led there: a standby points to
    its active PBX, and that one keeps the registration because it cannot reach the home.
    """
    home = plan.home or learned
    if home == registrar:
        return Role.HOME
    if plan.home is not None:
        return Role.STANDBY
    is_entry = any(registrar == at for _, at in plan.entries)
    if home is not None and (is_entry or learned_is_dead):
        return Role.STANDBY
    return Role.HOME if redirected else Role.UNKNOWN
