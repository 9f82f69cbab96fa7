"""A tiny SIP client that registers over UDP or TCP: it proves the PBXes' rules without the agent that needs them."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import time
from dataclasses import dataclass, field

from lab import net

ANSWER_WITHIN = 2.0


@dataclass(frozen=True)
class Answer:
    """A response."""

    code: int
    reason: str
    headers: list[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """The first header of a name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def redirected_to(self) -> str | None:
        """The URI in Contact of a redirect."""
        match = re.search(r"<([^>]+)>", self.header("Contact") or "")
        return match[1] if match and 300 <= self.code < 400 else None

    @property
    def granted(self) -> int | None:
        """The expiry in the Contact of an acceptance."""
        match = re.search(r"expires=(\d+)", self.header("Contact") or "")
        return int(match[1]) if match else None


@dataclass
class SipClient:
    """One phone: a socket, a Call-ID and a counter. Nothing is retransmitted; the lab loses no packets."""

    user: str
    password: str | None = None
    auth_user: str | None = None
    tcp: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    domain: str = "pbx.test"
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    asks: bool = False
    """Send no Contact: ask for the bindings, and change none (RFC 3261, section 10.2.3)."""
    _cseq: int = 0
    _sockets: dict[tuple[str, int], socket.socket] = field(default_factory=dict)

    def __enter__(self) -> SipClient:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._sockets.values():
            connection.close()

    def register(self, address: str, port: int = 5060, expires: int = 60) -> Answer:
        """Registers at one PBX, answers its challenge, and returns its word; follows nothing."""
        answer = self.send(address, port, expires)
        challenge = answer.header("WWW-Authenticate")
        if answer.code == 401 and challenge:
            answer = self.send(address, port, expires, challenge)
        return answer

    def follow(self, address: str, port: int = 5060, expires: int = 60, hops: int = 8) -> tuple[Answer, list[str]]:
        """Registers and follows redirects; returns the last answer and the addresses asked."""
        asked: list[str] = []
        while True:
            asked.append(address)
            answer = self.register(address, port, expires)
            if not answer.redirected_to or len(asked) > hops:
                return answer, asked
            match = re.match(r"sip:([^:;]+):(\d+)", answer.redirected_to)
            assert match, f"a redirect to {answer.redirected_to}"
            address, port = match[1], int(match[2])

    def send(self, address: str, port: int, expires: int, challenge: str | None = None) -> Answer:
        """Sends one REGISTER, with credentials if there is a challenge to answer."""
        connection = self._connection(address, port)
        host, local_port = connection.getsockname()[:2]
        self._cseq += 1
        transport = "TCP" if self.tcp else "UDP"
        suffix = ";transport=tcp" if self.tcp else ""
        uri = f"sip:{address}:{port}{suffix}"
        lines = [
            f"REGISTER {uri} SIP/2.0",
            f"Via: SIP/2.0/{transport} {host}:{local_port};branch=z9hG4bK{secrets.token_hex(6)};rport",
            f"From: <sip:{self.user}@{self.domain}>;tag={self.call_id[:6]}",
            f"To: <sip:{self.user}@{self.domain}>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self._cseq} REGISTER",
            *([] if self.asks else [f"Contact: <sip:{self.user}@{host}:{local_port}{suffix}>", f"Expires: {expires}"]),
            "Max-Forwards: 70",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            *([f"Authorization: {self._credentials(challenge, uri)}"] if challenge else []),
            "Content-Length: 0",
        ]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return self._receive(connection)

    def _connection(self, address: str, port: int) -> socket.socket:
        def connect() -> socket.socket:
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
            connection.settimeout(ANSWER_WITHIN)
            try:
                connection.connect((address, port))
            except OSError:
                connection.close()
                raise
            return connection

        if (address, port) not in self._sockets:
            self._sockets[address, port] = net.inside(connect)
        return self._sockets[address, port]

    def _receive(self, connection: socket.socket) -> Answer:
        deadline = time.monotonic() + ANSWER_WITHIN
        while time.monotonic() < deadline:
            text = connection.recv(65535).decode()
            if f"CSeq: {self._cseq} " in text:
                return _parse(text)
        raise TimeoutError(f"no answer to {self._cseq} REGISTER")

    def _credentials(self, challenge: str, uri: str) -> str:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        user = self.auth_user or self.user
        password = self.password if self.password is not None else f"pw-{self.user}"
        count, mine = "00000001", secrets.token_hex(4)
        first = _md5(f"{user}:{given['realm']}:{password}")
        second = _md5(f"REGISTER:{uri}")
        response = _md5(f"{first}:{given['nonce']}:{count}:{mine}:auth:{second}")
        return (
            f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc={count}, cnonce="{mine}"'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _parse(text: str) -> Answer:
    first, *rest = text.partition("\r\n\r\n")[0].split("\r\n")
    _, code, reason = first.split(" ", 2)
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
    return Answer(int(code), reason, headers)
