"""Faults in references, locations and Secrets, which phones and PBXes share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set

from softphone_agent.contract import sip_uri
from softphone_agent.contract.fields import (
    LOCATION_PATTERN,
    LOCATION_WORDS,
    MAX_LOCATION,
    composed,
    uri_fault,
)
from softphone_agent.contract.phone import is_uri
from softphone_operator.decide.decisions import DesiredPbx, Refusal, Secrets


def reference_faults(
    where: str, reference: str, namespace: str, pbxs: Mapping[str, DesiredPbx | Refusal]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a reference to a PBX: reason and message."""
    if is_uri(reference):
        if fault := uri_fault(reference):
            yield "InvalidSpec", f"{where}: {fault}"
        return
    found = pbxs.get(reference)
    if found is None:
        yield "PBXNotFound", f"{where}: {missing('PBX', reference, namespace)}"
    elif isinstance(found, Refusal):
        yield "PBXInvalid", f'{where}: the PBX "{reference}" is not accepted: {found.message}'


def same_registrar_faults(pri: str, sec: str, pbxs: Mapping[str, DesiredPbx | Refusal]) -> Iterator[tuple[str, str]]:
    """Whether `pri` and `sec` lead to the same registrar: reason and message."""
    primary, secondary = _registrar(pri, pbxs), _registrar(sec, pbxs)
    if primary is not None and primary == secondary:
        shown = [sip_uri.without_password(text) for text in (pri, sec)]
        yield (
            "InvalidSpec",
            f'sec: must differ from pri, "{shown[1]}" and "{shown[0]}" are both the registrar {primary}',
        )


def _registrar(reference: str, pbxs: Mapping[str, DesiredPbx | Refusal]) -> sip_uri.SipUri | None:
    """The registrar that a reference leads to, None where that is not known."""
    found = pbxs.get(reference)
    address = found.pbx.address if isinstance(found, DesiredPbx) else reference if is_uri(reference) else None
    try:
        return sip_uri.parse(address).registrar() if address else None
    except sip_uri.SipUriError:
        return None


def location_faults(where: str, location: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a physical location: reason and message."""
    text = composed(location)
    if not re.fullmatch(LOCATION_PATTERN, text) or len(text) > MAX_LOCATION or text.endswith("\n"):
        yield (
            "InvalidSpec",
            f'{where}: "{sip_uri.printable(location)}" is no location: {LOCATION_WORDS}',
        )


def carrier_faults(
    phys: str, named: Set[str | None], pbxs: Mapping[str, DesiredPbx | Refusal]
) -> Iterator[tuple[str, str]]:
    """Whether the location can travel as its PBX wants it: reason and message."""
    carriers = (
        desired.pbx.location_carrier
        for name, desired in pbxs.items()
        if name in named and isinstance(desired, DesiredPbx)
    )
    if fault := next(filter(None, (carrier.fault_of(phys) for carrier in carriers)), None):
        yield "InvalidSpec", f"phys: {fault}"


def secret_faults(
    where: str, secret: str, keys: Iterable[str], namespace: str, secrets: Secrets
) -> Iterator[tuple[str, str]]:
    """Whether the Secret is there with these keys: reason and message of each fault."""
    found = secrets.get(secret)
    if found is None:
        yield "SecretNotFound", f"{where}: {missing('Secret', secret, namespace)}"
        return
    for key in keys:
        if key not in found:
            yield "SecretKeyMissing", f'{where}: the Secret "{secret}" has no key "{key}"'


def missing(kind: str, name: str, namespace: str) -> str:
    """The words for an object that does not exist, also if somebody wrote a namespace before its name."""
    elsewhere = "; it must be in the same namespace" if "/" in name else ""
    return f'there is no {kind} "{sip_uri.without_password(name)}" in the namespace {namespace}{elsewhere}'
