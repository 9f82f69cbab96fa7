"""Sends the REGISTERs and un-REGISTERs that the phones' machines ask for."""

from __future__ import annotations

import time
from dataclasses import replace

from softphone_agent.dns.targets import Place, Target
from softphone_agent.phone.directory import location_of
from softphone_agent.registration.actions import Register, Unregister
from softphone_agent.sip.protocol import SipEngine
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.names import Names, is_name
from softphone_agent.worker.rates import Rates
from softphone_agent.worker.running import RunningPhone


class Sending:
    """A registrar with a name is looked up first; its servers are asked one after another."""

    def __init__(self, engine: SipEngine, configured: Configured, rates: Rates, names: Names) -> None:
        self._engine = engine
        self._configured = configured
        self._rates = rates
        self._names = names
        self.last_at = float("-inf")
        """When something was sent last, in monotonic seconds."""
        self._asked: dict[Place, float] = {}

    def reserve(self, request: Register | Unregister, now: float) -> float:
        """Take a turn for this request; returns the seconds to wait for it, 0 for none."""
        return self._rates.reserve(request.registrar.uri, now)

    def send(self, phone: RunningPhone, request: Register | Unregister, now: float) -> None:
        """Send it now, or as soon as DNS says where to."""
        phone.asked_at = now
        self.last_at = time.monotonic()
        if isinstance(request, Unregister):
            self._unregister(phone, request)
            return
        phone.request, phone.asked, phone.other_servers = request, None, ()
        uri = request.registrar.uri
        if is_name(uri):
            self._names.look_up(uri, now)
        else:
            self._register(phone, request, Place(uri))

    def send_to_servers(self, phone: RunningPhone, targets: tuple[Target, ...], now: float) -> None:
        """Send the phone's REGISTER to the first of these, and keep the others for when it does not answer."""
        request = phone.request
        assert request is not None
        phone.asked_at = now
        phone.other_servers = targets[1:]
        self._register(phone, request, Place(request.registrar.uri, targets[0]))

    def take_asked(self) -> dict[Place, float]:
        """Where REGISTERs went since this was last asked, and when the first one."""
        taken, self._asked = self._asked, {}
        return taken

    def abandon(self, phone: RunningPhone) -> None:
        """Forget the phone's REGISTER in flight."""
        phone.engine_at = None
        self._engine.abandon(phone.name)

    def remove(self, name: str) -> None:
        """Forget the phone."""
        self._engine.remove(name)

    def _unregister(self, phone: RunningPhone, request: Unregister) -> None:
        """Remove a binding: by the engine's present registration where that is its own, else by one with expiry 0."""
        known, uri = phone.former_at if request.former else phone.bound_at, request.registrar.uri
        place = known if known is not None and known.uri == uri else Place(uri)
        if place == phone.engine_at:
            self._engine.unregister(phone.name, request.serial)
            return
        phone.engine_at = place
        sent = self._configured.request(phone.config, phone.secret, place)
        self._engine.register(phone.name, request.serial, replace(sent, expires=0))

    def _register(self, phone: RunningPhone, request: Register, place: Place) -> None:
        phone.asked = phone.engine_at = place
        self._asked.setdefault(place, phone.asked_at)
        moves = place != phone.bound_at  # only a name leads to another server from one refresh to the next
        goes_on = request.refresh and not moves and phone.sent_secret == phone.secret
        if goes_on and self._engine.refresh(phone.name, request.serial):
            return
        phone.sent_secret = phone.secret
        phone.sent_location = location_of(phone.config, self._configured.directory)
        sent = self._configured.request(phone.config, phone.secret, place)
        self._engine.register(phone.name, request.serial, sent, unregister_old=request.refresh and moves)
