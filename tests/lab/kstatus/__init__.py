"""What kstatus says of objects, by its own code: how Flux, Helm 4 and others tell whether an object is done.

It is a small program in Go, built when it is first asked for: main.go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lab import packages
from lab.settings import Settings, settings
from lab.shell import run

SOURCE = Path(__file__).parent


class Verdict(NamedTuple):
    """`status` is InProgress, Failed, Current, Terminating, NotFound or Unknown."""

    status: str
    message: str


def compute(objects: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """What it says of each object."""
    done = run([program(settings())], stdin=json.dumps(list(objects)))
    return [Verdict(*one) for one in json.loads(done.stdout)]


def program(now: Settings) -> Path:
    """The program; the first time it is built, which needs the registry of Go modules and half a minute."""
    digest = hashlib.sha256()
    for file in sorted(SOURCE.glob("*.*")):
        if file.suffix in (".go", ".mod", ".sum"):
            digest.update(file.read_bytes())
    made = now.binaries / f"kstatus-{digest.hexdigest()[:12]}"
    if made.exists():
        return made
    home = now.cache / "go-modules"
    environment = {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOPATH": str(home),
        "GOCACHE": str(home / "cache"),
    }
    part = made.with_suffix(".part")
    now.binaries.mkdir(parents=True, exist_ok=True)
    run([packages.go(now), "build", "-trimpath", "-o", part, "."], cwd=SOURCE, env=environment)
    part.rename(made)
    return made
