"""Where a redirect sends: its Contacts that can be followed, and why the others cannot (RFC 3261, section 8.1.3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from softphone_agent.contract import sip_uri
from softphone_agent.contract.sip_uri import SipUri, SipUriError

_HAS_ENDED = re.compile(r";\s*expires\s*=\s*\"?0+\"?\s*(?:;|$)", re.IGNORECASE)
_Q = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RedirectContacts:
    """The Contacts of a 3xx answer."""

    targets: tuple[SipUri, ...]
    """Those that can be followed, best first: by falling q (default 1.0), then in the message's order."""
    faults: tuple[str, ...]
    """Of each of the others, in words, why it cannot."""


def contacts_of(message: str) -> RedirectContacts:
    """What a 3xx answer says.

    Not followed are what is no SIP URI (`*`, `tel:`, garbage), what has ended (`expires=0`), and another host in
    `maddr`: it would have to be asked instead of the host that the URI, a certificate and a PBX object name
    (RFC 3261, section 19.1.1).
    """
    found: list[tuple[float, SipUri]] = []
    faults = []
    for text, parameters in sip_uri.contact_entries(message):
        try:
            uri = _followable(text, parameters)
        except SipUriError as fault:
            faults.append(f'Contact "{sip_uri.without_password(text)}" {fault}')
        else:
            found.append((_q(parameters), uri))
    best_first = sorted(found, key=lambda pair: -pair[0])
    return RedirectContacts(tuple(uri for _, uri in best_first), tuple(faults))


def _followable(text: str, parameters: str) -> SipUri:
    """The URI of a Contact, as something to send to. Raises SipUriError."""
    uri = sip_uri.parse(text)
    if _HAS_ENDED.search(parameters):
        raise SipUriError("has expires=0: it is not to be used any more")
    maddr = next((value for name, value in map(_parameter, uri.parameters) if name == "maddr"), uri.host)
    if maddr != uri.host:
        raise SipUriError(f"has maddr={maddr}, another host than its own: that is not followed")
    return uri


def _parameter(text: str) -> tuple[str, str]:
    """Name and value of a URI's parameter; an IPv6 address without brackets."""
    name, _, value = text.lower().partition("=")
    return name, value.strip("[]")


def _q(parameters: str) -> float:
    match = _Q.search(parameters)
    return float(match[1]) if match else 1.0
