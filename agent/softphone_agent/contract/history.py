"""What an agent remembers of its phones: the contract of `/history`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from softphone_agent.contract.fields import Model
from softphone_agent.contract.report import PathVia

HistoryKind = Literal["Outage", "FailOver", "PathLost", "PathBack"]
MOST_OF_A_PHONE = 50
"""Entries that are kept of one phone; fewer where an agent has more than a thousand."""
MOST_TOLD = 1000
"""Entries of one answer, the newest."""


class HistoryEntry(Model):
    """One thing that happened to one phone. It is told when it is over, but for a way that was lost."""

    time: str = Field(max_length=40, description="When it began, RFC 3339 UTC.")
    phone: str = Field(max_length=253, description="Name of the phone.")
    kind: HistoryKind = Field(
        description="Outage: without registration, and registered again. FailOver: the binding moved to another PBX. "
        "PathLost, PathBack: a way that would not hold any more, or holds again."
    )
    via: PathVia | None = Field(default=None, description="Entry PBX of the way; missing for other kinds.")
    from_pbx: str | None = Field(
        default=None, max_length=300, description="PBX that held the registration: name, or host:port."
    )
    to_pbx: str | None = Field(
        default=None, max_length=300, description="PBX that has it now, or at which the way ended."
    )
    seconds: float | None = Field(default=None, description="How long it lasted; missing where it did not last.")
    reason: str = Field(default="", max_length=64, description="Why: of a failure, or a path check's result.")


class History(Model):
    """What an agent remembers, the oldest first. It forgets it when its pod ends."""

    version: str = Field(max_length=64, description="Version of the agent.")
    entries: tuple[HistoryEntry, ...] = ()
