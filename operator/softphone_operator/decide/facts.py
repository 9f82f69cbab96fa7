"""Small facts that the parts of the operator pass to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from softphone_agent.contract.report import ConfigReport, PhoneReport
from softphone_operator.api.status import ConditionStatus

Stream = Literal["connected", "connecting", "lost"]


class Statement(NamedTuple):
    """What a condition is to say: its status, reason and message, without any time."""

    status: ConditionStatus
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What an agent has reported about one phone, and whether its stream is there.

    `connecting`: not yet, or lost a moment ago; the last report still counts. `lost`: `why` says why.
    """

    stream: Stream
    phone: PhoneReport | None = None
    config: ConfigReport | None = None
    why: str = ""
