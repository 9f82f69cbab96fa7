"""How a call sounds to people, told from loss and delay: the E-model (ITU-T G.107) with its defaults, for G.711."""

from __future__ import annotations

import math

BASE = 93.2
"""R of a call without loss and delay: R0 - Is with all other parameters at their defaults (G.107, table 2)."""
ROBUSTNESS = 4.3
"""Bpl of G.711 without concealment of lost packets (G.113, appendix I); its Ie is 0."""


def delay_impairment(seconds: float) -> float:
    """Idd of this delay from mouth to ear (G.107, 7.4: formulas 7-27 and 7-28)."""
    if seconds <= 0.1:
        return 0.0
    x = math.log2(seconds / 0.1)
    return 25.0 * float((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)


def loss_impairment(part_lost: float) -> float:
    """Ie,eff of this part of the packets, 0 to 1, lost at random (G.107, 7.5: formula 7-29)."""
    percent = 100 * part_lost
    return 95 * percent / (percent + ROBUSTNESS)


def rating(part_lost: float, delay_seconds: float) -> float:
    """The rating factor R, 0 to 93.2."""
    return max(0.0, BASE - delay_impairment(delay_seconds) - loss_impairment(part_lost))


def mos(r: float) -> float:
    """The mean opinion score, 1 to 4.5, that people would give (G.107, annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
