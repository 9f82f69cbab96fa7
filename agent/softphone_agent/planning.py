"""From a phone's configuration to the machine's plan and to the REGISTER on the wire. Pure."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from softphone_agent import sip_uri
from softphone_agent.config import LocationCarrier, Pbx, Phone, Tls, is_uri
from softphone_agent.pacing import fraction
from softphone_agent.registration.location import physical_location
from softphone_agent.registration.plan import Mode, Plan, Registrar
from softphone_agent.registration.policy import REFRESH_FRACTIONS
from softphone_agent.targets import Target

_INSTANCES = uuid.UUID("6b1b6f0e-5a3c-4f6e-9a8e-2f1c7d1f3a55")


@dataclass(frozen=True, slots=True)
class Secret:
    """What a phone authenticates with."""

    username: str
    password: str | None

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS connection is made with. `digest` changes when a file's content does."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    digest: str = ""
    server_name: str | None = None
    """Name that the PBX's certificate must have; default: the host of its address."""


@dataclass(frozen=True, slots=True)
class Registering:
    """One REGISTER as it goes on the wire. `headers` and `contact_parameters` are name-value pairs."""

    registrar: str
    aor: str
    username: str
    password: str | None
    expires: int
    headers: tuple[tuple[str, str], ...] = ()
    contact_parameters: tuple[tuple[str, str], ...] = ()
    public_address: str | None = None
    """Host to announce in Contact instead of our own address."""
    tls: TlsFiles | None = None
    """For a registrar that is reached over TLS."""
    target: Target | None = None
    """Where the registrar's name leads; None where it has an address."""

    def __repr__(self) -> str:
        return f"Registering({self.aor} at {self.registrar})"


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


def plan_of(
    phone: Phone,
    directory: Directory,
    secret: Secret | None,
    answer_seconds: float,
    *,
    public_address: str | None = None,
    transports: str = "",
    fault: str = "",
    waits: bool = False,
) -> Plan:
    """The machine's plan for this phone. `fault` and `waits` as in Plan.

    `answer_seconds` is the time that one transaction may take, `transports` stands for sockets
    and TLS files: another value means that the binding has to be made anew.
    """
    directory = directory.of_phone(phone)
    pbx = primary(phone, directory)
    system = pbx.system if pbx else None

    def registrar(reference: str | None) -> Registrar | None:
        return directory.registrar(directory.address(reference), system) if reference else None

    return Plan(
        aor=phone.aor,
        pri=registrar(phone.pri),
        sec=registrar(phone.sec),
        cur=registrar(phone.cur),
        home=registrar(phone.home),
        mode=Mode(phone.mode),
        wire=_wire(phone, directory, [public_address, transports]),
        credentials=_digest([secret.username, secret.password]) if secret else "",
        fault=fault,
        waits=waits,
        suspend=phone.suspend,
        known_pbxes_only=phone.registration.redirect_policy == "KnownPBXes",
        max_redirects=phone.registration.max_redirects,
        answer_seconds=2 * answer_seconds + 1,
        backoff_initial=phone.registration.backoff.initial_seconds,
        backoff_max=phone.registration.backoff.max_seconds,
        refresh_fraction=fraction(phone.id or phone.name, *REFRESH_FRACTIONS),
    )


def _wire(phone: Phone, directory: Directory, shared: list[str | None]) -> str:
    """A digest of all that shapes this phone's REGISTERs besides AOR, registrar and credentials."""
    location = location_of(phone, directory)
    shape = [
        phone.id or phone.name,
        phone.registration.expires_seconds,
        location,
        _carriers(phone, directory) if location is not None else [],
        *shared,
    ]
    return _digest(shape)


def _digest(shape: list[Any]) -> str:
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()


def without_credentials(
    phone: Phone, former: Phone | None, secret: Secret | None, *, bound: bool
) -> tuple[Phone, Secret | None, bool]:
    """A phone that is to take a configuration whose credentials cannot be read: how it goes on, and whether it waits.

    `former` and `secret` are what it had, None for a new one; `bound` says whether it has a binding. It keeps the
    credentials that it had, and the AOR with them. Without any it asks nobody for a binding.
    """
    if former is None:
        return phone, None, True
    if phone.aor != former.aor and (secret is not None or bound):
        phone = phone.model_copy(update={"aor": former.aor})
    return phone, secret, secret is None and not bound


def _carriers(phone: Phone, directory: Directory) -> list[tuple[str, str]]:
    """How the location travels: to PBXes that say nothing else (the primary's way), and to those that do."""
    pbx = primary(phone, directory)
    usual = (pbx.location_carrier if pbx else LocationCarrier()).model_dump_json()
    ways = {uri: known.location_carrier.model_dump_json() for uri, known in directory.by_registrar.items()}
    return [("", usual), *sorted((uri, way) for uri, way in ways.items() if way != usual)]


def address_of(phone: Phone, directory: Directory, registrar: str) -> str:
    """The AOR with which this phone registers there: its own, or with the location as its domain."""
    location, carrier = location_of(phone, directory), _carrier(phone, directory, registrar)
    host = sip_uri.as_host(location) if location is not None and carrier.type == "Domain" else None
    if not host:
        return phone.aor
    aor = sip_uri.parse_aor(phone.aor)
    return f"{aor.scheme}:{aor.user}@{host}"


def _carrier(phone: Phone, directory: Directory, registrar: str) -> LocationCarrier:
    """How the location travels to this registrar: its own way, or that of the primary where it is no PBX object."""
    pbx = directory.pbx(registrar) or primary(phone, directory)
    return pbx.location_carrier if pbx else LocationCarrier()


def registering(
    phone: Phone,
    directory: Directory,
    secret: Secret | None,
    registrar: str,
    *,
    public_address: str | None = None,
    tls: TlsFiles | None = None,
    target: Target | None = None,
) -> Registering:
    """The REGISTER of this phone to this registrar, with the location as that PBX wants it carried."""
    aor = sip_uri.parse_aor(phone.aor)
    directory = directory.of_phone(phone)
    location, carrier = location_of(phone, directory), _carrier(phone, directory, registrar)
    headers: list[tuple[str, str]] = []
    contact = [("+sip.instance", f'"<urn:uuid:{instance_id(phone)}>"')]
    if location is not None and carrier.type == "Header":
        headers.append((carrier.effective_name, sip_uri.escaped(location)))
    elif location is not None and carrier.type == "ContactParameter":
        contact.append((carrier.effective_name, sip_uri.escaped(location)))
    return Registering(
        registrar=registrar,
        aor=address_of(phone, directory, registrar),
        username=secret.username if secret else aor.user,
        password=secret.password if secret else None,
        expires=phone.registration.expires_seconds,
        headers=tuple(headers),
        contact_parameters=tuple(contact),
        public_address=public_address,
        tls=tls,
        target=target,
    )


def instance_id(phone: Phone) -> uuid.UUID:
    """The phone's stable identity (RFC 5626, section 4.1): its id where that is a UUID, else derived from it."""
    try:
        return uuid.UUID(phone.id)
    except ValueError:
        return uuid.uuid5(_INSTANCES, phone.id or phone.name)
