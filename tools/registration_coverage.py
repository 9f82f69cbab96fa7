"""Statement and branch coverage of the pure rules: of registration, path checks and calls. It must be whole.

`PYTHONPATH=tools:tests python -m registration_coverage` shows it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("registration", "paths", "calls")


def measure(room: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a room's rules under coverage; fails where a line or branch is left out."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        python = [sys.executable, "-m"]
        source = f"--source={ROOT}/agent/softphone_agent/{room}"
        tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests/agent" / room)]
        run = [*python, "coverage", "run", "--branch", data, source, *tests]
        subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
        report = [*python, "coverage", "report", data, "--fail-under=100", "--show-missing"]
        return subprocess.run(report, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)


if __name__ == "__main__":
    results = [measure(room) for room in sys.argv[1:] or ROOMS]
    for result in results:
        print(result.stdout + result.stderr)
    sys.exit(max(result.returncode for result in results))
