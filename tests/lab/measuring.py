"""What processes cost, and what PBXes' logs say of bursts and of who is registered."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lab.pbx import Pbx
from lab.register_log import Register

RATE = 1000.0
"""REGISTERs per second that an agent sends to a PBX at most: the product's default."""
TICKS = os.sysconf("SC_CLK_TCK")


def processes_of_pods(pods: Iterable[str]) -> list[int]:
    """The processes of these pods, in the order of their numbers."""
    names = {f"HOSTNAME={pod}".encode() for pod in pods}
    found = []
    for entry in os.scandir("/proc"):
        with suppress(OSError):  # it ended meanwhile
            if entry.name.isdigit() and names & set(Path(entry.path, "environ").read_bytes().split(b"\0")):
                found.append(int(entry.name))
    return sorted(found)


def processes(root: int) -> list[int]:
    """The agent and its workers."""
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return [root, *(pid for child in children for pid in processes(int(child)))]


def pss(pids: Iterable[int], field: str = "Pss") -> float:
    """Their memory in MB, where what they share counts once. `field`: another line of the kernel's sums."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return total / 1024


def anonymous(pids: Iterable[int]) -> float:
    """Of `pss` what is not of files: what one more such process takes where the files are in memory already, in MB."""
    return pss(pids, "Pss_Anon")


def private_memory(pid: int) -> float:
    """The memory in MB that a process has written to and shares with nobody: what others do does not change it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")) / 1024


def alone(pids: Iterable[int]) -> float:
    """Their memory in MB if nobody else ran: as `pss`, but libraries count whole though others use them too.

    Pages of a file that several of them have count once, as those of the one that has most of them.
    """
    own, files = 0, Counter[str]()
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own += next(int(line.split()[1]) for line in rollup if line.startswith("Pss_Anon:"))
        for part, kilobytes in _of_files(Path(f"/proc/{pid}/smaps").read_text().splitlines()):
            files[part] = max(files[part], kilobytes)
    return (own + files.total()) / 1024


def _of_files(smaps: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The mappings of files: which part of which file, and how many kB of the file's own pages are in memory."""
    part, resident = "", 0
    for line in smaps:
        name, *values = line.split()
        if not name.endswith(":"):
            offset, device, inode = values[1:4]
            part = f"{device} {inode} {offset}" if inode != "0" else ""
        elif part and name == "Rss:":
            resident = int(values[0])
        elif part and name == "Anonymous:":
            yield part, resident - int(values[0])


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU that they have used."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


def excess(registers: Iterable[Register]) -> float:
    """By how many the REGISTERs of the phones' own accord ever exceeded a token bucket of RATE and its burst.

    Those with credentials answer a challenge and are not counted: each belongs to one that was.
    """
    tokens, at, worst = RATE, 0.0, 0.0
    for time_, given in sorted((register.time, register.credentials_given) for register in registers):
        if given:
            continue
        tokens, at = min(RATE, tokens + (time_ - at) * RATE) - 1, time_
        worst = max(worst, -tokens)
    return worst


def first_registered(pbxes: Iterable[tuple[Pbx, int]]) -> dict[str, float]:
    """AOR -> when one of these PBXes first granted it a binding after that position."""
    found: dict[str, float] = {}
    for pbx, since in pbxes:
        for register in pbx.registers(since=since):
            if register.code == 200 and not register.unregisters:
                found[register.aor] = min(register.time, found.get(register.aor, register.time))
    return found


def most_above_the_rate(pbx: Pbx, since: int) -> float:
    """By how many REGISTERs an agent ever exceeded the bucket that it keeps for this PBX."""
    by_agent: dict[str, list[object]] = {}
    seen = pbx.registers(since=since)
    for register in seen:
        by_agent.setdefault(_address(register.source), []).append(register)
    return max((excess(r for r in seen if _address(r.source) == agent) for agent in by_agent), default=0.0)


def _address(source: str) -> str:
    return source.partition(":")[2].rpartition(":")[0]


def open_files(pid: int) -> int:
    """How many file descriptors a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """How many threads a process has."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def busiest_second(registers: Iterable[Register]) -> int:
    """The most REGISTERs of any second, as the clock counts seconds."""
    return max(Counter(int(register.time) for register in registers).values(), default=0)
