"""A program of the root that runs: start, stop, kill, silence."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.shell import run


def root() -> Path:
    """The root, as tests/interop/run has made it ready. Raises LabError where it was not that which began."""
    given = os.environ.get("INTEROP_ROOT")
    if given is None:
        raise LabError("the tests of tests/interop run in a network of their own: tests/interop/run COMMAND...")
    return Path(given)


def inside(path: Path) -> str:
    """A path below the root, as programs in there see it."""
    return f"/{path.relative_to(root())}"


def command(*argv: str) -> str:
    """What a program of the root says."""
    return run(["chroot", root(), *argv]).stdout


def version(package: str) -> str:
    """The version of one of the root's packages, without what is Debian's."""
    found = re.match(r"(?:\d+:)?([\d.]+)", command("dpkg-query", "--show", "--showformat", "${Version}", package))
    assert found is not None, package
    return found[1]


class Process:
    """One program, with a folder of its own that is gone with the last process of the network."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = root() / "srv" / name
        self.folder.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, argv: Sequence[str], **environment: str) -> None:
        """Start it in the root, in a process group of its own."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["chroot", str(root()), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                process_group=0,
            )

    @property
    def running(self) -> bool:
        """Whether it lives; a silent one does."""
        return self._process is not None and self._process.poll() is None

    def output(self) -> str:
        """What it has written."""
        return (self.folder / "output").read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """A signal to it and its children."""
        if self._process is not None and self.running:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL; waits for its end."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.send(signal.SIGCONT)
