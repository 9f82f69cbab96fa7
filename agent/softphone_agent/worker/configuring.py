"""Puts another configuration in force: every phone is compared with its former self; only what changed acts."""

from __future__ import annotations

import time
from dataclasses import replace

import structlog

from softphone_agent.contract.phone import Phone
from softphone_agent.phone import credentials
from softphone_agent.phone.planning import without_credentials
from softphone_agent.registration import machine
from softphone_agent.registration.events import PingAnswered, Reconfigured
from softphone_agent.registration.plan import Plan
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.sip.request import Secret
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.messages import Configure
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.rates import Rates
from softphone_agent.worker.running import RunningPhone
from softphone_agent.worker.translation import LONGEST_MESSAGE
from softphone_agent.worker.watched import Watched
from softphone_agent.worker.way_reports import unchecked

log = structlog.get_logger()


class Configuring:
    """Adds, changes and removes phones."""

    def __init__(
        self, engine: SipEngine, configured: Configured, rates: Rates, phones: Phones, watched: Watched
    ) -> None:
        self._engine = engine
        self._configured = configured
        self._rates = rates
        self._phones = phones
        self._watched = watched

    def configure(self, order: Configure) -> None:
        """Carry out the supervisor's order."""
        now = time.monotonic()
        self._configured.take(order)
        self._engine.set_answer_time(self._configured.answer_seconds)
        self._engine.trace({phone.name for phone in order.phones if "Signaling" in phone.trace})
        wanted = {phone.name for phone in order.phones}
        for phone in self._phones.snapshot():
            if phone.name not in wanted:
                self._phones.remove(phone)
        new = [config for config in order.phones if self._phones.get(config.name) is None]
        begin_at = self._rates.begin_times(new, now)
        reader, dead = credentials.Reader(), self._watched.dead()
        for config in order.phones:
            former = self._phones.get(config.name)
            kept = None if former is None or former.removed else former
            config, secret, plan = self._read(config, kept, reader)
            if kept is None:
                running = self._begin(config, secret, plan, begin_at.get(config.name, now), dead)
                if former is not None:  # taken back while it leaves: answers to its last requests do not count
                    running.state = replace(running.state, serial=former.state.serial + 1)
                self._phones.add(running, now)
                self._tell_of_primary(running)
            else:
                kept.config, kept.secret = config, secret
                if plan != kept.state.plan:
                    self._phones.feed(kept.name, Reconfigured(plan))
                    self._tell_of_primary(kept)
                self._phones.report_again(kept)
        self._watched.is_outdated = True

    def _read(
        self, config: Phone, former: RunningPhone | None, reader: credentials.Reader
    ) -> tuple[Phone, Secret | None, Plan]:
        """The phone as it is to run, with its credentials and its plan, also if they cannot be read."""
        secret, fault = reader.read(config)
        waits = False
        if fault is not None:
            config, secret, waits = without_credentials(
                config,
                former.config if former else None,
                former.secret if former else None,
                bound=former is not None and former.state.binding is not None,
            )
            goes_on = "waits for them" if waits else "with those it had"
            log.warning("credentials not usable", softphone=config.name, fault=fault, goes_on=goes_on)
        sockets = former.sockets if former else 0
        plan = self._configured.plan(
            config, secret, sockets=sockets, fault=(fault or "")[:LONGEST_MESSAGE], waits=waits
        )
        return config, secret, plan

    def _tell_of_primary(self, phone: RunningPhone) -> None:
        """Whether its primary PBX answers: one that returns to it counts the time from now on (failBack)."""
        plan = phone.state.plan
        if plan.fail_back_after is not None and plan.pri is not None and self._watched.is_alive(plan.pri.uri):
            self._phones.feed(phone.name, PingAnswered(plan.pri))

    def _begin(self, config: Phone, secret: Secret | None, plan: Plan, at: float, dead: list[str]) -> RunningPhone:
        """A new phone that begins at this time and knows which registrars are dead."""
        known = frozenset(self._configured.registrar(uri, config, plan) for uri in dead)
        return RunningPhone(config, secret, machine.begin(plan, at, known), paths=unchecked(config, plan))
