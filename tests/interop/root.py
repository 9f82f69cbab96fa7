"""The root in which the PBXes of other makers lie: packages of Debian sid, installed beside the machine's own system.

`python -m interop.root` makes it where the cache has none, and prints its folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from pathlib import Path

from lab import packages
from lab.settings import REPOSITORY, Settings, settings
from lab.shell import run

PACKAGES = ("asterisk", "ejabberd", "erlang-p1-sip", "fail2ban", "kamailio")
SOURCES = REPOSITORY / "tests" / "lab" / "sid-sources.sh"
OPTIONS = (
    *("--quiet", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}"),
    '--aptopt=APT::Install-Recommends "false"',
    # A mirror's sid may be older than its Release file allows.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
)


def folder(now: Settings) -> Path:
    """Where it lies; another list of packages or options has another folder."""
    return now.cache / "interop" / hashlib.sha256(" ".join(OPTIONS).encode()).hexdigest()[:12]


def make(now: Settings) -> Path:
    """The root, made where it is missing. Several processes may want it at the same time."""
    made = folder(now)
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            print("PBXes of other makers, from Debian sid (2 minutes, once)", file=sys.stderr, flush=True)
            _make(made)
    return made


def _make(made: Path) -> None:
    packages.install(packages.missing(["mmdebstrap"]))
    work = made.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    run([SOURCES, work / "sources"])
    acquire = work / "acquire.conf"
    acquire.write_text(run(["apt-config", "dump", "--format", '%f "%v";%n', "Acquire::http", "Acquire::https"]).stdout)
    # What it mounts, mount would note down in the machine's own /run/mount.
    places = {"TMPDIR": str(work), "LIBMOUNT_UTAB": str(work / "mount" / "utab")}
    sources = sorted((work / "sources").iterdir())
    run(["mmdebstrap", *OPTIONS, f"--aptopt={acquire}", "sid", work / "root", *sources], env=places)
    (work / "root").rename(made)
    shutil.rmtree(work)


if __name__ == "__main__":
    print(make(settings()))
