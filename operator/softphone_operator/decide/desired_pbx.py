"""What is desired for a PBX object, or why it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import sip_uri
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import uri_fault
from softphone_agent.contract.phone import Pbx, Tls
from softphone_operator.api.spec import (
    PBXSpec,
    PbxTls,
)
from softphone_operator.decide import systems
from softphone_operator.decide.decisions import Caution, DesiredPbx, Refusal, Secrets, refusal
from softphone_operator.decide.faults import location_faults, secret_faults
from softphone_operator.decide.names import (
    SecretUse,
    secret_file,
    secret_of_file,
)


def pbx(name: str, namespace: str, spec: Any, secrets: Secrets) -> DesiredPbx | Refusal:
    """What is desired for the PBX object `name` with the raw `spec`."""
    try:
        wanted = PBXSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = list(_pbx_faults(wanted, namespace, secrets))
    if faults:
        return refusal(faults)
    try:
        made = Pbx(
            name=name,
            address=wanted.address,
            system=wanted.system,
            location=wanted.location or None,
            no_physical_location=wanted.no_physical_location,
            location_carrier=wanted.location_carrier,
            request_uri=wanted.request_uri,
            tls=_tls_files(wanted.tls) if wanted.tls else None,
            register_rate=wanted.register_rate,
        )
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    return DesiredPbx(made, tuple(_tls_secrets(wanted.tls)) if wanted.tls else ())


def with_duplicate_addresses(
    pbxs: Mapping[str, DesiredPbx | Refusal], oldest_first: Iterable[str]
) -> dict[str, DesiredPbx | Refusal]:
    """The decisions on the PBXes of a namespace; each says if an older one has its address."""
    accepted = (desired.pbx for name in oldest_first if isinstance(desired := pbxs[name], DesiredPbx))
    told = systems.duplicate_addresses(accepted)
    return {
        name: replace(desired, cautions=(Caution("DuplicateAddress", told[name]),))
        if isinstance(desired, DesiredPbx) and name in told
        else desired
        for name, desired in pbxs.items()
    }


def _pbx_faults(spec: PBXSpec, namespace: str, secrets: Secrets) -> Iterator[tuple[str, str]]:
    if fault := uri_fault(spec.address):
        yield "InvalidSpec", f"address: {fault}"
    elif sip_uri.parse(spec.address).user:
        shown = sip_uri.without_password(spec.address)
        yield "InvalidSpec", f'address: "{shown}" must not have a user part: it is the address of a PBX'
    if spec.location:
        yield from location_faults("location", spec.location)
    if spec.tls:
        if spec.tls.server_name and not sip_uri.is_host(spec.tls.server_name):
            shown = sip_uri.printable(spec.tls.server_name)
            yield "InvalidSpec", f'tls.serverName: "{shown}" is neither a host name nor an IP address'
        fields = {
            spec.tls.ca_secret_name: ("tls.caSecretName", ("ca.crt",)),
            spec.tls.certificate_secret_name: ("tls.certificateSecretName", ("tls.crt", "tls.key")),
        }
        for secret, (where, keys) in fields.items():
            if secret:
                yield from secret_faults(where, secret, keys, namespace, secrets)


def _tls_files(tls: PbxTls) -> Tls:
    certificate = tls.certificate_secret_name
    return Tls(
        ca_file=secret_file(tls.ca_secret_name, "ca.crt") if tls.ca_secret_name else None,
        certificate_file=secret_file(certificate, "tls.crt") if certificate else None,
        key_file=secret_file(certificate, "tls.key") if certificate else None,
        server_name=tls.server_name,
    )


def _tls_secrets(tls: PbxTls) -> Iterator[SecretUse]:
    if tls.ca_secret_name:
        yield SecretUse(tls.ca_secret_name, ("ca.crt",))
    if tls.certificate_secret_name:
        yield SecretUse(tls.certificate_secret_name, ("tls.crt", "tls.key"))


def tls_secrets_of(made: Pbx) -> Iterator[SecretUse]:
    """The Secrets that a PBX of an agent's file needs."""
    files = (made.tls.ca_file, made.tls.certificate_file, made.tls.key_file) if made.tls else ()
    for path in files:
        if path and (found := secret_of_file(path)):
            yield SecretUse(found[0], (found[1],))


def inconsistency(name: str, pbxs: Mapping[str, DesiredPbx | Refusal]) -> str | None:
    """What is inconsistent in the system of the accepted PBX `name`, None where nothing is."""
    own = pbxs.get(name)
    if not isinstance(own, DesiredPbx) or not own.pbx.system:
        return None
    flags = {
        other: desired.pbx.no_physical_location
        for other, desired in sorted(pbxs.items())
        if isinstance(desired, DesiredPbx) and desired.pbx.system == own.pbx.system
    }
    if len(set(flags.values())) < 2:
        return None
    on = ", ".join(other for other, flag in flags.items() if flag)
    off = ", ".join(other for other, flag in flags.items() if not flag)
    return (
        f'noPhysicalLocation must be the same on all PBXes of the system "{own.pbx.system}": '
        f"it is true on {on}, false on {off}"
    )


def of_systems(named: Set[str | None], pbxs: Mapping[str, DesiredPbx | Refusal]) -> list[DesiredPbx]:
    """The accepted PBXes that are named, and all others of their systems: redirects lead there."""
    accepted = {name: desired for name, desired in sorted(pbxs.items()) if isinstance(desired, DesiredPbx)}
    systems = {desired.pbx.system for name, desired in accepted.items() if name in named} - {""}
    return [desired for name, desired in accepted.items() if name in named or desired.pbx.system in systems]
