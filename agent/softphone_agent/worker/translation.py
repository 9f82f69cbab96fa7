"""From the engine's answer to the machine's event, and to what the metrics count. Pure."""

from __future__ import annotations

from collections.abc import Callable

from softphone_agent.contract import redirect
from softphone_agent.contract.retry_after import retry_after
from softphone_agent.phone.observations import Observation, RedirectSeen, RegisterDone
from softphone_agent.registration.events import Event, Redirected, Registered, Rejected, Unreachable
from softphone_agent.registration.plan import Registrar
from softphone_agent.sip.happenings import Answer

LONGEST_MESSAGE = 256
"""Characters of a failure's message (report.LastFailure)."""
LONGEST_EXPIRY = 86400
"""Seconds; a binding that is granted for longer is refreshed within a day all the same."""


def event_of(answer: Answer, registrar: Callable[[str], Registrar]) -> tuple[Event, str]:
    """The machine's event for the answer to a REGISTER, and the outcome that the metrics count.

    `registrar` makes the target of a redirect from its URI.
    """
    if answer.expires > 0:
        return Registered(answer.serial, min(answer.expires, LONGEST_EXPIRY)), "accepted"
    if answer.code == 0:
        return Unreachable(answer.serial, answer.reason[:LONGEST_MESSAGE]), "unreachable"
    if 300 <= answer.code < 400:
        return Redirected(answer.serial, answer.code, *targets_of(answer.message, registrar)), "redirected"
    reason = "no binding of ours in the answer" if answer.code < 300 else answer.reason[:LONGEST_MESSAGE]
    return Rejected(answer.serial, answer.code, reason, retry_after(answer.message)), "rejected"


def targets_of(message: str, registrar: Callable[[str], Registrar]) -> tuple[tuple[Registrar, ...], str]:
    """The targets of a redirect, best first, and why Contacts of it are of no use."""
    contacts = redirect.contacts_of(message)
    return tuple(registrar(str(uri)) for uri in contacts.targets), "; ".join(contacts.faults)[:LONGEST_MESSAGE]


def observations(answer: Answer, outcome: str, pbx: str, seconds: float) -> list[Observation]:
    """What the metrics count of an answer from this PBX, `seconds` after the REGISTER was sent."""
    seen: list[Observation] = [
        RegisterDone(pbx, "rejected" if earlier == 423 else "challenged", str(earlier), None)
        for earlier in answer.earlier
    ]
    seen.append(RegisterDone(pbx, outcome, str(answer.code) if answer.code else "", seconds))
    if outcome == "redirected":
        seen.append(RedirectSeen(pbx))
    return seen
