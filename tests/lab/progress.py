"""Every long step is shown with its elapsed time: live on a terminal, in plain lines elsewhere, a total at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


class Progress:
    """Shows steps; use it as a context manager around all of them."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.taken: list[tuple[str, float]] = []
        self._began = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        verdict = "done" if kind is None else "failed"
        self.console.print(f"[bold]{verdict}[/bold] in {time.monotonic() - self._began:.1f} s")

    @contextmanager
    def step(self, name: str, expect: str = "") -> Iterator[None]:
        """Runs the block as one step; `expect` says beforehand how long it may take."""
        began = time.monotonic()
        hint = f" ({expect})" if expect else ""
        try:
            if self.console.is_terminal:
                columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
                with Bars(*columns, console=self.console, transient=True) as bars:
                    bars.add_task(name + hint)
                    yield
            else:
                if expect:
                    self.console.print(f"  ..  {name}{hint}")
                yield
        except BaseException:
            self._line("[red]fail[/red]", name, began)
            raise
        self.taken.append((name, time.monotonic() - began))
        self._line("[green] ok [/green]", name, began)

    def _line(self, mark: str, name: str, began: float) -> None:
        self.console.print(f" {mark} {name:<58} {time.monotonic() - began:7.1f} s")
