"""The status of a SoftphonePool: the sums are those of a fleet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from softphone_operator.api.status import ManyPhonesStatus, SoftphonePoolStatus
from softphone_operator.decide import fleet_status
from softphone_operator.decide.facts import Statement
from softphone_operator.decide.status import Object


def pool(
    previous: Object,
    *,
    generation: int,
    accepted: Statement,
    agents: Sequence[fleet_status.AgentFacts],
    phones: int,
    now: datetime,
) -> SoftphonePoolStatus:
    """The status of a pool. `phones`: those that its agents are to carry. Suspended ones need not register."""
    suspended = sum(one.told.states.get("Suspended", 0) for one in agents if one.told is not None)
    made = fleet_status.fleet(
        {**previous, "replicas": previous.get("phones", 0)},
        generation=generation,
        accepted=accepted,
        agents=agents,
        wanted=phones - suspended,
        suspended=bool(phones) and suspended >= phones,
        selector="",
        now=now,
    )
    shared: dict[str, Any] = {field: getattr(made, field) for field in ManyPhonesStatus.model_fields}
    return SoftphonePoolStatus(phones=phones, **shared)
