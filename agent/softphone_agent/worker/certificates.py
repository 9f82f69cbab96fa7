"""When the certificates end that PBXes have shown, by the peers that showed them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.sip.routing import peer_of

Peer = tuple[str, int]
"""IP address, IPv6 without brackets, and port."""

MOST = 1000
"""Of so many peers it is kept, those that showed one last: redirects may lead to ever new ones."""


class Certificates:
    """Those of the last handshake with each peer."""

    def __init__(self) -> None:
        self._ends: dict[Peer, float] = {}

    def shown(self, peer: Peer, ends: float) -> None:
        """A peer has shown a certificate that ends then, in Unix time."""
        self._ends.pop(peer, None)
        self._ends[peer] = ends
        while len(self._ends) > MOST:
            del self._ends[next(iter(self._ends))]

    def ends(self, places: Iterable[Place]) -> float | None:
        """When the first certificate of these places ends; None where none of them has shown one."""
        secure = (place for place in places if sip_uri.parse(place.uri).secure)
        known = (self._ends.get(peer_of(place)) for place in secure)
        return min((at for at in known if at is not None), default=None)
