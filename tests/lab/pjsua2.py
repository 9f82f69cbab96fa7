"""The project's own pjsua2, by its recipe in images/pjsua2: built once, then it lies in the cache."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from lab.settings import REPOSITORY, Settings
from lab.shell import run

RECIPE = REPOSITORY / "images" / "pjsua2"
OWN = "+softphonefleet."
"""What the versions of our builds have, and no other's."""
MISSING = (
    "The agent's tests need the own pjsua2, which is not on PYTHONPATH: make test puts it there; for some of them run "
    "export PYTHONPATH=$(PYTHON=.venv/bin/python images/pjsua2/wheel.sh --unpacked):tools:tests (2 minutes, once)"
)


def inputs() -> list[Path]:
    """What the wheel is made of, besides pjproject's tarball and setuptools."""
    return [file for file in sorted(RECIPE.rglob("*")) if file.is_file() and file.suffix not in (".md", ".sha256")]


def is_here() -> bool:
    """Whether this process, and what it starts, imports the own pjsua2."""
    try:
        return OWN in metadata.version("pjsua2-python")
    except metadata.PackageNotFoundError:
        return False


def built(settings: Settings) -> bool:
    """Whether the wheel of the present recipe is there."""
    return bool(_wheel(settings, "--if-built"))


def wheel(settings: Settings) -> Path:
    """The wheel for this interpreter's version, built where it is missing (2 minutes)."""
    return Path(_wheel(settings))


def unpacked(settings: Settings) -> Path:
    """A folder for PYTHONPATH that holds it, for programs that are to use it without its being installed."""
    return Path(_wheel(settings, "--unpacked"))


def _wheel(settings: Settings, *options: str) -> str:
    places = {"SOFTPHONE_FLEET_CACHE": str(settings.cache), "PYTHON": sys.executable}
    done = run(["bash", RECIPE / "wheel.sh", *options], env=places)
    for line in done.stderr.splitlines():
        if line.startswith("warning: "):
            print(line, file=sys.stderr)
    return done.stdout.strip()
