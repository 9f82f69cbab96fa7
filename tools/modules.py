"""docs/modules.md: every module with its job, room by room, from the docstrings. `python -m modules` writes it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from documents import REPOSITORY

PAGE = REPOSITORY / "docs" / "modules.md"
PROGRAMS = {
    "agent/softphone_agent": "The agent",
    "operator/softphone_operator": "The operator",
    "plugin/softphone_plugin": "The plugin",
    "console/softphone_console": "The console",
    "monitoring/softphone_monitoring": "Rules and dashboards",
    "tools": "What makes pages, pictures, bills of materials and releases",
    "tests": "Tests, lab, drills and benches",
}


def committed() -> list[PurePosixPath]:
    """All files that git knows."""
    done = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [PurePosixPath(line) for line in done.stdout.splitlines() if (REPOSITORY / line).is_file()]


def job(file: Path) -> str:
    """The first sentence or two of a module's docstring: its first paragraph, in one line."""
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


def is_listed(file: PurePosixPath) -> bool:
    """Whether a file is a module with a job of its own; tests say in their names what they are about."""
    is_test = file.name.startswith("test_") or file.name == "conftest.py"
    return file.suffix == ".py" and file.name != "__init__.py" and not is_test and "data" not in file.parts


def rooms(files: Iterable[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    """The listed modules by their folder, program by program."""
    listed = [file for file in files if is_listed(file)]
    found: dict[str, list[PurePosixPath]] = {}
    for program in PROGRAMS:
        for file in sorted(file for file in listed if file.is_relative_to(program)):
            found.setdefault(str(file.parent), []).append(file)
    return found


def lines(files: Iterable[PurePosixPath]) -> Iterator[str]:
    """The page."""
    yield "# Every module and its job"
    yield ""
    yield "<!-- Made from the modules' docstrings by `make generate`. Do not edit. -->"
    yield ""
    yield "Which room may import which, and the ways of data through them: [Architecture](architecture.md)."
    program = ""
    for room, modules in rooms(files).items():
        above = next(name for name in PROGRAMS if PurePosixPath(room).is_relative_to(name))
        if above != program:
            program = above
            yield from ("", f"## {PROGRAMS[program]}")
        package = REPOSITORY / room / "__init__.py"
        about = job(package) if package.is_file() else ""
        yield from ("", f"### {room}", "")
        if about:
            yield from (about, "")
        yield from ("| module | job |", "|---|---|")
        for module in modules:
            yield f"| `{module.name}` | {job(REPOSITORY / module)} |"


def page() -> str:
    """The whole page as it should be."""
    return "\n".join(lines(committed())) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
