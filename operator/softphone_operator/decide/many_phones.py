"""What an agent with many phones is given by default: it grows with the phones that it may have, not with those it has.

Else each phone more or less would restart the pod.
"""

from __future__ import annotations

from softphone_operator.api.spec import Resources
from softphone_operator.decide.resources import with_defaults

LEAST_STOP_SECONDS, SLOWEST_STOP_RATE = 20.0, 20.0
"""An agent has so long to un-REGISTER, and a second more for so many phones. Not by registerRate: a change of that
would restart the pods."""


def stop_seconds(phones: int) -> float:
    """How long an agent that may have so many phones has to un-REGISTER them."""
    return LEAST_STOP_SECONDS + phones / SLOWEST_STOP_RATE


def resources(given: Resources | None, phones: int) -> Resources:
    """The compute resources of an agent that may have so many phones: what is given, else by their number."""
    requests: dict[str, int | str] = {"cpu": f"{10 + phones // 20}m", "memory": f"{64 + phones // 8}Mi"}
    limits: dict[str, int | str] = {"memory": f"{256 + phones}Mi"}
    return with_defaults(given, requests, limits)
