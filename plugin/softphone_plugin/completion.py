"""What may stand next on the command line: for kubectl, which asks `kubectl_complete-softphone`. Pure.

kubectl gives the words so far, the last of which may be empty, and reads a completion a line and then a directive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NO_FILES, FILES = ":4", ":0"
"""kubectl's directives: whether the shell may offer files as well."""
TAKE_FILES = {"lint", "conninfo", "csv"}


def complete(command: Any, words: Sequence[str]) -> list[str]:
    """The lines that kubectl is to get. `command` is the command line as a tree of groups and commands."""
    *before, last = words or [""]
    path = ""
    for word in before:
        inner = getattr(command, "commands", {}).get(word)
        if inner is not None:
            command, path = inner, word
    offered = {name: found.get_short_help_str() for name, found in getattr(command, "commands", {}).items()}
    if last.startswith("-"):
        offered = {
            name: option.help or ""
            for option in command.params
            if hasattr(option, "help")
            for name in option.opts
            if name.startswith("--")
        }
    found = [f"{name}\t{words}".rstrip("\t") for name, words in offered.items() if name.startswith(last)]
    return [*found, FILES if path in TAKE_FILES and not last.startswith("-") else NO_FILES]
