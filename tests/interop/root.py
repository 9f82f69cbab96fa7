"""The root in which the PBXes of other makers lie: packages of Debian sid, installed beside the machine's own system.

`python -m interop.root` makes it where the cache has none, and prints its folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab.bootstrap import bootstrap, cached
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


def make(now: Settings) -> Path:
    """The root, made where it is missing."""
    return cached(now, "interop", OPTIONS, _make)


def _make(made: Path, work: Path) -> None:
    print("PBXes of other makers, from Debian sid (2 minutes, once)", file=sys.stderr, flush=True)
    run([SOURCES, work / "sources"])
    bootstrap(made, work, "sid", OPTIONS, sorted((work / "sources").iterdir()))


if __name__ == "__main__":
    print(make(settings()))
