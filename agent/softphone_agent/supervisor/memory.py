"""What the agent remembers of its phones: the last entries of each, within a bound for all. No I/O."""

from __future__ import annotations

from collections import deque

from softphone_agent.contract.history import MOST_OF_A_PHONE, MOST_TOLD, HistoryEntry
from softphone_agent.contract.report import PhoneReport
from softphone_agent.supervisor.happened import happened

MOST = 50_000
"""Entries of all phones: some 20 MB, if every phone has as many as it may."""
LEAST_OF_A_PHONE = 5


class Memory:
    """The history of each phone. One to which nothing happens costs nothing."""

    def __init__(self) -> None:
        self._entries: dict[str, deque[HistoryEntry]] = {}

    def seen(self, before: PhoneReport | None, after: PhoneReport, phones: int) -> None:
        """A phone, one of so many, has another report."""
        for entry in happened(before, after):
            kept = self._entries.get(entry.phone)
            if kept is None:
                most = min(MOST_OF_A_PHONE, max(LEAST_OF_A_PHONE, MOST // max(1, phones)))
                kept = self._entries[entry.phone] = deque(maxlen=most)
            kept.append(entry)

    def forget(self, phone: str) -> None:
        """The phone is no longer configured."""
        self._entries.pop(phone, None)

    def entries(self, phone: str | None = None) -> tuple[HistoryEntry, ...]:
        """Those of a phone, or the newest of all; the oldest first."""
        if phone is not None:
            return tuple(self._entries.get(phone, ()))
        found = sorted((entry for kept in self._entries.values() for entry in kept), key=lambda entry: entry.time)
        return tuple(found[-MOST_TOLD:])
