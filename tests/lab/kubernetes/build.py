"""Building Kubernetes from Debian's source package; once, then it lies in the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.settings import Settings
from lab.shell import run

SCRIPTS = Path(__file__).parent


def _inputs() -> str:
    """A hash of what the binaries are made of, besides Debian's source package of this release."""
    digest = hashlib.sha256()
    for file in sorted([*SCRIPTS.glob("*.sh"), *SCRIPTS.glob("src/*/*.go")]):
        if file.name != "pki.sh":
            digest.update(file.read_bytes())
    return digest.hexdigest()


def built(settings: Settings) -> bool:
    """Whether the binaries are there and made of the present scripts and sources."""
    stamp = settings.binaries / "built-of"
    return stamp.exists() and stamp.read_text() == _inputs()


def fetch_source(settings: Settings) -> None:
    """Debian's source, as a GOPATH."""
    settings.go.mkdir(parents=True, exist_ok=True)
    run(["bash", SCRIPTS / "source.sh", settings.go])


def generate_openapi(settings: Settings) -> None:
    """The generated file that the source lacks."""
    run(["bash", SCRIPTS / "openapi.sh", settings.go])


def compile_all(settings: Settings) -> None:
    """The binaries."""
    run(["bash", SCRIPTS / "build.sh", settings.go, settings.binaries])
    (settings.binaries / "built-of").write_text(_inputs())
