"""Has the calls where a phone answers or makes them. Where none does nothing is imported for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from softphone_agent.contract import sip_uri
from softphone_agent.contract.call_check import Callee
from softphone_agent.contract.phone import Phone
from softphone_agent.sip.happenings import CallOffered, CallSignal
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.worker.messages import Configure
from softphone_agent.worker.moves import Back, Move, Moves
from softphone_agent.worker.outbox import Outbox

if TYPE_CHECKING:
    from softphone_agent.calls.answering import Rule
    from softphone_agent.calls.sdes import Encryption
    from softphone_agent.worker.call_checks import CallChecks
    from softphone_agent.worker.calls import Calls


class CallSwitch:
    """Stands between the loop and the calls."""

    def __init__(self, engine: SipEngine, outbox: Outbox, moves: Moves, pbx_of: Callable[[str], str | None]) -> None:
        """`pbx_of`: where the phone with this name is registered, as people call that PBX."""
        self._engine = engine
        self._outbox = outbox
        self._moves = moves
        self._pbx_of = pbx_of
        self._phones: dict[str, Phone] = {}
        """Those that answer or call."""
        self._called_by_others: set[str | None] = set()
        """Those whose moves the callers of other workers are to know of."""
        self._parts: tuple[Calls, CallChecks] | None = None

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` is to be called; None for never."""
        return min((at for part in self._parts or () if (at := part.next_wakeup) is not None), default=None)

    @property
    def is_idle(self) -> bool:
        """Whether there is no call."""
        return self._parts is None or not self._parts[0]

    def configure(self, order: Configure, now: float) -> None:
        """Put another configuration in force. Calls of a phone that does not answer any more, or otherwise, end."""
        running = {phone.name: phone for phone in order.phones if not phone.suspend}
        checks = tuple(check for check in order.checks if check.caller in running)
        callees: dict[str, list[Callee]] = {}
        for callee in order.callees:
            callees.setdefault(callee.phone, []).append(callee)
        self._called_by_others = {
            check.callee
            for check in order.checks
            if check.after_fail_over and check.callee in running and check.caller not in running
        }
        named = {check.caller for check in checks} | callees.keys()
        former = self._phones
        self._phones = {name: one for name, one in running.items() if one.answer in ("Echo", "Tone") or name in named}
        if self._parts is None and not self._phones:
            return
        calls, call_checks = self._parts or self._begin()
        calls.configured(_rules(self._phones.values(), callees), order.max_calls)
        call_checks.configured(checks, now)
        kept = {name for name, one in self._phones.items() if name in former and former[name].answer == one.answer}
        calls.hang_up(lambda name: name not in kept)

    def stop(self) -> None:
        """End all calls; none is answered or made any more."""
        if self._parts is not None:
            calls, checks = self._parts
            checks.configured((), 0.0)
            calls.configured({}, 0)
            calls.hang_up(lambda name: True)

    def happened(self, happening: CallOffered | CallSignal, now: float) -> None:
        """Something came for a call."""
        if self._parts is None:
            return
        if isinstance(happening, CallOffered):
            self._parts[0].offered(happening, now)
        else:
            self._parts[0].signalled(happening, now)

    def moved(self, move: Move, now: float) -> None:
        """A phone of a check has lost its binding, or is registered again: of this worker, or of another one."""
        if self._parts is not None:
            self._parts[1].moved(move, now)

    def wake(self, now: float) -> None:
        """Do what is due by now."""
        for move in self._moves.take():
            self.moved(move, now)
            if isinstance(move, Back) and move.phone in self._called_by_others:
                self._outbox.news.moves.append(move)
        for part in self._parts or ():
            part.wake(now)

    def _begin(self) -> tuple[Calls, CallChecks]:
        from softphone_agent.worker.call_checks import CallChecks
        from softphone_agent.worker.calls import Calls

        address = self._engine.settings.bind_address
        calls = Calls(self._engine.calling, self._outbox, self._is_traced, self._pbx_of, self._encryption, address)
        self._parts = (calls, CallChecks(calls, self._outbox))
        return self._parts

    def _encryption(self, name: str) -> Encryption:
        from softphone_agent.calls.sdes import Encryption

        phone = self._phones.get(name)
        return Encryption.NEVER if phone is None else Encryption(phone.media_encryption)

    def _is_traced(self, name: str) -> bool:
        phone = self._phones.get(name)
        return phone is not None and "App" in phone.trace


def _rules(phones: Iterable[Phone], callees: Mapping[str, list[Callee]]) -> dict[str, Rule]:
    """How each of the phones answers that answer anybody."""
    from softphone_agent.calls.answering import Known, Rule

    rules = {}
    for phone in phones:
        known = tuple(
            Known(
                one.check,
                one.token,
                frozenset(map(sip_uri.user_of_aor, one.callers)),
                one.ring_seconds,
            )
            for one in callees.get(phone.name, ())
        )
        rules[phone.name] = Rule(phone.answer, known)
    return {name: rule for name, rule in rules.items() if rule.answers}
