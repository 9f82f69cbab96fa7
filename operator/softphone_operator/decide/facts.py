"""Small facts that the parts of the operator pass to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from softphone_agent.contract.report import ConfigReport, PhoneReport
from softphone_operator.api.status import ConditionStatus

Hearing = Literal["heard", "connecting", "unheard"]


class Statement(NamedTuple):
    """What a condition is to say: its status, reason and message, without any time."""

    status: ConditionStatus
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What is heard of an agent about one phone.

    `connecting`: not yet, or not for a moment; what was said before still counts. `unheard`: `why` says why not.
    """

    hearing: Hearing
    phone: PhoneReport | None = None
    config: ConfigReport | None = None
    why: str = ""
