"""Draws the ways of a phone: one line for each entry PBX, from the phone over redirects to the end. Pure.

A way that would hold has a full line, one that would not a broken one with a cross, an unknown one a dotted one. The
PBX that holds the registration has a thick frame. The same stands in words under the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator

from softphone_console.html import words
from softphone_console.html.markup import Attributes, Html, element
from softphone_console.html.parts import Part, part
from softphone_console.view.lights import Mood
from softphone_console.view.ways import Line, Stop

BOX, GAP, TALL, STEP = 170, 90, 44, 92
MARGIN = 8
HEADING = 16
"""Room for the name of an entry PBX over its box."""
LONGEST = 20
"""Characters that fit a box; the whole name is its title."""


def drawn(name: str, lines: tuple[Line, ...]) -> Part:
    """The drawing and the same in words."""

    def make(_: Html) -> Html:
        heading = element("h2", {"id": "ways-title"}, "Ways")
        if not lines:
            return element("section", {"id": "ways"}, heading, element("p", {"class": "empty"}, "It names no PBX."))
        wide = words.wide(_svg(name, lines), {"aria-label": "ways, drawn"})
        return element("section", {"id": "ways"}, heading, wide, element("ol", {"class": "lines"}, map(_said, lines)))

    return part("ways", make)


def _mood(line: Line) -> Mood:
    return Mood.UNKNOWN if line.good is None else Mood.GOOD if line.good else Mood.BAD


def _said(line: Line) -> Html:
    taken = element("strong", None, " The registration went this way.") if line.taken else None
    walked = " → ".join(stop.pbx for stop in line.stops)
    title = element("span", {"class": "about"}, line.title)
    since = [" since ", words.when(line.since)] if line.since else None
    return element("li", None, words.mood(_mood(line)), title, " ", words.name(walked), ". ", line.words, since, taken)


def _svg(name: str, lines: tuple[Line, ...]) -> Html:
    most = max(len(line.stops) for line in lines)
    width = 2 * MARGIN + BOX + most * (BOX + GAP)
    height = 2 * MARGIN + STEP * (len(lines) - 1) + HEADING + TALL
    middle = MARGIN + HEADING + STEP * (len(lines) - 1) / 2
    said = "; ".join(f"{line.title}: {' to '.join(stop.pbx for stop in line.stops)}" for line in lines)
    return element(
        "svg",
        {
            "viewBox": f"0 0 {width} {height:g}",
            "class": "ways",
            "role": "img",
            "aria-label": f"Ways of {name}. {said}",
            "width": width,
            "height": height,
        },
        _box(MARGIN, middle, name, "phone"),
        [_line(number, line, middle) for number, line in enumerate(lines)],
    )


def _line(number: int, line: Line, middle: float) -> Iterator[Html]:
    top = MARGIN + HEADING + STEP * number
    kind = f"way {_mood(line).value}{' taken' if line.taken else ''}"
    for index, stop in enumerate(line.stops):
        left = MARGIN + (index + 1) * (BOX + GAP)
        from_left, from_top = left - GAP, (middle if index == 0 else top) + TALL / 2
        yield _arrow(from_left, from_top, left, top + TALL / 2, kind)
        if index == 0:
            yield element("text", {"x": left, "y": top - 5, "class": "entry"}, line.title)
        else:
            code = str(line.stops[index - 1].code or "")
            yield element("text", {"x": left - GAP / 2, "y": top + 12, "class": "label"}, code)
        if line.good is False and index == len(line.stops) - 1:
            yield _cross(left - GAP / 2, (from_top + top + TALL / 2) / 2)
        yield _box(left, top, stop.pbx, _kind_of(stop, line, last=index == len(line.stops) - 1))


def _kind_of(stop: Stop, line: Line, *, last: bool) -> str:
    if stop.holds:
        return "holds"
    return "bad" if last and line.good is False else "plain"


def _arrow(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    bend = (x1 + x2) / 2
    curve = f"M {x1:g} {y1:g} C {bend:g} {y1:g}, {bend:g} {y2:g}, {x2 - 6:g} {y2:g}"
    head = f"M {x2 - 9:g} {y2 - 5:g} L {x2:g} {y2:g} L {x2 - 9:g} {y2 + 5:g} Z"
    return element("g", {"class": kind}, element("path", {"d": curve}), element("path", {"d": head, "class": "head"}))


def _cross(x: float, y: float) -> Html:
    return element("path", {"d": f"M {x - 7:g} {y - 7:g} l 14 14 m 0 -14 l -14 14", "class": "cross"})


def _box(x: float, y: float, text: str, kind: str) -> Html:
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    at: Attributes = {"x": x, "y": y, "width": BOX, "height": TALL, "rx": 8}
    label: Attributes = {"x": x + BOX / 2, "y": y + TALL / 2 + 5, "class": "name"}
    return element(
        "g",
        {"class": f"box {kind}"},
        element("title", None, text),
        element("rect", at),
        element("text", label, short),
    )
