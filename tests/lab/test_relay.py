"""The relay into the lab's network, on loopback."""

from __future__ import annotations

import socket
import threading

import pytest

from lab import net, relay


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is inside of the lab's network is here."""
    monkeypatch.setattr(net, "inside", lambda work: work())


def test_what_is_said_comes_there_and_back_until_both_have_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                said = b"".join(iter(lambda: peer.recv(1024), b""))
                peer.sendall(said.upper())

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            relay.to("127.0.0.1", server.getsockname()[1]) as port,
            socket.create_connection(("127.0.0.1", port)) as end,
        ):
            end.sendall(b"hello")
            end.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: end.recv(1024), b"")) == b"HELLO"
        thread.join()


def test_where_nobody_listens_the_connection_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    with relay.to("127.0.0.1", nobody) as port, socket.create_connection(("127.0.0.1", port)) as end:
        assert end.recv(1) == b""
