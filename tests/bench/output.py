"""Shows what a part measured, and keeps it where that is asked for."""

from __future__ import annotations

from rich.console import Console

from bench import page
from bench.figures import Part


def show(name: str, part: Part, *, write: bool) -> None:
    """As the tables of the page."""
    console = Console(highlight=False)
    for table in page.tables(part):
        console.print(table.rich())
    if write:
        part.write(name)
