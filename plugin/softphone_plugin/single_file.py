"""Makes `kubectl-softphone` a single file of installed packages: `python -m softphone_plugin.single_file FROM TO`.

By the Python that installed them. The same packages make the same file.
"""

from __future__ import annotations

import hashlib
import io
import sys
import sysconfig
import zipfile
from pathlib import Path

from softphone_plugin import start

PROGRAM, COMPLETION = "kubectl-softphone", "kubectl_complete-softphone"
THIS_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
THIS_ABI = str(sysconfig.get_config_var("EXT_SUFFIX"))
LEFT_OUT = {"__pycache__", "bin", "direct_url.json", "RECORD"}
"""Also what pip notes of the machine that it installed on, and the list with the checksums of that."""
A_TIME = (1980, 1, 1, 0, 0, 0)
COMPLETE = f"""\
#!/bin/sh
# kubectl asks this for what may stand next.
exec {PROGRAM} __complete "$@"
"""


def write(packages: Path, to: Path, python: str = THIS_PYTHON, abi: str = THIS_ABI) -> Path:
    """Write the program and its completion into the folder `to`; the program's path.

    `python` and `abi` are those for which the packages are installed, as start.py words them.
    """
    held = archive(packages)
    fields = {"@DIGEST@": hashlib.sha256(held).hexdigest()[:16], "@ABI@": abi, "@PYTHON@": python}
    first = Path(start.__file__).read_text()
    for field, value in fields.items():
        first = first.replace(field, value)
    made = io.BytesIO(b"#!/usr/bin/env python3\n")
    made.seek(0, io.SEEK_END)
    with zipfile.ZipFile(made, "a") as outer:
        outer.writestr(zipfile.ZipInfo("__main__.py", A_TIME), first)
        outer.writestr(zipfile.ZipInfo(start.PACKAGES, A_TIME), held)  # stored as it is: it is packed already
    to.mkdir(parents=True, exist_ok=True)
    for name, content in ((PROGRAM, made.getvalue()), (COMPLETION, COMPLETE.encode())):
        (to / name).write_bytes(content)
        (to / name).chmod(0o755)
    return to / PROGRAM


def archive(packages: Path) -> bytes:
    """A folder of packages as an archive; who packs it, and when, is not seen in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as into:
        for file in sorted(packages.rglob("*")):
            path = file.relative_to(packages)
            if file.is_file() and not LEFT_OUT & set(path.parts):
                into.writestr(zipfile.ZipInfo(str(path), A_TIME), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2])))  # noqa: T201
