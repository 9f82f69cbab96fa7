"""Where a request to a registrar is sent, and the name that the registrar's certificate must have. Pure."""

from __future__ import annotations

from softphone_agent.contract import sip_uri
from softphone_agent.contract.sip_uri import SipUri
from softphone_agent.dns.targets import Place, Target
from softphone_agent.sip.request import TlsFiles


def address_of(place: Place) -> str:
    """The IP address of a place, IPv6 without brackets; the host's name where no server of it is known."""
    return place.target.address if place.target else sip_uri.parse(place.uri).host


def tls_name(uri: SipUri, tls: TlsFiles | None) -> str:
    """The name that the certificate of the PBX at this URI must have."""
    return ((tls.server_name if tls else None) or uri.host).lower()


def target_of(uri: SipUri, target: Target | None, name: str) -> Target | None:
    """The server to which a request goes; None where the URI says all.

    `name` is that of the certificate: where it is not the URI's host, the request carries it instead of the host.
    """
    if uri.secure and name != uri.host:
        return target or Target(uri.host, uri.effective_port)
    return target


def route(uri: SipUri, host: str, port: int) -> str:
    """A route that the SIP stack follows and does not send (its parameter `hide`)."""
    return f"<{SipUri(uri.scheme, '', host, port, uri.transport, ('lr', 'hide'))}>"
