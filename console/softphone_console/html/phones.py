"""The table of phones, with its filter, and that of fleets and pools. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from softphone_console.html import words
from softphone_console.html.markup import Child, Html, element, path, together
from softphone_console.html.parts import Item, Page, Part, part
from softphone_console.view import phones
from softphone_console.view.phones import FleetRow, Row

COLUMNS = {"name": "name", "state": "state", "pbx": "PBX", "role": "role", "site": "site", "redundant": "redundant"}
SINCE = "since"


def page(of: phones.Page, fleets: Sequence[FleetRow], asked: str, order: str) -> Page:
    """The page. `asked`: the filter, `order`: one of phones.ORDERS."""
    parts = [_filter(of, asked, order)]
    if fleets and not asked:
        parts.append(fleets_table(fleets))
    shown = f"{of.found} of {of.total} Softphones" if asked else f"{of.total} Softphones"
    parts.append(softphones("softphones", shown, of.rows, asked, order, _turning(of, asked, order)))
    return Page("Phones", tuple(parts), "phones")


def _filter(of: phones.Page, asked: str, order: str) -> Part:
    def make(_: Html) -> Html:
        fields = ", ".join(f"{name}:" for name in phones.FIELDS)
        help_ = element(
            "p",
            {"class": "hint", "id": "filter-help"},
            f"Words that name, AOR, state, PBX or site hold; or a field and what it must be: {fields} "
            "such as pbx:slave role:standby, or is:bad.",
        )
        box = element(
            "input",
            {
                "type": "search",
                "name": "q",
                "id": "filter",
                "value": asked,
                "aria-describedby": "filter-help",
                "autocomplete": "off",
                "spellcheck": "false",
                "maxlength": 200,
            },
        )
        kept = element("input", {"type": "hidden", "name": "order", "value": order}) if order != "name" else None
        label = element("label", {"for": "filter"}, "Filter")
        button = element("button", {"type": "submit"}, "Show")
        form = element("form", {"action": path("phones"), "role": "search"}, label, box, kept, button)
        return element("section", {"id": "filtering"}, element("h1", None, "Phones"), form, help_)

    return part("filtering", make)


def fleets_table(fleets: Sequence[FleetRow], title: str = "Fleets and pools") -> Part:
    """The table of fleets and pools."""
    columns = ("name", "kind", "state", "phones", "registered", "on standby", "agents", "redundant")
    return words.table("fleets", title, columns, [_fleet(one) for one in fleets], empty="There are none.")


def _fleet(of: FleetRow) -> Item:
    kind = "pool" if of.pool else "fleet"
    return words.row(
        f"{kind}/{of.key.namespace}/{of.key.name}",
        of.mood,
        _named(of.key.namespace, words.link(path(f"{kind}s", *of.key), words.name(of.key.name))),
        ("kind", kind),
        ("state", _state(of.state, of.message)),
        ("phones", str(of.sum.phones)),
        ("registered", str(of.sum.registered)),
        ("on standby", str(of.sum.standby)),
        ("agents", of.agents),
        ("redundant", of.redundant),
    )


def softphones(
    identifier: str, title: str, rows: Sequence[Row], asked: str = "", order: str = "", note: Child = None
) -> Part:
    """A table of phones; its columns lead to other orders where it has one."""
    columns = [_column(name, shown, asked, order) for name, shown in (*COLUMNS.items(), (SINCE, SINCE))]
    items = [_phone(one) for one in rows]
    return words.table(identifier, title, columns, items, note=note, empty="None.")


def _column(name: str, shown: str, asked: str, order: str) -> Child:
    if not order or name not in phones.ORDERS:
        return shown
    if name == order:
        return together(shown, " ", element("span", {"class": "ordered", "aria-hidden": "true"}, "▾"))
    to = path("phones", query={"q": asked, "order": name})
    return element("a", {"href": to, "title": f"order by {shown}"}, shown)


def _phone(of: Row) -> Item:
    return words.row(
        f"phone/{of.key.namespace}/{of.key.name}",
        of.mood,
        _named(of.key.namespace, words.link(words.phone_path(of.key), words.name(of.key.name))),
        ("state", _state(of.state, of.message)),
        ("PBX", words.name(of.pbx) if of.pbx else None),
        ("role", of.role),
        ("site", words.name(of.site) if of.site else None),
        ("redundant", of.redundant),
        ("since", words.when(of.since)),
    )


def _named(namespace: str, link: Html) -> Html:
    return together(link, " ", element("span", {"class": "namespace"}, namespace))


def _state(state: str, message: str) -> Child:
    return together(state, " ", element("span", {"class": "why"}, message)) if message else state


def _turning(of: phones.Page, asked: str, order: str) -> Child:
    """Links to the other pages of a long table."""
    if of.pages == 1:
        return None
    query = {"q": asked, "order": "" if order == "name" else order}
    links = [
        words.link(path("phones", query={**query, "page": str(number)}), name)
        for name, number in (("previous", of.number - 1), ("next", of.number + 1))
        if 1 <= number <= of.pages
    ]
    inside = [together(" ", link) for link in links]
    return element("p", {"class": "turning"}, f"Page {of.number} of {of.pages}.", inside)
