"""Statement and branch coverage of the rooms that are pure rules, registration and calls, which must be whole.

`PYTHONPATH=tools:tests python -m registration_coverage` shows it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def measure(room: str = "registration") -> subprocess.CompletedProcess[str]:
    """Run the tests of a room's rules under coverage; fails where a line or branch is left out."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        python = [sys.executable, "-m"]
        source = f"--source={ROOT}/agent/softphone_agent/{room}"
        tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / f"tests/agent/{room}")]
        run = [*python, "coverage", "run", "--branch", data, source, *tests]
        subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
        report = [*python, "coverage", "report", data, "--fail-under=100", "--show-missing"]
        return subprocess.run(report, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)


if __name__ == "__main__":
    results = [measure(room) for room in ("registration", "calls")]
    print("".join(result.stdout + result.stderr for result in results))
    sys.exit(max(result.returncode for result in results))
