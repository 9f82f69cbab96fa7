"""Small pieces that all pages have: a mood, a traffic light, a time, a link to an object. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from softphone_console.html.markup import Attributes, Child, Html, Path, element, path
from softphone_console.html.parts import Item, Part, part
from softphone_console.view.facts import Key
from softphone_console.view.lights import Light, Mood

SYMBOLS = {Mood.GOOD: "●", Mood.ATTENTION: "▲", Mood.BAD: "■", Mood.UNKNOWN: "○"}
"""Each mood has a shape of its own: a colour alone says nothing to many people."""
WORDS = {Mood.GOOD: "good", Mood.ATTENTION: "attention", Mood.BAD: "bad", Mood.UNKNOWN: "not known"}


def mood(of: Mood, words: str = "") -> Html:
    """A mood as a shape, with a word for those who hear the page."""
    shape = element("span", {"class": f"mood {of.value}", "aria-hidden": "true"}, SYMBOLS[of])
    return element("span", None, shape, hidden(words or WORDS[of]))


def hidden(words: str) -> Html:
    """For those who hear the page; it is not seen."""
    return element("span", {"class": "heard"}, words, " ")


def light(of: Light) -> Html:
    """A traffic light: its shape, what it is about, and why."""
    why = element("span", {"class": "why"}, of.words)
    about = element("span", {"class": "about"}, of.about)
    return element("li", {"class": f"light {of.mood.value}"}, mood(of.mood), about, " ", why)


def lights(of: Sequence[Light]) -> Html:
    """Several."""
    return element("ul", {"class": "lights"}, [light(one) for one in of])


def when(time: datetime | None) -> Child:
    """A time; the script adds how long ago that is."""
    if time is None:
        return None
    return element("time", {"datetime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}, f"{time:%Y-%m-%d %H:%M:%S} UTC")


def link(to: Path, *words: Child) -> Html:
    """A link inside the console."""
    return element("a", {"href": to}, *words)


def name(text: str) -> Html:
    """A name that others gave: its direction of writing is its own."""
    return element("bdi", None, text)


def phone_path(key: Key) -> Path:
    """Where the page of a Softphone is, or of a fleet's phone."""
    return path("phones", key.namespace, key.name)


def pbx_path(key: Key) -> Path:
    """Where the page of a PBX is."""
    return path("pbxs", key.namespace, key.name)


def system_path(key: Key) -> Path:
    """Where the page of a system is."""
    return path("systems", key.namespace, key.name)


def search(asked: str) -> Path:
    """The table of phones with a filter."""
    return path("phones", query={"q": asked})


def quoted(field: str, value: str) -> str:
    """A word of the filter for a field; empty where the value has blanks, which no word can hold."""
    return "" if any(c.isspace() for c in value) else f"{field}:{value}"


def wide(inside: Html, named: Attributes) -> Html:
    """What may be wider than the screen: it is scrolled by itself, also by keys."""
    return element("div", {"class": "wide", "tabindex": "0", "role": "region", **named}, inside)


def table(
    identifier: str, title: Child, columns: Sequence[Child], rows: Sequence[Item], *, note: Child = None, empty: str
) -> Part:
    """A table under a heading, or a sentence where it has no rows."""

    def make(inside: Html) -> Html:
        head = element("tr", None, [element("th", {"scope": "col"}, one) for one in columns])
        body = [element("thead", None, head), element("tbody", None, inside)]
        of = element("table", {"aria-labelledby": f"{identifier}-title"}, body)
        shown = (
            wide(of, {"aria-labelledby": f"{identifier}-title"}) if rows else element("p", {"class": "empty"}, empty)
        )
        heading = element("h2", {"id": f"{identifier}-title"}, title)
        return element("section", {"id": identifier}, heading, note, shown)

    return part(identifier, make, rows)


def row(identifier: str, of: Mood, first: Child, *cells: tuple[str, Child]) -> Item:
    """A row of a table: its heading with the mood, then cells with the names of their columns, for narrow screens."""
    heading = element("th", {"scope": "row"}, mood(of), first)
    rest = [element("td", {"data-of": column}, inside) for column, inside in cells]
    return Item(identifier, element("tr", {"id": identifier, "class": of.value}, heading, rest))
