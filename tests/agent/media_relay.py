"""What is between two telephones in a test: the media of one call, with what a network does to it.

The proxy (call_proxy.py) gives it every description that passes, and puts its own address in the place of theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Address = tuple[str, int]
Way = Literal["there", "back"]
"""From the caller to the callee, and from the callee to the caller."""
Change = Callable[[bytes], bytes | None]
"""What becomes of an RTP packet: it passes so, or is lost."""
HOST = "127.0.0.1"


def as_it_is(packet: bytes) -> bytes:
    return packet


def drops_all(packet: bytes) -> None:
    return None


def drops_each(nth: int) -> Change:
    """One of so many, evenly."""

    def change(packet: bytes) -> bytes | None:
        return packet if int.from_bytes(packet[2:4], "big") % nth else None

    return change


def silences(packet: bytes) -> bytes:
    """The packets pass, with silence in them (A-law)."""
    return packet[:12] + b"\xd5" * (len(packet) - 12)


class _Side(asyncio.DatagramProtocol):
    """One socket of the relay: what comes here goes out of the other one."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self.peer: Address | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._put(data)

    def error_received(self, exc: Exception) -> None:
        pass  # one end has closed its sockets

    def send(self, data: bytes) -> None:
        if self.peer is not None and not self.transport.is_closing():
            self.transport.sendto(data, self.peer)


@dataclass
class Relay:
    """`changes` may be set at any time. RTCP passes, but for what is late."""

    changes: dict[Way, Change] = field(default_factory=lambda: {"there": as_it_is, "back": as_it_is})
    delay_seconds: float = 0.0
    """On each way."""
    _sides: dict[tuple[Way, int], _Side] = field(default_factory=dict)
    """By the way on which they send, and 0 for RTP, 1 for RTCP."""

    @classmethod
    async def start(cls) -> Relay:
        relay = cls()
        for way in ("there", "back"):
            await relay._open(way)
        return relay

    async def _open(self, way: Way) -> None:
        """The two sockets that send on this way, and take what comes on the other one."""
        loop, other = asyncio.get_running_loop(), "back" if way == "there" else "there"
        for one in _pair():
            kind = len([each for each in self._sides if each[0] == way])

            def put(data: bytes, kind: int = kind) -> None:
                self._pass(other, kind, data)  # type: ignore[arg-type]

            _, self._sides[way, kind] = await loop.create_datagram_endpoint(lambda put=put: _Side(put), sock=one)  # type: ignore[misc]

    def _pass(self, way: Way, kind: int, data: bytes) -> None:
        changed = data if kind else self.changes[way](data)
        if changed is None:
            return
        if self.delay_seconds:
            asyncio.get_running_loop().call_later(self.delay_seconds, self._sides[way, kind].send, changed)
        else:
            self._sides[way, kind].send(changed)

    def through(self, text: str, way: Way) -> str:
        """A message whose description, where it has one, was written by who sends on this way: it leads here now."""
        head, _, body = text.partition("\r\n\r\n")
        port, address = re.search(r"^m=audio (\d+) ", body, re.MULTILINE), re.search(r"^c=IN IP4 (\S+)", body, re.M)
        if port is None or address is None:
            return text
        back: Way = "back" if way == "there" else "there"
        for kind in (0, 1):  # towards its author
            self._sides[back, kind].peer = (address[1], int(port[1]) + kind)
        mine = self._sides[way, 0].transport.get_extra_info("sockname")[1]
        body = body.replace(port[0], f"m=audio {mine} ", 1).replace(address[0], f"c=IN IP4 {HOST}", 1)
        return with_body(head, body)

    def close(self) -> None:
        for side in self._sides.values():
            side.transport.close()


def with_body(head: str, body: str) -> str:
    """A message with another description."""
    return re.sub(r"(?im)^Content-Length[ \t]*:[^\r]*", f"Content-Length: {len(body)}", head) + "\r\n\r\n" + body


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ports in sequence, the first one even."""
    while True:
        first = _bound(0)
        port = first.getsockname()[1]
        if port % 2 == 0:
            with contextlib.suppress(OSError):
                return first, _bound(port + 1)
        first.close()


def _bound(port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.setblocking(False)
        one.bind((HOST, port))
    except OSError:
        one.close()
        raise
    return one
