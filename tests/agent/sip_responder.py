"""A small SIP responder whose every answer is scripted: the PBX that misbehaves (or behaves) as a test wants.

    pbx = await Responder.start("127.0.0.1")
    pbx.register = reject(403)

A behaviour is a function from a request to the answers that are sent, as bytes; [] is silence. It counts what it
got. One responder listens on UDP and TCP at one port; TLS is an own port.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

REASONS = {
    100: "Trying",
    200: "OK",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    401: "Unauthorized",
    407: "Proxy Authentication Required",
    423: "Interval Too Brief",
}
NONCE = "0a1b2c3d"


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    text: str
    source: tuple[str, int]
    transport: str

    @property
    def method(self) -> str:
        return self.text.partition(" ")[0]

    def header(self, name: str) -> str:
        """A header's value, empty where it is missing."""
        found = re.search(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""

    @property
    def is_fetch(self) -> bool:
        """Whether it is a REGISTER without Contact, which asks for the bindings (RFC 3261, section 10.2.3)."""
        return self.method == "REGISTER" and not self.header("Contact")

    @property
    def user(self) -> str:
        found = re.search(r"sips?:([^@;>]+)@", self.header("To"))
        return found[1] if found else ""

    @property
    def expires(self) -> int:
        """The expiry asked for, in seconds."""
        found = re.search(r";\s*expires=(\d+)", self.header("Contact")) or re.match(r"(\d+)", self.header("Expires"))
        return int(found[1]) if found else 0

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;\s]+)", self.header("Via"))
        return found[1] if found else ""


Behaviour = Callable[[Request], Iterable[bytes]]


