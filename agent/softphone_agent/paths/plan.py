"""What a phone's path checks go by: its plan, how often, and what holds the phone at present."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.registration.plan import Plan, Registrar


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """The ways are those of the registration's plan. Times in seconds."""

    phone: Plan
    interval: float
    """From one check of a way to the next; more than 0."""
    fraction: float
    """The phone's own, in [0, 1): where in the time over which many phones are spread its first check falls."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A binding that is valid now, and what is known beside it."""

    registrar: Registrar
    """The PBX that holds the phone."""
    home: Registrar | None = None
    """Configured, or learned from redirects."""
    home_is_dead: bool = False
    """Whether the home answers no pings, so that another PBX keeps the phone with good reason."""
    not_before: tuple[tuple[Registrar, float], ...] = ()
    """Retry-After: PBXes that must not be asked before a time."""

    def may_ask_at(self, at: Registrar) -> float:
        """From when on this PBX may be asked."""
        return dict(self.not_before).get(at, float("-inf"))
