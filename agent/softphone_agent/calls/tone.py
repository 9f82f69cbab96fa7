"""Test tones, and whether one is heard: what tells that audio flowed, and whose."""

from __future__ import annotations

import math
from collections.abc import Iterable

from softphone_agent.calls.g711 import FRAME, SAMPLE_RATE, Codec

STEP = SAMPLE_RATE // FRAME
"""Hz. A tone of a multiple of this fills a frame with whole waves: each frame is the same, and one follows another."""
CALLEE, CALLER = 1050, 750
"""Hz. Each end has its own, so that crossed audio shows. Neither is a harmonic of the other, nor of a dial tone."""
AMPLITUDE = 8192
"""Of the sine, of 32768: -12 dB, as loud as speech."""
QUIET = 64
"""Amplitudes below this are silence: comfort noise is louder, what a codec makes of nothing is not."""
HEARD = 0.8
"""The part of a frame's energy that the tone must have. A clean one has 0.999 of it, one of ten frames lost 0.94."""


def frame(hertz: int, codec: Codec) -> bytes:
    """20 ms of this tone, a multiple of STEP."""
    if hertz % STEP or not 0 < hertz < SAMPLE_RATE // 2:
        raise ValueError(f"{hertz} Hz does not fill a frame with whole waves")
    return codec.encode(
        [round(AMPLITUDE * math.sin(2 * math.pi * hertz * each / SAMPLE_RATE)) for each in range(FRAME)]
    )


def purity(samples: Iterable[int], hertz: int) -> float:
    """The part of the samples' energy at this frequency, 0 to 1, by Goertzel's algorithm; 0 of silence."""
    coefficient = 2 * math.cos(2 * math.pi * hertz / SAMPLE_RATE)
    energy, before, last, count = 0, 0.0, 0.0, 0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
        energy += sample * sample
        count += 1
    if energy <= QUIET * QUIET * count:
        return 0.0
    power = before * before + last * last - coefficient * before * last
    return min(1.0, 2 * power / (count * energy))


def part_heard(payloads: Iterable[bytes], hertz: int, codec: Codec) -> float:
    """The part of these frames in which the tone is heard, 0 to 1; 0 where there are none."""
    verdicts = [purity((codec.decoded[each] for each in payload), hertz) >= HEARD for payload in payloads if payload]
    return sum(verdicts) / len(verdicts) if verdicts else 0.0


def is_silent(payloads: Iterable[bytes], codec: Codec) -> bool:
    """Whether nothing in these frames is louder than silence."""
    return all(abs(codec.decoded[each]) <= QUIET for payload in payloads for each in set(payload))
