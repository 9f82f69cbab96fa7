"""Where a place is on the network."""

from __future__ import annotations

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place, Target


def peer_of(place: Place) -> tuple[str, int]:
    """IP address, IPv6 without brackets, and port that a request to this place goes to."""
    uri = sip_uri.parse(place.uri)
    target = place.target or Target(uri.host, uri.effective_port)
    return target.address, target.port


def is_udp(place: Place) -> bool:
    """Whether a request goes there over UDP."""
    return sip_uri.parse(place.uri).effective_transport == "udp"
