"""A port of this machine that leads to an address inside the lab's network, for a browser outside of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from lab import net

CONNECT_SECONDS = 5.0
BYTES = 64 * 1024


@contextlib.contextmanager
def to(host: str, port: int, local: int = 0) -> Iterator[int]:
    """Relay for the time of the block; the port at 127.0.0.1. Raises OSError where `local` is taken."""
    with socket.create_server(("127.0.0.1", local)) as server:
        threading.Thread(target=_accept, args=(server, host, port), daemon=True, name="lab-relay").start()
        yield server.getsockname()[1]


def _accept(server: socket.socket, host: str, port: int) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return  # it was closed
        threading.Thread(target=_connect, args=(near, host, port), daemon=True, name="lab-relay").start()


def _connect(near: socket.socket, host: str, port: int) -> None:
    with near:
        try:
            far = net.inside(lambda: socket.create_connection((host, port), CONNECT_SECONDS))
        except OSError:
            return  # whoever came sees a connection that closes
        with far:
            far.settimeout(None)
            there = threading.Thread(target=_copy, args=(near, far), daemon=True, name="lab-relay")
            there.start()
            _copy(far, near)
            there.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """What comes from one to the other, until there is an end; that is passed on, too."""
    with contextlib.suppress(OSError):
        while data := source.recv(BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
