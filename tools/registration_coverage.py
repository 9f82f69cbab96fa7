"""Statement and branch coverage of the registration rules, which must be whole.

`PYTHONPATH=tools:tests python -m registration_coverage` shows it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def measure() -> subprocess.CompletedProcess[str]:
    """Run the tests of the rules under coverage; fails where a line or branch is left out."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        python = [sys.executable, "-m"]
        source = f"--source={ROOT}/agent/softphone_agent/registration"
        tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests/agent/registration")]
        run = [*python, "coverage", "run", "--branch", data, source, *tests]
        subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
        report = [*python, "coverage", "report", data, "--fail-under=100", "--show-missing"]
        return subprocess.run(report, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)


if __name__ == "__main__":
    result = measure()
    print(result.stdout + result.stderr)
    sys.exit(result.returncode)
