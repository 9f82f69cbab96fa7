"""From a phone's configuration to the machine's plan and to the REGISTER on the wire. Pure."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

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


@dataclass(frozen=True)
class Directory:
    """The configured PBXes, by name and by the address under which a redirect may name them."""

    by_name: Mapping[str, Pbx]
    by_registrar: Mapping[str, Pbx]

    @classmethod
    def of(cls, pbxs: tuple[Pbx, ...]) -> Directory:
        """The directory of these PBXes; of two with the same address the first counts."""
        by_registrar: dict[str, Pbx] = {}
        for pbx in pbxs:
            by_registrar.setdefault(registrar_uri(pbx.address), pbx)
        return cls({pbx.name: pbx for pbx in pbxs}, by_registrar)

    def pbx(self, registrar: str) -> Pbx | None:
        """The PBX at this canonical URI."""
        return self.by_registrar.get(registrar)

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
    return directory.pbx(entry_uri(phone, directory))


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
    pbx = directory.pbx(registrar) or primary(phone, directory)
    return pbx.tls if pbx else None


def plan_of(
    phone: Phone,
    directory: Directory,
    secret: Secret | None,
    answer_seconds: float,
    *,
    public_address: str | None = None,
    transports: str = "",
) -> Plan:
    """The machine's plan for this phone.

    `answer_seconds` is the time that one transaction may take, `transports` stands for sockets
    and TLS files: another value means that the binding has to be made anew.
    """
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
        wire=_wire(phone, directory, secret, [public_address, transports]),
        suspend=phone.suspend,
        known_pbxes_only=phone.registration.redirect_policy == "KnownPBXes",
        max_redirects=phone.registration.max_redirects,
        answer_seconds=2 * answer_seconds + 1,
        backoff_initial=phone.registration.backoff.initial_seconds,
        backoff_max=phone.registration.backoff.max_seconds,
        refresh_fraction=fraction(phone.id or phone.name, *REFRESH_FRACTIONS),
    )


def _wire(phone: Phone, directory: Directory, secret: Secret | None, shared: list[str | None]) -> str:
    """A digest of all that shapes this phone's REGISTERs besides AOR and registrar."""
    location = location_of(phone, directory)
    shape = [
        phone.id or phone.name,
        phone.registration.expires_seconds,
        location,
        _carriers(phone, directory) if location is not None else [],
        [secret.username, secret.password] if secret else None,
        *shared,
    ]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()


def _carriers(phone: Phone, directory: Directory) -> list[tuple[str, str]]:
    """How the location travels: to PBXes that say nothing else (the primary's way), and to those that do."""
    pbx = primary(phone, directory)
    usual = (pbx.location_carrier if pbx else LocationCarrier()).model_dump_json()
    ways = {uri: known.location_carrier.model_dump_json() for uri, known in directory.by_registrar.items()}
    return [("", usual), *sorted((uri, way) for uri, way in ways.items() if way != usual)]


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
    location = location_of(phone, directory)
    pbx = directory.pbx(registrar) or primary(phone, directory)
    headers: list[tuple[str, str]] = []
    contact = [("+sip.instance", f'"<urn:uuid:{instance_id(phone)}>"')]
    address = phone.aor
    if location is not None:
        carrier = pbx.location_carrier if pbx else None
        if carrier is None or carrier.type == "Header":
            name = carrier.effective_name if carrier else "X-Physical-Location"
            headers.append((name, sip_uri.escaped(location)))
        elif carrier.type == "ContactParameter":
            contact.append((carrier.effective_name, sip_uri.escaped(location)))
        elif host := sip_uri.as_host(location):
            address = f"{aor.scheme}:{aor.user}@{host}"
    return Registering(
        registrar=registrar,
        aor=address,
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
