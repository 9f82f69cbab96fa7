"""Has the calls where a phone answers them. Where none does nothing is imported for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softphone_agent.contract.phone import Phone
from softphone_agent.sip.happenings import CallOffered, CallSignal
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.worker.messages import Configure
from softphone_agent.worker.outbox import Outbox

if TYPE_CHECKING:
    from softphone_agent.worker.calls import Calls


class CallSwitch:
    """Stands between the loop and the calls."""

    def __init__(self, engine: SipEngine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox
        self._phones: dict[str, Phone] = {}
        """Those that answer."""
        self._calls: Calls | None = None

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` is to be called; None for never."""
        return self._calls.next_wakeup if self._calls is not None else None

    @property
    def is_idle(self) -> bool:
        """Whether there is no call."""
        return not self._calls

    def configure(self, order: Configure) -> None:
        """Put another configuration in force. Calls of a phone that does not answer any more, or otherwise, end."""
        former = self._phones
        self._phones = {phone.name: phone for phone in order.phones if phone.answer != "Never" and not phone.suspend}
        if self._phones and self._calls is None:
            from softphone_agent.worker.calls import Calls

            self._calls = Calls(self._engine.calls, self._outbox, self._is_traced, self._engine.settings.bind_address)
        if self._calls is None:
            return
        modes = {name: phone.answer for name, phone in self._phones.items() if phone.answer != "Never"}
        self._calls.configured(modes, order.max_calls)
        kept = {name for name, answer in modes.items() if name in former and former[name].answer == answer}
        self._calls.hang_up(lambda name: name not in kept)

    def stop(self) -> None:
        """End all calls; none is answered any more."""
        if self._calls is not None:
            self._calls.configured({}, 0)
            self._calls.hang_up(lambda name: True)

    def happened(self, happening: CallOffered | CallSignal, now: float) -> None:
        """Something came for a call."""
        if self._calls is None:
            return
        if isinstance(happening, CallOffered):
            self._calls.offered(happening, now)
        else:
            self._calls.signalled(happening, now)

    def wake(self, now: float) -> None:
        """Do what is due by now."""
        if self._calls:
            self._calls.wake(now)

    def _is_traced(self, name: str) -> bool:
        phone = self._phones.get(name)
        return phone is not None and "App" in phone.trace
