"""What path checks and binding checks cost, beside the refreshes of the same phones.

In the lab's network: python -m bench.checks [--sizes 1000,5000] [--seconds 300] [--write]

One agent for each number of phones and each setting, all side by side, each with a primary and a secondary PBX of its
own that redirect nobody. REGISTERs are counted in the PBXes' logs, those that answer a challenge too. `--seconds` is
best a whole interval of path checks: each phone checks its ways once in it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import output
from bench.clients import Checking, own_agent, own_version, running
from bench.figures import Checks, Part
from bench.pair import Grants, Pair, pair
from lab.errors import LabError
from lab.measuring import alone, busiest_second, cpu, processes
from lab.register_log import Register
from lab.settings import settings
from lab.waiting import wait_until

EXPIRES = 300
"""Seconds that the phones ask for: the target for the load of checks is for this."""
SIZES = (1000, 5000)
SETTLED = 110
"""Seconds after the last registration: the first checks are over, and in the 300 s that follow there are as many
refreshes as in the long run (1.46 a phone; 1.47 with fractions from 50 to 90 % of the expiry)."""
PATIENCE = 180.0
"""Seconds for all phones of an agent to register."""
OFTEN = 60.0
"""A phone whose checks at a PBX come more often than once in so many seconds is the one that asks for all there."""
SETTINGS = {
    "off": Checking(path_check_seconds=0),
    "as a fleet": Checking(),
    "every phone": Checking(one_in=1),
}
"""What phones check: nothing; a fleet's defaults; as many Softphones of their own do."""


@dataclass
class _Running:
    """One agent, its PBXes, and what was counted when the measuring began."""

    name: str
    phones: int
    both: Pair
    root: int
    pids: list[int]
    positions: tuple[int, ...] = ()
    used: tuple[float, float] = (0.0, 0.0)
    begun: float = 0.0

    def cpu(self) -> tuple[float, float]:
        """Seconds of CPU of the agent, and of both PBXes."""
        return cpu(self.pids), cpu(pid for pbx in self.both.pbxes for pid in pbx.service.pids)

    def begin(self) -> None:
        """Count from now on."""
        self.positions = tuple(pbx.position() for pbx in self.both.pbxes)
        self.used, self.begun = self.cpu(), time.perf_counter()

    def end(self) -> Checks:
        """What has come since then. Raises LabError where a process of the agent has ended meanwhile."""
        if processes(self.root) != self.pids:
            raise LabError(f"{self.phones} phones, {self.name}: a process of the agent ended while it was measured")
        seconds = time.perf_counter() - self.begun
        (agent, pbxes), (agent_before, pbxes_before) = self.cpu(), self.used
        seen = [pbx.log.read(since) for pbx, since in zip(self.both.pbxes, self.positions, strict=True)]
        asked = [one for at_pbx in seen for one in at_pbx if one.asks]
        binding = sum(of_binding_checks(at_pbx, seconds) for at_pbx in seen)
        refreshes = [one for at_pbx in seen for one in at_pbx if not one.asks]
        return Checks(
            client=self.name,
            phones=self.phones,
            processes=len(self.pids),
            seconds=round(seconds, 1),
            refreshes=round(len(refreshes) / seconds, 3),
            path_checks=round((len(asked) - binding) / seconds, 3),
            binding_checks=round(binding / seconds, 3),
            busiest=busiest_second(asked),
            challenged=sum(one.code == 401 for one in asked) / len(asked) if asked else 0.0,
            megabytes=round(alone(self.pids), 2),
            cores=round((agent - agent_before) / seconds, 5),
            pbx_cores=round((pbxes - pbxes_before) / seconds, 5),
        )


def of_binding_checks(seen: Iterable[Register], seconds: float) -> int:
    """How many of the REGISTERs without Contact at one PBX are of binding checks: those that one phone sends often."""
    by_call = Counter(one.call_id for one in seen if one.asks)
    return sum(count for count in by_call.values() if count > 2 * seconds / OFTEN)


def _all(grants: list[Grants], phones: int) -> bool:
    """Whether all are registered: on a busy machine some find the primary silent, and rest at the secondary."""
    for of_pbx in grants:
        of_pbx.all()
    return len(set().union(*(of_pbx.first for of_pbx in grants))) == phones


def measure(sizes: list[int], seconds: float) -> list[Checks]:
    """All sizes with all settings."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = []
        for number, (phones, name) in enumerate((phones, name) for phones in sizes for name in SETTINGS):
            print(f"  {phones} phones: {name}", file=sys.stderr)
            client = own_agent(settings(), EXPIRES, SETTINGS[name])
            both = stack.enter_context(pair(settings(), number))
            grants = [Grants(pbx, range(phones)) for pbx in both.pbxes]
            root = stack.enter_context(running(client, folder / str(number), both, range(phones), "udp"))
            wait_until(partial(_all, grants, phones), f"{phones} phones, {name}: registered", seconds=PATIENCE)
            begun.append(_Running(name, phones, both, root, processes(root)))
        time.sleep(SETTLED)
        for one in begun:
            one.begin()
        time.sleep(seconds)
        return [one.end() for one in begun]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=list(SIZES))
    parser.add_argument("--seconds", type=int, default=300, help="how long to look at them")
    parser.add_argument("--write", action="store_true", help="keep it for docs/proof/benchmarks.md")
    asked = parser.parse_args()
    found = measure(asked.sizes, asked.seconds)
    output.show("checks", Part.now(own_version(settings()), checks=found), write=asked.write)


if __name__ == "__main__":
    main()
