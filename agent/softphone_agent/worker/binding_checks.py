"""Binding checks: whether the PBXes that hold phones still do. One phone asks for all at its PBX (docs/rules.md).

A PBX that has forgotten is noticed within seconds instead of with the next refresh, and its phones register again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from softphone_agent.dns.targets import Place
from softphone_agent.paths.moments import (
    AGAIN_SECONDS,
    BINDINGS_SOONEST,
    REFUSED_SECONDS,
    binding_wait,
    forgotten_wait,
    full_second,
)
from softphone_agent.paths.support import Support
from softphone_agent.phone.planning import instance_id
from softphone_agent.registration.events import BindingForgotten
from softphone_agent.registration.states import Phase
from softphone_agent.sip.happenings import Fetched
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.fetching import Fetching
from softphone_agent.worker.listing import lists
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.running import RunningPhone

CLEARANCE = 1.0
"""Seconds before its refresh in which a phone does not ask: its own REGISTER goes before."""
SPREAD_SECONDS = 1.0
"""Within so many seconds the phones of a PBX that has forgotten register again."""
UNLISTED = "it lists no binding of a phone that it holds"

log = structlog.get_logger()


def _checks(phone: RunningPhone) -> bool:
    """Whether anything is to be asked for this phone."""
    return phone.config.registration.path_check_seconds > 0 and not phone.removed


@dataclass(slots=True)
class _Checked:
    """A place at which phones are registered. Times are monotonic seconds."""

    asks: str = ""
    """The phone that asks: the same one as long as it is there, since its nonce is known."""
    due: float = 0.0
    """When it is asked next."""
    missed_at: float | None = None
    """When it did not list a binding; None where it does."""
    missed: int = 0
    """How often in a row it has forgotten its bindings."""


class BindingChecks:
    """By place: each server of a name has a memory of its own."""

    def __init__(self, configured: Configured, phones: Phones, fetching: Fetching, support: Support) -> None:
        self._configured = configured
        self._phones = phones
        self._fetching = fetching
        self._support = support
        self._places: dict[Place, _Checked] = {}
        self._in_flight: dict[str, Place] = {}
        self.next_wakeup = 0.0
        """When `wake` has something to do."""

    def look_at(self, names: Iterable[str], now: float) -> None:
        """Something has changed with these phones: one that sends a REGISTER itself asks no more.

        Where a PBX holds its first phone, it is asked at once: one that never listed a binding could not be told from
        one that has forgotten it.
        """
        for name in names:
            phone = self._phones.get(name)
            is_held = phone is not None and phone.state.phase is Phase.REGISTERED
            if name in self._in_flight and not is_held:
                del self._in_flight[name]
                self._fetching.drop(name)
            elif phone is not None and is_held and _checks(phone) and phone.bound_at not in self._places:
                self.next_wakeup = min(self.next_wakeup, full_second(now + AGAIN_SECONDS))

    def wake(self, now: float) -> None:
        """Ask those that are due."""
        if now < self.next_wakeup:
            return
        willing = self._willing(now)
        self._places = {place: self._places.get(place) or _Checked() for place in willing}
        for place, checked in self._places.items():
            if now >= checked.due:
                wait = self._ask(place, checked, willing[place], now)
                checked.due = max(checked.due, full_second(now + wait))
        self._set_wakeup(now)

    def _set_wakeup(self, now: float) -> None:
        # Phones may be at a new place soon, which nobody would look at before.
        self.next_wakeup = min([full_second(now + BINDINGS_SOONEST), *(one.due for one in self._places.values())])

    def _willing(self, now: float) -> dict[Place, dict[str, RunningPhone]]:
        """The phones that may ask now, by the place at which they are registered; also places at which none may."""
        found: dict[Place, dict[str, RunningPhone]] = {}
        for phone in self._phones:
            binding, place = phone.state.binding, phone.bound_at
            if binding is None or not _checks(phone):
                continue
            if place is None or place.uri != binding.registrar.uri:
                continue
            at_place = found.setdefault(place, {})
            is_idle = phone.state.phase is Phase.REGISTERED and binding.refresh_at - now > CLEARANCE
            if is_idle and not self._fetching.is_asking(phone.name):
                at_place[phone.name] = phone
        return found

    def _ask(self, place: Place, checked: _Checked, willing: dict[str, RunningPhone], now: float) -> float:
        """Ask this place, or leave it alone since it has no use for that; returns the seconds until it is due again."""
        if self._support.why_not(place.uri, now) is not None:
            return BINDINGS_SOONEST
        if not willing:
            return AGAIN_SECONDS
        if checked.asks not in willing:
            checked.asks = next(iter(willing))
        phone = willing[checked.asks]
        if not self._fetching.ask(phone, place.uri, partial(self._answered, place), now, place):
            return AGAIN_SECONDS
        self._in_flight[phone.name] = place
        return binding_wait(min(one.config.registration.expires_seconds for one in willing.values()))

    def _answered(self, place: Place, answer: Fetched, now: float) -> None:
        self._in_flight.pop(answer.phone, None)
        phone, checked = self._phones.get(answer.phone), self._places.get(place)
        if phone is None or checked is None or phone.bound_at != place or phone.state.phase is not Phase.REGISTERED:
            return
        if answer.code >= 400:
            checked.due = max(checked.due, now + REFUSED_SECONDS)
        elif 200 <= answer.code < 300:
            if lists(answer.message, phone.contact or "", str(instance_id(phone.config))):
                self._support.listed(place.uri, now)
                checked.missed_at, checked.missed = None, 0
            else:
                self._missed(place, checked, phone, now)
        self._set_wakeup(now)

    def _missed(self, place: Place, checked: _Checked, phone: RunningPhone, now: float) -> None:
        """It does not list the binding of a phone that it holds: all its phones register again.

        A PBX that never listed one, and does not after it has accepted the phone once more, is one that lists none. One
        that restarts again and again is asked less and less often.
        """
        label = self._configured.label(phone.config, place.uri)
        if checked.missed_at is not None and phone.asked_at < checked.missed_at:
            checked.due = full_second(now + AGAIN_SECONDS)  # the phone is about to register
            return
        if checked.missed_at is not None and not self._support.has_listed(place.uri, now):
            log.info("pbx lists no bindings", pbx=label)
            self._support.learned(place.uri, UNLISTED, now)
            checked.missed_at = None
            return
        checked.due = full_second(now + forgotten_wait(checked.missed))
        checked.missed += 1
        log.warning("pbx has forgotten its bindings", pbx=label, softphone=phone.name)
        checked.missed_at = now
        for one in self._phones.snapshot():
            if one.bound_at == place and one.state.phase is Phase.REGISTERED:
                within = 0.0 if one is phone else SPREAD_SECONDS
                self._phones.feed(one.name, BindingForgotten(one.state.held.registrar, within))
