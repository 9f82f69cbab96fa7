"""Which page an address means. Pure: the texts of an address may be anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from softphone_console.html.markup import of_segment
from softphone_console.view.facts import Key

LONGEST = 2000
"""Characters of an address."""

LISTS = frozenset({"", "phones", "timeline", "calls", "rehearsals"})
OBJECTS = frozenset({"phones", "pbxs", "systems", "fleets", "pools", "rehearsals"})


class Route(NamedTuple):
    """A page: which one, of which object, and what was asked besides."""

    name: str
    key: Key | None
    query: Mapping[str, str]

    def number(self, name: str) -> int:
        """A number of the query, 1 where there is none."""
        said = self.query.get(name, "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 8 else 1

    @property
    def label(self) -> str:
        """What it is called in metrics: one of few words."""
        return {"": "overview"}.get(self.name, self.name) if self.key is None else self.name.removesuffix("s")


def route(address: str) -> Route | None:
    """The page that an address means, such as `/phones/demo/anna?last=1h`; None where it means none."""
    if len(address) > LONGEST or not address.startswith("/") or address.startswith("//"):
        return None
    parts = urlsplit(address)
    segments = [of_segment(unquote(one)) for one in parts.path[1:].split("/")]
    query = dict(parse_qsl(parts.query, max_num_fields=20)) if parts.query.count("&") < 20 else {}
    if len(segments) == 1 and segments[0] in LISTS:
        return Route(segments[0], None, query)
    if len(segments) == 3 and segments[0] in OBJECTS:
        return Route(segments[0], Key(segments[1], segments[2]), query)
    return None
