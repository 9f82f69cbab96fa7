"""The configured PBXes: which one a reference, a registrar's address or a phone means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import LocationCarrier, Pbx, Phone, Tls, is_uri
from softphone_agent.registration.location import physical_location
from softphone_agent.registration.plan import Mode, Registrar

_Named = tuple[str | None, ...]


def _named(phone: Phone) -> _Named:
    """The PBXes that a phone names, its primary (in Browser mode: its current) one first."""
    entries = (phone.pri, phone.sec, phone.cur, phone.home)
    return entries if phone.mode == "Launcher" else (phone.cur, phone.pri, phone.sec, phone.home)


@dataclass(frozen=True)
class Directory:
    """The configured PBXes, by name and by the address under which a redirect may name them."""

    by_name: Mapping[str, Pbx]
    by_registrar: Mapping[str, Pbx]
    shared: Mapping[str, tuple[Pbx, ...]] = field(default_factory=dict)
    """The addresses that several PBXes have, with these PBXes."""
    _of_phones: dict[_Named, Directory] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, pbxs: tuple[Pbx, ...]) -> Directory:
        """The directory of these PBXes; of two with the same address the first counts, but see `of_phone`."""
        at: dict[str, tuple[Pbx, ...]] = {}
        for pbx in pbxs:
            uri = registrar_uri(pbx.address)
            at[uri] = (*at.get(uri, ()), pbx)
        shared = {uri: found for uri, found in at.items() if len(found) > 1}
        return cls({pbx.name: pbx for pbx in pbxs}, {uri: found[0] for uri, found in at.items()}, shared)

    def of_phone(self, phone: Phone) -> Directory:
        """The directory as a phone sees it: of PBXes with the same address the one that it names.

        Where it names none of them, one of its own system counts before others.
        """
        if not self.shared:
            return self
        named = _named(phone)
        if named not in self._of_phones:
            chosen = {uri: self._chosen(found, named) for uri, found in self.shared.items()}
            self._of_phones[named] = Directory(self.by_name, {**self.by_registrar, **chosen})
        return self._of_phones[named]

    def _chosen(self, found: tuple[Pbx, ...], named: _Named) -> Pbx:
        """Of PBXes with the same address the one for a phone that names PBXes so."""
        for name in named:
            if (own := next((pbx for pbx in found if pbx.name == name), None)) is not None:
                return own
        first = self.by_name.get(named[0] or "")
        of_system = (pbx for pbx in found if first is not None and pbx.system == first.system)
        return next(of_system, found[0])

    def pbx(self, registrar: str) -> Pbx | None:
        """The PBX at this canonical URI."""
        return self.by_registrar.get(registrar)

    def labels(self, registrar: str) -> tuple[str, ...]:
        """The same for all PBXes at this canonical URI."""
        return tuple(pbx.name for pbx in self.shared.get(registrar, ())) or (self.label(registrar),)

    def label(self, registrar: str) -> str:
        """How people and metrics call the PBX at this canonical URI: by its name, or host:port."""
        pbx = self.pbx(registrar)
        return pbx.name if pbx else sip_uri.parse(registrar).host_port

    def address(self, reference: str) -> str:
        """The address that a reference (name or URI) stands for. Raises KeyError for an unknown name."""
        return reference if is_uri(reference) else self.by_name[reference].address

    def registrar(self, uri: str, system: str | None) -> Registrar:
        """The registrar at `uri`; known where it is a PBX of `system`."""
        canonical = registrar_uri(uri)
        pbx = self.pbx(canonical)
        known = pbx is not None and pbx.system == system
        return Registrar(canonical, secure=sip_uri.parse(uri).secure, known=known)


@lru_cache(1024)
def registrar_uri(address: str) -> str:
    """The canonical text of a registrar's address: equal for equal registrars."""
    return str(sip_uri.parse(address).registrar())


def primary(phone: Phone, directory: Directory) -> Pbx | None:
    """The PBX object that is the phone's primary (in Browser mode: its current) one, if it is an object."""
    return directory.of_phone(phone).pbx(entry_uri(phone, directory))


def entry_uri(phone: Phone, directory: Directory) -> str:
    """The canonical URI of the registrar that the phone asks first, empty where it names none."""
    reference = phone.pri if phone.mode == "Launcher" else phone.cur
    return registrar_uri(directory.address(reference)) if reference else ""


def location_of(phone: Phone, directory: Directory) -> str | None:
    """The physical location that the phone registers with (seed document, section Physical location)."""
    pbx = primary(phone, directory)
    return physical_location(
        Mode(phone.mode),
        no_physical_location=pbx.no_physical_location if pbx else False,
        explicit=phone.phys,
        primary=(pbx.location or pbx.name) if pbx else None,
    )


def tls_of(phone: Phone, directory: Directory, registrar: str) -> Tls | None:
    """The TLS files for this registrar: its own, or those of the phone's primary PBX where it is no PBX object."""
    pbx = directory.of_phone(phone).pbx(registrar) or primary(phone, directory)
    return pbx.tls if pbx else None


def address_of(phone: Phone, directory: Directory, registrar: str) -> str:
    """The AOR with which this phone registers there: its own, or with the location as its domain."""
    location, carrier = location_of(phone, directory), carrier_of(phone, directory, registrar)
    host = sip_uri.as_host(location) if location is not None and carrier.type == "Domain" else None
    if not host:
        return phone.aor
    aor = sip_uri.parse_aor(phone.aor)
    return f"{aor.scheme}:{aor.user}@{host}"


def carrier_of(phone: Phone, directory: Directory, registrar: str) -> LocationCarrier:
    """How the location travels to this registrar: its own way, or that of the primary where it is no PBX object."""
    pbx = directory.pbx(registrar) or primary(phone, directory)
    return pbx.location_carrier if pbx else LocationCarrier()
