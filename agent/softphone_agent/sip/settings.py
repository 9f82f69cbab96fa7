"""What the SIP engine is opened with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the endpoint is opened with. An empty `bind_address` leaves the choice to the system."""

    user_agent: str
    bind_address: str = ""
    port: int = 0
    answer_seconds: float = 4.0
