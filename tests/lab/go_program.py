"""Small programs in Go that let the code of others speak for itself: built when they are first asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab import packages
from lab.settings import Settings
from lab.shell import run


def program(now: Settings, source: Path) -> Path:
    """The program of a folder; the first time it is built, which needs the registry of Go modules and half a minute."""
    digest = hashlib.sha256()
    for file in sorted(source.glob("*.*")):
        if file.suffix in (".go", ".mod", ".sum"):
            digest.update(file.read_bytes())
    made = now.binaries / f"{source.name}-{digest.hexdigest()[:12]}"
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
    run([packages.go(now), "build", "-trimpath", "-ldflags=-s -w", "-o", part, "."], cwd=source, env=environment)
    part.rename(made)
    return made
