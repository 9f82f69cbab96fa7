"""What may stand next on the command line: for kubectl, which asks `kubectl_complete-softphone`. Pure.

kubectl gives the words so far, the last of which may be empty, and reads a completion a line and then a directive.
What only a cluster knows is named here, and asked for elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from softphone_plugin.phones import Object

NO_FILES, FILES = ":4", ":0"
"""kubectl's directives: whether the shell may offer files as well."""
TAKE_FILES = {"file", "files", "kubeconfig", "password_file"}
Sought = Literal["pbx", "phone", "object", "rehearsal", "namespace", "context"]
SOUGHT: dict[tuple[str, str], Sought] = {
    ("argument", "name"): "phone",
    ("argument", "caller"): "phone",
    ("argument", "callee"): "phone",
    ("argument", "owner"): "object",
    ("argument", "pbx"): "pbx",
    ("argument", "rehearsal"): "rehearsal",
    ("option", "pbx"): "pbx",
    ("option", "namespace"): "namespace",
    ("option", "context"): "context",
}
"""What of a cluster an argument or option takes."""
MOST_OF_A_FLEET = 100
"""So many phones of a fleet are offered."""


@dataclass(frozen=True)
class Next:
    """What may come next: `offered` with a word on each, or what of a cluster is `sought`."""

    last: str
    """The word as far as it is typed."""
    offered: dict[str, str] = field(default_factory=dict)
    sought: Sought | None = None
    given: dict[str, str] = field(default_factory=dict)
    """The options that stand before it, by their parameters' names, with their values."""
    files: bool = False

    def lines(self, more: Iterable[str] = ()) -> list[str]:
        """The lines that kubectl is to get. `more` is what the cluster has of what is sought."""
        found = {**self.offered, **dict.fromkeys(more, "")}
        lines = [f"{name}\t{words}".rstrip("\t") for name, words in found.items() if name.startswith(self.last)]
        return [*lines, FILES if self.files else NO_FILES]


def what_next(command: Any, words: Sequence[str]) -> Next:
    """What may stand for the last word. `command` is the command line as a tree of groups and commands."""
    *before, last = words or [""]
    given: dict[str, str] = {}
    pending, arguments = None, 0
    for word in before:
        if pending is not None:
            given[pending.name], pending = word, None
        elif word.startswith("-") and len(word) > 1:
            name, equals, value = word.partition("=")
            option = _option(command, name)
            if option is not None and equals:
                given[option.name] = value
            elif option is not None and option.is_flag:
                given[option.name] = ""
            else:
                pending = option
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
        else:
            arguments += 1
    name, equals, value = last.partition("=")
    if pending is not None:
        return _value(pending, last, given)
    if last.startswith("-") and equals:
        option = _option(command, name)
        return _value(option, value, given) if option is not None else Next(last)
    if last.startswith("-"):
        return Next(last, dict(_long_options(command)))
    if commands := getattr(command, "commands", {}):
        return Next(last, {name: found.get_short_help_str() for name, found in commands.items()})
    takes = [param for param in command.params if param.param_type_name == "argument"]
    if takes and (arguments < len(takes) or takes[-1].nargs < 0):
        return _value(takes[min(arguments, len(takes) - 1)], last, given)
    return Next(last)


def _option(command: Any, name: str) -> Any:
    return next((param for param in command.params if name in (*param.opts, *param.secondary_opts)), None)


def _long_options(command: Any) -> Iterator[tuple[str, str]]:
    for param in command.params:
        if param.param_type_name == "option":
            yield from ((name, param.help or "") for name in param.opts if name.startswith("--"))


def _value(param: Any, last: str, given: dict[str, str]) -> Next:
    """The values that an argument or option may have."""
    if param.name in TAKE_FILES:
        return Next(last, given=given, files=True)
    kind = param.type_descriptor.annotation
    values = [str(one.value) for one in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []
    return Next(last, dict.fromkeys(values, ""), SOUGHT.get((param.param_type_name, param.name)), given)


def phones_of(fleet: Object, last: str) -> Iterator[str]:
    """The phones of a fleet, as they are named on the command line, that begin as far as is typed."""
    spec = fleet.get("spec") or {}
    first, count = spec.get("firstIndex", 0), spec.get("replicas", 1)
    if not isinstance(first, int) or not isinstance(count, int):
        return  # the fleet is refused
    found = 0
    for index in range(first, first + count):
        name = f"{fleet['metadata']['name']}-{index}"
        if name.startswith(last):
            yield name
            found += 1
            if found == MOST_OF_A_FLEET:
                return
