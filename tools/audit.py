"""Asks pip-audit whether a package of constraints.txt has a known vulnerability; `python -m audit`, part of make check.

The answer is kept by the digest of constraints.txt for a day, and for an hour that there is none: where the database
cannot be had it says so and is content. Where pip-audit itself fails, so does this.

pjproject, which the agent's image holds as our own pjsua2, is no Python package, and pip-audit cannot be asked about it
(docs/how-to/private-registry.md).
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from documents import REPOSITORY

CONSTRAINTS = REPOSITORY / "constraints.txt"
KEPT = REPOSITORY / ".venv" / "audit"
SKIPPED = "skipped, the database of vulnerabilities cannot be had from here"
CLEAN = "no vulnerability is known of what is pinned; pjproject is not covered"
KEPT_SECONDS = {CLEAN: 24 * 3600, SKIPPED: 3600}
UNREACHED = re.compile(r"^((requests|urllib3)\.exceptions\.\w+|ERROR:\S+Could not connect to)\b", re.MULTILINE)
"""What pip-audit says where the network failed: mostly no word of its own, but the error of a library."""
PATIENCE_SECONDS = 20


class AuditError(Exception):
    """pip-audit failed by itself; the text is what it said."""


def main() -> int:
    """Exit code 1 where a vulnerability is known or pip-audit fails."""
    kept = KEPT / hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()[:16]
    said = kept.read_text() if kept.exists() else ""
    if time.time() - (kept.stat().st_mtime if said else 0) >= KEPT_SECONDS.get(said, 0):
        try:
            told = asked(CONSTRAINTS)
        except AuditError as error:
            told = [f"failed: {error}"]
        for line in told or ():
            print(f"pip-audit: {line}")
        if told:
            return 1
        said = SKIPPED if told is None else CLEAN
        KEPT.mkdir(exist_ok=True)
        kept.write_text(said)
    print(f"pip-audit: {said}")
    return 0


def asked(requirements: Path) -> list[str] | None:
    """One line for each vulnerability; None where nobody knows. Raises AuditError."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "3"]
    command += ["--no-deps", "--disable-pip", "--requirement", str(requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    return answer(done.stdout, done.stderr)


def answer(written: str, errors: str) -> list[str] | None:
    """What pip-audit found. Raises AuditError where it found nothing out, and not for want of the database."""
    try:
        return findings(json.loads(written))
    except json.JSONDecodeError:
        if UNREACHED.search(errors):
            return None
        raise AuditError(errors.strip() or "it says nothing") from None


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
