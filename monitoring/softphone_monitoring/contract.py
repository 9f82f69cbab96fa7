"""The metrics of docs/metrics.md, and which of them a PromQL expression asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "metrics.md"

FROM_THE_SCRAPE = frozenset({"namespace", "pod"})
_ROW = re.compile(r"^\| `(softphones?\w*)` \| (gauge|counter|histogram) \|([^|]*)\|", re.MULTILINE)
_NAME = re.compile(r"(?<![\w:])(?:up|softphones|softphone_\w+|\w+:softphone\w*:\w+)(?![\w:])")
_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as the page tells of it."""

    name: str
    type: str
    labels: frozenset[str]


def metrics() -> dict[str, Metric]:
    """All metrics of agents and operator by name."""
    rows = _ROW.findall(PAGE.read_text())
    found = (Metric(name, kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels in rows)
    return {metric.name: metric for metric in found}


def asked_for(expression: str) -> frozenset[str]:
    """The metrics and recorded series that an expression asks for; of a histogram its own name."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    known = metrics()
    names = set(_NAME.findall(bare))
    return frozenset(name if name in known else _HISTOGRAM.sub("", name) for name in names)
