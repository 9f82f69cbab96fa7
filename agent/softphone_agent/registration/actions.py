"""What is to be done. Every Register and Unregister is answered by an event with its serial."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.registration.plan import Registrar


@dataclass(frozen=True, slots=True)
class Register:
    """Send REGISTER. It takes the place of whatever this phone had in flight."""

    serial: int
    registrar: Registrar
    refresh: bool = False
    """True: refresh the present binding. False: a registration of its own, as the plan now says."""


@dataclass(frozen=True, slots=True)
class Unregister:
    """Remove a binding (REGISTER with expiry 0 for this phone's Contact only)."""

    serial: int
    registrar: Registrar
    former: bool = False
    """False: the present binding. True: the one before, which the phone left there for the primary PBX."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody waits for the REGISTER in flight any more."""


Action = Register | Unregister | Abandon
