"""How `kubectl-softphone` as a single file begins: it is the file's `__main__.py`, and imports nothing of ours.

The file holds all packages. Those that are compiled cannot be imported from an archive, so all are unpacked once into
the user's cache, and found there from then on. Whatever Python stands first in the PATH, that of a virtual environment
too, it uses nothing of its packages; where its version does not fit, the one that fits is looked for: so the text of
this file is such as Pythons of long ago can read.
"""

import atexit
import contextlib
import os
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

DIGEST = "@DIGEST@"
"""Of the packages."""
ABI = "@ABI@"
"""The ending of compiled modules, such as .cpython-311-x86_64-linux-gnu.so: version, machine and C library."""
PYTHON = "@PYTHON@"
"""The version that the packages are for, such as 3.11."""
PACKAGES = "packages.zip"
LOOKED = "KUBECTL_SOFTPHONE_LOOKED_FOR_PYTHON"


def main() -> None:
    """Run the program."""
    if sysconfig.get_config_var("EXT_SUFFIX") != ABI:
        _another_python()
    sys.path.insert(0, str(packages(Path(__file__).parent, _caches())))
    from softphone_plugin.__main__ import main as program

    os.environ.pop(LOOKED, None)  # nothing for the programs that a kubeconfig may call
    program()


def _another_python() -> None:
    """Go on with the Python that the packages are for, where there is one."""
    other = shutil.which(f"python{PYTHON}")
    if other is None or LOOKED in os.environ:
        this = f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
        sys.exit(
            f"kubectl-softphone: was made for Python {PYTHON} ({ABI}), and this is {this}: "
            f"put a python{PYTHON} into the PATH, or `make plugin` with this one"
        )
    os.environ[LOOKED] = "yes"
    os.execv(other, [other, *sys.argv])


def _caches() -> "list[Path]":
    """Where the packages may be kept, the best place first."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    found = [Path(given)] if given.startswith("/") else []
    with contextlib.suppress(RuntimeError):  # a user without a home
        found.append(Path.home() / ".cache")
    return [place / "kubectl-softphone" for place in found]


def packages(archive: Path, caches: "list[Path]") -> Path:
    """The folder of the packages; they are unpacked where no cache has them yet."""
    for cache in caches:
        if (cache / DIGEST).is_dir() and _ours(cache):
            return cache / DIGEST
    for cache in caches:
        try:
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _ours(cache):
                return _unpacked(archive, cache)
        except OSError:
            continue  # read-only, or full
    place = Path(tempfile.mkdtemp(prefix="kubectl-softphone-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return _unpacked(archive, place)


def _ours(cache: Path) -> bool:
    """Whether nobody else may put code there."""
    at = cache.stat()
    return at.st_uid == os.getuid() and not at.st_mode & 0o022


def _unpacked(archive: Path, cache: Path) -> Path:
    """Unpack, and give it its name when it is whole: others may do the same now."""
    place = Path(tempfile.mkdtemp(prefix="new-", dir=cache))
    try:
        with zipfile.ZipFile(archive) as outer, outer.open(PACKAGES) as held, zipfile.ZipFile(held) as inner:
            inner.extractall(place)
        with contextlib.suppress(OSError):  # somebody else was quicker
            place.rename(cache / DIGEST)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return cache / DIGEST


if __name__ == "__main__":
    main()
