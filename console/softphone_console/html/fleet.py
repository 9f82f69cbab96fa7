"""The page of a fleet or a pool. Pure."""

from __future__ import annotations

from softphone_console.html import phones, words
from softphone_console.html.markup import Child, Html, element
from softphone_console.html.parts import Page, Part, part
from softphone_console.view.fleet import FleetPage


def page(of: FleetPage) -> Page:
    """The page."""
    parts = [_head(of)]
    if of.fleet.pool:
        note = f"The first {len(of.phones)}, those that are not well before the others."
        more = element("p", {"class": "notes"}, note) if of.found > len(of.phones) else None
        parts.append(phones.softphones("members", f"{of.found} Softphones", of.phones, note=more))
    return Page(of.fleet.key.name, tuple(parts), "phones")


def _head(of: FleetPage) -> Part:
    def make(_: Html) -> Html:
        key = of.fleet.key
        where = element("span", {"class": "namespace"}, key.namespace)
        heading = element("h1", None, words.mood(of.mood), words.name(key.name), " ", where)
        lines = [[element("dt", None, name), element("dd", None, inside)] for name, inside in _facts(of)]
        return element("section", {"id": "head"}, heading, words.lights(of.lights), element("dl", None, lines))

    return part("head", make)


def _facts(of: FleetPage) -> list[tuple[str, Child]]:
    fleet = of.fleet
    said: list[tuple[str, Child]] = [
        ("kind", "SoftphonePool" if fleet.pool else "SoftphoneFleet"),
        ("state", [of.state, " since ", words.when(fleet.ready.since)] if fleet.ready.since else of.state),
        ("on standby", str(fleet.standby)),
        ("agents", f"{fleet.agents_ready} of {fleet.agents} run, up to {fleet.per_agent} phones each"),
    ]
    if fleet.asked:
        said.append(("AOR", words.name(fleet.asked.aor)))
        said += [(via, words.name(named)) for via, named in fleet.asked.entries]
    if fleet.failures:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(fleet.failures, key=lambda one: -one[1]))
        said.append(("not registered", told))
    return said
