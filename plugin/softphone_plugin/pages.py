"""An agent's metrics page, read for what its status does not tell. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from softphone_plugin.phones import Measured

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? ([-+0-9.eEinfNa]+)\Z")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Whereabouts(NamedTuple):
    """Where registered phones are: PBX, role and physical location, empty for none."""

    pbx: str
    role: str
    location: str
    namespace: str = ""
    """Empty where it is the same for all."""


def samples(page: str, *names: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of these metrics: name, labels, value."""
    for line in page.splitlines():
        if line.startswith(names) and (found := _SAMPLE.match(line)) and found[1] in names:
            yield found[1], dict(_LABEL.findall(found[2] or "")), float(found[3])


def measured(page: str) -> Measured:
    """What the page tells of phones and PBXes."""
    expires: dict[str, float] = {}
    pings: dict[str, float] = {}
    spent: dict[str, float] = {}
    asked: dict[str, float] = {}
    of = {
        "softphone_registration_expiry_timestamp_seconds": (expires, "softphone"),
        "softphone_pbx_ping_seconds": (pings, "pbx"),
        "softphone_register_duration_seconds_sum": (spent, "pbx"),
        "softphone_register_duration_seconds_count": (asked, "pbx"),
    }
    for name, labels, value in samples(page, *of):
        into, label = of[name]
        into[labels.get(label, "")] = value
    return Measured(expires, pings, {pbx: spent.get(pbx, 0.0) / n for pbx, n in asked.items() if n})


def whereabouts(page: str) -> Counter[Whereabouts]:
    """How many registered phones are where."""
    found: Counter[Whereabouts] = Counter()
    for _, labels, value in samples(page, "softphone_registrations"):
        found[Whereabouts(labels.get("pbx", ""), labels.get("role", ""), labels.get("location", ""))] += int(value)
    return found
