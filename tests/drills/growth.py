"""What processes hold over a long time, and whether it grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import linear_regression, median

from drills.seen import Growth
from lab.measuring import open_files, private_memory, pss, threads

Sample = tuple[float, float]
"""Seconds, and what was held then."""

SHOWN = 5
"""Samples that are written down."""

MEASURES: Mapping[str, Callable[[int], float]] = {
    "MB": lambda pid: pss([pid]),
    "MB of its own": private_memory,
    "files": open_files,
    "threads": threads,
}
"""Unit -> how much of it a process holds."""


def growth(process: str, what: str, samples: Sequence[Sample]) -> Growth:
    """Medians of the thirds of the samples, the slope of the line through all of them, and a few of them."""
    values = [value for _, value in samples]
    third = max(1, len(values) // 3)
    begin = (len(values) - third) // 2
    shown = min(SHOWN, len(values))
    places = [round(number * (len(values) - 1) / max(1, shown - 1)) for number in range(shown)]
    slope = linear_regression(*zip(*samples, strict=True)).slope if len(samples) > 1 else 0.0
    return Growth(
        process=process,
        what=what,
        first=round(median(values[:third]), 2),
        middle=round(median(values[begin : begin + third]), 2),
        last=round(median(values[-third:]), 2),
        slope_per_hour=round(slope * 3600, 3),
        samples=[round(values[place], 2) for place in places],
    )


class Watch:
    """Looks at processes, given by their names, every so many seconds until the block ends."""

    def __init__(self, processes: Mapping[str, int], seconds: float) -> None:
        self._processes = processes
        self._seconds = seconds
        self._samples: dict[tuple[str, str], list[Sample]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")
        self.ended: dict[str, float] = {}
        """Processes that ended meanwhile, and after how many seconds."""

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        began = time.monotonic()
        while True:
            for process in self._processes.keys() - self.ended.keys():
                at = time.monotonic() - began
                try:
                    held = {what: measure(self._processes[process]) for what, measure in MEASURES.items()}
                except OSError:
                    self.ended[process] = at
                    continue
                for what, value in held.items():
                    self._samples.setdefault((process, what), []).append((at, value))
            if self._over.wait(self._seconds):
                return

    def found(self) -> list[Growth]:
        """What was seen, when it is over; of a process that ended, what was seen until then."""
        return [growth(process, what, samples) for (process, what), samples in sorted(self._samples.items())]
