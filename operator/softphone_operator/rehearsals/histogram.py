"""The distribution of outages as a picture: inline SVG that needs nothing from anywhere. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from softphone_operator.rehearsals.drill import bars

WIDTH = 640
LABELS = 120
ROW = 24
COUNTS = 150


def histogram(ascending: Sequence[float], limit: float | None = None) -> Element:
    """A bar for each step of outages, in seconds; those wholly above `limit` are marked, not by colour alone."""
    rows = bars(ascending)
    most = max((count for _, count in rows), default=1) or 1
    height = ROW * max(1, len(rows)) + 8
    svg = Element(
        "svg",
        {
            "viewBox": f"0 0 {WIDTH} {height}",
            "role": "img",
            "aria-label": "How many outages were how long",
            "class": "histogram",
        },
    )
    for number, (label, count) in enumerate(rows):
        over = limit is not None and float(label.partition(" ")[0]) >= limit
        _bar(svg, number, label, count, (WIDTH - LABELS - COUNTS) * count / most, over=over)
    return svg


def _bar(svg: Element, number: int, label: str, count: int, width: float, *, over: bool) -> None:
    top = 4 + number * ROW
    name = SubElement(svg, "text", {"x": str(LABELS - 8), "y": str(top + 16), "text-anchor": "end"})
    name.text = label
    box = {"x": str(LABELS), "y": str(top + 3), "width": f"{max(width, 0.5):.1f}", "height": str(ROW - 6)}
    SubElement(svg, "rect", {**box, "class": "over" if over else "within"})
    told = SubElement(svg, "text", {"x": f"{LABELS + max(width, 0.5) + 6:.1f}", "y": str(top + 16)})
    told.text = f"{count} (over the limit)" if over and count else str(count)
