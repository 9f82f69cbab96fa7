"""The recipe of the own pjsua2: which pjproject it takes, and what it says of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from documents import REPOSITORY

BUILD = """\
#!/bin/bash
echo built >> "$(dirname "$0")/builds"
mkdir -p "$3" && cd "$3" && mkdir pjsua2_python-9.dist-info
echo "Tarball: $(basename "$1")
Tarball-SHA256: $(sha256sum "$1" | cut -d' ' -f1)" > pjsua2_python-9.dist-info/METADATA
"${PYTHON:-python3}" -m zipfile -c pjsua2_python-9-py3-none-any.whl pjsua2_python-9.dist-info
"""
PRESENT = "#!/bin/sh\necho installed\n"


@dataclass(frozen=True)
class Recipe:
    """The recipe in a folder of its own; its compiler is a stub, and all packages are there."""

    folder: Path

    @property
    def tarball(self) -> Path:
        return self.folder / "pjproject-9.tar.gz"

    @property
    def builds(self) -> int:
        noted = self.folder / "images" / "pjsua2" / "builds"
        return len(noted.read_text().splitlines()) if noted.exists() else 0

    def run(self, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        places = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "SOFTPHONE_FLEET_CACHE": str(self.folder / "cache"),
            "PJPROJECT_TARBALL": str(self.tarball),
        }
        command = ["bash", str(self.folder / "images" / "pjsua2" / "wheel.sh"), *options]
        return subprocess.run(command, env={**os.environ, **places, **env}, capture_output=True, text=True, check=False)

    def know(self, checksum: str) -> None:
        with (self.folder / "images" / "pjsua2" / "known.sha256").open("a") as known:
            known.write(f"{checksum} 9 pjproject-9.tar.gz\n")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    shutil.copytree(REPOSITORY / "images", tmp_path / "images")
    (tmp_path / "images" / "pjsua2" / "build.sh").write_text(BUILD)
    (tmp_path / "bin").mkdir()
    for name in ("dpkg-query", "apt-get"):
        (tmp_path / "bin" / name).write_text(PRESENT)
        (tmp_path / "bin" / name).chmod(0o755)
    made = Recipe(tmp_path)
    made.tarball.write_bytes(b"pjproject")
    return made


def checksum(recipe: Recipe) -> str:
    return hashlib.sha256(recipe.tarball.read_bytes()).hexdigest()


def test_another_pjproject_is_built_and_told_each_time(recipe: Recipe) -> None:
    for options in ([], [], ["--unpacked"], ["--if-built"]):
        done = recipe.run(*options)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith(f"warning: pjproject-9.tar.gz (sha256 {checksum(recipe)}) is not ")
        assert Path(done.stdout.strip()).exists()
    assert recipe.builds == 1


def test_of_a_known_pjproject_nothing_is_said_and_it_is_not_built_anew(recipe: Recipe) -> None:
    recipe.run()
    recipe.know(checksum(recipe))
    done = recipe.run(PJPROJECT_KNOWN_ONLY="1")
    assert (done.returncode, done.stderr, recipe.builds) == (0, "", 1)


def test_another_pjproject_can_be_refused(recipe: Recipe) -> None:
    recipe.know("0" * 64)
    refused = recipe.run(PJPROJECT_KNOWN_ONLY="1")
    assert (refused.returncode, refused.stdout, recipe.builds) == (1, "", 0)
    assert checksum(recipe) in refused.stderr
    recipe.run()
    again = recipe.run(PJPROJECT_KNOWN_ONLY="1")
    assert (again.returncode, again.stdout, recipe.builds) == (1, "", 1)


def test_another_setuptools_makes_another_wheel(recipe: Recipe) -> None:
    recipe.run()
    with (recipe.folder / "images" / "build-requirements.txt").open("a") as pinned:
        pinned.write("# another\n")
    assert recipe.run("--if-built").stdout == ""
