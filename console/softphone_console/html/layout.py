"""The whole document: navigation, what is shown, what is wrong with what is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from softphone_console.html.markup import Child, Html, Path, anchor, document, element, path
from softphone_console.html.parts import Page, part

PAGES: Sequence[tuple[str, str, Path]] = (
    ("overview", "Overview", path()),
    ("phones", "Phones", path("phones")),
    ("timeline", "Timeline", path("timeline")),
    ("calls", "Calls", path("calls")),
    ("rehearsals", "Rehearsals", path("rehearsals")),
)
"""The navigation: the keys 1 to 5 lead there."""


class Files(NamedTuple):
    """Where the files are that a page needs."""

    script: Path
    style: Path
    icon: Path


def whole(page: Page, files: Files, version: str) -> str:
    """The document of a page."""
    title = f"{page.title} · softphone-fleet"
    head: list[Child] = [
        element("meta", {"charset": "utf-8"}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", None, title),
        element("link", {"rel": "icon", "href": files.icon, "type": "image/svg+xml"}),
        element("link", {"rel": "stylesheet", "href": files.style}),
        element("script", {"src": files.script}),
    ]
    body = element(
        "body",
        None,
        element("a", {"href": anchor("main"), "class": "skip"}, "To the contents"),
        element("header", None, _navigation(page.active), _switches()),
        element("main", {"id": "main", "tabindex": "-1", "data-digest": page.digest}, page.html),
        element("footer", None, f"softphone-fleet {version}. This page changes nothing."),
        _keys(),
    )
    return document(head, body)


def _navigation(active: str) -> Html:
    entries = [
        element(
            "li",
            None,
            element("a", {"href": to, "aria-current": "page" if name == active else None}, title),
        )
        for name, title, to in PAGES
    ]
    brand = element("span", {"class": "brand"}, "softphone-fleet")
    return element("nav", {"aria-label": "pages"}, brand, element("ul", None, entries))


def _switches() -> Html:
    return element(
        "div",
        {"class": "switches"},
        element("span", {"id": "live", "role": "status", "class": "live"}, "not live"),
        element("button", {"type": "button", "id": "theme", "hidden": ""}, "dark"),
        element("button", {"type": "button", "id": "help", "hidden": ""}, "keys"),
    )


KEYS: Mapping[str, str] = {
    "/": "to the filter",
    "1 2 3 4 5": "overview, phones, timeline, calls, rehearsals",
    "j k": "to the next, the previous link of a table or card",
    "Enter": "open it",
    "t": "light or dark",
    "?": "this list",
    "Esc": "close it, or leave the filter",
}


def _keys() -> Html:
    lines = [[element("dt", None, element("kbd", None, key)), element("dd", None, to)] for key, to in KEYS.items()]
    switch = element(
        "label",
        None,
        element("input", {"type": "checkbox", "id": "single-keys", "checked": ""}),
        " single keys work",
    )
    close = element("button", {"type": "button", "id": "close-keys"}, "close")
    heading = element("h2", {"id": "keys-title"}, "Keys")
    return element(
        "dialog", {"id": "keys", "aria-labelledby": "keys-title"}, heading, element("dl", None, lines), switch, close
    )


def fault(title: str, words_: str) -> Page:
    """A page that says why there is none."""

    def make(_: Html) -> Html:
        return element("section", {"id": "fault"}, element("h1", None, title), element("p", None, words_))

    return Page(title, (part("fault", make),))


def with_problems(page: Page, problems: Mapping[str, str], as_of: Child) -> Page:
    """A page, under what cannot be seen, if anything."""
    if not problems and as_of is None:
        return page

    def make(_: Html) -> Html:
        said = [element("li", None, f"{about}: {why}") for about, why in sorted(problems.items())]
        old = element("li", None, "The API server does not answer. What is shown is from ", as_of, ".")
        inside = [old if as_of is not None else None, *said]
        return element("section", {"id": "problems", "role": "alert"}, element("ul", None, inside))

    return Page(page.title, (part("problems", make), *page.parts), page.active)
