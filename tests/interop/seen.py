"""What the tests saw at PBXes of other makers: a row for each, as a file in seen/. `page.py` makes a page of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "seen"
WRITE = "INTEROP_WRITE"
"""Set in the environment by `make interop`: rows are written. `make test` only looks whether all of it still holds."""


class Row(BaseModel):
    """One thing that was tried, and held."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    test: str = Field(pattern=r"^test_\w+\.py::test_\w+$", description="The test that saw it.")
    part: str = Field(pattern=r"^[a-z0-9-]*$", description="Where a test writes several rows: which.")
    maker: str
    versions: dict[str, str] = Field(description="By the program's name.")
    tried: str
    set_there: str = Field(default="", description="What one must, or may, set at that PBX; empty: nothing.")
    result: str
    date: date
    busy: bool = Field(default=False, description="Whether other work ran on the machine: BUSY=1 says so.")

    @property
    def file(self) -> str:
        """The name of its file."""
        module, _, test = self.test.partition("::")
        return "-".join([module.removesuffix(".py"), test.removeprefix("test_"), *([self.part] if self.part else [])])

    def write(self, folder: Path = FOLDER) -> None:
        """Renew the file of this row, where that is asked for."""
        if os.environ.get(WRITE):
            (folder / f"{self.file}.json").write_text(self.model_dump_json(indent=2, exclude_defaults=True) + "\n")


def today() -> date:
    """The date, in UTC."""
    return datetime.now(UTC).date()


def rows(folder: Path = FOLDER) -> Iterator[Row]:
    """All rows, in the order of their files."""
    for file in sorted(folder.glob("*.json"), key=lambda file: file.stem):
        yield Row.model_validate_json(file.read_text())
