"""The TCP and TLS connections that this process made, and to whom."""

from __future__ import annotations

from collections.abc import Set

from softphone_agent.sip.client import SipClient

Peer = tuple[str, int]
"""IP address (IPv6 without brackets) and port."""


class Connections:
    """Those that something still goes over are held; the SIP stack closes others that have been idle for a while."""

    def __init__(self, client: SipClient) -> None:
        self._client = client
        self._peers: dict[int, Peer] = {}

    def opened(self, connection: int, peer: str) -> None:
        """A connection is there."""
        self._peers[connection] = read_peer(peer)
        self._client.hold(connection, True)

    def closed(self, connection: int) -> None:
        """It is no more."""
        self._peers.pop(connection, None)

    def peers(self) -> set[Peer]:
        """To whom there is a connection."""
        return set(self._peers.values())

    def close(self, peer: Peer) -> None:
        """Close those to this peer."""
        for connection in [one for one, known in self._peers.items() if known == peer]:
            self._client.close_connection(connection)

    def keep(self, used: Set[Peer]) -> None:
        """Hold the connections to these and no others."""
        for connection, peer in self._peers.items():
            self._client.hold(connection, peer in used)


def read_peer(text: str) -> Peer:
    """A peer as pjsip writes it: `192.0.2.1:5060` or `[2001:db8::1]:5060`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
