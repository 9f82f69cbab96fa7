"""The SIP client of our pjsua2 as Python sees it (images/pjsua2/client.h, client.i), with types."""

from __future__ import annotations

from typing import Protocol

Happened = tuple[int, int, int, str, str, str]
"""Kind (SIP_ANSWER …), number, code, reason, text, peer; which of them count is said at each kind in client.h."""


class SipClient(Protocol):
    """Sends requests as they are given, and hands out what comes back. Calls nothing back, raises nothing."""

    def error(self) -> str:
        """Why it could not begin, or why the last transport could not be opened; empty where all is well."""

    def end(self) -> None:
        """End it, while its endpoint is still there. Nothing else may be called then."""

    def udp(self, address: str, port: int, v6: bool, /) -> int:
        """Open a UDP socket at this address (empty: any) and port (0: any); its number, or -1."""

    def tcp(self, address: str, port: int, v6: bool, /) -> int:
        """The same for TCP; others may connect there."""

    def tls(
        self, address: str, v6: bool, ca_file: str, certificate_file: str, key_file: str, handshake_msec: int, /
    ) -> int:
        """The same for TLS connections to others. Files may be empty."""

    def port(self, transport: int, /) -> int:
        """The port at which a transport listens; 0 where it does not."""

    def close_transport(self, transport: int, /) -> None:
        """Close it with its connections."""

    def send(
        self,
        number: int,
        method: str,
        uri: str,
        sender: str,
        sender_tag: str,
        to: str,
        call_id: str,
        cseq: int,
        headers: str,
        address: str,
        port: int,
        name: str,
        transport: int,
        msec: int,
        /,
    ) -> str:
        """Send a request; an answer or its absence follows after `msec` at the latest. Returns why it is not sent.

        Behind an empty line in `headers` a session description may follow. An ACK is sent once, and nothing follows.
        """

    def cancel(self, number: int, /) -> None:
        """Wait no longer for the answer to this request, and do not repeat it."""

    def reply(self, number: int, code: int, /) -> None:
        """Answer a request that came; code 0: never."""

    def send_cancel(self, number: int, invite: int, msec: int, /) -> str:
        """Send CANCEL for an INVITE that is waited for; an answer to `number` follows. Returns why it is not sent."""

    def respond(self, number: int, code: int, to_tag: str, headers: str, last: bool, /) -> None:
        """Answer a request that came, as often as this is called until it is `last`. `headers` as in `send`."""

    def hold(self, connection: int, held: bool, /) -> None:
        """Let a connection stay while nothing is sent over it, or not any more."""

    def close_connection(self, connection: int, /) -> None:
        """Close it now."""

    def quietest(self) -> int:
        """Of the connections that others made, the one that brought nothing for longest; 0 where there is none."""

    def deafen(self, transport: int, deaf: bool, /) -> None:
        """Let nobody connect to this TCP transport for now."""

    def trace(self, on: bool, /) -> None:
        """Tell of every message from now on, or no more."""

    def set_patience(self, msec: int, /) -> None:
        """A connection on which a message was begun so long ago, and has not ended, is closed."""

    def poll(self, msec: int, /) -> list[Happened]:
        """Wait so long for the network, not at all where something has happened already; then tell what happened."""
