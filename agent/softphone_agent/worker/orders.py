"""Carries out what the supervisor orders over the pipe."""

from __future__ import annotations

import select
import time
from multiprocessing.connection import Connection

from softphone_agent.worker.call_switch import CallSwitch
from softphone_agent.worker.configuring import Configuring
from softphone_agent.worker.fetching import Fetching
from softphone_agent.worker.lookups import LookUps
from softphone_agent.worker.messages import Configure, Moved, Share, Stop, ToWorker
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.rates import Rates


class Orders:
    """The worker's end of the pipe, for reading."""

    def __init__(
        self,
        pipe: Connection,
        calls: CallSwitch,
        configuring: Configuring,
        lookups: LookUps,
        fetching: Fetching,
        phones: Phones,
        rates: Rates,
    ) -> None:
        self._pipe = pipe
        self._waiting = select.poll()
        self._waiting.register(pipe.fileno(), select.POLLIN)
        self._calls = calls
        self._configuring = configuring
        self._lookups = lookups
        self._fetching = fetching
        self._phones = phones
        self._rates = rates
        self.is_stopping = False
        """Whether the supervisor ordered the worker to stop."""

    def take(self) -> bool:
        """Carry out all orders that are there; False when the supervisor is gone."""
        try:
            while self._waiting.poll(0):
                self._carry_out(self._pipe.recv())
        except (EOFError, ConnectionError):
            return False
        return True

    def _carry_out(self, order: ToWorker) -> None:
        if isinstance(order, Configure):
            self._calls.configure(
                order, time.monotonic()
            )  # BYE goes before the un-REGISTER of a phone that is taken away
            self._configuring.configure(order)
        elif isinstance(order, Share):
            self._rates.share = order.part or 1.0
        elif isinstance(order, Moved):
            self._calls.moved(order.move, time.monotonic())
        elif isinstance(order, Stop):
            self.is_stopping = True
            self._calls.stop()
            self._phones.stop()
        else:
            self._lookups.answered(order, time.monotonic())
            self._fetching.looked_up(order, time.monotonic())
