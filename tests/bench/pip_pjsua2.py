"""pjsua2 as pip installs it, in a folder of its own: a peer, as who builds phones on pjsua2 has it.

Our own build has no accounts any more: the agent sends each REGISTER itself.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from lab.settings import Settings
from lab.shell import run

VERSION = "2.15.1.post1"


def fetch(settings: Settings) -> Path:
    """The folder for PYTHONPATH, fetched where it is missing."""
    made = settings.cache / f"pjsua2-of-pip-{VERSION}"
    if not made.exists():
        part = made.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        run([*pip, "--target", part, f"pjsua2-python=={VERSION}"])
        part.rename(made)
    return made
