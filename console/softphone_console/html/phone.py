"""The page of one phone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from softphone_console.html import timeline, ways, words
from softphone_console.html.markup import Child, Html, element
from softphone_console.html.parts import Page, Part, part
from softphone_console.view.facts import Key
from softphone_console.view.phone import Fact, PhonePage
from softphone_console.view.timeline import Entry


def page(of: PhonePage, entries: Sequence[Entry], now: datetime, span: str, note: str) -> Page:
    """The page. `note`: why its agent's memory is not among the entries; empty where it is."""
    key = of.phone.key
    parts = (
        _head(of),
        ways.drawn(key.name, of.lines),
        _facts(of),
        part("span", lambda _: element("section", {"id": "span"}, timeline.spans(span, "phones", *key))),
        *timeline.parts_of(entries, now, span, of_one=True),
        *([_note(note)] if note else []),
    )
    return Page(key.name, parts, "phones")


def _head(of: PhonePage) -> Part:
    def make(_: Html) -> Html:
        key = of.phone.key
        where = element("span", {"class": "namespace"}, key.namespace)
        heading = element("h1", None, words.mood(of.mood), words.name(key.name), " ", where)
        since = [" Since ", words.when(of.phone.since), "."] if of.phone.since else None
        return element("section", {"id": "head"}, heading, element("p", {"class": "headline"}, of.headline, since))

    return part("head", make)


def _facts(of: PhonePage) -> Part:
    def make(_: Html) -> Html:
        lines = [[element("dt", None, fact.name), element("dd", None, _fact(of.phone.key, fact))] for fact in of.facts]
        return element("section", {"id": "facts"}, element("h2", None, "What is known"), element("dl", None, lines))

    return part("facts", make)


def _fact(key: Key, fact: Fact) -> Child:
    shown = words.name(fact.words)
    linked = words.link(words.pbx_path(Key(key.namespace, fact.pbx)), shown) if fact.pbx else shown
    return [linked, " since ", words.when(fact.since)] if fact.since else linked


def _note(note: str) -> Part:
    return part("note", lambda _: element("p", {"id": "note", "class": "notes"}, note))
