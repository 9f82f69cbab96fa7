"""Where a request to a registrar is sent, and the name that the registrar's certificate must have. Pure."""

from __future__ import annotations

from softphone_agent.contract import sip_uri
from softphone_agent.contract.sip_uri import SipUri
from softphone_agent.dns.targets import Place, Target
from softphone_agent.sip.request import TlsFiles

_BAD_CERTIFICATE = "PJSIP_TLS_ECERTVERIF"


def address_of(place: Place) -> str:
    """The IP address of a place, IPv6 without brackets; the host's name where no server of it is known."""
    return server_of(place).address


def server_of(place: Place) -> Target:
    """The server to which a request to this place goes; its `address` is a name where no server of it is known."""
    uri = sip_uri.parse(place.uri)
    return place.target or Target(uri.host, uri.effective_port)


def peer_of(place: Place) -> tuple[str, int]:
    """IP address, IPv6 without brackets, and port that a request to this place goes to."""
    server = server_of(place)
    return server.address, server.port


def is_udp(place: Place) -> bool:
    """Whether a request goes there over UDP."""
    return sip_uri.parse(place.uri).effective_transport == "udp"


def tls_name(uri: SipUri, tls: TlsFiles | None) -> str:
    """The name that the certificate of the PBX at this URI must have."""
    return ((tls.server_name if tls else None) or uri.host).lower()


def explained(reason: str, place: Place, tls: TlsFiles | None) -> str:
    """Why a request has no answer; where its PBX's certificate is not accepted, with the name that it must have."""
    if _BAD_CERTIFICATE not in reason:
        return reason
    return f'{reason}, checked for "{tls_name(sip_uri.parse(place.uri), tls)}"'