def answer(request: Request, code: int, *headers: str, reason: str | None = None, tag: str = "pbx") -> bytes:
    """A well-formed answer to a request."""
    host, port = request.source
    via = request.header("Via").replace(";rport", f";rport={port};received={host}", 1)
    lines = [
        f"SIP/2.0 {code} {reason if reason is not None else REASONS.get(code, 'Because')}",
        f"Via: {via}",
        f"From: {request.header('From')}",
        f"To: {request.header('To')};tag={tag}",
        f"Call-ID: {request.header('Call-ID')}",
        f"CSeq: {request.header('CSeq')}",
        *headers,
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def silence(request: Request) -> list[bytes]:
    """No answer at all."""
    return []


def reply(code: int, *headers: str, reason: str | None = None) -> Behaviour:
    """Always this answer."""
    return lambda request: [answer(request, code, *headers, reason=reason)]


def redirect(*contacts: str, code: int = 302) -> Behaviour:
    """A redirect with these Contact values, one header each."""
    return reply(code, *(f"Contact: {contact}" for contact in contacts))


def accept(*, expires: int | None = None) -> Behaviour:
    """Keep the registration, for the time asked for or for `expires` seconds."""

    def behave(request: Request) -> list[bytes]:
        asked = request.expires
        granted = 0 if asked == 0 else asked if expires is None else expires
        contact = re.sub(r";\s*expires=\d+", "", request.header("Contact"))
        headers = [f"Contact: {contact};expires={granted}"] if granted else []
        return [answer(request, 200, *headers)]

    return behave


def challenge(then: Behaviour, *, code: int = 401, nonce: Callable[[], str] = lambda: NONCE) -> Behaviour:
    """Ask for digest credentials; who brings any gets `then`."""
    header, credentials = ("WWW-Authenticate", "Authorization")
    if code == 407:
        header, credentials = ("Proxy-Authenticate", "Proxy-Authorization")

    def behave(request: Request) -> Iterable[bytes]:
        if request.header(credentials):
            return then(request)
        return [
            answer(request, code, f'{header}: Digest realm="pbx.test", nonce="{nonce()}", algorithm=MD5, qop="auth"')
        ]

    return behave


def digest(*passwords: str) -> Behaviour:
    """Challenge, then accept who has one of these passwords, and refuse all others."""

    def judged(request: Request) -> Iterable[bytes]:
        given = dict(re.findall(r'(\w+)="?([^",]*)', request.header("Authorization")))
        right = (_response(given, password) for password in passwords)
        return (accept() if given["response"] in right else reply(403))(request)

    return challenge(judged)


def _response(given: dict[str, str], password: str) -> str:
    """The digest of a REGISTER by this password (RFC 2617, section 3.2.2)."""

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret, what = md5(given["username"], given["realm"], password), md5("REGISTER", given["uri"])
    return md5(secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], what)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour for each new request (retransmissions get the same again); the last one stays."""
    given: dict[str, int] = {}

    def behave(request: Request) -> Iterable[bytes]:
        place = given.setdefault(request.branch, min(len(given), len(behaviours) - 1))
        return behaviours[place](request)

    return behave


def listing(*contacts: str) -> Behaviour:
    """200 with these Contact values: the bindings that there are."""
    return reply(200, *(f"Contact: {contact}" for contact in contacts))


@dataclass
class Responder:
    """A PBX on loopback."""

    host: str
    port: int
    register: Behaviour = field(default_factory=accept)
    options: Behaviour = field(default_factory=lambda: reply(200))
    fetch: Behaviour | None = None
    """For a REGISTER without Contact. None: as `register`, but a 200 lists the bindings that were granted."""
    requests: list[Request] = field(default_factory=list)
    """Every REGISTER with a Contact, without retransmissions."""
    fetches: list[Request] = field(default_factory=list)
    """Every REGISTER without Contact, without retransmissions."""
    granted: dict[str, str] = field(default_factory=dict)
    """The Contacts in the last 200 to a REGISTER of each user, as they stand there."""
    asked: list[Request] = field(default_factory=list)
    """Every OPTIONS, retransmissions too."""
    answers_from: Responder | None = None
    """Another responder from whose socket the answers come."""
    _udp: asyncio.DatagramTransport | None = None
    _servers: list[asyncio.Server] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _branches: set[str] = field(default_factory=set)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    async def start(
        cls,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        transports: tuple[str, ...] = ("udp", "tcp"),
    ) -> Responder:
        """Listen at `host` on UDP and TCP at one port, or on TLS."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            responder = cls(host, port)
            try:
                if "tcp" in transports or tls:
                    server = await asyncio.start_server(responder._serve, host, port, ssl=tls)
                    responder._servers.append(server)
                    responder.port = server.sockets[0].getsockname()[1]
                if "udp" in transports and tls is None:
                    udp, _ = await loop.create_datagram_endpoint(
                        lambda responder=responder: _Datagrams(responder),  # type: ignore[misc]
                        local_addr=(host, responder.port),
                    )
                    responder._udp = udp
                    responder.port = udp.get_extra_info("sockname")[1]
            except OSError:
                await responder.close()
                if port:
                    raise
                continue
            return responder
        raise OSError("no port is free on both UDP and TCP")

    def uri(self, transport: str = "udp") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:{host}:{self.port};transport={transport}"

    @property
    def registers(self) -> int:
        """How many REGISTERs came, un-REGISTERs too, retransmissions not."""
        return len(self.requests)

    @property
    def pings(self) -> int:
        """How many OPTIONS came."""
        return len(self.asked)

    def bindings(self) -> set[str]:
        """Users whose last REGISTER asked for a binding."""
        return {user for user, expires in {r.user: r.expires for r in self.requests}.items() if expires}

    async def count(self, registers: int, seconds: float = 20.0) -> None:
        """Wait until so many REGISTERs came."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: self.registers >= registers), seconds)

    async def fetched(self, times: int, seconds: float = 30.0) -> None:
        """Wait until so many REGISTERs without Contact came."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: len(self.fetches) >= times), seconds)

    async def pinged(self, times: int, seconds: float = 60.0) -> None:
        """Wait until so many OPTIONS came, without retransmissions."""
        async with self._arrived:
            asked = self.asked
            await asyncio.wait_for(
                self._arrived.wait_for(lambda: len({request.branch for request in asked}) >= times), seconds
            )

    async def told(self, what: Callable[[Request], bool], seconds: float = 20.0) -> None:
        """Wait until such a REGISTER came."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: any(map(what, self.requests))), seconds)

    def receive(self, text: str, source: tuple[str, int], transport: str) -> Iterable[bytes]:
        request = Request(text, source, transport)
        if request.method == "OPTIONS":
            self.asked.append(request)
            self._tell()
            return self.options(request)
        if request.method != "REGISTER":
            return []
        if request.branch not in self._branches:
            self._branches.add(request.branch)
            (self.fetches if request.is_fetch else self.requests).append(request)
            self._tell()
        if request.is_fetch:
            return self._fetched(request)
        answers = list(self.register(request))
        for found in answers:
            if found.startswith(b"SIP/2.0 200"):
                listed = re.search(rb"^Contact: (.*?)\r$", found, re.MULTILINE)
                self.granted[request.user] = listed[1].decode() if listed else ""
        return answers

    def _fetched(self, request: Request) -> Iterable[bytes]:
        if self.fetch is not None:
            return self.fetch(request)
        answers = list(self.register(request))
        if not any(found.startswith(b"SIP/2.0 200") for found in answers):
            return answers
        bound = self.granted.get(request.user, "")
        return [answer(request, 200, *([f"Contact: {bound}"] if bound else []))]

    def _tell(self) -> None:
        task = asyncio.ensure_future(self._announce())
        _background.add(task)
        task.add_done_callback(_background.discard)

    async def _announce(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        source = writer.get_extra_info("peername")[:2]
        transport = "tls" if writer.get_extra_info("ssl_object") else "tcp"
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                for data in self.receive(head.decode().lstrip(), source, transport):
                    writer.write(data)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        """Close every TCP and TLS connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        """Be gone: nothing listens any more."""
        if self._udp is not None:
            self._udp.close()
        for server in self._servers:
            server.close()
        self.hang_up()
        for server in self._servers:
            with contextlib.suppress(ConnectionError):
                await server.wait_closed()
        await asyncio.sleep(0)  # transports close in the loop's next turn


Start = Callable[..., Awaitable[Responder]]
"""What the fixture `start` gives."""

_background: set[asyncio.Task[None]] = set()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, responder: Responder) -> None:
        self.responder = responder

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.strip():
            return
        sender = self.responder.answers_from or self.responder
        for back in self.responder.receive(data.decode(), addr[:2], "udp"):
            assert sender._udp is not None
            sender._udp.sendto(back, addr)
