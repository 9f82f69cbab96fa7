"""What a step means to the people who watch: outages and fail-overs, found by comparing two states."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.registration.plan import Registrar
from softphone_agent.registration.states import State


@dataclass(frozen=True, slots=True)
class OutageBegan:
    """The phone had a binding and has none."""


@dataclass(frozen=True, slots=True)
class OutageEnded:
    """The phone is registered again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FailedOver:
    """The binding is at another PBX than before; also on the way home."""

    source: Registrar
    target: Registrar
    reason: str
    """A Reason's value where the binding was lost, `Redirected` where a refresh was, `FailBack` where the phone
    returned to its primary PBX by itself."""


Change = OutageBegan | OutageEnded | FailedOver


def changes(before: State, after: State, now: float) -> list[Change]:
    """The changes between the state before a step and the one after it, at the time `now` of the step."""
    found: list[Change] = []
    if after.loss is not None and before.loss is None:
        found.append(OutageBegan())
    if after.binding is None:
        return found
    loss = before.loss
    if loss is not None and after.loss is None:
        found.append(OutageEnded(now - loss.at))
    previous = before.binding or (loss.binding if loss else None)
    if previous is not None and previous.registrar != after.binding.registrar:
        kept = "FailBack" if before.is_returning else "Redirected"
        reason = loss.reason.value if loss is not None else kept
        found.append(FailedOver(previous.registrar, after.binding.registrar, reason))
    return found
