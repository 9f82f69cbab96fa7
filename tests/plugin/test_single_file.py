"""`kubectl-softphone` as a single file: it runs wherever Python is, and disturbs nothing there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from softphone_plugin import single_file

MAIN = """\
import sys, needed
def main():
    print(needed.SAID, *sys.argv[1:])
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Installed packages, that of the program and one that it needs."""
    place = tmp_path / "packages"
    (place / "softphone_plugin" / "__pycache__").mkdir(parents=True)
    (place / "softphone_plugin" / "__init__.py").write_text("")
    (place / "softphone_plugin" / "__main__.py").write_text(MAIN)
    (place / "softphone_plugin" / "__pycache__" / "x.pyc").write_text("of this build alone")
    (place / "needed.py").write_text("SAID = 'ours'\n")
    return place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    place = tmp_path / "home"
    place.mkdir()
    return place


def begun(program: Path, *words: str, home: Path, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    environment = {"PATH": f"{program.parent}:{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(home)}
    return subprocess.Popen(
        [str(program), *words],
        env={**environment, **(more or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def typed(program: Path, *words: str, home: Path, more: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    with begun(program, *words, home=home, more=more) as process:
        out, err = process.communicate()
        return process.returncode, out, err


def kept(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "kubectl-softphone").iterdir())


def test_it_runs_and_unpacks_its_packages_once(packages: Path, home: Path, tmp_path: Path) -> None:
    program = single_file.write(packages, tmp_path / "bin")
    assert typed(program, "status", "-A", home=home) == (0, "ours status -A\n", "")
    (cache,) = kept(home)
    (cache / "needed.py").write_text("SAID = 'not unpacked again'\n")
    assert typed(program, home=home) == (0, "not unpacked again\n", "")


def test_kubectl_asks_it_for_completions(packages: Path, home: Path, tmp_path: Path) -> None:
    program = single_file.write(packages, tmp_path / "bin")
    completion = program.with_name("kubectl_complete-softphone")
    assert typed(completion, "status", "", home=home) == (0, "ours __complete status \n", "")


def test_packages_of_the_environment_are_not_taken(packages: Path, home: Path, tmp_path: Path) -> None:
    program = single_file.write(packages, tmp_path / "bin")
    other = tmp_path / "other"
    other.mkdir()
    (other / "needed.py").write_text("SAID = 'of somebody else'\n")
    assert typed(program, home=home, more={"PYTHONPATH": str(other)}) == (0, "ours\n", "")


def test_several_at_once_do_not_disturb_each_other(packages: Path, home: Path, tmp_path: Path) -> None:
    program = single_file.write(packages, tmp_path / "bin")
    processes = [begun(program, home=home) for _ in range(4)]
    assert [process.communicate() for process in processes] == [("ours\n", "")] * 4
    assert len(kept(home)) == 1


@pytest.mark.parametrize("cache", ["nowhere", "of everybody"])
def test_where_no_cache_can_be_had_nothing_stays_behind(packages: Path, home: Path, tmp_path: Path, cache: str) -> None:
    program = single_file.write(packages, tmp_path / "bin")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    if cache == "nowhere":
        home = Path("/dev/null")
    else:
        (home / ".cache" / "kubectl-softphone").mkdir(parents=True)
        (home / ".cache" / "kubectl-softphone").chmod(0o777)  # anybody may put code there
    assert typed(program, home=home, more={"TMPDIR": str(temporary)}) == (0, "ours\n", "")
    assert list(temporary.iterdir()) == []
    assert cache == "nowhere" or kept(home) == []


def test_the_python_that_fits_is_looked_for(packages: Path, home: Path, tmp_path: Path) -> None:
    """As where a virtual environment of another Python is first in the PATH."""
    program = single_file.write(packages, tmp_path / "bin", python="9.9", abi=".cpython-99-none.so")
    fitting = program.with_name("python9.9")
    fitting.write_text('#!/bin/sh\necho "9.9 $@"\n')
    fitting.chmod(0o755)
    assert typed(program, "lint", "a b", home=home) == (0, f"9.9 {program} lint a b\n", "")


def test_where_there_is_none_a_line_says_so(packages: Path, home: Path, tmp_path: Path) -> None:
    program = single_file.write(packages, tmp_path / "bin", python="9.9", abi=".cpython-99-none.so")
    code, out, err = typed(program, "status", home=home)
    assert (code, out) == (1, "")
    assert err.startswith("kubectl-softphone: was made for Python 9.9 (.cpython-99-none.so), and this is 3.")
    assert len(err.splitlines()) == 1


def test_the_same_packages_make_the_same_file(packages: Path, tmp_path: Path) -> None:
    one, other = (single_file.write(packages, tmp_path / name) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    (packages / "softphone_plugin" / "__pycache__" / "x.pyc").write_text("of another build")
    assert single_file.write(packages, tmp_path / "more").read_bytes() == one.read_bytes()
    (packages / "needed.py").write_text("SAID = 'newer'\n")
    assert single_file.write(packages, tmp_path / "newer").read_bytes() != one.read_bytes()
