"""A headless Chromium (Debian's): pictures of pages for those who run in the lab's network, and tests that use one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab import packages
from lab.errors import LabError
from lab.settings import Settings
from lab.shell import run

PACKAGES = ("chromium", "fonts-dejavu-core")
"""What has to be installed for it (`lab.packages.missing` and `install`)."""
SETTLED_MILLISECONDS = 10_000
"""How far the page's own clock runs before the picture; it takes a second or two."""

BINARY = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--hide-scrollbars")
"""Its own sandbox does not run for root; it sees nothing but pages of ours."""


def fetch(settings: Settings) -> Path:
    """Have the browser, and the script of axe-core, whose path is returned; what is missing is fetched."""
    packages.install(packages.missing(PACKAGES))
    return packages.axe(settings)


def picture(url: str, file: Path, *, width: int, height: int) -> None:
    """Write what a browser's window of that many pixels shows of a page, as PNG. Raises LabError where it cannot."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        run(
            [
                *("chromium", "--headless=new", *ARGUMENTS, f"--user-data-dir={profile}"),
                f"--window-size={width},{height}",
                f"--virtual-time-budget={SETTLED_MILLISECONDS}",
                f"--screenshot={file}",
                url,
            ]
        )
    if not file.exists():
        raise LabError(f"chromium made no picture of {url}")
