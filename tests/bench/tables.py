"""A table, for a page and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """Its columns of words stand left, those of figures right."""

    title: str
    about: str
    words: Sequence[str]
    figures: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> Iterator[str]:
        """Its lines."""
        yield f"| {' | '.join([*self.words, *self.figures])} |"
        yield f"|{'---|' * len(self.words)}{'--:|' * len(self.figures)}"
        yield from (f"| {' | '.join(row)} |" for row in self.rows)

    def rich(self) -> RichTable:
        """To be printed."""
        made = RichTable(title=f"{self.title}. {self.about}", title_justify="left", box=box.SIMPLE_HEAD)
        for name in self.words:
            made.add_column(name)
        for name in self.figures:
            made.add_column(name, justify="right")
        for row in self.rows:
            made.add_row(*row)
        return made
