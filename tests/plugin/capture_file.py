"""Reads capture files as Wireshark does: records, IP and UDP headers with their checksums (RFC 791, 8200, 768)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from softphone_plugin.capturing import checksum, header


class Packet(NamedTuple):
    """A datagram. `micros`: microseconds since 1970; `whole`: how long the packet was before it was cut."""

    micros: int
    whole: int
    source: tuple[str, int]
    target: tuple[str, int]
    payload: bytes


def read(record: bytes) -> Packet:
    """A record of a capture file, as its reader takes it apart; checksums must be right."""
    seconds, micros, kept, whole = struct.unpack("<IIII", record[:16])
    packet = record[16:]
    assert len(packet) == kept
    if packet[0] >> 4 == 4:
        assert packet[0] == 0x45
        assert checksum(packet[:20]) == 0
        length, protocol = struct.unpack("!H", packet[2:4])[0], packet[9]
        addresses, udp = [packet[12:16], packet[16:20]], packet[20:length]
    else:
        length, protocol = struct.unpack("!H", packet[4:6])[0], packet[6]
        addresses, udp = [packet[8:24], packet[24:40]], packet[40 : 40 + length]
        pseudo = b"".join(addresses) + struct.pack("!IHBB", length, 0, 0, 17)
        assert checksum(pseudo + udp) == 0
    assert protocol == 17
    source, target, udp_length, _ = struct.unpack("!HHHH", udp[:8])
    assert udp_length == len(udp)
    ends = [str(ipaddress.ip_address(address)) for address in addresses]
    return Packet(seconds * 10**6 + micros, whole, (ends[0], source), (ends[1], target), udp[8:])


def packets(file: Path) -> Iterator[Packet]:
    """All packets of a file."""
    content = file.read_bytes()
    begin = len(header())
    assert content[:begin] == header()
    while begin < len(content):
        kept = struct.unpack("<IIII", content[begin : begin + 16])[2]
        yield read(content[begin : begin + 16 + kept])
        begin += 16 + kept
