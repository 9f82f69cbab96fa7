"""A root of Debian by mmdebstrap, from packages that come the way this machine's own do."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lab import packages
from lab.settings import Settings
from lab.shell import run


@contextlib.contextmanager
def work_folder(made: Path) -> Iterator[Path]:
    """An empty folder beside what is made; it is gone when that is there."""
    work = made.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    yield work
    shutil.rmtree(work)


def bootstrap(made: Path, work: Path, suite: str, options: Sequence[str], sources: Sequence[Path]) -> None:
    """Make a root, a folder or by its ending a tar file, in the work folder, and move it to its place when whole."""
    acquire = work / "acquire.conf"
    acquire.write_text(run(["apt-config", "dump", "--format", '%f "%v";%n', "Acquire::http", "Acquire::https"]).stdout)
    # What it mounts, mount would note down in the machine's own /run/mount.
    places = {"TMPDIR": str(work), "LIBMOUNT_UTAB": str(work / "mount" / "utab")}
    target = work / f"root{made.suffix}"
    run(["mmdebstrap", *options, f"--aptopt={acquire}", suite, target, *sources], env=places)
    target.rename(made)


def cached(now: Settings, name: str, options: Sequence[str], make: Callable[[Path, Path], None]) -> Path:
    """A root in the cache, made where it is missing: `make` gets its place and a work folder. Not to be written to.

    Other options have another folder. Several processes may want it at the same time.
    """
    made = now.cache / name / hashlib.sha256(" ".join(options).encode()).hexdigest()[:12]
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            packages.install(packages.missing(["mmdebstrap"]))
            with work_folder(made) as work:
                make(made, work)
    return made
