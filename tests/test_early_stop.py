"""SIGTERM while a program still imports: as process 1 of a container it must not be lost for want of a handler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = {"softphone_agent": 0, "softphone_operator": 0, "softphone_operator.program.self_test": 2}
"""Each program, and its exit code then: a test that was not made has not succeeded."""
IMPORTS = ["asyncio", "structlog", "pydantic"]
"""Modules that every program imports, early and late."""
PROCESS_1 = ["unshare", "--pid", "--fork"]


@pytest.mark.parametrize("imported", IMPORTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_ends_at_sigterm_while_it_imports(tmp_path: Path, program: str, imported: str) -> None:
    assert stopped_at_the_import_of(imported, program, tmp_path) == (PROGRAMS[program], "")


@pytest.mark.lab
@pytest.mark.parametrize("imported", IMPORTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_also_as_process_1_for_which_the_kernel_drops_signals(tmp_path: Path, program: str, imported: str) -> None:
    assert stopped_at_the_import_of(imported, program, tmp_path, *PROCESS_1) == (PROGRAMS[program], "")


def stopped_at_the_import_of(module: str, program: str, folder: Path, *by: str) -> tuple[int, str]:
    """Exit code and errors of a program that gets SIGTERM when it imports a module, which then never ends."""
    (folder / f"{module}.py").write_text(
        f"import os, signal, time\nos.kill(os.getpid(), {int(signal.SIGTERM)})\ntime.sleep(10)\n"
        "print('not stopped')\nos._exit(99)\n"
    )
    ran = subprocess.run(
        [*by, sys.executable, "-m", program],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stderr
