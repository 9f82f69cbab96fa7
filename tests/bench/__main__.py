"""`make bench`: prints figures beside what one would compare them with, and asserts nothing about speed.

`make bench ONLY=operator` runs one of the list; `COUNT` and `REST` make it smaller or larger, `WRITE=1` keeps the
figures of the operator for the page.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

COUNT, REST = os.environ.get("COUNT", "1000"), os.environ.get("REST", "5000")
BENCHES = {
    "operator": ["bench.operator_bench"],
    "operator-lag": ["bench.lag_bench", "--count", COUNT],
    "operator-rest": ["bench.operator_bench", "--rest", REST],
    "agent": ["bench.agent_bench", "--phones", COUNT],
}
"""Name -> module and arguments. Each runs in the lab's network, in a process of its own."""


def main() -> int:
    """Run the benches asked for; 1 where one could not be run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; none: all")
    wanted = parser.parse_args().only or list(BENCHES)
    if unknown := [name for name in wanted if name not in BENCHES]:
        parser.error(f"there is no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    failed = []
    for name in wanted:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", *BENCHES[name]], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"not run to the end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
