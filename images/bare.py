"""Copies what a Python program needs of the image that this runs in: python3 bare.py ROOT PACKAGES...

That is the interpreter, its standard library, the shared libraries that both and the packages' folders load,
certificates, time zones, and the words of Debian about what is left of its packages (/var/lib/dpkg/status, which
scanners read, and their copyrights). No other program.
"""

from __future__ import annotations

import compileall
import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

KEPT = (
    *("/etc/debian_version", "/etc/group", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/ssl"),
    *("/usr/lib/locale/C.utf8", "/usr/lib/ssl/certs", "/usr/lib/ssl/openssl.cnf", "/usr/share/ca-certificates"),
    *("/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
)
"""Besides Python; not every base has all of them."""
MERGED = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")
"""Links into /usr."""
LEFT_OUT = frozenset(
    {"dist-packages", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tkinter", "turtledemo"}
)
"""Of the standard library: pip, and what shows windows. `test` is that of Python itself."""
USER = "softphone:x:65532:65532:softphone-fleet:/nonexistent:/usr/sbin/nologin\n"
"""Programs ask for the name of their user."""
DPKG = Path("/var/lib/dpkg")
BILL = Path("/usr/share/softphone-fleet/python.cdx.json")
"""Scanners look for files of this name, and a Python in /usr/local is no package of Debian's."""


class Root:
    """The file system that is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: set[Path] = set()

    def place(self, file: Path) -> Path:
        """Where a file of the base lies in it."""
        return self.folder / file.relative_to("/")

    def keep(self, file: Path) -> None:
        """Take a file, or a folder with all that is in it, by the names and links that lead to it."""
        # The parent's real path: a folder of the way may be a link itself, and links are made below.
        file = file.parent.resolve() / file.name
        if file in self.kept or file.parts[1:2] in (("proc",), ("sys",), ("dev",)):
            return
        self.kept.add(file)
        self.place(file).parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            self.place(file).symlink_to(file.readlink())
            if (target := file.parent / file.readlink()).exists():
                self.keep(target)
        elif file.is_dir():
            self.place(file).mkdir(exist_ok=True)
            for inside in sorted(file.iterdir()):
                self.keep(inside)
        else:
            shutil.copy2(file, self.place(file))
            # Modules that can be run as scripts need not be; and nothing changes its user.
            runs = ".so" in file.suffixes or file == Path(sys.executable).resolve()
            self.place(file).chmod(0o755 if runs else 0o644)


def standard_library(folder: Path) -> Iterator[Path]:
    """The files and folders of the standard library that are taken."""
    for each in sorted(folder.iterdir()):
        if each.name == "lib-dynload":
            yield from (module for module in sorted(each.iterdir()) if not module.name.startswith("_tkinter"))
        elif each.name not in LEFT_OUT and each.name != "__pycache__" and not each.name.startswith("config-"):
            yield each


def shared_libraries(files: list[Path]) -> set[Path]:
    """All that the dynamic loader would load for these. Raises RuntimeError where it would not find one."""
    (loader,) = {path.resolve() for path in Path("/").glob("lib*/ld-linux*.so.*")}
    found = set(Path("/").glob("lib*/ld-linux*.so.*"))
    # The loader loads it by itself when a thread ends.
    found |= set(Path("/").glob("lib/*/libgcc_s.so.1"))
    for file in files:
        told = subprocess.run([loader, "--list", file], capture_output=True, text=True, check=False).stdout
        if missing := re.findall(r"(\S+) => not found", told):
            raise RuntimeError(f"{file} needs {', '.join(missing)}")
        found |= {Path(path) for path in re.findall(r"=> (/\S+) \(0x", told)}
    return found


def packages(root: Root) -> None:
    """Keep what Debian says of the packages that some file is of."""
    kept = {_real(file) for file in root.kept if not file.is_dir()}
    names = {
        listed.stem.partition(":")[0]
        for listed in (DPKG / "info").glob("*.list")
        if any(_real(Path(line)) in kept for line in listed.read_text().splitlines() if line.startswith("/"))
    }
    stanzas = (DPKG / "status").read_text().strip().split("\n\n") if (DPKG / "status").exists() else []
    told = [stanza for stanza in stanzas if stanza.partition("\n")[0].removeprefix("Package: ") in names]
    root.place(DPKG).mkdir(parents=True)
    root.place(DPKG / "status").write_text("\n\n".join([*told, ""]))
    for name in names:
        if (words := Path("/usr/share/doc") / name / "copyright").exists():
            root.keep(words)


def _real(file: Path) -> Path:
    """The one name of a file: packages name some below /lib that lie below /usr/lib."""
    return file.parent.resolve() / file.name


def bill_of_python(version: str) -> str:
    """The interpreter in CycloneDX."""
    python = {
        "type": "application",
        "name": "python",
        "version": version,
        "purl": f"pkg:generic/python@{version}",
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        "licenses": [{"license": {"id": "PSF-2.0"}}],
    }
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [python]})


def main(folder: Path, installed: list[Path]) -> None:
    """Make the file system in a folder, for packages that are installed in others."""
    root = Root(folder)
    folder.mkdir()
    for link in map(Path, MERGED):
        if link.is_symlink():
            root.place(link).symlink_to(link.readlink())
            root.place(link.resolve()).mkdir(parents=True, exist_ok=True)
    library = Path(sysconfig.get_path("stdlib"))
    python = Path(sys.executable)
    for each in (*standard_library(library), python.with_name("python3"), *map(Path, KEPT)):
        if each.exists():
            root.keep(each)
    loaded = [python.resolve(), *(library / "lib-dynload").glob("*.so")]
    loaded += [file for place in installed for file in place.rglob("*.so*") if file.is_file()]
    for each in shared_libraries([file for file in loaded if not file.name.startswith("_tkinter")]):
        if not any(each.is_relative_to(place) for place in installed):
            root.keep(each)
    packages(root)
    root.place(BILL.parent).mkdir(parents=True, exist_ok=True)
    root.place(BILL).write_text(bill_of_python(platform.python_version()))
    with root.place(Path("/etc/passwd")).open("a") as users:
        users.write(USER)
    root.place(Path("/tmp")).mkdir(mode=0o777)
    root.place(Path("/tmp")).chmod(0o1777)
    # Now, because the root file system will be read-only; not bound to time stamps, which copying may change.
    unchecked = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(
        root.place(library), quiet=1, workers=0, stripdir=str(folder), invalidation_mode=unchecked
    ):
        raise RuntimeError("the standard library does not compile")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
