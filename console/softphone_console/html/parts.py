"""A page in parts, and what changed between two renderings of it. Pure.

A part with items is sent item by item where the same items are there in the same order, and else as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from softphone_console.html.markup import Html, together


class Item(NamedTuple):
    """An element inside a part, such as a row, with an id of its own."""

    id: str
    html: Html


class Part(NamedTuple):
    """An element of the page with an id. `frame` is the same without its items."""

    id: str
    html: Html
    frame: Html
    items: tuple[Item, ...] = ()


def part(identifier: str, make: Callable[[Html], Html], items: Sequence[Item] = ()) -> Part:
    """A part that `make` makes around its items."""
    inside = together(*(item.html for item in items))
    html = make(inside)
    return Part(identifier, html, make(together()) if items else html, tuple(items))


@dataclass(frozen=True)
class Page:
    """What is inside a page's `main`. `active`: which entry of the navigation it belongs to."""

    title: str
    parts: tuple[Part, ...]
    active: str = ""

    @cached_property
    def html(self) -> Html:
        """All of it."""
        return together(*(part.html for part in self.parts))

    @cached_property
    def digest(self) -> str:
        """The same for the same contents."""
        return hashlib.sha256(self.html.encode()).hexdigest()[:16]


class Changes(NamedTuple):
    """What makes one rendering of a page into another: the whole `main`, or elements by their ids."""

    digest: str
    main: str | None
    elements: tuple[Item, ...] = ()


def whole(page: Page) -> Changes:
    """For who has another page, or one of unknown age."""
    return Changes(page.digest, page.html)


def changes(before: Page, after: Page) -> Changes | None:
    """What changed; None where nothing did."""
    if before.digest == after.digest:
        return None
    if [one.id for one in before.parts] != [one.id for one in after.parts]:
        return whole(after)
    found: list[Item] = []
    for old, new in zip(before.parts, after.parts, strict=True):
        same = old.frame == new.frame and [item.id for item in old.items] == [item.id for item in new.items]
        if same:
            found += [item for was, item in zip(old.items, new.items, strict=True) if was != item]
        elif old != new:
            found.append(Item(new.id, new.html))
    return Changes(after.digest, None, tuple(found))
