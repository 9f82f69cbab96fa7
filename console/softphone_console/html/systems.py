"""The pages of a system and of a PBX. Pure."""

from __future__ import annotations

from softphone_console.html import phones, words
from softphone_console.html.markup import Child, Html, element
from softphone_console.html.parts import Item, Page, Part, part
from softphone_console.view.lights import Light
from softphone_console.view.systems import PbxPage, PbxRow, SystemPage
from softphone_console.view.world import System

COLUMNS = ("PBX", "reachable", "registered", "at home", "on standby", "site", "address", "certificate")


def page(of: SystemPage) -> Page:
    """The page of a system."""
    key = of.lights.key
    parts: list[Part] = [_head(of)]
    if of.pbxs:
        parts.append(words.table("pbxs", "PBXes", COLUMNS, [_pbx(one) for one in of.pbxs], empty=""))
    if of.fleets:
        parts.append(phones.fleets_table(of.fleets, "Fleets"))
    parts.append(phones.softphones("troubled", "Softphones that are not well", of.phones, note=_rest(of)))
    return Page(key.name or "PBXes that are no objects", tuple(parts), "overview")


def _head(of: SystemPage) -> Part:
    def make(_: Html) -> Html:
        key = of.lights.key
        where = element("span", {"class": "namespace"}, key.namespace)
        name = words.name(key.name) if key.name else "PBXes that are no objects"
        heading = element("h1", None, words.mood(of.lights.mood), name, " ", where)
        return element("section", {"id": "head"}, heading, words.lights(of.lights.lights), _all(key))

    return part("head", make)


def _all(key: System) -> Child:
    asked = f"{words.quoted('namespace', key.namespace)} {words.quoted('system', key.name)}"
    return element("p", None, words.link(words.search(asked), "All Softphones of this system"))


def _rest(of: SystemPage) -> Child:
    more = of.troubled - len(of.phones)
    return element("p", {"class": "notes"}, f"And {more} more.") if more > 0 else None


def _pbx(of: PbxRow) -> Item:
    pbx = of.pbx
    troubles = [element("span", {"class": "why"}, " ", one) for one in of.troubles]
    return words.row(
        f"pbx/{pbx.key.namespace}/{pbx.key.name}",
        of.mood,
        [words.link(words.pbx_path(pbx.key), words.name(pbx.key.name)), troubles],
        ("reachable", _reachable(pbx.reachable)),
        ("registered", str(pbx.registered)),
        ("at home", str(pbx.home)),
        ("on standby", str(pbx.standby)),
        ("site", words.name(pbx.location)),
        ("address", words.name(pbx.address)),
        ("certificate", of.certificate.words if of.certificate else "no TLS"),
    )


def _reachable(yes: bool | None) -> str:
    return "not known" if yes is None else "yes" if yes else "no"


def pbx_page(of: PbxPage) -> Page:
    """The page of a PBX."""
    pbx = of.row.pbx

    def make(_: Html) -> Html:
        where = element("span", {"class": "namespace"}, pbx.key.namespace)
        heading = element("h1", None, words.mood(of.row.mood), words.name(pbx.key.name), " ", where)
        lights: list[Light] = [of.row.reachable, of.redundant]
        lights += [of.row.certificate] if of.row.certificate else []
        troubles = [element("li", None, one) for one in of.row.troubles]
        return element(
            "section",
            {"id": "head"},
            heading,
            words.lights(lights),
            element("ul", {"class": "notes"}, troubles) if troubles else None,
            element("dl", None, list(_facts(of))),
        )

    title = f"{pbx.registered} registered here, {pbx.home} at home, {pbx.standby} on standby"
    here = phones.softphones("here", title, of.phones.rows, note=_others(of))
    return Page(pbx.key.name, (part("head", make), here), "overview")


def _facts(of: PbxPage) -> list[Child]:
    pbx = of.row.pbx
    said: list[tuple[str, Child]] = [
        ("system", words.link(words.system_path(of.system), words.name(of.system.name))),
        ("address", words.name(pbx.address)),
        ("site", words.name(pbx.location)),
        ("named by", f"{pbx.users} Softphones and fleets"),
    ]
    return [[element("dt", None, name), element("dd", None, inside)] for name, inside in said]


def _others(of: PbxPage) -> Child:
    """The phones of fleets have no objects; and of many Softphones the table of phones has the rest."""
    pbx, said = of.row.pbx, []
    others = pbx.registered - of.phones.found
    if others > 0:
        said.append(element("p", {"class": "notes"}, f"{others} of them are phones of fleets."))
    if of.phones.found > len(of.phones.rows):
        asked = f"{words.quoted('namespace', pbx.key.namespace)} {words.quoted('pbx', pbx.key.name)}"
        said.append(element("p", None, words.link(words.search(asked), f"All {of.phones.found} Softphones")))
    return said
