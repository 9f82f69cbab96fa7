"""Gives the memory that a burst has left behind back to the system."""

from __future__ import annotations

import ctypes

GIVE_BACK_SECONDS = 30.0
"""At most so often."""
BURST_SECONDS = 35.0
"""So long after its last request a burst may hold memory: a transaction ends after 32 s at the latest (64*T1)."""

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Free what lies unused between pieces in use. A C library that cannot (musl) keeps it."""
    if _trim is not None:
        _trim(0)
