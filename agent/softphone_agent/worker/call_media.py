"""The two sockets of a call's media, RTP and RTCP. Nothing blocks, and nothing of strangers gets through."""

from __future__ import annotations

import math
import random
import socket
import struct
from collections.abc import Iterable

from softphone_agent.calls.g711 import FRAME_SECONDS

_SO_TIMESTAMPNS = 35
"""Linux: the kernel notes when each datagram came, so that a late reader measures no jitter of his own."""
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
_PORTS = range(16384, 65534, 2)
_TRIES = 50
_MOST_AT_ONCE = 64
"""Datagrams that are read in one turn; a flood waits in the kernel, which has room for few."""
_RTCP_TURN = 25
"""RTCP is read in each such turn: half a second."""
_EAGER_TURNS = 100
"""For the first two seconds it is read in each turn: so it is soon known whether the other end hears us."""
_LONGEST = 2048

Datagram = tuple[bytes, float]
"""What came, and when, in Unix time."""


class MediaSockets:
    """An even port for RTP, and the one after it for RTCP (RFC 3550, section 11)."""

    def __init__(self, address: str) -> None:
        """Open them at this address of ours, or at all addresses where it is none of ours. Raises OSError."""
        self._peers: dict[socket.socket, tuple[str, int]] = {}
        self._rtp, self._rtcp = _open_pair(address)
        self.port = int(self._rtp.getsockname()[1])
        self.unsent = 0
        """Datagrams that did not go out."""
        self._turns = 0

    def lead_to(self, address: str, port: int, rtcp_port: int) -> None:
        """Send there, and take from there and from nowhere else: no source is learned from what comes."""
        self._peers = {self._rtp: (address, port), self._rtcp: (address, rtcp_port)}
        for one, peer in self._peers.items():
            try:
                one.connect(peer)  # the kernel drops what others send
            except OSError:
                del self._peers[one]
                self.unsent += 1
                return

    def received(self, unix: float = math.inf) -> tuple[list[Datagram], list[Datagram]]:
        """What came since the last time: RTP and RTCP. Reports may wait, since the kernel notes their time.

        `unix`: the time, where one looks each 20 ms. Behind a packet that came just now there is mostly no other; to
        look costs as much as the packet, and one that is there waits for the next turn.
        """
        self._turns += 1
        reads_rtcp = self._turns <= _EAGER_TURNS or self._turns % _RTCP_TURN == 0
        return self._read(self._rtp, unix - FRAME_SECONDS), self._read(self._rtcp) if reads_rtcp else []

    def send(self, rtp: Iterable[bytes], rtcp: Iterable[bytes]) -> None:
        """Send these."""
        for one, datagrams in ((self._rtp, rtp), (self._rtcp, rtcp)):
            if one not in self._peers:
                continue
            for data in datagrams:
                try:
                    one.send(data)
                except OSError:  # what the network said of one before, or a place to which nothing can go
                    self.unsent += 1

    def close(self) -> None:
        """Close both."""
        self._rtp.close()
        self._rtcp.close()

    def _read(self, one: socket.socket, before: float = math.inf) -> list[Datagram]:
        """Until there is nothing more, or one came that is not from before this time."""
        peer, came = self._peers.get(one), []
        for _ in range(_MOST_AT_ONCE if peer else 0):
            try:
                data, ancillary, _, source = one.recvmsg(_LONGEST, _ANCILLARY)
            except BlockingIOError:
                break
            except OSError:  # what ICMP told of a datagram that was sent
                self.unsent += 1
                continue
            at = _time_of(ancillary)
            if source is None or source[:2] == peer:  # what came before the socket was led there is of anybody
                came.append((data, at))
                if at >= before:
                    break
        return came


def _time_of(ancillary: Iterable[tuple[int, int, bytes]]) -> float:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return float(seconds + nanoseconds / 1e9)
    raise OSError("the kernel does not say when a datagram came")


def _open_pair(address: str) -> tuple[socket.socket, socket.socket]:
    fault: OSError | None = None
    for port in random.sample(_PORTS, _TRIES):
        opened: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                opened.append(_open(address, number))
        except OSError as error:
            fault = error
            for one in opened:
                one.close()
            continue
        return opened[0], opened[1]
    raise fault or OSError("no two ports are free")


def _open(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made
