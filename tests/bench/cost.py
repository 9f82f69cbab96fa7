"""What registered phones hold and use at rest: memory and CPU of all processes of a client.

In the lab's network: python -m bench.cost [--sizes 1,100,1000] [--seconds 60] [--write]

One client after the other, each with all sizes side by side: beside the wakeups of others a process at rest uses twice
the CPU, since it finds nothing in the caches. What several processes have of the same file counts whole for each size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import output
from bench.clients import Client, clients, own_agent, running, versions
from bench.figures import SIZES, Cost, Part
from bench.pair import Grants, pair
from lab.measuring import alone, cpu, processes
from lab.settings import settings

TARGET_EXPIRES = 120
"""Seconds that the target for CPU at rest is for."""
SETTLED = 40
"""Seconds after the last registration: transactions of UDP end after 32, and bursts of memory are given back."""


def measure(client: Client, sizes: list[int], seconds: float) -> list[Cost]:
    """All sizes of one client, at one PBX."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        both = stack.enter_context(pair(settings()))
        begun: list[tuple[int, int]] = []
        first = 0
        for count in sizes:
            print(f"  {count} phones: {client.name}", file=sys.stderr)
            users = range(first, first + count)
            first += count
            grants = Grants(both.primary, users)
            root = stack.enter_context(running(client, folder / str(count), both, users, "udp"))
            grants.wait(client.name)
            begun.append((count, root))
        time.sleep(SETTLED)
        pids = [processes(root) for _, root in begun]
        used, at = [cpu(each) for each in pids], time.perf_counter()
        time.sleep(seconds)
        passed = time.perf_counter() - at
        cores = [(cpu(each) - before) / passed for each, before in zip(pids, used, strict=True)]
        return [
            Cost(
                client=client.name,
                phones=count,
                processes=len(each),
                megabytes=round(alone(each), 2),
                cores=round(load, 5),
            )
            for (count, _), each, load in zip(begun, pids, cores, strict=True)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=list(SIZES))
    parser.add_argument("--seconds", type=int, default=60, help="how long to look at them")
    parser.add_argument("--write", action="store_true", help="keep it for docs/proof/benchmarks.md")
    asked = parser.parse_args()
    known = [own_agent(settings(), TARGET_EXPIRES), *clients(settings())]
    found = [row for client in known for row in measure(client, asked.sizes, asked.seconds)]
    output.show("cost", Part.now(versions(settings()), cost=found), write=asked.write)


if __name__ == "__main__":
    main()
