"""A caller: sends one request to a PBX over UDP and reads what it is told in the end."""

from __future__ import annotations

import re
import secrets
import socket
from typing import Self

WITHIN = 10.0
SDP = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Caller:
    """One who needs no password at the PBX and calls himself `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(WITHIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, user: str, at: str) -> int:
        """Call a user of the PBX at this address (port 5060): the code of the final answer."""
        host = self._socket.getsockname()[0]
        return self._ask("INVITE", user, at, "application/sdp", SDP.format(host=host))

    def text(self, user: str, at: str) -> int:
        """Send a user a MESSAGE: the PBX's answer."""
        return self._ask("MESSAGE", user, at, "text/plain", "hello")

    def options(self, user: str, at: str) -> int:
        """Ask with OPTIONS, as a stranger's ping would: the PBX's answer."""
        return self._ask("OPTIONS", user, at, "text/plain", "")

    def _ask(self, method: str, user: str, at: str, kind: str, body: str) -> int:
        branch, tag, call = (secrets.token_hex(8) for _ in range(3))

        def request(method: str, to: str, body: str) -> bytes:
            host, port = self._socket.getsockname()
            lines = [
                f"{method} sip:{user}@{at}:5060 SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch};rport",
                "Max-Forwards: 70",
                f"From: <sip:{self._name}@{at}>;tag={tag}",
                f"To: {to}",
                f"Call-ID: {call}",
                f"CSeq: 1 {method}",
                f"Contact: <sip:{self._name}@{host}:{port}>",
                *([f"Content-Type: {kind}"] if body else []),
                f"Content-Length: {len(body)}",
            ]
            return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

        self._socket.sendto(request(method, f"<sip:{user}@{at}>", body), (at, 5060))
        while True:
            answer = self._socket.recv(65535).decode()
            found = re.match(r"SIP/2\.0 (\d{3})", answer)
            if found is None or f"CSeq: 1 {method}" not in answer or int(found[1]) < 200:
                continue
            if method == "INVITE":
                to = re.search(r"^To: (.*?)\r?$", answer, re.MULTILINE)
                assert to is not None
                self._socket.sendto(request("ACK", to[1], ""), (at, 5060))
            return int(found[1])
