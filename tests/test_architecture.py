"""docs/architecture.md ends in a table of files: each that is there stands in it once, and none that is not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import PurePosixPath

from documents import REPOSITORY

PAGE = REPOSITORY / "docs" / "architecture.md"
HEADING = "## Which file does what"


@cache
def committed() -> tuple[PurePosixPath, ...]:
    """All files."""
    done = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return tuple(PurePosixPath(line) for line in done.stdout.splitlines())


def is_told_of(file: PurePosixPath) -> bool:
    """Whether it is a module, or another program of the tests, that needs a row."""
    mine = file.parts[0] in ("agent", "operator", "plugin", "monitoring", "tools", "tests")
    return mine and file.name != "__init__.py" and (file.suffix == ".py" or file.parent == PurePosixPath("tests"))


def rows(page: str) -> Iterator[PurePosixPath]:
    """The files and folders that the table names: … stands for the folder of the last whole path."""
    above = PurePosixPath()
    for cell in re.findall(r"^\| ([^|]*) \|", page.partition(HEADING)[2], re.MULTILINE)[1:]:
        folder = PurePosixPath()
        for name in cell.replace("`", "").split(", "):
            if name.startswith("…/"):
                path = above / name.removeprefix("…/")
            elif "/" in name:
                path = PurePosixPath(name)
                above = path.parent if path.suffix else path
            else:
                path = folder / name
            folder = path.parent
            yield path


def missing(page: str, files: tuple[PurePosixPath, ...]) -> list[PurePosixPath]:
    """Files without a row.

    A folder's row is enough for what lies in it, unless some of its modules have rows: then all need one but its tests.
    """
    named = list(rows(page))
    folders = {path for path in named if not path.suffix}
    divided = {path.parent for path in named if path.suffix and path.parent in folders}

    def is_there(file: PurePosixPath) -> bool:
        if any(fnmatch(str(file), str(path)) for path in named):
            return True
        is_test = file.name.startswith("test_") or file.name == "conftest.py"
        within = next((parent for parent in file.parents if parent in folders), None)
        return within is not None and (is_test or within not in divided)

    return [file for file in files if is_told_of(file) and not is_there(file)]


def test_every_module_stands_in_the_table() -> None:
    assert missing(PAGE.read_text(), committed()) == []


def test_the_table_names_nothing_that_is_not_there() -> None:
    there = {parent for file in committed() for parent in (file, *file.parents)}
    assert [path for path in rows(PAGE.read_text()) if "*" not in path.name and path not in there] == []


def test_nothing_stands_in_it_twice() -> None:
    named = list(rows(PAGE.read_text()))
    assert sorted({path for path in named if named.count(path) > 1}) == []


def test_a_module_without_a_row_is_seen() -> None:
    cells = ("file", "---", "tests/lab", "tests/drills", "…/seen.py, page.py", "tests/a.py")
    page = "\n".join([HEADING, *(f"| {cell} | |" for cell in cells)])
    files = ("lab/net.py", "drills/seen.py", "drills/page.py", "drills/test_page.py", "drills/new.py", "a.py", "b.py")
    paths = tuple(PurePosixPath("tests") / file for file in files)
    assert [path.name for path in missing(page, paths)] == ["new.py", "b.py"]
