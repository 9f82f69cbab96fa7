"""The versions that we pin run on Debian 12, whose Python is older than most developers'."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from documents import REPOSITORY

DEBIAN_12 = "3.11.2"


def pinned() -> dict[str, Distribution]:
    """What constraints.txt pins and is installed, by its line."""
    lines = [line for line in (REPOSITORY / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    wanted = {normalised(Requirement(line).name): line for line in lines}
    found = {normalised(each.metadata["Name"]): each for each in distributions()}
    return {line: found[name] for name, line in wanted.items() if name in found}


def normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_all_of_them_admit_the_python_of_debian_12() -> None:
    asked = {line: each.metadata["Requires-Python"] for line, each in pinned().items()}
    assert len(asked) > 50
    assert {line: text for line, text in asked.items() if text and DEBIAN_12 not in SpecifierSet(text)} == {}


def test_what_is_installed_is_what_is_pinned() -> None:
    other = {line: each.version for line, each in pinned().items() if each.version not in Requirement(line).specifier}
    assert other == {}, "run make venv"
