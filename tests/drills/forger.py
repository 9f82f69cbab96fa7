"""One who sees all REGISTERs to a PBX on their way, over UDP, and answers them before the PBX can."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from sip_responder import Request

IP = 0x0800
"""ETH_P_IP."""
UDP = 17
LOOK_SECONDS = 0.5
WAITING_BYTES = 1 << 22


class Forger:
    """Sends `lies(request)` for each REGISTER to an address, from that address and another port, until the block ends.

    `port` None: to whatever port. A REGISTER that is sent again is seen once.
    """

    def __init__(self, address: str, port: int | None, lies: Callable[[Request], Iterable[bytes]]) -> None:
        self._address, self._port = socket.inet_aton(address), port
        self._lies = lies
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="forger")
        self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IP))
        self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING_BYTES)
        self._ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ours.bind((address, 0))
        self.seen: set[str] = set()
        """The branches of the REGISTERs."""
        self.sent = 0

    def __enter__(self) -> Forger:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._wire.close()
        self._ours.close()

    def _work(self) -> None:
        while not self._over.is_set():
            if not select.select([self._wire], [], [], LOOK_SECONDS)[0]:
                continue
            request = self._register(self._wire.recv(65536))
            if request is None or request.branch in self.seen:
                continue
            self.seen.add(request.branch)
            for lie in self._lies(request):
                self._ours.sendto(lie, request.source)
                self.sent += 1

    def _register(self, packet: bytes) -> Request | None:
        """The REGISTER in an IP packet; None where it is something else, or goes elsewhere."""
        head = (packet[0] & 0x0F) * 4
        if packet[9] != UDP or len(packet) < head + 8:
            return None
        source, destination = struct.unpack_from("!HH", packet, head)
        text = packet[head + 8 :]
        if packet[16:20] != self._address or self._port not in (None, destination):
            return None
        if not text.startswith(b"REGISTER "):
            return None
        return Request(text.decode(), (socket.inet_ntoa(packet[12:16]), source), "udp")
