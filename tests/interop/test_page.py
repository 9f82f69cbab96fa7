"""docs/interop.md is what the tests saw, all of them and no others."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from interop.page import PAGE, page
from interop.seen import WRITE, Row, rows

HERE = Path(__file__).parent
ROW = Row(
    test="test_x.py::test_it_rings",
    part="",
    maker="Maker",
    versions={"Maker": "1.2"},
    tried="a call",
    set_there="ringing",
    result="it rings",
    date=date(2026, 11, 29),
)


def test_the_page_is_made_of_what_was_seen() -> None:
    assert PAGE.read_text() == page(rows()), "make generate"


def test_each_test_that_notes_something_has_its_row_and_each_row_its_test() -> None:
    noting = {
        f"{file.name}::{name}"
        for file in HERE.glob("test_*.py")
        for name, arguments in re.findall(r"^async def (test_\w+)\(([^)]*)\)", file.read_text(), re.MULTILINE)
        if "note: Note" in arguments
    }
    assert noting == {row.test for row in rows()}, "make interop"


def test_a_row_is_a_line_of_its_maker() -> None:
    lines = page([ROW]).splitlines()
    at = lines.index("## Maker")
    assert lines[at + 2] == "Tried with Maker 1.2."
    assert lines[at + 6] == "| a call | ringing | it rings | 2026-11-29 | `test_x.py` |"
    busy = page([ROW.model_copy(update={"busy": True})])
    assert busy.splitlines()[at + 6] == r"| a call | ringing | it rings | 2026-11-29 \* | `test_x.py` |"


def test_a_row_is_written_only_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WRITE, raising=False)
    ROW.write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(WRITE, "1")
    ROW.write(tmp_path)
    assert list(rows(tmp_path)) == [ROW]
