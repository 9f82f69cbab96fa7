"""What follows from an answer to a REGISTER before it counts: a challenge is answered, a longer expiry asked for. Pure.

One REGISTER and those that come of it are a chain. Credentials that a PBX has refused are not sent again: it may lock
the account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from softphone_agent.sip import digest

LONGEST = 6
"""So many REGISTERs may come of one; a PBX that raises Min-Expires each time would get thousands."""
MOST_BRIEF = 2
"""So many 423 are followed in one chain: one tells what the PBX wants, a second one is odd enough."""
MOST_STALE = 2
"""The same of challenges that say that a nonce is too old."""
LONGEST_EXPIRY = 2**31 - 1
"""Seconds; the largest expiry that RFC 3261, section 20.19, has."""

_MIN_EXPIRES = re.compile(r"^min-expires[ \t]*:\s*([0-9]{1,10})\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class Chain:
    """What was sent and answered so far."""

    expires: int
    """Asked for last, in seconds; 0 removes the binding."""
    session: digest.Session | None
    """None where there is no password."""
    codes: list[int] = field(default_factory=list)
    """Of the answers, in their order."""
    answered: set[bool] = field(default_factory=set)
    """Whose challenge was answered in this chain: a proxy's (True), the registrar's."""
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Final:
    """The answer counts. `reason`: more than its own words say; empty for nothing."""

    reason: str = ""


class Again:
    """Send the REGISTER once more: the chain has what it now asks for."""


def step(chain: Chain, code: int, message: str) -> Final | Again:
    """What follows from this final answer. Notes it in the chain, and in its session what is to be proven."""
    chain.codes.append(code)
    if len(chain.codes) > LONGEST:
        return Final()
    if code in (401, 407):
        return _challenged(chain, message)
    if code == 423 and chain.expires and chain.codes.count(423) <= MOST_BRIEF:
        wanted = _MIN_EXPIRES.search(message)
        if wanted is not None and chain.expires < int(wanted[1]) <= LONGEST_EXPIRY:
            chain.expires = int(wanted[1])
            return Again()
    return Final()


def _challenged(chain: Chain, message: str) -> Final | Again:
    session = chain.session
    asked = digest.challenges(message)
    if not asked or session is None:
        return Final(digest.why_none(message))
    for challenge in asked:
        if challenge.stale:
            chain.stale += 1
        # What was sent unasked (a refresh) may have used a nonce that only grew old; what answered a challenge did not.
        elif challenge.proxy in chain.answered or session.nonce(proxy=challenge.proxy) == challenge.nonce:
            return Final()
    if chain.stale > MOST_STALE:
        return Final()
    for challenge in asked:
        session.learn(challenge)
        chain.answered.add(challenge.proxy)
    return Again()
