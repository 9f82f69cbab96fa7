"""RTP (RFC 3550): packets, what a sender writes, and what a receiver makes of the packets of one source."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from softphone_agent.calls.g711 import SAMPLE_RATE

HEADER = struct.Struct("!BBHII")
LONGEST = 1500
"""Bytes of a packet that are looked at."""
MAX_DROPOUT = 3000
MAX_MISORDER = 100
"""Steps of the sequence number, forwards and backwards, that one source may make (RFC 3550, appendix A.1)."""
CLOCK_JUMP_SECONDS = 1.0
"""Where timestamp and time differ by so much more than before, the sender's clock has jumped: that is no jitter."""


class Packet(NamedTuple):
    """One packet as it came; a tuple, since one is made for each of 50 a second and call."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    source: int
    """Its SSRC."""
    payload: bytes


def parse(data: bytes) -> Packet | None:
    """The packet in a datagram; None for what is no RTP of version 2 (RFC 3550, section 5.1)."""
    if len(data) < HEADER.size or len(data) > LONGEST or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, source = HEADER.unpack_from(data)
    begin, end = HEADER.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:  # an extension, which we do not look at
        if end < begin + 4:
            return None
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    if first & 0x20:  # padding, whose last byte counts it
        padding = data[-1]
        if not padding:
            return None
        end -= padding
    if begin > end:
        return None
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, source, data[begin:end])


@dataclass(slots=True)
class Sender:
    """Numbers the packets of one stream. The first numbers are drawn by the caller, as is the SSRC."""

    source: int
    sequence: int
    timestamp: int
    packets: int = 0
    octets: int = 0
    """Of payload, as a sender report tells it."""
    _marks: bool = True

    def packet(self, payload_type: int, payload: bytes) -> bytes:
        """The next packet. The first after a pause is marked (RFC 3551, section 4.1)."""
        second = payload_type | 0x80 if self._marks else payload_type
        made = HEADER.pack(0x80, second, self.sequence, self.timestamp, self.source) + payload
        self.sequence = self.sequence + 1 & 0xFFFF
        self.timestamp = self.timestamp + len(payload) & 0xFFFFFFFF
        self.packets += 1
        self.octets += len(payload)
        self._marks = False
        return made

    def pass_over(self, samples: int) -> None:
        """Nothing is sent for so long: the clock goes on, the numbers do not."""
        self.timestamp = self.timestamp + samples & 0xFFFFFFFF
        self._marks = True


@dataclass(slots=True)
class Receiver:
    """What came of a stream: which packets count, how many are lost, how evenly they come (RFC 3550, A.1, A.3, A.8).

    A source counts from its second packet in sequence on. Another one may take its place, as where a PBX goes over to
    another leg; what was heard of the one before stays in the sums.
    """

    source: int | None = None
    """The SSRC that is heard; None for none yet."""
    late: int = 0
    """Packets that came after one with a higher number, or twice."""
    jitter_seconds: float = 0.0
    """Interarrival jitter, smoothed (section 6.4.1)."""
    worst_jitter_seconds: float = 0.0
    last_at: float | None = None
    """When the last packet came that counted, in the seconds of the caller."""
    _candidate: tuple[int, int] | None = None
    """A source and a number: who sends that next is heard from then on."""
    _base: int = 0
    _highest: int = 0
    """The highest number of this source, with the cycles of 65536 before it."""
    _packets: int = 0
    _earlier_packets: int = 0
    _earlier_lost: int = 0
    """Of the sources before this one."""
    _transit: float | None = None
    _reported_expected: int = 0
    _reported_packets: int = 0

    @property
    def packets(self) -> int:
        """Packets that counted, of all sources."""
        return self._earlier_packets + self._packets

    @property
    def lost(self) -> int:
        """Packets that did not come, of all sources."""
        return self._earlier_lost + max(0, self.lost_of_source)

    @property
    def expected(self) -> int:
        """Packets that came or should have come."""
        return self.packets + self.lost

    @property
    def lost_of_source(self) -> int:
        """Packets of this source that did not come, as a report tells it: less than 0 where some came twice."""
        return self._expected_of_source - self._packets

    @property
    def highest(self) -> int:
        """The extended highest sequence number of this source, as a report tells it."""
        return self._highest & 0xFFFFFFFF

    @property
    def _expected_of_source(self) -> int:
        return 0 if self.source is None else self._highest - self._base + 1

    def take(self, packet: Packet, at: float) -> bool:
        """A packet came at this time; whether it is one to hear."""
        step = packet.sequence - self._highest & 0xFFFF
        if packet.source == self.source and 0 < step < MAX_DROPOUT:
            self._highest += step
            return self._counts(packet, at)
        if packet.source == self.source and (step == 0 or step > 0xFFFF - MAX_MISORDER):
            self._packets += 1
            self.late += 1
            return False
        if self._candidate != (packet.source, packet.sequence):
            self._candidate = (packet.source, packet.sequence + 1 & 0xFFFF)
            return False
        self._adopt(packet)
        return self._counts(packet, at)

    def fraction_lost(self) -> int:
        """The loss since this was asked last, in 256ths, as a report tells it (section 6.4.1)."""
        expected = self._expected_of_source - self._reported_expected
        lost = expected - (self._packets - self._reported_packets)
        self._reported_expected, self._reported_packets = self._expected_of_source, self._packets
        return min(255, (lost << 8) // expected) if lost > 0 else 0

    def _adopt(self, packet: Packet) -> None:
        """From now on this source is heard, or the same one with other numbers."""
        self._earlier_packets, self._earlier_lost = self.packets, self.lost
        self.source, self._base, self._highest, self._packets = packet.source, packet.sequence, packet.sequence, 0
        self._reported_expected = self._reported_packets = 0
        self._candidate = self._transit = None

    def _counts(self, packet: Packet, at: float) -> bool:
        self._packets += 1
        self.last_at = at
        transit = at - packet.timestamp / SAMPLE_RATE
        if self._transit is not None and (moved := abs(transit - self._transit)) < CLOCK_JUMP_SECONDS:
            self.jitter_seconds += (moved - self.jitter_seconds) / 16
            self.worst_jitter_seconds = max(self.worst_jitter_seconds, self.jitter_seconds)
        self._transit = transit
        return True
