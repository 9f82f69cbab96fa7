"""All that is known at one moment, and which PBX a text means. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from softphone_agent.contract.phone import is_uri
from softphone_agent.registration.location import physical_location
from softphone_agent.registration.plan import Mode
from softphone_console.view.facts import Asked, CallCheck, Event, Fleet, Key, Pbx, Phone, Rehearsal
from softphone_operator.decide.systems import registrar_of

System = Key
"""Namespace and name of a system. PBXes without one stand alone: it is then named as the PBX."""


@dataclass(frozen=True)
class World:
    """What pages are made of. `problems`: what cannot be seen, in words, by what it is about."""

    pbxs: Mapping[Key, Pbx] = field(default_factory=dict)
    phones: Mapping[Key, Phone] = field(default_factory=dict)
    fleets: Mapping[Key, Fleet] = field(default_factory=dict)
    pools: Mapping[Key, Fleet] = field(default_factory=dict)
    rehearsals: Mapping[Key, Rehearsal] = field(default_factory=dict)
    call_checks: Mapping[Key, CallCheck] = field(default_factory=dict)
    events: Sequence[Event] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    as_of: datetime | None = None
    """When the API server was last heard, where it is not heard now."""

    @cached_property
    def _by_registrar(self) -> dict[tuple[str, str], Pbx]:
        return {(pbx.key.namespace, pbx.registrar): pbx for pbx in self.pbxs.values() if pbx.registrar}

    def pbx(self, namespace: str, named: str) -> Pbx | None:
        """The PBX object that a name or a SIP URI means; None where there is none."""
        if is_uri(named):
            return self._by_registrar.get((namespace, registrar_of(named)))
        return self.pbxs.get(Key(namespace, named))

    def system_of(self, namespace: str, asked: Asked | None) -> System | None:
        """The system of a phone: that of its primary or current PBX; None where that is no PBX object."""
        for _, named in asked.entries if asked else ():
            found = self.pbx(namespace, named)
            return system(found) if found else None
        return None

    def site_of(self, phone: Phone) -> str:
        """The physical location of a phone: as it registered, or else as it would; empty for none."""
        if phone.pbx:
            return phone.location
        return self.expected_site(phone.key.namespace, phone.asked)

    def expected_site(self, namespace: str, asked: Asked) -> str:
        """The physical location with which a phone would register (docs/rules.md); empty for none."""
        primary = next((self.pbx(namespace, named) for via, named in asked.entries if via == "pri"), None)
        found = physical_location(
            Mode(asked.mode),
            no_physical_location=primary.no_physical_location if primary else False,
            explicit=asked.phys or None,
            primary=primary.location if primary else None,
        )
        return found or ""


def system(pbx: Pbx) -> System:
    """The system of a PBX."""
    return Key(pbx.key.namespace, pbx.system or pbx.key.name)
