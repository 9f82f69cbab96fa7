"""Draws outages, fail-overs and what else happened, and lists them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from softphone_console.html import words
from softphone_console.html.markup import Attributes, Child, Html, Path, element, path, together
from softphone_console.html.parts import Item, Page, Part, part
from softphone_console.view import timeline
from softphone_console.view.timeline import About, Entry, Lane, Mark

LABELS, CHART, LANE = 230, 760, 26
TICKS = 4
POINT = 5
"""Half the width of what takes no time."""

NOTHING = "Nothing happened in this time, as far as Events and agents remember."


def page(entries: Sequence[Entry], now: datetime, span: str, notes: Sequence[str]) -> Page:
    """The page of all objects. `span`: one of timeline.SPANS; `notes`: who could not be asked."""

    def make(_: Html) -> Html:
        heading = element("h1", None, "Timeline")
        told = element("ul", {"class": "notes"}, [element("li", None, note) for note in notes]) if notes else None
        return element("section", {"id": "span"}, heading, spans(span, "timeline"), told)

    parts = (part("span", make), *parts_of(entries, now, span))
    return Page("Timeline", parts, "timeline")


def parts_of(entries: Sequence[Entry], now: datetime, span: str, *, of_one: bool = False) -> tuple[Part, ...]:
    """The drawing and the table."""
    lasts = timeline.SPANS[span]
    lanes = timeline.lanes(entries, now, lasts)

    def make(_: Html) -> Html:
        if not lanes:
            return element("section", {"id": "drawn"})
        drawing = words.wide(_svg(lanes, now, lasts), {"aria-label": "timeline, drawn"})
        return element("section", {"id": "drawn"}, drawing)

    columns = ("what", *(() if of_one else ("of",)), "when", "for", "how")
    rows = [_row(number, entry, of_one=of_one) for number, entry in enumerate(entries)]
    title = "What happened" if of_one else f"The last {span}"
    return part("drawn", make), words.table("happened", title, columns, rows, empty=NOTHING)


def spans(chosen: str, *segments: str) -> Html:
    """Links to the same page for other spans of time."""
    links = [
        words.link(path(*segments, query={"last": span}), span)
        if span != chosen
        else element("strong", {"aria-current": "true"}, span)
        for span in timeline.SPANS
    ]
    return element("p", {"class": "spans"}, "The last ", [together(link, " ") for link in links])


def _row(number: int, entry: Entry, *, of_one: bool) -> Item:
    about = ("of", _about(entry.about, entry.fleet))
    lasted = "lasts" if entry.open else "" if entry.seconds is None else seconds(entry.seconds)
    cells = [("when", words.when(entry.time)), ("for", lasted), ("how", entry.words)]
    return words.row(f"entry/{number}", entry.mood, entry.what, *(() if of_one else (about,)), *cells)


def seconds(of: float) -> str:
    """How long something lasted, as people say it."""
    if of < 60:
        return f"{of:.2f} s"
    minutes, rest = divmod(round(of), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _about(about: About, fleet: About | None) -> Child:
    name, to = words.name(about.key.name), _path(fleet or about)
    where = element("span", {"class": "namespace"}, about.key.namespace)
    return together(words.link(to, name) if to else name, " ", where)


def _path(about: About) -> Path | None:
    pages = {"Softphone": "phones", "PBX": "pbxs", "SoftphoneFleet": "fleets", "SoftphonePool": "pools"}
    pages |= {"Rehearsal": "rehearsals"}
    kind = pages.get(about.kind)
    return path(kind, *about.key) if kind else None


def _svg(lanes: Sequence[Lane], now: datetime, span: timedelta) -> Html:
    height = LANE * len(lanes) + 30
    attributes: Attributes = {
        "viewBox": f"0 0 {LABELS + CHART + 20} {height}",
        "class": "timeline",
        "role": "img",
        "aria-label": f"Timeline of {len(lanes)} objects; the table below has the same in words",
        "width": LABELS + CHART + 20,
        "height": height,
    }
    return element("svg", attributes, list(_axis(now, span, height)), [_lane(*one) for one in enumerate(lanes)])


def _axis(now: datetime, span: timedelta, height: int) -> Iterator[Html]:
    fine = "%H:%M" if span <= timedelta(days=1) else "%m-%d"
    for tick in range(TICKS + 1):
        x, time = LABELS + CHART * tick / TICKS, now - span * (1 - tick / TICKS)
        yield element("line", {"x1": x, "x2": x, "y1": 0, "y2": height - 24, "class": "grid"})
        yield element("text", {"x": x, "y": height - 6, "class": "label"}, f"{time:{fine}}")


def _lane(number: int, lane: Lane) -> Html:
    y = LANE * number
    name = lane.about.key.name
    short = name if len(name) <= 26 else f"{name[:25]}…"
    label = element("text", {"x": LABELS - 12, "y": y + 17, "class": "lane"}, short)
    return element("g", None, element("title", None, name), label, [_mark(mark, y) for mark in lane.marks])


def _mark(mark: Mark, y: int) -> Html:
    left, right = LABELS + CHART * mark.begin, LABELS + CHART * mark.end
    title = element("title", None, mark.words)
    kind = f"mark {mark.mood.value}"
    if right - left < 2 * POINT:
        middle = (left + right) / 2
        shape = f"M {middle:g} {y + 13 - POINT} l {POINT} {POINT} l -{POINT} {POINT} l -{POINT} -{POINT} Z"
        return element("path", {"d": shape, "class": kind}, title)
    at: Attributes = {"x": left, "y": y + 6, "width": right - left, "height": 14, "rx": 3, "class": kind}
    return element("rect", at, title)
