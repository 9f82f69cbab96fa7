"""The test calls after the fail-over of a rehearsal: how long until phones could call and be called again. Pure.

A CallCheck with `after: [FailedOver]` makes them. Who calls in vain until then tells nothing; the first call of a pair
that is answered with audio both ways has its time from the loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from softphone_agent.contract.call_report import CallReport

SETTLED_SECONDS = 10.0
"""Calls are waited for so long after the last phone was back, or the last call told its time."""
MOST = 1000
"""So many are kept, those first that took longest."""


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """A first call after a fail-over. `seconds`: from the loss to audio both ways."""

    seconds: float
    caller: str
    callee: str
    began: str
    """When its INVITE was sent, RFC 3339."""


class Calls:
    """The calls of a run that began at `since`. `now` is on a clock that never goes back."""

    def __init__(self, since: datetime, kept: Iterable[Call] = ()) -> None:
        self._since = since
        self._calls = {(call.caller, call.callee, call.began): call for call in kept}
        self._news_at: float | None = None

    def told(self, caller: str, report: CallReport, now: float) -> bool:
        """An agent told of a call of `caller`, as namespace/name; whether that is news."""
        if report.end != "Caller" or report.callable_seconds is None:
            return False
        key = (caller, report.peer, report.began)
        if key in self._calls or datetime.fromisoformat(report.began) < self._since:
            return False
        self._calls[key] = Call(round(report.callable_seconds, 3), caller, report.peer, report.began)
        self._news_at = now
        return True

    @property
    def all(self) -> tuple[Call, ...]:
        """Those that took longest first."""
        return tuple(sorted(self._calls.values(), reverse=True)[:MOST])

    def settled(self, back_at: float, now: float) -> bool:
        """Whether none is waited for any more, where the last phone was back at `back_at`."""
        return now - max(back_at, self._news_at or back_at) >= SETTLED_SECONDS
