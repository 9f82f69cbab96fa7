"""The connections of this process, as the kernel knows them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from softphone_agent.sip import connections


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_an_established_connection_is_seen_until_its_peer_closes(family: int, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        address = server.getsockname()[:2]
        client = socket.create_connection(address)
        accepted, _ = server.accept()
        with client, accepted:
            assert address in connections.established()
            accepted.close()
            assert client.recv(1) == b""
            assert address not in connections.established()


def test_connections_of_other_processes_are_not_ours() -> None:
    line = "0: 0100007F:1F90 0100007F:13C4 01 00000000:00000000 00:00000000 00000000 0 0 4711 1 0000"
    assert connections.peer_of(line, {"4711"}) == ("127.0.0.1", 5060)
    assert connections.peer_of(line, {"4712"}) is None
    assert connections.peer_of(line.replace(" 01 ", " 08 "), {"4711"}) is None, "the peer has closed it"
    assert connections.peer_of("sl local_address", {"4711"}) is None


def test_a_port_that_refuses_lets_nobody_in_until_it_does_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as shut, socket.create_server(("127.0.0.1", 0)) as other:
        files = len(list(Path("/proc/self/fd").iterdir()))
        connections.refuse(shut.getsockname()[1])
        socket.create_connection(other.getsockname(), timeout=5).close()
        with pytest.raises(TimeoutError):
            socket.create_connection(shut.getsockname(), timeout=0.2)
        connections.let_in(shut.getsockname()[1])
        socket.create_connection(shut.getsockname(), timeout=5).close()
        assert len(list(Path("/proc/self/fd").iterdir())) == files
