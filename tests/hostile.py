"""Texts that try to be more than the value of a field, and every place where an object takes a text.

The places are found by walking the pydantic models: a new field is tried by itself.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Union

from pydantic import BaseModel

HOSTILE = {
    "header": "x\r\nEvil: 1",
    "line feed": "x\nEvil: 1",
    "carriage return": "x\rEvil",
    "end of message": "sip:a@b.test\r\n\r\nINVITE sip:victim@c.test SIP/2.0",
    "trailing line": "x\n",
    "NUL": "x\0y",
    "quote": 'x" y="z',
    "backslash": "x\\",
    "angle brackets": "x>;evil=<y",
    "parameter": "x;evil=1",
    "comma": "sip:a@b.test, <sip:victim@c.test>",
    "scope": "fe80::1%x>\r\nEvil: 1",
    "scope in brackets": "sip:a@[fe80::1%>;evil]",
    "attribute": "{index.__class__}",
    "globals": "sip:{0.__init__.__globals__}@b.test",
    "width": "sip:{index:099999999d}@b.test",
    "nested": "{index:{index}}",
    "single brace": "sip:{@b.test",
    "right to left": "x\u202egnp.exe",
    "line separator": "x\u2028Evil: 1",
    "letters": "sip:jos\u00e9\U0001f4de@b.test",
    "long": "x" * 100_000,
    "other namespace": "other/name",
    "up": "../other",
    "dotted": "name.other",
    "label": 'x"} 1\nsoftphone_registered{softphone="evil',
    "YAML": "x: [!!python/object/apply:os.system ['id']]",
    "path": "/etc/passwd",
    "password": "sip:anna:hidden-word@b.test",
}
"""What is tried, by what it aims at."""

KEY = "\0key"
"""In a path: the key of a mapping, instead of its value."""


class Place(NamedTuple):
    """Where a text stands: names of fields, 0 for the first of a list, and KEY, or any name for a mapping's value."""

    path: tuple[str | int, ...]

    def __str__(self) -> str:
        return ".".join(str(part).replace(KEY, "key") for part in self.path)


def places(model: type[BaseModel], path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Every place of a text in the JSON of a model."""
    for name, field in model.model_fields.items():
        yield from _of(field.annotation, (*path, field.alias or name))


def _of(annotation: Any, path: tuple[str | int, ...]) -> Iterator[Place]:
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from _of(inside[0], path)
    elif origin in (Union, types.UnionType):
        found = {place for part in inside for place in _of(part, path)}
        yield from sorted(found, key=str)
    elif origin is Literal or annotation is str:
        yield Place(path)
    elif origin in (tuple, list):
        yield from _of(inside[0], (*path, 0))
    elif origin in (dict, Mapping):
        yield Place((*path, KEY))
        yield from _of(inside[1], (*path, "cpu"))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from places(annotation, path)


def put(value: Any, path: tuple[str | int, ...], text: str) -> Any:
    """The value with this text at the place, which is made where it is not there."""
    if not path:
        return text
    first, rest = path[0], path[1:]
    if first == 0:
        present = list(value or [None])
        return [put(present[0], rest, text), *present[1:]]
    if first == KEY:
        return {**(value or {}), text: "1"}
    return {**(value or {}), first: put((value or {}).get(first), rest, text)}
