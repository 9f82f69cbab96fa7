"""Building Kubernetes from its sources; once, then it lies in the cache.

The newest is a Go module; newest/pin.sh takes another release. The oldest is a source package of Debian.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab import packages
from lab.progress import Progress
from lab.settings import Settings
from lab.shell import run

SCRIPTS = Path(__file__).parent
NEWEST, OLDEST = SCRIPTS / "newest", SCRIPTS / "oldest"
FROM_SID = ("containerd", "containernetworking-plugins", "etcd-server")


def scripts(settings: Settings) -> Path:
    """The folder with what is true for the cluster's version only."""
    return OLDEST if settings.oldest else NEWEST


def _inputs(settings: Settings) -> str:
    """A hash of what the binaries are made of, besides what go.sum or Debian's release decides."""
    digest = hashlib.sha256()
    for file in sorted([*scripts(settings).iterdir(), *SCRIPTS.glob("src/*/*.go")]):
        if file.suffix != ".yaml" and file.name not in ("pin.sh", "sid.sh"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def built(settings: Settings) -> bool:
    """Whether the binaries are there and made of the present scripts and sources."""
    stamp = settings.binaries / "built-of"
    return stamp.exists() and stamp.read_text() == _inputs(settings)


def make(settings: Settings, progress: Progress) -> None:
    """Builds and fetches what is missing of the cluster's programs."""
    if not settings.debian.exists():
        with progress.step("etcd and containerd from Debian sid", expect="15 s"):
            run(["bash", NEWEST / "sid.sh", settings.debian, *FROM_SID])
    if built(settings):
        return
    settings.go.mkdir(parents=True, exist_ok=True)
    if settings.oldest:
        _oldest(settings, progress)
    else:
        _newest(settings, progress)
    (settings.binaries / "built-of").write_text(_inputs(settings))


def _newest(settings: Settings, progress: Progress) -> None:
    with progress.step("Go", expect="10 s, where the machine has none"):
        go = packages.go(settings)
    with progress.step("Kubernetes: modules and compile", expect="5 minutes on 2 cores, once"):
        run(["bash", NEWEST / "build.sh", go, settings.go, settings.binaries])


def _oldest(settings: Settings, progress: Progress) -> None:
    with progress.step("Debian's packages for the build"):
        packages.install(packages.missing(packages.BUILD_OLDEST))
    with progress.step("Kubernetes: source package"):
        run(["bash", OLDEST / "source.sh", settings.go])
    with progress.step("Kubernetes: generated code", expect="15 s"):
        run(["bash", OLDEST / "openapi.sh", settings.go])
    with progress.step("Kubernetes: compile", expect="3 to 4 minutes, once"):
        run(["bash", OLDEST / "build.sh", settings.go, settings.binaries])
