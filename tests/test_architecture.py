"""The rooms: every module says its job, no file is too long, and the pages tell of the tree that is there."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

import modules
from documents import REPOSITORY

ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
LONGEST = 400
IN_ROOMS = ("softphone_agent", "softphone_operator", "softphone_console")
TABLES = {"monitoring/softphone_monitoring/rules.py": "the alerts"}
"""Longer files that are a table, and of what."""


def test_the_page_of_modules_is_fresh() -> None:
    assert modules.PAGE.read_text() == modules.page(), "run make generate"


@pytest.mark.parametrize("room", modules.rooms(modules.committed()))
def test_every_module_says_its_job(room: str) -> None:
    unsaid = [file.name for file in modules.rooms(modules.committed())[room] if not modules.job(REPOSITORY / file)]
    assert unsaid == []


def test_no_file_of_the_programs_is_longer_than_one_reads() -> None:
    programs = ("agent", "operator", "plugin", "console", "monitoring", "tools")
    long = {
        str(file): count
        for file in modules.committed()
        if file.suffix == ".py" and file.parts[0] in programs and str(file) not in TABLES
        if (count := len((REPOSITORY / file).read_text().splitlines())) > LONGEST
    }
    assert long == {}


def test_the_rooms_that_the_page_draws_are_those_that_are_there() -> None:
    told = set(re.findall(r"^\| `([a-z]+)/` \|", ARCHITECTURE.read_text(), re.MULTILINE))
    there = {
        file.parts[2]
        for file in modules.committed()
        if len(file.parts) == 4 and file.parts[1] in IN_ROOMS and file.suffix == ".py"
    }
    assert told == there


def test_a_new_module_is_seen() -> None:
    paths = ("tools/a.py", "tools/test_a.py", "tests/lab/b.py", "tests/e2e/conftest.py")
    files = [PurePosixPath(path) for path in paths]
    assert modules.rooms(files) == {"tools": [files[0]], "tests/lab": [files[2]]}
