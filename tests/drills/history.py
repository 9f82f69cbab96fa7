"""What the PBXes granted, read from their logs, and what a drill did to them: the events of the ledger."""

from __future__ import annotations

import time
from collections.abc import Collection

from drills.ledger import Back, Died, Event, FellSilent, Gone, Granted, Ledger, TakenBack, fold
from lab.pbx import PbxSpec, System
from lab.register_log import Register


def said(spec: PbxSpec, register: Register, *, ahead: float = 0) -> Event | None:
    """What a REGISTER and its answer did to the bindings of a PBX whose clock is so many seconds ahead."""
    if register.asks:
        return None
    at, user = register.time - ahead, register.aor.partition("@")[0]
    if register.redirected_to:
        return TakenBack(at, spec.name, user)  # the lab's PBXes give up what they kept (kamailio.cfg)
    if register.code != 200:
        return None
    if register.unregisters:
        return TakenBack(at, spec.name, user, None if register.contact.strip() == "*" else register.contact_uri)
    asked = register.contact_parameters.get("expires") or register.expires
    expires = min(max(int(asked or spec.default_expires), spec.min_expires), spec.max_expires)
    return Granted(at, spec.name, user, register.contact_uri, expires)


class History:
    """Follows the PBXes of one or several systems from now on; begins with the bindings that they hold."""

    def __init__(self, *systems: System) -> None:
        self.pbxes = {pbx.name: pbx for system in systems for pbx in system.pbxes}
        self.ahead: dict[str, float] = {}
        """By how many seconds the clock of a PBX was put forward, at some time or other."""
        self._positions = {name: pbx.position() for name, pbx in self.pbxes.items()}
        self._events: list[Event] = []
        self._away: set[str] = set()
        now = time.time()
        for name, pbx in self.pbxes.items():
            if not pbx.running:
                self.add(Died(now, name))
                continue
            held = pbx.bindings()
            self._events += [Granted(now, name, each.aor, each.contact, each.expires_seconds) for each in held]

    def add(self, event: Event) -> None:
        """Note what was done to a PBX or to an agent."""
        self._events.append(event)
        match event:
            case Died(pbx=pbx) | FellSilent(pbx=pbx):
                self._away.add(pbx)
            case Back(pbx=pbx):
                self._away.discard(pbx)

    def gone(self, place: str) -> None:
        """Note that the process behind the Contacts of a host, or host:port, has ended without a word just now."""
        self.add(Gone(time.time(), place))

    @property
    def away(self) -> Collection[str]:
        """The PBXes that are dead or silent."""
        return frozenset(self._away)

    def ledger(self, users: Collection[str]) -> Ledger:
        """The ledger up to now."""
        for name, pbx in self.pbxes.items():
            seen, self._positions[name] = pbx.log.read_on(self._positions[name])
            told = (said(pbx.spec, register, ahead=self._ahead(name, register)) for register in seen)
            self._events += [event for event in told if event is not None]
        return fold(self._events, users)

    def _ahead(self, name: str, register: Register) -> float:
        """How far ahead the clock was that wrote down this REGISTER, a short time ago."""
        ahead, age = self.ahead.get(name, 0.0), time.time() - register.time
        return ahead if abs(age + ahead) < abs(age) else 0.0

    def differences(self, ledger: Ledger) -> list[str]:
        """What the PBXes hold otherwise than the ledger has it: one line for each PBX, none where they agree."""
        found = []
        for name, pbx in self.pbxes.items():
            if name in self._away:
                continue
            now, there = time.time(), {(each.aor, each.contact) for each in pbx.bindings()}
            kept = {(span.user, span.contact) for span in ledger.spans if span.pbx == name and span.held(now)}
            if there != kept:
                found.append(f"{name} holds {len(there - kept)} that the ledger has not, and not {len(kept - there)}")
        return found
