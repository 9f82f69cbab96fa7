"""A part of the lab that runs: start, stop, kill, pause, and whether it does."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import procfs
from lab.sandbox import Sandbox
from lab.settings import Settings
from lab.shell import tail
from lab.waiting import wait_until


@dataclass(frozen=True)
class Service:
    """A long-running program in the sandbox, together with all of its children."""

    settings: Settings
    name: str
    argv: Sequence[str | Path] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.settings.logs / f"{self.name}.log"

    @property
    def pids(self) -> list[int]:
        """All of its processes and what they started, as the machine numbers them."""
        return procfs.marked(self.settings, self.name)

    @property
    def pid(self) -> int | None:
        """Its main process: neither the nsenter in front of it nor a child that outlived it."""
        name = Path(self.argv[0]).name
        return next((pid for pid in self.pids if procfs.program(pid) == name), None)

    @property
    def running(self) -> bool:
        """Whether its main process lives."""
        return self.pid is not None

    def start(self) -> None:
        """Starts it, unless it runs."""
        if self.running:
            return
        temporary = self.settings.run / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        procfs.spawn(
            Sandbox(self.settings).enter(self.argv),
            marker=procfs.marker(self.settings, self.name),
            log=self.log,
            env={"TMPDIR": str(temporary), **self.env},
        )
        # Until it has become the program that `running` looks for, a second start would not see the first.
        deadline = time.monotonic() + 5
        while not self.running and self.pids and time.monotonic() < deadline:
            time.sleep(0.005)

    def wait_ready(self, check: Callable[[], bool], seconds: float = 60) -> float:
        """Waits until `check` is true; the error shows the end of the log."""
        return wait_until(
            check, self.name, seconds=seconds, interval=0.05, alive=lambda: self.running, explain=self.explain
        )

    def explain(self) -> str:
        """The end of its log."""
        return f"{self.log}:\n{tail(self.log.read_text(errors='replace'))}" if self.log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to all of its processes."""
        procfs.send(self.pids, number)

    def kill(self) -> None:
        """Ends all of its processes at the same moment (SIGKILL)."""
        procfs.kill(self.pids)

    def stop(self, patience: float = 5) -> None:
        """Asks it to end, and ends it when it does not."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.pids and time.monotonic() < deadline:
            time.sleep(0.05)
        self.kill()
