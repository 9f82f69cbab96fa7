"""RTCP (RFC 3550, section 6): what each end tells the other of the packets it sent and heard."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
NTP_EPOCH = 2208988800
"""Seconds from NTP's year 1900 to Unix' 1970."""
MOST_PARTS = 16
"""Packets in one datagram that are looked at."""

_BLOCK = struct.Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class Block:
    """A report on one source: what its author has heard of it (section 6.4.1)."""

    source: int
    """0: its author hears nobody."""
    fraction_lost: int
    """Since its report before, in 256ths."""
    lost: int
    """Since it began; less than 0 where packets came twice."""
    highest: int
    """Extended highest sequence number."""
    jitter: int
    """In units of the RTP clock."""
    last_report: int = 0
    """The middle 32 bits of the NTP time in the last sender report that came; 0 for none."""
    delay: int = 0
    """From then until this report, in 65536ths of a second."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one datagram tells."""

    source: int
    """Of its author."""
    ntp: int | None
    """The middle 32 bits of its NTP time; None where the author sends nothing."""
    blocks: tuple[Block, ...]
    goodbye: bool = False


def middle(unix_seconds: float) -> int:
    """The middle 32 bits of the NTP time: seconds and their 65536ths (section 4)."""
    return int((unix_seconds + NTP_EPOCH) * 65536) & 0xFFFFFFFF


def parse(data: bytes) -> Report | None:
    """The reports in a datagram; None where it does not begin with one, or is cut off (appendix A.2)."""
    author: int | None = None
    ntp: int | None = None
    blocks: list[Block] = []
    goodbye, at = False, 0
    for number in range(MOST_PARTS):
        if at + 8 > len(data):
            break
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data) or (number == 0 and kind not in (SENDER_REPORT, RECEIVER_REPORT)):
            return None
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            begin = at + (28 if kind == SENDER_REPORT else 8)
            if begin + _BLOCK.size * (first & 0x1F) > end:
                return None
            author = int.from_bytes(data[at + 4 : at + 8], "big")
            if kind == SENDER_REPORT:
                ntp = int.from_bytes(data[at + 10 : at + 14], "big")
            blocks += [_block(data, begin + _BLOCK.size * each) for each in range(first & 0x1F)]
        goodbye = goodbye or kind == GOODBYE
        at = end
    return None if author is None else Report(author, ntp, tuple(blocks), goodbye)


def _block(data: bytes, at: int) -> Block:
    source, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(data, at)
    lost = loss & 0xFFFFFF
    return Block(source, loss >> 24, lost - (1 << 24) * (lost > 0x7FFFFF), highest, jitter, last_report, delay)


def sender_report(
    source: int, unix_seconds: float, timestamp: int, packets: int, octets: int, block: Block | None, name: str
) -> bytes:
    """What one who sends tells: SR and SDES (sections 6.4.1 and 6.5). `name` is its CNAME, up to 255 bytes."""
    ntp = int((unix_seconds + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
    numbers = (packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    head = struct.pack("!IQIII", source, ntp, timestamp, *numbers)
    return _part(SENDER_REPORT, block is not None, head + _packed(block)) + _description(source, name)


def receiver_report(source: int, block: Block | None, name: str) -> bytes:
    """What one who sends nothing tells: RR and SDES."""
    head = source.to_bytes(4, "big")
    return _part(RECEIVER_REPORT, block is not None, head + _packed(block)) + _description(source, name)


def goodbye(source: int) -> bytes:
    """BYE: the source sends no more (section 6.6). Goes behind a report."""
    return _part(GOODBYE, 1, source.to_bytes(4, "big"))


def _packed(block: Block | None) -> bytes:
    if block is None:
        return b""
    loss = min(255, block.fraction_lost) << 24 | max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF
    return _BLOCK.pack(block.source, loss, block.highest, block.jitter, block.last_report, block.delay)


def _description(source: int, name: str) -> bytes:
    item = name.encode()[:255]
    chunk = source.to_bytes(4, "big") + bytes([1, len(item)]) + item
    return _part(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))


def _part(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def round_trip(block: Block, unix_seconds: float) -> float | None:
    """Seconds there and back, from a report on us that came at this time (section 6.4.1); None where it tells none."""
    if not block.last_report:
        return None
    passed = middle(unix_seconds) - block.last_report - block.delay & 0xFFFFFFFF
    return passed / 65536 if passed < 1 << 31 else None
