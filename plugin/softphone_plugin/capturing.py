"""The SIP messages of a trace as a capture file that Wireshark, tshark, tcpdump and sngrep open. Pure.

Each message is a UDP datagram in an IP packet, whatever carried it: the agent logs messages, not packets. The
transport stands in its Via. The phone's own address, which the log does not have, is that of its Vias.
Source: draft-ietf-opsawg-pcap (file format), RFC 791 and 8200 (IP), RFC 768 (UDP).
"""

from __future__ import annotations

import ipaddress
import re
import struct
from datetime import UTC, datetime

from softphone_plugin.tracing import Signal

MAGIC, VERSION, LINKTYPE_RAW = 0xA1B2C3D4, (2, 4), 101
"""LINKTYPE_RAW: packets begin with the IP header."""
LONGEST_PACKET = 65535
UDP, HOP_LIMIT = 17, 64
NOWHERE = ("0.0.0.0", 5060)
_VIA = re.compile(r"^(?:Via|v)\s*:\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+(\[[^\]]+\]|[^\s:;,]+)(?:\s*:\s*(\d+))?", re.I | re.M)
_REQUEST_URI = re.compile(r"^[A-Z]+ sips?:(?:[^@\s;]*@)?(\[[^\]]+\]|[^\s:;>]+)(?::(\d+))?[^\r\n]* SIP/2\.0\s*$", re.M)
Peer = tuple[str, int]


def header() -> bytes:
    """How the file begins: times in microseconds."""
    return struct.pack("<IHHiIII", MAGIC, *VERSION, 0, 0, LONGEST_PACKET, LINKTYPE_RAW)


class Capture:
    """Makes packets of signals, one after the other: what the phone's own address is, it learns from its requests."""

    def __init__(self) -> None:
        self._own = NOWHERE

    def packet(self, of: Signal) -> bytes:
        """A signal as a record of the file."""
        self._own = own_address(of) or self._own
        peer = read_peer(of.peer)
        whole = datagram(self._own, peer, of.message) if of.sent else datagram(peer, self._own, of.message)
        moment = _moment(of.time)
        kept = whole[:LONGEST_PACKET]
        seconds, micros = int(moment.timestamp()), moment.microsecond
        return struct.pack("<IIII", seconds, micros, len(kept), len(whole)) + kept


def _moment(time: str) -> datetime:
    try:
        return datetime.fromisoformat(time).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def own_address(of: Signal) -> Peer | None:
    """The phone's own address as a message tells it: our Via of our requests and their answers, the URI of others'."""
    is_answer = of.message.startswith("SIP/2.0")
    ours = of.sent != is_answer
    found = _VIA.search(of.message) if ours else None if of.sent else _REQUEST_URI.match(of.message)
    if found is None:
        return None
    host = found[1].strip("[]")
    return (host, int(found[2] or 5060)) if _is_address(host) else None


def read_peer(text: str) -> Peer:
    """Host and port as the agent logs them, after the transport: `TCP 192.0.2.1:5060`."""
    host, _, port = text.rpartition(" ")[2].rpartition(":")
    host = host.strip("[]")
    return (host, int(port)) if port.isdecimal() and int(port) <= LONGEST_PACKET and _is_address(host) else NOWHERE


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def datagram(source: Peer, target: Peer, message: str) -> bytes:
    """A message as a UDP datagram in an IP packet. Where one address is of version 6, both are."""
    ends = [ipaddress.ip_address(host) for host, _ in (source, target)]
    six = any(end.version == 6 for end in ends)
    addresses = [
        end.packed if end.version == 6 else (bytes(10) + b"\xff\xff" + end.packed if six else end.packed)
        for end in ends
    ]
    room = LONGEST_PACKET - 8 - (0 if six else 20)
    payload = message.encode()
    udp_length = 8 + min(len(payload), room)
    udp = struct.pack("!HHHH", source[1], target[1], udp_length, 0) + payload
    if six:
        pseudo = b"".join(addresses) + struct.pack("!IHBB", udp_length, 0, 0, UDP)
        udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp[:udp_length]) or 0xFFFF) + udp[8:]
        return struct.pack("!IHBB", 6 << 28, udp_length, UDP, HOP_LIMIT) + b"".join(addresses) + udp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + udp_length, 0, 0, HOP_LIMIT, UDP, 0) + b"".join(addresses)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
