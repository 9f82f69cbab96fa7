"""Whom a phone answers, and how. Pure.

| answer | test call of a check that names the phone | other calls |
|---|---|---|
| Never | 480 | 480 |
| Checks | tone | 486; 480 where no check names it |
| Tone, Echo | tone, echo | tone, echo |

A test call is known by its mark; where a PBX has dropped that header, by its caller, if a PBX in use sent it: anybody
may write a name into From.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from softphone_agent.calls import mark

Mode = Literal["Checks", "Never", "Echo", "Tone"]
Plays = Literal["Echo", "Tone"]

BUSY, UNAVAILABLE = 486, 480


@dataclass(frozen=True, slots=True)
class Known:
    """A check that calls the phone."""

    check: str
    token: str = ""
    """Empty: its calls have no marks."""
    callers: frozenset[str] = frozenset()
    """User parts of the AORs that call; domains differ where a PBX writes its own."""
    ring_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """How one phone answers."""

    mode: Mode = "Checks"
    checks: tuple[Known, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether it answers anybody."""
        return self.mode in ("Echo", "Tone") or (self.mode == "Checks" and bool(self.checks))


@dataclass(frozen=True, slots=True)
class Offer:
    """What of an INVITE tells whose call it is."""

    user: str
    """User part of the caller's URI."""
    mark: str
    """The header's value, empty for none."""
    from_pbx: bool
    """Whether it came from the address of a PBX in use."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The call is answered."""

    plays: Plays
    check: str = ""
    """Whose test call it is; empty for none."""
    call: str = ""
    """Its identity, where it has a mark."""
    token: str = ""
    """By which its answer is marked."""
    ring_seconds: float = 0.0


def decide(rule: Rule, offer: Offer, unix: float) -> Taken | int:
    """How the call is answered, or the code with which it is refused."""
    if not rule.answers:
        return UNAVAILABLE
    plays: Plays = "Echo" if rule.mode == "Echo" else "Tone"
    known, call = _known(rule, offer, unix)
    if known is not None:
        return Taken(plays, known.check, call, known.token if call else "", known.ring_seconds)
    return BUSY if rule.mode == "Checks" else Taken(plays)


def _known(rule: Rule, offer: Offer, unix: float) -> tuple[Known | None, str]:
    """The check whose call it is, and the identity of the call."""
    found = mark.read(offer.mark, {known.check: known.token for known in rule.checks}, unix)
    if found is not None:
        return next(known for known in rule.checks if known.check == found.check), found.call
    if offer.from_pbx:
        return next((known for known in rule.checks if offer.user in known.callers), None), ""
    return None, ""
