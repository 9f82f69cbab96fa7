"""What a release is of: its version, its commit, and the time that all its archives bear."""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime

from documents import REPOSITORY

PLATFORM = "linux-amd64"
"""What all that is compiled is for."""


@dataclass(frozen=True)
class Facts:
    """The facts. `epoch`: seconds since 1970. `url`: where the files will lie. `registry`: where the images will."""

    version: str
    revision: str
    epoch: int
    url: str = "https://example.com/softphone-fleet"
    registry: str = ""

    @property
    def created(self) -> str:
        """The time as RFC 3339 has it."""
        return datetime.fromtimestamp(self.epoch, UTC).isoformat().replace("+00:00", "Z")

    def name(self, of: str, suffix: str, platform: str = PLATFORM) -> str:
        """The name of a file of the release; an empty platform where it is for all."""
        return "-".join(filter(None, (of, self.version, platform))) + suffix


def of_the_tree(url: str = "", registry: str = "") -> Facts:
    """The facts of this clone. SOURCE_DATE_EPOCH is the time, where it is set; else the commit's."""
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    revision, committed = _git("log", "-1", "--format=%H %ct").split()
    if _git("status", "--porcelain", "--untracked-files=no"):
        revision += "-dirty"
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or committed)
    return Facts(version, revision, epoch, url.rstrip("/") or Facts.url, registry.rstrip("/"))


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip()
