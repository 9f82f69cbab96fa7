"""The page of all systems and sites. Pure."""

from __future__ import annotations

from softphone_console.html import words
from softphone_console.html.markup import Child, Html, element
from softphone_console.html.parts import Item, Page, Part, part
from softphone_console.view.facts import Key
from softphone_console.view.lights import Mood
from softphone_console.view.overview import Overview, SiteLights, SystemLights

SENTENCES = {
    Mood.GOOD: "All is well.",
    Mood.ATTENTION: "Something wants attention.",
    Mood.BAD: "Something is broken.",
    Mood.UNKNOWN: "Nothing is known yet.",
}


def page(of: Overview) -> Page:
    """The page."""
    parts = [_summary(of), _cards("systems", "Systems", [_system(one) for one in of.systems], _NO_PBX)]
    if of.sites:
        parts.append(_cards("sites", "Sites", [_site(one) for one in of.sites], ""))
    return Page("Overview", tuple(parts), "overview")


_NO_PBX = "There are no PBXes yet, or none that this console may see."


def _summary(of: Overview) -> Part:
    return_ = f"{of.sum.registered} of {of.sum.phones} phones are registered"
    standby = f", {of.sum.standby} of them on standby" if of.sum.standby else ""

    def make(_: Html) -> Html:
        heading = element("h1", None, words.mood(of.mood), SENTENCES[of.mood])
        return element("section", {"id": "summary"}, heading, element("p", None, f"{return_}{standby}."))

    return part("summary", make)


def _cards(identifier: str, title: str, items: list[Item], empty: str) -> Part:
    def make(inside: Html) -> Html:
        shown: Child = element("ul", {"class": "cards"}, inside) if items else element("p", {"class": "empty"}, empty)
        return element("section", {"id": identifier}, element("h2", None, title), shown)

    return part(identifier, make, items)


def _system(of: SystemLights) -> Item:
    if of.key.name:
        title: Child = words.link(words.system_path(of.key), words.name(of.key.name))
        members = ", ".join(pbx.key.name for pbx in of.pbxs)
        about = element("p", {"class": "members"}, "PBXes: ", words.name(members)) if of.pbxs else None
    else:
        title = words.link(words.system_path(of.key), "PBXes that are no objects")
        about = element("p", {"class": "members"}, "named by SIP URIs only")
    return _card("system", of.key, title, about, of.mood, words.lights(of.lights))


def _site(of: SiteLights) -> Item:
    asked = f"{words.quoted('namespace', of.key.namespace)} {words.quoted('site', of.key.name)}"
    shown = words.name(of.key.name) if of.key.name else "no physical location"
    return _card("site", of.key, words.link(words.search(asked), shown), None, of.mood, words.lights(of.lights))


def _card(kind: str, key: Key, title: Child, about: Child, mood: Mood, lights: Html) -> Item:
    identifier = f"{kind}/{key.namespace}/{key.name}"
    where = element("span", {"class": "namespace"}, key.namespace)
    heading = element("h3", None, words.mood(mood), title, " ", where)
    return Item(identifier, element("li", {"id": identifier, "class": f"card {mood.value}"}, heading, about, lights))
