"""Makes markup: elements, attributes and texts. Whatever a text is, it stays a text. Pure.

Nothing else in the console writes a `<`. Elements and attributes are named by the code, texts and values of attributes
may be anybody's: they are escaped, and characters that a reader would not see (control characters, and those that
change the direction of what follows) are shown as their escapes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import NewType
from urllib.parse import quote, urlencode

Html = NewType("Html", str)
"""Markup that is safe to show. Only this module makes it."""

Child = Html | str | None | Iterable["Child"]
"""What may be inside: markup, a text, nothing, or several of them."""

Attributes = Mapping[str, str | float | None]
"""Names and values; numbers are written short."""

Path = NewType("Path", str)
"""The address of a page or a file of the console, with its query."""

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*\Z")
_ADDRESSES = frozenset({"href", "src", "action", "formaction", "xlink:href"})
_FORBIDDEN = frozenset({"style", "iframe", "object", "embed", "base"})


class _Markup(str):
    """How Html is told from a text at run time."""

    __slots__ = ()


def visible(text: str) -> str:
    """A text without characters that are not to be seen: they are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def element(name: str, attributes: Attributes | None = None, *children: Child) -> Html:
    """An element. An attribute that is None is left out.

    Raises ValueError where the code asks for what the console never shows: scripts and styles inside the page, and
    addresses that no function here has made.
    """
    bare = name in _VOID
    if not _NAME.match(name) or name in _FORBIDDEN:
        raise ValueError(f"no element: {name}")
    said = "".join(_attribute(key, value) for key, value in (attributes or {}).items() if value is not None)
    inside = "".join(_texts(children))
    if name == "script" and (inside or "src=" not in said):
        raise ValueError("a script is a file of its own")
    return Html(_Markup(f"<{name}{said}>" if bare else f"<{name}{said}>{inside}</{name}>"))


def together(*children: Child) -> Html:
    """Several one after the other."""
    return Html(_Markup("".join(_texts(children))))


def document(head: Child, body: Html) -> str:
    """A whole page."""
    return f"<!doctype html>\n{element('html', {'lang': 'en'}, element('head', None, head), body)}\n"


def path(*segments: str, query: dict[str, str] | None = None) -> Path:
    """The address of a page: each segment is one, whatever is in it."""
    asked = {key: value for key, value in (query or {}).items() if value}
    of = "/" + "/".join(_segment(one) for one in segments)
    return Path(_Address(of + (f"?{urlencode(asked)}" if asked else "")))


def anchor(identifier: str) -> Path:
    """The address of a place in the same page."""
    return Path(_Address(f"#{quote(identifier)}"))


class _Address(str):
    """How Path is told from a text at run time."""

    __slots__ = ()


def _segment(text: str) -> str:
    # A browser takes . and .. for steps in the path, also where they are quoted, and drops nothing of an empty one.
    return quote(f"~{text}" if not text.strip(".") or text.startswith("~") else text, safe="~")


def of_segment(text: str) -> str:
    """The text that a segment of an address stands for, once it is unquoted."""
    return text.removeprefix("~")


def _attribute(name: str, value: str | float) -> str:
    if not re.match(r"[a-zA-Z][a-zA-Z0-9:-]*\Z", name) or name.lower().startswith("on") or name == "style":
        raise ValueError(f"no attribute: {name}")
    if name in _ADDRESSES and not isinstance(value, _Address):
        raise ValueError(f"{name}: no address of path() or anchor()")
    said = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(visible(said))}"'


def _texts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, _Markup):
            yield child
        elif isinstance(child, str):
            yield html.escape(visible(child), quote=False)
        elif child is not None:
            yield from _texts(child)
