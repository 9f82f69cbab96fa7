"""A Debian 12 with Python, in a root of its own, and nothing to build or fetch with: no compiler, no pip, no apt.

Its packages are taken once and kept in the cache; each test has a copy.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import base_image
from lab.bootstrap import bootstrap, cached
from lab.settings import Settings, settings
from lab.shell import run

PACKAGES = ("libssl3", "libstdc++6", "libuuid1", "python3", "systemd")
"""What docs/how-to/install.md asks for; and systemd, which judges the unit."""
OPTIONS = (
    *("--quiet", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}"),
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
)
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


def root(now: Settings) -> Path:
    """The root, made where it is missing (30 s). Not to be written to."""

    def make(made: Path, work: Path) -> None:
        bootstrap(made, work, base_image.SUITE, OPTIONS, base_image.debian_sources())

    return cached(now, "bare-machine", OPTIONS, make)


class BareMachine:
    """A copy of the root that one may write to. `folder`: where it lies."""

    def __init__(self, folder: Path, now: Settings) -> None:
        self.folder = folder
        run(["cp", "--archive", root(now), folder])

    def command(self, argv: Sequence[str], *, user: str = "", online: bool = True) -> list[str]:
        """The command that runs `argv` in it as a user of its own, root by default; offline in no network at all.

        It is one process all the way, so that signals reach the program, which dies with whoever began it.
        """
        who = ["--reuid", user, "--regid", user, "--init-groups", "--no-new-privs"] if user else []
        inner = ["chroot", str(self.folder), "setpriv", "--pdeathsig", "KILL", *who, *argv]
        mounts = [f"mount -n --rbind /{name} {shlex.quote(str(self.folder / name))}" for name in ("proc", "dev")]
        script = "\n".join([*mounts, f"exec env --ignore-environment {_words(ENVIRONMENT)} {shlex.join(inner)}"])
        return ["unshare", "--mount", *([] if online else ["--net"]), "sh", "-euc", script]

    def types(self, script: str, place: str = "/", *, online: bool = False) -> str:
        """Run commands as root types them, and stop at the first that fails; what they print."""
        typed = self.command(["sh", "-euc", f"cd {shlex.quote(place)}\n{script}"], online=online)
        done = subprocess.run(typed, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def has(self, program: str) -> bool:
        """Whether there is such a program."""
        return any(os.path.lexists(self.folder / path[1:] / program) for path in ENVIRONMENT["PATH"].split(":"))


def _words(environment: dict[str, str]) -> str:
    return shlex.join(f"{name}={value}" for name, value in environment.items())


if __name__ == "__main__":
    print(root(settings()))
