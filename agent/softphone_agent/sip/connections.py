"""The TCP connections of this process, as the kernel knows them: pjsua2 says that one closed, but not whose."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_ESTABLISHED = "01"
_ATTACH_FILTER, _DETACH_FILTER = 26, 27
"""SO_ATTACH_FILTER, SO_DETACH_FILTER (Linux)."""
_RETURN = 0x06
"""BPF_RET | BPF_K: with 0, nothing of a packet is kept."""
_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")


def established(folder: Path = Path("/proc/self/fd")) -> set[tuple[str, int]]:
    """The peers (address, port) to which this process has an established connection."""
    own = _own_sockets(folder)
    peers = set()
    for table in _TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        peers |= {peer for line in lines if (peer := peer_of(line, own)) is not None}
    return peers


def peer_of(line: str, own: set[str]) -> tuple[str, int] | None:
    """The peer in one line of the kernel's table, if it is an established connection of these sockets."""
    fields = line.split()
    if len(fields) < 10 or fields[3] != _ESTABLISHED or fields[9] not in own:
        return None
    address, _, port = fields[2].partition(":")
    return _address(address), int(port, 16)


def _address(text: str) -> str:
    """An address of the table: 32-bit words in the machine's byte order, as hexadecimal digits."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    address = ipaddress.ip_address(socket.inet_ntop(family, packed))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def local_address(to: str) -> str:
    """Our address towards `to`, an IP address. Raises OSError where there is no way; nothing is sent."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((to, 9))
        return str(probe.getsockname()[0])


def refuse(port: int, folder: Path = Path("/proc/self/fd")) -> None:
    """Let no connection come in at this port of this process: the kernel drops what is sent there.

    A kernel without such filters (gVisor) leaves it open.
    """
    drop_all = ctypes.create_string_buffer(struct.pack("=HBBI", _RETURN, 0, 0, 0))
    program = struct.pack("@HP", 1, ctypes.addressof(drop_all))
    for listening in _listening(port, folder):
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def let_in(port: int, folder: Path = Path("/proc/self/fd")) -> None:
    """Undo `refuse`."""
    for listening in _listening(port, folder):
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)


def _listening(port: int, folder: Path) -> Iterator[socket.socket]:
    """The sockets of this process that listen there, each as a copy that is closed afterwards."""
    for descriptor in list(folder.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if not str(descriptor.readlink()).startswith("socket:["):
                continue
        try:
            copy = os.dup(int(descriptor.name))
        except OSError:
            continue
        with socket.socket(fileno=copy) as own:
            inet = own.family in (socket.AF_INET, socket.AF_INET6)
            if inet and own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and own.getsockname()[1] == port:
                yield own


def _own_sockets(folder: Path) -> set[str]:
    """The inodes of this process' sockets."""
    inodes = set()
    for descriptor in folder.iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            inodes.add(target[len("socket:[") : -1])
    return inodes
