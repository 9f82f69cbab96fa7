"""Reads the files that a command is given."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from softphone_plugin.errors import NOT_FOUND, USAGE, PluginError

SUFFIXES = (".yaml", ".yml", ".json")


def read_all(names: Iterable[str]) -> list[tuple[str, str]]:
    """Name and text of files, and of all manifests below folders. Raises PluginError."""
    return [(name, read(name)) for given in names for name in _files(given)]


def read(name: str) -> str:
    """The text of a file, or of standard input for `-`. Raises PluginError."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise PluginError(f"{name}: {error.strerror}", NOT_FOUND) from None
    except UnicodeDecodeError:
        raise PluginError(f"{name}: is not UTF-8", NOT_FOUND) from None


def _files(given: str) -> Iterator[str]:
    folder = Path(given)
    if given == "-" or not folder.is_dir():
        yield given
        return
    found = sorted(str(path) for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if not found:
        raise PluginError(f"there is no manifest in {given}: no file of it ends in {', '.join(SUFFIXES)}", USAGE)
    yield from found
