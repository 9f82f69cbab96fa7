"""What is to be done."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.registration.plan import Registrar


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a REGISTER without Contact. It is answered by an event with its serial."""

    serial: int
    registrar: Registrar


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody waits for the answer any more."""


Action = Ask | Drop
