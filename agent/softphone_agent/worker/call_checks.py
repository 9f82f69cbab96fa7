"""Makes the test calls, each at its time, and judges them. After a fail-over they begin at once, until one passes."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from softphone_agent.calls import pursuit, tone, verdict
from softphone_agent.calls.events import Doubted, HangUpRequested, Replaced
from softphone_agent.calls.pursuit import Pursuit
from softphone_agent.calls.session import Heard
from softphone_agent.calls.states import Ending, Limits, Phase
from softphone_agent.calls.survival import survival
from softphone_agent.contract.call_check import CallCheck, Hears
from softphone_agent.contract.call_report import CallReport
from softphone_agent.phone.observations import CallableAgain
from softphone_agent.worker import call_reporting
from softphone_agent.worker.calls import Calls
from softphone_agent.worker.moves import Lost, Move
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.reporting import rfc3339
from softphone_agent.worker.reports import wall
from softphone_agent.worker.running_call import OfCheck, RunningCall

_LISTENS_FOR: dict[Hears, int | None] = {"Tone": tone.CALLEE, "Echo": tone.CALLER, "Anything": None, "Unasked": None}
FIRST_AFTER = 5.0
"""Seconds within which the first calls of an agent are made, so that not all come at once."""
WATCHED_FROM, ASK_SECONDS = 30.0, 5.0
"""A call that lasts longer than the first is watched by OPTIONS, one in so many seconds of the second."""
LISTEN_SECONDS = 0.1
"""From one look at the sound of a call after a fail-over to the next."""
REGISTERED_WITHIN = 30.0
"""For so long the first call of a check waits for its caller's registration; then it is made, and fails."""
WAIT_SECONDS, WAIT_FOR_ROOM = 0.5, 0.1
RESCUE_SECONDS = 1.0
"""From one try to rescue a call to the next."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Due:
    check: CallCheck
    at: float
    """When the next call is to be made."""
    waits_until: float
    """Till then the first call waits for the caller to be registered."""
    made: int = 0
    number: int = 0
    """The call that goes on; 0 for none."""
    rescuer: int = 0
    """The call that is to take its place; 0 for none."""
    rescue_at: float = 0.0
    pursuit: Pursuit | None = None
    """Calls after a fail-over, beside the others."""
    pursuers: set[int] = field(default_factory=set)
    listen_at: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether all calls that are wanted were made."""
        return self.check.times is not None and self.made >= self.check.times


