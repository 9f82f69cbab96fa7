"""`make bench`: prints figures beside what one would compare them with, and asserts nothing about speed.

`make bench ONLY=operator` runs one of the list, `ONLY=failover` all whose names begin so; `COUNT` and `REST` make some
smaller or larger, `WRITE=1` keeps the figures for the pages.
"""

from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
from dataclasses import dataclass

from bench import baresip
from lab import pjsua2
from lab.settings import REPOSITORY, settings

COUNT, REST = os.environ.get("COUNT", "1000"), os.environ.get("REST", "5000")


NETWORK, CLUSTER, IMAGES = ("--no-images", "--network-only"), ("--no-images",), ()
"""What of the lab is up, as its command takes it: the network alone; a cluster and PBXes too; the images too."""


@dataclass(frozen=True)
class Bench:
    """A module and its arguments. It runs in the lab's network, in a process of its own."""

    argv: list[str]
    lab: tuple[str, ...] = NETWORK
    """What it needs of the lab."""


BENCHES = {
    "operator": Bench(["bench.operator_bench"], CLUSTER),
    "operator-ready": Bench(["bench.ready_bench"], IMAGES),
    "operator-lag": Bench(["bench.lag_bench", "--count", COUNT], CLUSTER),
    "operator-pool": Bench(["bench.pool_bench"], IMAGES),
    "operator-rest": Bench(["bench.operator_bench", "--rest", REST], CLUSTER),
    "agent": Bench(["bench.agent_bench", "--phones", COUNT], CLUSTER),
    "failover-udp": Bench(["bench.failover", "udp"]),
    "failover-tcp": Bench(["bench.failover", "tcp"]),
    "failover-tls": Bench(["bench.failover", "tls"]),
    "start": Bench(["bench.start"]),
    "cost": Bench(["bench.cost"]),
    "checks": Bench(["bench.checks"]),
    "calls": Bench(["bench.calls"]),
}


def main() -> int:
    """Run the benches asked for; 1 where one could not be run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}, or how they begin; none: all"
    )
    asked = parser.parse_args().only
    if unknown := [name for name in asked if not any(bench.startswith(name) for bench in BENCHES)]:
        parser.error(f"there is no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    exact, begins = set(asked) & BENCHES.keys(), tuple(set(asked) - BENCHES.keys())
    wanted = [name for name in BENCHES if not asked or name in exact or name.startswith(begins)]
    # What has no way to a registry in the lab's network. The operator's benches need none of it.
    if any(BENCHES[name].lab == NETWORK for name in wanted):
        baresip.fetch(settings())
    if not all(name.startswith("operator") for name in wanted):
        # As in the image: what compiles itself at its start takes longer for it, and keeps more memory.
        for folder in (REPOSITORY / "agent", pjsua2.unpacked(settings())):
            compileall.compile_dir(folder, quiet=1)
    failed = [name for name in wanted if not _run(name)]
    if failed:
        print(f"not run to the end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str) -> bool:
    """Bring up what it needs, and run it."""
    print(f"== {name}", flush=True)
    bench, python = BENCHES[name], sys.executable
    up = [python, "-m", "lab", "up", *bench.lab]
    run = [python, "-m", "lab", "exec", "--", python, "-m", *bench.argv]
    run += ["--write"] if bench.lab == NETWORK and os.environ.get("WRITE") else []
    return all(subprocess.run(argv, check=False).returncode == 0 for argv in (up, run))


if __name__ == "__main__":
    sys.exit(main())
