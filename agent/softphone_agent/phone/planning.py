"""From a phone's configuration to the machine's plan and to the REGISTER that is sent. Pure."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import LocationCarrier, Phone
from softphone_agent.dns.targets import Target
from softphone_agent.phone.directory import Directory, address_of, carrier_of, location_of, primary
from softphone_agent.registration.pacing import fraction
from softphone_agent.registration.plan import Mode, Plan, Registrar
from softphone_agent.registration.policy import REFRESH_FRACTIONS
from softphone_agent.sip.request import RegisterRequest, Secret, TlsFiles

SUPPORTED = ("Supported", "path")
"""A registrar behind an edge that adds a Path refuses the REGISTER without it (RFC 3327, section 5.1)."""
_INSTANCES = uuid.UUID("6b1b6f0e-5a3c-4f6e-9a8e-2f1c7d1f3a55")


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
    and TLS files: where it changes, the binding is removed and made again.
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
        mode=phone.mode,
        register_digest=_register_digest(phone, directory, [public_address, transports]),
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
        fail_back_after=_fail_back_after(phone),
        closed_wait=phone.registration.closed_connection_wait_seconds,
    )


def _fail_back_after(phone: Phone) -> float | None:
    """When this phone returns to its primary PBX: each at its own moment, in half as much time as it must answer."""
    how = phone.registration
    if how.fail_back != "Primary" or phone.mode is not Mode.LAUNCHER or phone.sec is None:
        return None
    spread = max(how.fail_back_after_seconds / 2, how.backoff.initial_seconds)
    return how.fail_back_after_seconds + fraction(f"{phone.id or phone.name} returns", 0.0, 1.0) * spread


def _register_digest(phone: Phone, directory: Directory, shared: list[str | None]) -> str:
    """A digest of all that shapes this phone's REGISTERs besides AOR, registrar and credentials."""
    location = location_of(phone, directory)
    shape = [
        phone.id or phone.name,
        phone.registration.expires_seconds,
        location,
        _carriers(phone, directory) if location is not None else [],
        sorted(uri for uri, pbx in directory.by_registrar.items() if pbx.request_uri == "Domain"),
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


def register_request(
    phone: Phone,
    directory: Directory,
    secret: Secret | None,
    registrar: str,
    *,
    public_address: str | None = None,
    tls: TlsFiles | None = None,
    target: Target | None = None,
) -> RegisterRequest:
    """The REGISTER of this phone to this registrar, with the location as that PBX wants it carried."""
    aor = sip_uri.parse_aor(phone.aor)
    directory = directory.of_phone(phone)
    location, carrier = location_of(phone, directory), carrier_of(phone, directory, registrar)
    headers = [SUPPORTED]
    contact = [("+sip.instance", f'"<urn:uuid:{instance_id(phone)}>"')]
    if location is not None and carrier.type == "Header":
        headers.append((carrier.effective_name, sip_uri.escaped(location)))
    elif location is not None and carrier.type == "ContactParameter":
        contact.append((carrier.effective_name, sip_uri.escaped(location)))
    address, pbx = address_of(phone, directory, registrar), directory.pbx(registrar)
    return RegisterRequest(
        registrar=registrar,
        aor=address,
        request_uri=domain_of(address) if pbx and pbx.request_uri == "Domain" else None,
        username=secret.username if secret else aor.user,
        password=secret.password if secret else None,
        expires=phone.registration.expires_seconds,
        headers=tuple(headers),
        contact_parameters=tuple(contact),
        public_address=public_address,
        tls=tls,
        target=target,
    )


def domain_of(address: str) -> str:
    """The Request-URI that names the domain of an AOR (RFC 3261, section 10.2): `sip:example.com`."""
    aor = sip_uri.parse_aor(address)
    return f"{aor.scheme}:{aor.host}"


def instance_id(phone: Phone) -> uuid.UUID:
    """The phone's stable identity (RFC 5626, section 4.1): its id where that is a UUID, else derived from it."""
    try:
        return uuid.UUID(phone.id)
    except ValueError:
        return uuid.uuid5(_INSTANCES, phone.id or phone.name)
