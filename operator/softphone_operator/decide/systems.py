"""What is odd about PBXes and systems that phones use: one address of two PBXes, entries in two systems. Pure.

Each of them works; but not as one might think, so it is told as a caution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import Pbx, is_uri

ENTRIES = ("sec", "home", "cur")
"""Fields that name PBXes beside the primary one, in the order in which they are told of."""


def registrar_of(address: object) -> str:
    """The canonical text of a PBX's address, equal for equal registrars; empty where it is none."""
    try:
        return str(sip_uri.parse(address).registrar()) if isinstance(address, str) else ""
    except sip_uri.SipUriError:
        return ""


def duplicate_addresses(oldest_first: Iterable[Pbx]) -> dict[str, str]:
    """What is to be said of each PBX whose address an older one has already, by its name."""
    first: dict[str, str] = {}
    told = {}
    for pbx in oldest_first:
        other = first.setdefault(registrar_of(pbx.address), pbx.name)
        if other != pbx.name:
            shown = sip_uri.without_password(pbx.address)
            told[pbx.name] = (
                f'address: "{shown}" is already that of the PBX "{other}"; '
                f'phones that name "{pbx.name}" or "{other}" keep the one that they name'
            )
    return told


def mixed_systems(named: Mapping[str, str | None], pbxs: Mapping[str, Pbx]) -> str | None:
    """What is to be said of a phone with redirectPolicy KnownPBXes whose PBXes are not of one system, None if nothing.

    `named`: what its fields `pri`, `sec`, `cur` and `home` say.
    """
    primary = _meant(named.get("pri"), pbxs)
    if primary is None:
        return None
    for field in ENTRIES:
        other = _meant(named.get(field), pbxs)
        if other is not None and other.system != primary.system:
            return (
                f'{field}: the PBX "{other.name}" is of {_words(other)}, and pri "{primary.name}" of '
                f"{_words(primary)}: with redirectPolicy KnownPBXes only redirects to PBXes of {_words(primary)} "
                "are followed"
            )
    return None


def _meant(reference: str | None, pbxs: Mapping[str, Pbx]) -> Pbx | None:
    """The PBX object that a reference means, by its name or by its address."""
    if not reference or not is_uri(reference):
        return pbxs.get(reference or "")
    wanted = registrar_of(reference)
    return next((pbx for pbx in pbxs.values() if wanted and registrar_of(pbx.address) == wanted), None)


def _words(pbx: Pbx) -> str:
    return f'the system "{pbx.system}"' if pbx.system else "no system"
