"""Makes the test calls: each at its time, one at a time, and judges them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial

import structlog

from softphone_agent.calls import tone, verdict
from softphone_agent.calls.session import Heard
from softphone_agent.calls.states import Limits, State
from softphone_agent.contract.call_check import CallCheck, Hears
from softphone_agent.phone.observations import CallChecked
from softphone_agent.worker.calls import Calls
from softphone_agent.worker.outbox import Outbox

_LISTENS_FOR: dict[Hears, int | None] = {"Tone": tone.CALLEE, "Echo": tone.CALLER, "Anything": None}
FIRST_AFTER = 5.0
"""Seconds within which the first calls of an agent are made, so that not all come at once."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Due:
    check: CallCheck
    at: float
    runs: bool = False
    """Whether its call goes on."""


class CallChecks:
    """The checks whose callers are phones of this worker."""

    def __init__(self, calls: Calls, outbox: Outbox) -> None:
        self._calls = calls
        self._outbox = outbox
        self._checks: dict[str, _Due] = {}

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` is to be called; None for never."""
        return min((due.at for due in self._checks.values()), default=None)

    def configured(self, checks: tuple[CallCheck, ...], now: float) -> None:
        """Make these from now on, and no others. One that has changed begins anew."""
        former, self._checks = self._checks, {}
        for check in checks:
            known = former.get(check.name)
            if known is None or known.check != check:
                known = _Due(check, now + random.uniform(0, min(FIRST_AFTER, check.every_seconds)))
            self._checks[check.name] = known

    def wake(self, now: float) -> None:
        """Make the calls whose time has come. One that still goes on is waited for."""
        for due in self._checks.values():
            if now < due.at:
                continue
            due.at = now + due.check.every_seconds
            if not due.runs:
                self._call(due, now)

    def _call(self, due: _Due, now: float) -> None:
        check = due.check
        limits = Limits(check.answer_timeout_seconds, check.talk_seconds)
        ended = partial(self._ended, due)
        try:
            due.runs = True
            self._calls.place(check.caller, check.to, limits, _LISTENS_FOR[check.expected.hears], ended, now)
        except OSError as error:
            due.runs = False
            self._tell(check, [f"call: {error.strerror or error}"])

    def _ended(self, due: _Due, state: State, heard: Heard) -> None:
        due.runs = False
        wanted = due.check.expected
        loss = None if wanted.max_loss_percent is None else wanted.max_loss_percent / 100
        expected = verdict.Expected(
            wanted.code, wanted.answer_seconds, wanted.hears != "Anything", part_lost=loss, mos=wanted.min_mos
        )
        self._tell(due.check, verdict.faults(state, heard, expected), state, heard)

    def _tell(
        self, check: CallCheck, faults: list[str], state: State | None = None, heard: Heard | None = None
    ) -> None:
        self._outbox.observe(CallChecked(check.name, not faults))
        measured: dict[str, object] = {}
        if state is not None and state.answered_at is not None:
            measured["answer_seconds"] = round(state.answered_at - state.began_at, 4)
        if heard is not None and state is not None and state.answered_at is not None:
            quality = verdict.quality(heard)
            measured |= {"mos": quality.mos and round(quality.mos, 2), "lost": heard.lost, "received": heard.packets}
        write = log.warning if faults else log.info
        write("call check", check=check.name, softphone=check.caller, passed=not faults, faults=faults, **measured)
