"""How fast the phones of a client are on the standby when their PBX is killed or falls silent.

In the lab's network: python -m bench.failover udp|tcp|tls [--sizes 1,100,1000] [--write]

What is told of the fault by a closed connection is measured alone, and our agent always. What waits for timers of half
a minute and more is measured side by side, all with the same number of phones, at one pair of PBXes for each fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from bench import output
from bench.clients import Client, clients, running, versions
from bench.figures import SIZES, Failover, Fault, Part
from bench.pair import Grants, Pair, Transport, pair
from lab.measuring import cpu, processes
from lab.settings import settings

FAULTS: tuple[Fault, ...] = get_args(Fault)
SETTLED = 8
"""Seconds that registered phones are left alone before the fault."""
PATIENCE = 100
"""Seconds after the fault; a client that has a timer left by then is told as not moved."""
LOOK = 0.2
"""Seconds between two looks into the log, which cost CPU; the times are the log's own."""

Trial = tuple[Client, Fault]


@dataclass
class Watch:
    """One trial while it runs."""

    client: Client
    fault: Fault
    pids: list[int]
    moved: Grants
    begun: float = 0.0
    """Seconds of CPU that it had used when the fault came."""
    used: float | None = None
    """Seconds of CPU that it had used when the last phone had moved."""


def groups(of: Sequence[Client], transport: Transport) -> Iterator[list[Trial]]:
    """The trials that are made side by side."""
    agent, *peers = of
    beside: list[Trial] = []
    yield from ([(agent, fault)] for fault in FAULTS)
    for client in peers:
        for fault in FAULTS:
            if transport != "udp" and fault == "killed" and client.best:
                yield [(client, fault)]
            else:
                beside.append((client, fault))
    yield beside


def trial(group: Sequence[Trial], count: int, transport: Transport) -> list[Failover]:
    """Register the phones of each, break their PBXes, and watch the standbys."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pairs = {fault: stack.enter_context(pair(settings(), FAULTS.index(fault))) for fault in {f for _, f in group}}
        watches = []
        for index, (client, fault) in enumerate(group):
            users, at = range(index * count, (index + 1) * count), pairs[fault]
            registered = Grants(at.primary, users)
            pid = stack.enter_context(running(client, folder / str(index), at, users, transport))
            registered.wait(client.name)
            watches.append(Watch(client, fault, processes(pid), Grants(at.standby, users)))
        time.sleep(SETTLED)
        return _break(watches, pairs, count, transport)


def _break(watches: Sequence[Watch], pairs: dict[Fault, Pair], count: int, transport: Transport) -> list[Failover]:
    for watch in watches:
        watch.begun = cpu(watch.pids)
    broken = {}
    for fault, both in pairs.items():
        broken[fault] = time.time()
        both.primary.kill() if fault == "killed" else both.primary.pause()
    until = time.monotonic() + PATIENCE
    while any(watch.used is None for watch in watches) and time.monotonic() < until:
        time.sleep(LOOK)
        for watch in watches:
            if watch.used is None and watch.moved.all():
                watch.used = cpu(watch.pids)
    found = []
    for watch in watches:
        used = (cpu(watch.pids) if watch.used is None else watch.used) - watch.begun
        times = [at - broken[watch.fault] for at in watch.moved.first.values()]
        known = {"client": watch.client.name, "phones": count, "transport": transport, "fault": watch.fault}
        found.append(Failover.of(times, **known, watched=PATIENCE, cpu=round(used, 2)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transport", choices=get_args(Transport))
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=list(SIZES))
    parser.add_argument("--only", default="", help="clients whose names begin so")
    parser.add_argument("--write", action="store_true", help="keep it for docs/proof/benchmarks.md")
    asked = parser.parse_args()
    transport: Transport = asked.transport
    known = clients(settings())
    found = []
    for count in asked.sizes:
        for group in groups(known, transport):
            wanted = [each for each in group if each[0].name.startswith(asked.only)]
            if wanted:
                print(f"  {count} phones: {', '.join(f'{c.name} ({fault})' for c, fault in wanted)}", file=sys.stderr)
                found += trial(wanted, count, transport)
    output.show(f"failover-{transport}", Part.now(versions(settings()), failover=found), write=asked.write)


if __name__ == "__main__":
    main()
