"""Reads the files that a command is given."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from softphone_agent.contract.yaml_text import YamlFault, text_of
from softphone_plugin.errors import NO, NOT_FOUND, USAGE, PluginError

SUFFIXES = (".yaml", ".yml", ".json")


def read_all(names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Name and content of files, and of all manifests below folders. Raises PluginError."""
    return [(name, content(name)) for given in names for name in _files(given)]


def content(name: str) -> bytes:
    """What a file holds, or what comes on standard input for `-`. Raises PluginError."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise PluginError(f"{name}: {getattr(error, 'strerror', None) or error}", NOT_FOUND) from None


def read(name: str) -> str:
    """The text of a file, or of standard input for `-`. Raises PluginError."""
    try:
        return text_of(content(name))
    except YamlFault as fault:
        raise PluginError(f"{name}:{fault.line}:{fault.column}: {fault.message}", NO) from None


def _files(given: str) -> Iterator[str]:
    folder = Path(given)
    if given == "-" or not folder.is_dir():
        yield given
        return
    found = sorted(str(path) for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if not found:
        raise PluginError(f"there is no manifest in {given}: no file of it ends in {', '.join(SUFFIXES)}", USAGE)
    yield from found
