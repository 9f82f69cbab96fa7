"""The sockets of a call's media, on loopback."""

from __future__ import annotations

import select
import socket
import time

import pytest

from softphone_agent.worker.call_media import MediaSockets


@pytest.fixture
def peer() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def port_of(one: socket.socket) -> int:
    return int(one.getsockname()[1])


def came(sockets: MediaSockets) -> list[tuple[bytes, float]]:
    """What has come as RTP; loopback delivers before `sendto` returns."""
    return sockets.received()[0]


def test_rtp_has_an_even_port_and_rtcp_the_next(peer: socket.socket) -> None:
    one, other = MediaSockets("127.0.0.1"), MediaSockets("127.0.0.1")
    assert one.port % 2 == other.port % 2 == 0
    assert one.port != other.port
    one.lead_to("127.0.0.1", port_of(peer), port_of(peer))
    one.send([b"rtp"], [b"rtcp"])
    assert [peer.recvfrom(99) for _ in range(2)] == [
        (b"rtp", ("127.0.0.1", one.port)),
        (b"rtcp", ("127.0.0.1", one.port + 1)),
    ]
    for each in (one, other):
        each.close()
    peer.close()


def test_only_the_other_end_is_heard_and_when_it_came_is_the_kernels_word(peer: socket.socket) -> None:
    sockets, stranger = MediaSockets("127.0.0.1"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for sender in (stranger, peer):
        sender.sendto(b"before", ("127.0.0.1", sockets.port))
    assert came(sockets) == [], "nobody is known yet"
    sockets.lead_to("127.0.0.1", port_of(peer), 9)
    before = time.time()
    stranger.sendto(b"foreign", ("127.0.0.1", sockets.port))
    peer.sendto(b"x" * 3000, ("127.0.0.1", sockets.port))
    peer.sendto(b"own", ("127.0.0.1", sockets.port))
    first, cut, own = came(sockets)
    after = time.time()  # the kernel may note the time of the first ones only when they are read
    assert (first[0], len(cut[0]), own[0]) == (b"before", 2048, b"own")
    assert before <= own[1] <= after
    for each in (sockets, stranger, peer):
        each.close()


def test_who_looks_each_20_ms_takes_one_and_all_of_them_where_he_was_late(peer: socket.socket) -> None:
    sockets = MediaSockets("127.0.0.1")
    sockets.lead_to("127.0.0.1", port_of(peer), 9)
    for _ in range(2):
        peer.sendto(b"x", ("127.0.0.1", sockets.port))
        came(sockets)  # the kernel notes times from now on
    for text in (b"a", b"b", b"c"):
        peer.sendto(text, ("127.0.0.1", sockets.port))
    at = time.time()
    assert [data for data, _ in sockets.received(at - 1)[0]] == [b"a"]
    assert [data for data, _ in sockets.received(at + 1)[0]] == [b"b", b"c"]
    sockets.close()
    peer.close()


def test_reports_wait_a_little(peer: socket.socket) -> None:
    sockets = MediaSockets("127.0.0.1")
    sockets.lead_to("127.0.0.1", 9, port_of(peer))
    peer.sendto(b"report", ("127.0.0.1", sockets.port + 1))
    assert [data for data, _ in sockets.received()[1]] == [b"report"], "the first ones are wanted soon"
    for _ in range(99):
        sockets.received()
    peer.sendto(b"report", ("127.0.0.1", sockets.port + 1))
    turns = [[data for data, _ in sockets.received()[1]] for _ in range(25)]
    assert turns == [[]] * 24 + [[b"report"]]
    sockets.close()
    peer.close()


def test_who_is_late_by_two_seconds_loses_nothing(peer: socket.socket) -> None:
    """So loss is the network's, up to LOSS_TRUSTED_LATENESS and beyond."""
    sockets = MediaSockets("127.0.0.1")
    sockets.lead_to("127.0.0.1", port_of(peer), 9)
    for number in range(100):
        peer.sendto(bytes([number]) + bytes(171), ("127.0.0.1", sockets.port))
    read = [data[0] for _ in range(3) for data, _ in came(sockets)]
    assert read == list(range(100))
    sockets.close()
    peer.close()


def test_a_flood_is_read_in_parts(peer: socket.socket) -> None:
    sockets = MediaSockets("127.0.0.1")
    sockets.lead_to("127.0.0.1", port_of(peer), 9)
    for _ in range(100):
        peer.sendto(b"x", ("127.0.0.1", sockets.port))
    assert [len(came(sockets)) for _ in range(3)] == [64, 36, 0]
    sockets.close()
    peer.close()


@pytest.mark.parametrize("address", ["255.255.255.255", "240.0.0.1"])
def test_where_nothing_can_go_nothing_is_lost_but_the_media(address: str) -> None:
    sockets = MediaSockets("127.0.0.1")
    sockets.lead_to(address, 9, 9)
    sockets.send([b"x"], [b"x"])
    assert sockets.unsent > 0
    assert came(sockets) == []
    sockets.close()


def test_a_port_where_nobody_listens_is_told_by_icmp_and_the_call_goes_on(peer: socket.socket) -> None:
    gone = port_of(peer)
    peer.close()
    sockets = MediaSockets("127.0.0.1")
    sockets.lead_to("127.0.0.1", gone, gone)
    for _ in range(3):
        sockets.send([b"x"], [])
    assert came(sockets) == []
    assert sockets.unsent > 0
    sockets.close()


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(OSError, match="assign"):
        MediaSockets("192.0.2.1")


def test_ipv6() -> None:
    sockets = MediaSockets("::")
    peer = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    peer.bind(("::1", 0))
    sockets.lead_to("::1", peer.getsockname()[1], 9)
    sockets.send([b"x"], [])
    assert select.select([peer], [], [], 5)[0]
    peer.sendto(b"y", ("::1", sockets.port))
    assert [data for data, _ in came(sockets)] == [b"y"]
    sockets.close()
    peer.close()
