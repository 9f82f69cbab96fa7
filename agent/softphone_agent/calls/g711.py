"""G.711, the codec of the telephone network: A-law and µ-law (ITU-T G.711). 8000 samples a second, one byte each."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

SAMPLE_RATE = 8000
"""Samples a second; also the clock of its RTP timestamps (RFC 3551, section 4.5.14)."""
FRAME_SECONDS = 0.02
FRAME = 160
"""Samples, and bytes, of one packet of 20 ms."""
_LOUDEST = 32635
"""The largest amplitude of 16 bits that µ-law can tell from a larger one."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One of the two laws. `payload_type` is its static one (RFC 3551, section 6)."""

    name: str
    payload_type: int
    silence: int
    """The byte of a sample of 0."""
    decoded: array[int] = field(repr=False, compare=False)
    """The sample, 16 bits with sign, of each byte."""
    _bytes: tuple[int, ...] = field(repr=False, compare=False)
    """The byte of each sample, from the lowest on, in steps of 16."""

    def encode(self, samples: list[int]) -> bytes:
        """The bytes of samples of 16 bits with sign; louder ones are cut off."""
        return bytes(self._bytes[(max(-32768, min(32767, sample)) + 32768) >> 4] for sample in samples)

    def silent(self, length: int) -> bytes:
        """So many samples of silence."""
        return bytes([self.silence]) * length


def _decoded_ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _decoded_alaw(code: int) -> int:
    code ^= 0x55
    segment, magnitude = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else (magnitude + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def _encoded_ulaw(sample: int) -> int:
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, _LOUDEST) + 0x84
    segment = magnitude.bit_length() - 8
    return ~(sign | segment << 4 | (magnitude >> segment + 3) & 0x0F) & 0xFF


def _encoded_alaw(sample: int) -> int:
    sign, magnitude = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    segment = max(0, magnitude.bit_length() - 8)
    code = segment << 4 | (magnitude >> (4 if segment < 2 else segment + 3)) & 0x0F
    return (sign | code) ^ 0x55


_STEPS = range(-32768, 32768, 16)
# The middle of each step stands for all of it, so that none of its samples is off by more than half.
PCMA = Codec(
    "PCMA", 8, 0xD5, array("h", map(_decoded_alaw, range(256))), tuple(_encoded_alaw(each + 8) for each in _STEPS)
)
PCMU = Codec(
    "PCMU", 0, 0xFF, array("h", map(_decoded_ulaw, range(256))), tuple(_encoded_ulaw(each + 8) for each in _STEPS)
)
CODECS = (PCMA, PCMU)
"""In the order in which we offer them."""
BY_NAME = {codec.name: codec for codec in CODECS}
BY_TYPE = {codec.payload_type: codec for codec in CODECS}
