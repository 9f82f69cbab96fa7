"""How phones are spread over workers. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping


def shares(new: int, loads: Mapping[int, int], limit: int, next_number: int) -> list[int]:
    """The number of the worker for each of the `new` phones.

    `loads` are the phones that each worker has. New workers, numbered from `next_number` on, are begun only where
    all phones would not fit the old ones; all workers are filled evenly, none above `limit`.
    """
    room = sum(max(0, limit - load) for load in loads.values())
    more = -(-max(0, new - room) // limit)
    heap = [(load, number) for number, load in loads.items()]
    heap += [(0, next_number + added) for added in range(more)]
    heapq.heapify(heap)
    chosen = []
    for _ in range(new):
        load, number = heap[0]
        chosen.append(number)
        heapq.heapreplace(heap, (load + 1, number))
    return chosen
