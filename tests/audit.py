"""Asks pip-audit whether a package of constraints.txt has a known vulnerability; `python -m audit`, part of make check.

The answer is kept by the digest of constraints.txt for a day, and for an hour that there is none: where the database
cannot be had it says so and is content.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from typing import Any

from documents import REPOSITORY

CONSTRAINTS = REPOSITORY / "constraints.txt"
KEPT = REPOSITORY / ".venv" / "audit"
SKIPPED = "skipped, the database of vulnerabilities cannot be had from here"
KEPT_SECONDS = {"clean": 24 * 3600, SKIPPED: 3600}
PATIENCE_SECONDS = 20


def main() -> int:
    """Exit code 1 where a vulnerability is known."""
    kept = KEPT / hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()[:16]
    said = kept.read_text() if kept.exists() else ""
    if time.time() - (kept.stat().st_mtime if said else 0) >= KEPT_SECONDS.get(said, 0):
        told = _asked()
        for line in told or ():
            print(f"pip-audit: {line}")
        if told:
            return 1
        said = SKIPPED if told is None else "clean"
        KEPT.mkdir(exist_ok=True)
        kept.write_text(said)
    if said == SKIPPED:
        print(f"pip-audit: {SKIPPED}")
    return 0


def _asked() -> list[str] | None:
    """One line for each vulnerability; None where nobody knows."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "3"]
    command += ["--no-deps", "--disable-pip", "--requirement", str(CONSTRAINTS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        return findings(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None


def findings(report: dict[str, list[dict[str, Any]]]) -> list[str] | None:
    """The vulnerabilities of pip-audit's report; None where the database knew none of the packages."""
    known = [package for package in report["dependencies"] if "vulns" in package]
    if not known:
        return None
    lines = []
    for package in known:
        lines += [f"{package['name']} {package['version']}: {one['id']}" for one in package["vulns"]]
    return lines


if __name__ == "__main__":
    sys.exit(main())
