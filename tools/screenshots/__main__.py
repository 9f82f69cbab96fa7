"""Takes the pictures of the documents: `python -m screenshots` (with the lab up; `make screenshots` does both)."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from lab import browser, packages
from lab.__main__ import environment
from lab.errors import LabError
from lab.kube import KubeError
from lab.progress import Progress
from lab.sandbox import Sandbox, exec_in_network
from lab.settings import settings
from screenshots import console as web_console
from screenshots import prometheus, sequences, terminal

INSIDE = "SOFTPHONE_SCREENSHOTS_INSIDE"

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Take them inside the lab's network; returns the exit code."""
    now = settings()
    try:
        if INSIDE not in os.environ:
            _install()
            inside = {**environment(now), INSIDE: "1"}
            return exec_in_network(Sandbox(now), [sys.executable, "-m", "screenshots"], inside)
        with Progress(console) as progress:
            web_console.take(progress)
            prometheus.take(progress)
            sequences.take(progress)
            terminal.take(progress)
    except (LabError, KubeError) as error:
        console.print(f"[red]error[/red]: {error}")
        return 1
    return 0


def _install() -> None:
    if wanted := packages.missing(browser.PACKAGES):
        with Progress(console) as progress, progress.step(f"Debian packages: {' '.join(wanted)}"):
            packages.install(wanted)


if __name__ == "__main__":
    sys.exit(main())
