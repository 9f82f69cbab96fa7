"""Which Softphones and phones of fleets have the same AOR, without making each phone of a fleet. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from softphone_agent.contract import sip_uri, template

_SCHEME = re.compile(r"sips?:", re.IGNORECASE)


def canonical_aor(aor: Any) -> str:
    """The same text for AORs of the same user at the same domain, be it sip or sips; empty where it is no AOR."""
    try:
        uri = sip_uri.parse_aor(aor) if isinstance(aor, str) else None
    except sip_uri.SipUriError:
        return ""
    return f"{uri.user}@{uri.host}" + (f":{uri.port}" if uri.port else "") if uri else ""


@dataclass(frozen=True, slots=True)
class FleetAors:
    """The AORs of a fleet's phones: the template's text, which is one, and the indices that it has."""

    text: str
    indices: range

    def index_of(self, aor: str) -> int | None:
        """The index of the phone with this canonical AOR, None where the fleet has none."""
        pieces, likely = _pieces(self.text)
        found = likely.match(aor)
        if found is None:
            return None
        format_ = next(format_ for _, format_ in pieces if format_ is not None)
        index = int(found[1], 16 if format_[-1:] in ("x", "X") else 10) if _is_number(found[1], format_) else -1
        return index if index in self.indices and self.at(index) == aor else None

    def at(self, index: int) -> str:
        """The canonical AOR of the phone with this index."""
        return canonical_aor(template.parse(self.text).expand(index))


def _is_number(digits: str, format_: str) -> bool:
    return format_[-1:] in ("x", "X") or digits.isdecimal()


@functools.lru_cache(maxsize=1024)
def _pieces(text: str) -> tuple[tuple[tuple[str, str | None], ...], re.Pattern[str]]:
    """The pieces of a template, and a pattern that its canonical AORs match.

    It may match others too. A domain that is spelt in an odd way, as an IPv6 address with all its zeros, it misses:
    then a warning is missing, and nothing else.
    """
    bare = _SCHEME.sub("", text, count=1).partition(";")[0].replace("[", "").replace("]", "")
    pieces = template.parse(bare).pieces
    pattern = "".join(re.escape(literal) + ("" if format_ is None else "([0-9A-Fa-f]+)") for literal, format_ in pieces)
    return pieces, re.compile(f"{pattern}\\Z", re.IGNORECASE)


@functools.lru_cache(maxsize=1024)
def shared(one: FleetAors, other: FleetAors) -> tuple[int, int] | None:
    """The first index of `one` whose AOR the other has too, and the index that it has there; None where none has."""
    if _pieces(one.text)[0] == _pieces(other.text)[0]:
        both = range(max(one.indices.start, other.indices.start), min(one.indices.stop, other.indices.stop))
        return (both[0], both[0]) if both else None
    if not _may_meet(one.text, other.text):
        return None
    return next(_meetings(one, other), None)


def _meetings(one: FleetAors, other: FleetAors) -> Iterator[tuple[int, int]]:
    for index in one.indices:
        if (found := other.index_of(one.at(index))) is not None:
            yield index, found


def _may_meet(one: str, other: str) -> bool:
    """Whether what surrounds the placeholders lets two templates give the same text at all."""
    first, second = _pieces(one)[0], _pieces(other)[0]
    heads = [pieces[0][0].casefold() for pieces in (first, second)]
    tails = ["" if pieces[-1][1] is not None else pieces[-1][0].casefold() for pieces in (first, second)]
    return (heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])) and (
        tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])
    )
