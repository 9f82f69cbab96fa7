"""Asks a PBX from a fresh UDP socket whether it answers others: where it does, our own socket is what is dead.

A NAT box or a firewall on the way may have turned against one address and port for good.
"""

from __future__ import annotations

import re
import select
import socket
import uuid

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place, Target

FINAL = re.compile(rb"SIP/2\.0 [2-6][0-9]{2} ")
"""The beginning of a final answer (RFC 3261, 7.2)."""
BRANCH = b"branch=z9hG4bK"
"""The beginning of what tells whose answer it is (RFC 3261, 17.1.3)."""
LONGEST_DATAGRAM = 65535


class SecondOpinion:
    """One OPTIONS from a socket of its own. Nothing blocks."""

    def __init__(self, place: Place, aor: str, bind_address: str) -> None:
        """Ask the registrar there, as this AOR. Raises OSError where it cannot be sent."""
        uri = sip_uri.parse(place.uri)
        self.place = place
        at = place.target or Target(uri.host, uri.effective_port)
        family = socket.AF_INET6 if ":" in at.address else socket.AF_INET
        self._token = uuid.uuid4().hex
        self._answered = False
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if bind_address and (":" in bind_address) == (family == socket.AF_INET6):
                self._socket.bind((bind_address, 0))
            self._socket.connect((at.address, at.port))
            self._socket.setblocking(False)
            self._socket.send(_options(uri, aor, self._socket.getsockname(), self._token))
        except OSError:
            self._socket.close()
            raise

    @property
    def answered(self) -> bool:
        """Whether a final answer is there by now. A provisional one (100) says only that something is on the way."""
        while not self._answered and select.select([self._socket], [], [], 0)[0]:
            try:
                received = self._socket.recv(LONGEST_DATAGRAM)
            except OSError:  # ICMP: nobody is there
                return False
            self._answered = self._is_final(received)
        return self._answered

    def _is_final(self, message: bytes) -> bool:
        """Whether this is the final answer to our request, and no other message, such as our own sent back."""
        return FINAL.match(message) is not None and BRANCH + self._token.encode() in message

    def close(self) -> None:
        """Wait no longer."""
        self._socket.close()


def _options(to: sip_uri.SipUri, aor: str, own: tuple[str, int], token: str) -> bytes:
    host = f"[{own[0]}]" if ":" in own[0] else own[0]
    lines = [
        f"OPTIONS {to} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{own[1]};branch=z9hG4bK{token};rport",
        "Max-Forwards: 70",
        f"From: <{aor}>;tag={token[:8]}",
        f"To: <{aor}>",
        f"Call-ID: {token}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
