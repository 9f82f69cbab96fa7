"""Forgets what nobody needs any more, and gives memory back to the system."""

from __future__ import annotations

from softphone_agent.paths.support import Support
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.worker import memory
from softphone_agent.worker.names import Names
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.rates import Rates
from softphone_agent.worker.sending import Sending


class Tidying:
    """After a burst of REGISTERs: it takes several times the memory that its phones hold afterwards."""

    def __init__(
        self,
        engine: SipEngine,
        names: Names,
        rates: Rates,
        sending: Sending,
        phones: Phones,
        support: Support,
        now: float,
    ) -> None:
        self._engine = engine
        self._names = names
        self._rates = rates
        self._sending = sending
        self._phones = phones
        self._support = support
        self._tidied_at = now

    def tidy(self, now: float) -> None:
        """Tidy up from time to time during a burst, and for the last time when all of it is over."""
        soon = now - self._tidied_at < memory.GIVE_BACK_SECONDS
        if soon or self._tidied_at - self._sending.last_at > memory.BURST_SECONDS:
            return
        self._tidied_at = now
        self.forget_places(now)
        memory.give_back()

    def forget_places(self, now: float) -> None:
        """Keep nothing of PBXes that nobody uses any more: redirects may lead to ever new ones."""
        used = {
            one.registrar.uri
            for phone in self._phones
            for one in (phone.state.binding, phone.request)
            if one is not None
        }
        self._names.forget(used, now)
        self._rates.forget(now)
        self._support.forget(now)
