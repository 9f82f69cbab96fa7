"""How long from the start of a process until all of its phones are registered, and how many a second.

In the lab's network: python -m bench.start [--sizes 1,100,1000] [--write]

sipp, which only sends what its scenario says, shows what registrar and kernel of the machine can take.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from bench import output
from bench.clients import Client, Command, clients, running, versions
from bench.figures import SIZES, Part, Start
from bench.pair import DOMAIN, Grants, Pair, Transport, pair
from lab.settings import settings

SCENARIO = Path(__file__).with_name("register.xml")
TIMES = 3
"""How often each is measured; the median is told."""


def measure(client: Client, count: int, transport: Transport) -> Start:
    """Of one start."""
    with tempfile.TemporaryDirectory() as name, pair(settings()) as both:
        grants, begun = Grants(both.primary, range(count)), time.time()
        with running(client, Path(name), both, range(count), transport):
            times = [at - begun for at in grants.wait(client.name)]
    return Start(
        client=client.name, phones=count, transport=transport, first=times[0], last=times[-1], registered=len(times)
    )


def sipp(folder: Path, pair: Pair, users: range, transport: Transport) -> Command:
    """Registers each user once, as fast as the PBX answers, with 200 of them in flight."""
    file = folder / "users.csv"
    lines = (f"load{user};[authentication username=load{user} password=pw-load{user}]" for user in users)
    file.write_text("SEQUENTIAL\n" + "\n".join(lines) + "\n")
    argv = ["sipp", f"{pair.primary.address}:{pair.primary.port}", "-sf", str(SCENARIO), "-inf", str(file)]
    argv += ["-i", settings().pbx_bridge_address, "-m", str(len(users)), "-l", "200", "-r", "50000", "-nostdin"]
    argv += ["-t", "u1" if transport == "udp" else "t1", "-key", "domain", DOMAIN]
    return Command(argv, {"TERM": "dumb"})


def typical(found: Sequence[Start]) -> Start:
    """The one of the median time."""
    return sorted(found, key=lambda start: start.last)[len(found) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=list(SIZES))
    parser.add_argument("--write", action="store_true", help="keep it for docs/proof/benchmarks.md")
    asked = parser.parse_args()
    agent, *peers = clients(settings())
    limit = Client("sipp", sipp)
    known = [agent, *(peer for peer in peers if peer.best), limit]
    found = []
    for transport in get_args(Transport):
        for count in asked.sizes:
            for client in known:
                if client is limit and transport == "tls":
                    continue
                print(f"  {count} phones over {transport}: {client.name}", file=sys.stderr)
                found.append(typical([measure(client, count, transport) for _ in range(TIMES)]))
    output.show("start", Part.now(versions(settings()), start=found), write=asked.write)


if __name__ == "__main__":
    main()
