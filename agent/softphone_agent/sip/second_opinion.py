"""Asks a PBX from a fresh UDP socket whether it answers others: where it does, our own socket is what is dead.

A NAT box or a firewall on the way may have turned against one address and port for good.
"""

from __future__ import annotations

import contextlib
import select
import socket
import uuid

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place, Target


class SecondOpinion:
    """One OPTIONS from a socket of its own. Nothing blocks."""

    def __init__(self, place: Place, aor: str, bind_address: str) -> None:
        """Ask the registrar there, as this AOR. Raises OSError where it cannot be sent."""
        uri = sip_uri.parse(place.uri)
        self.place = place
        at = place.target or Target(uri.host, uri.effective_port)
        family = socket.AF_INET6 if ":" in at.address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if bind_address and (":" in bind_address) == (family == socket.AF_INET6):
                self._socket.bind((bind_address, 0))
            self._socket.connect((at.address, at.port))
            self._socket.setblocking(False)
            self._socket.send(_options(uri, aor, self._socket.getsockname()))
        except OSError:
            self._socket.close()
            raise

    @property
    def answered(self) -> bool:
        """Whether an answer is there by now."""
        if not select.select([self._socket], [], [], 0)[0]:
            return False
        with contextlib.suppress(OSError):  # ICMP: nobody is there
            return self._socket.recv(64).startswith(b"SIP/2.0 ")
        return False

    def close(self) -> None:
        """Wait no longer."""
        self._socket.close()


def _options(to: sip_uri.SipUri, aor: str, own: tuple[str, int]) -> bytes:
    host = f"[{own[0]}]" if ":" in own[0] else own[0]
    token = uuid.uuid4().hex
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
