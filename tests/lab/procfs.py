"""The lab's processes, found by what they carry and not by what somebody wrote down.

Every process that the lab starts has a marker in its environment, and its children inherit it. So the kernel's own list
is the only record: no pid files that go stale, and no process of anybody else is ever taken for one of the lab's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lab.errors import LabError
from lab.settings import Settings

MARKER = "SOFTPHONE_FLEET_LAB"


def marker(settings: Settings, name: str = "") -> str:
    """The value that marks the processes of one part of the lab (or the common beginning of all)."""
    return f"{settings.run}:{name}"


def spawn(argv: Sequence[str], *, marker: str, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Starts a process in a session of its own, that outlives the caller and is nobody's zombie."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        started = subprocess.run(
            ["setsid", "--fork", *argv],
            env={**os.environ, **(env or {}), MARKER: marker},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            check=False,
        )
    if started.returncode:
        raise LabError(f"cannot start {argv}: see {log}")


def marked(settings: Settings, name: str | None = None) -> list[int]:
    """Living processes of one part, or of all parts, oldest first."""
    wanted = f"{MARKER}={marker(settings, name or '')}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        # A process may end while it is looked at; a dead one that nobody has buried has no environment any more.
        with suppress(OSError):
            environment = Path(entry.path, "environ").read_bytes().split(b"\0")
            if any(line == wanted if name else line.startswith(wanted) for line in environment):
                found.append(int(entry.name))
    return sorted(found, key=started)


def started(pid: int) -> int:
    """When a process was started, in the kernel's ticks since the machine's start; 0 for one that is gone."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_namespace_init(pid: int) -> bool:
    """Whether the process is number 1 of a process namespace below the machine's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def program(pid: int) -> str:
    """The file name of the program that a process runs."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace").rpartition("/")[2]
    except OSError:
        return ""


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Sends a signal to the processes' groups: to all of one group at the same moment."""
    groups = set()
    for pid in pids:
        with suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    for group in groups - {os.getpgid(0)}:
        with suppress(ProcessLookupError):
            os.killpg(group, number)


def kill(pids: Sequence[int], patience: float = 5) -> None:
    """Ends processes at once and waits until they are gone."""
    send(pids, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while any(_stat(pid)[:1] not in ([], ["Z"], ["X"]) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