class CallChecks:
    """The checks whose callers are phones of this worker."""

    def __init__(self, calls: Calls, outbox: Outbox) -> None:
        self._calls = calls
        self._outbox = outbox
        self._checks: dict[str, _Due] = {}

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` is to be called; None for never."""
        return min((at for due in self._checks.values() for at in self._times(due)), default=None)

    def configured(self, checks: tuple[CallCheck, ...], now: float) -> None:
        """Make these from now on, and no others. One that has changed begins anew."""
        former, self._checks = self._checks, {}
        for check in checks:
            known = former.get(check.name)
            if known is None or known.check != check:
                first = 0.0 if check.times is not None else random.uniform(0, min(FIRST_AFTER, check.every_seconds))
                known = _Due(check, now + first, now + REGISTERED_WITHIN)
            self._checks[check.name] = known

    def moved(self, move: Move, now: float) -> None:
        """A phone of this worker has lost its binding, or has another one."""
        for due in self._checks.values():
            if move.phone not in (due.check.caller, due.check.callee):
                continue
            for number in (due.number, due.rescuer):
                call = self._calls.get(number)
                if call is not None and call.of is not None and call.phone == move.phone:
                    call.of.has_failed = call.of.has_failed or isinstance(move, Lost)
                self._calls.step(number, Doubted(), now)
            if due.check.after_fail_over and not isinstance(move, Lost):
                due.pursuit = pursuit.begun(due.pursuit, move.since, now)

    def wake(self, now: float) -> None:
        """Make the calls whose time has come. One that still goes on is waited for."""
        for due in list(self._checks.values()):
            if now < due.at and not due.number and due.pursuit is None:
                continue  # it only waits for its time
            if now >= due.at and self._waits(due, now):
                due.at = now + WAIT_SECONDS
            elif now >= due.at and not due.is_over and not due.number and not self._calls.has_room:
                due.at = now + WAIT_FOR_ROOM
            elif now >= due.at and not due.is_over:
                due.at = now + due.check.every_seconds
                if not due.number:
                    due.made += 1
                    self._begin(due, now)
            self._pursue(due, now)
            self._rescue(due, now)

    def _waits(self, due: _Due, now: float) -> bool:
        """Whether the caller is about to register for the first time: that is no fault of its PBX."""
        return not due.made and now < due.waits_until and self._calls.pbx_of(due.check.caller) is None

    def _times(self, due: _Due) -> list[float]:
        times = [] if due.is_over else [due.at]
        if due.pursuit is not None:
            times.append(min(due.pursuit.next_at, due.listen_at) if due.pursuers else due.pursuit.next_at)
        if due.number and due.check.rescue and self._is_broken(due):
            times.append(due.rescue_at)
        return times

    # At its time

    def _begin(self, due: _Due, now: float) -> None:
        limits = self._limits(due.check, due.check.talk_seconds)
        due.number = self._call(due, limits, self._of(due), now)

    def _call(self, due: _Due, limits: Limits, of: OfCheck, now: float, replaces: int = 0) -> int:
        """Make a call; returns its number, 0 where that cannot be, which is told."""
        check, hears = due.check, _LISTENS_FOR[due.check.expected.hears]
        ended = partial(self._ended, due)
        try:
            return self._calls.place(check.caller, check.to, limits, hears, of, ended, now, replaces)
        except OSError as error:
            if not of.after_fail_over and not replaces:
                self._not_made(due, of, f"call: {error.strerror or error}", now)
            return 0

    def _of(self, due: _Due) -> OfCheck:
        check = due.check
        call = uuid.uuid4().hex if check.token else ""
        return OfCheck("Caller", due.check.label, call, check.to, entry=check.name, token=check.token)

    def _limits(self, check: CallCheck, talk: float) -> Limits:
        watched = check.rescue or check.talk_seconds > WATCHED_FROM
        return Limits(check.answer_timeout_seconds, talk, ask=ASK_SECONDS if watched else 0.0)

    # After a fail-over

    def _pursue(self, due: _Due, now: float) -> None:
        if due.pursuit is None:
            return
        if pursuit.is_given_up(due.pursuit, now):
            self._end_pursuit(due, now)
            return
        if now >= due.listen_at:
            due.listen_at = now + LISTEN_SECONDS
            for call in [call for number in due.pursuers if (call := self._calls.get(number)) is not None]:
                if pursuit.is_deaf(call.state, now):
                    self._calls.step(call.number, HangUpRequested(), now)
                elif call.state.phase is Phase.TALKING and pursuit.hears_both_ways(call.session.heard()):
                    self._callable(due, call, now)
                    return
        if now >= due.pursuit.next_at and not self._calls.has_room:
            due.pursuit = replace(due.pursuit, next_at=now + WAIT_FOR_ROOM)
        elif now >= due.pursuit.next_at and not self._rings(due):
            due.pursuit = pursuit.called(due.pursuit, now)
            of = self._of(due)
            of.after_fail_over = True
            if number := self._call(due, self._limits(due.check, due.check.talk_seconds), of, now):
                due.pursuers.add(number)

    def _rings(self, due: _Due) -> bool:
        """Whether something was heard of one of the calls, which then is waited for."""
        running = (self._calls.get(number) for number in due.pursuers)
        return any(call is not None and call.state.phase in (Phase.RINGING, Phase.TALKING) for call in running)

    def _callable(self, due: _Due, call: RunningCall, now: float) -> None:
        """The phone can be called again: this call was answered with audio both ways."""
        assert due.pursuit is not None
        assert call.of is not None
        seconds = now - due.pursuit.since
        call.of.callable_seconds = seconds
        self._outbox.observe(CallableAgain(due.check.label, call.of.pbx or "", seconds))
        log.info(
            "callable again", check=due.check.name, softphone=call.phone, seconds=round(seconds, 3), pbx=call.of.pbx
        )
        due.pursuers.discard(call.number)
        self._end_pursuit(due, now)
        self._calls.step(call.number, HangUpRequested(), now)

    def _end_pursuit(self, due: _Due, now: float) -> None:
        due.pursuit = None
        for number in list(due.pursuers):
            self._calls.step(number, HangUpRequested(), now)
        due.pursuers.clear()

    # A call whose way has failed

    def _is_broken(self, due: _Due) -> bool:
        call = self._calls.get(due.number)
        return call is not None and call.state.phase is Phase.TALKING and call.state.is_broken and not due.rescuer

    def _rescue(self, due: _Due, now: float) -> None:
        """Make the call anew by the PBX that has taken over, in place of the old one.

        Where it is the callee's PBX that has failed, the caller's own one knows the way.
        """
        if self._talks(due.rescuer):
            self._calls.step(due.number, Replaced(), now)
            due.number, due.rescuer = due.rescuer, 0
        if not due.check.rescue or not due.number or now < due.rescue_at or not self._is_broken(due):
            return
        due.rescue_at = now + RESCUE_SECONDS
        old = self._calls.get(due.number)
        if old is None or old.of is None or (old.of.has_failed and not self._calls.has_moved(due.number)):
            return  # the caller's own PBX has failed, and there is no other one yet
        of = self._of(due)
        of.rescued, of.call = True, old.of.call
        limits = self._limits(due.check, max(1.0, old.state.deadline - now))
        due.rescuer = self._call(due, limits, of, now, replaces=due.number)

    def _talks(self, number: int) -> bool:
        call = self._calls.get(number)
        return call is not None and call.state.phase is Phase.TALKING

    # The end

    def _ended(self, due: _Due, call: RunningCall, heard: Heard) -> None:
        due.pursuers.discard(call.number)
        if call.number == due.rescuer:  # it was not answered: the old call goes on, as far as it does
            due.rescuer = 0
            return
        if call.number == due.number:
            was_replaced = self._talks(due.rescuer)
            due.number, due.rescuer = due.rescuer, 0
            if was_replaced:
                return
        if call.state.ending is not Ending.REPLACED:
            self._judge(due, call, heard)

    def _judge(self, due: _Due, call: RunningCall, heard: Heard) -> None:
        assert call.of is not None
        check, of, state = due.check, call.of, call.state
        wanted = check.expected
        loss = None if wanted.max_loss_percent is None else wanted.max_loss_percent / 100
        expected = verdict.Expected(
            wanted.code,
            wanted.answer_seconds,
            audio=wanted.hears != "Unasked",
            tone=wanted.hears in ("Tone", "Echo"),
            part_lost=loss,
            mos=wanted.min_mos,
        )
        faults = verdict.faults(state, heard, expected)
        if check.callee and of.answered_by and of.answered_by != check.callee:
            faults.insert(0, f"answer: {check.callee} was to answer, {of.answered_by} did")
        survived = survival(state, failed=of.has_failed, rescued=of.rescued, heard=not heard.silent)
        is_judged = not of.after_fail_over or of.callable_seconds is not None
        passed = not faults if is_judged else None
        report = call_reporting.report_of(call.phone, of, state, heard, wall, faults, passed, survived)
        self._tell(due, report)
        measured = {
            "answer_seconds": report.answer_seconds,
            "mos": report.mos,
            "lost": heard.lost,
            "received": heard.packets,
        }
        shown = measured if state.answered_at is not None else {}
        write = log.warning if passed is False else log.info
        write("call check", check=check.name, softphone=check.caller, passed=passed, faults=faults, **shown)

    def _not_made(self, due: _Due, of: OfCheck, fault: str, now: float) -> None:
        """No INVITE could be sent."""
        time = rfc3339(wall(now))
        report = CallReport(
            end="Caller",
            check=of.check,
            entry=of.entry,
            phone=due.check.caller,
            peer=of.peer,
            state="Ended",
            began=time,
            ended=time,
            passed=False,
            faults=(fault[:256],),
        )
        self._tell(due, report)
        log.warning("call check", check=due.check.name, softphone=due.check.caller, passed=False, faults=[fault])

    def _tell(self, due: _Due, report: CallReport) -> None:
        self._outbox.tested(report, due.check.from_site or "", due.check.to_site or "")
