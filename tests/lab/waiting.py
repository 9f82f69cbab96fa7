"""Waiting for something to become true, with an error that says what never did."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.errors import LabError


def wait_until(
    check: Callable[[], bool],
    what: str,
    *,
    seconds: float = 180,
    interval: float = 0.1,
    alive: Callable[[], bool] = lambda: True,
    explain: Callable[[], str] = lambda: "",
) -> float:
    """Asks `check` until it says yes and returns the seconds that took; gives up early when `alive` says no."""
    began = time.monotonic()
    while not check():
        if not alive():
            raise LabError(f"{what}: the process has ended\n{explain()}")
        if time.monotonic() - began > seconds:
            raise LabError(f"{what}: not within {seconds:.0f} s\n{explain()}")
        time.sleep(interval)
    return time.monotonic() - began
