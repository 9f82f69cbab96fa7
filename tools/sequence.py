"""Draws who said what to whom as a sequence picture (SVG), with what Python has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

ROW, TOP, LEFT, COLUMN, TIME = 30, 64, 150, 210, 12
INK, SOFT, GOOD, BAD = "#333333", "#5b6b7f", "#2c7a3f", "#b3261e"
FONT = "Helvetica,Arial,sans-serif"


@dataclass(frozen=True)
class Message:
    """Something sent, `seconds` after the moment that the picture counts from."""

    seconds: float
    source: str
    target: str
    text: str
    good: bool | None = None
    """Whether it brings what is wanted: decides the colour. None: it asks, or sends elsewhere."""


@dataclass(frozen=True)
class Mark:
    """Something that happened to a participant; from then on its line is drawn, or not."""

    seconds: float
    where: str
    text: str
    alive: bool


Step = Message | Mark


def draw(title: str, participants: Sequence[str], steps: Sequence[Step], *, dead: frozenset[str] = frozenset()) -> str:
    """The picture; `dead` are the participants whose line begins with the mark that says that they live."""
    at = {name: LEFT + number * COLUMN for number, name in enumerate(participants)}
    bottom = TOP + ROW * (len(steps) + 1)
    width, height = LEFT + COLUMN * len(participants) - 60, bottom + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="{FONT}" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for name, x in at.items():
        lines.append(f'<rect x="{x - 55}" y="16" width="110" height="26" rx="6" fill="#eef2f7" stroke="{SOFT}"/>')
        lines.append(_text(x, 33, name, INK, "middle", bold=True))
        lines += [_life(x, *part) for part in _lives(name, steps, name not in dead, bottom)]
    for row, step in enumerate(steps):
        y = TOP + ROW * (row + 1)
        lines.append(_text(TIME, y + 4, f"{step.seconds:+.3f} s" if step.seconds else "0 s", SOFT))
        lines += _mark(step, at[step.where], y) if isinstance(step, Mark) else _message(step, at, y)
    return "\n".join([*lines, "</svg>", ""])


def _lives(name: str, steps: Sequence[Step], alive: bool, bottom: int) -> list[tuple[int, int]]:
    """From where to where the line of a participant goes down."""
    parts, since = [], 42 if alive else None
    for row, step in enumerate(steps):
        y = TOP + ROW * (row + 1)
        if isinstance(step, Mark) and step.where == name:
            if since is not None and not step.alive:
                parts.append((since, y))
            since = y if step.alive else None
    return [*parts, (since, bottom)] if since is not None else parts


def _life(x: int, top: int, bottom: int) -> str:
    return f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="{SOFT}" stroke-dasharray="2 3"/>'


def _mark(mark: Mark, x: int, y: int) -> list[str]:
    colour = GOOD if mark.alive else BAD
    sign = "" if mark.alive else f'<path d="M{x - 6} {y - 6}l12 12m0 -12l-12 12" stroke="{BAD}" stroke-width="2"/>'
    return [sign or f'<circle cx="{x}" cy="{y}" r="5" fill="{GOOD}"/>', _text(x + 14, y + 4, mark.text, colour)]


def _message(message: Message, at: dict[str, int], y: int) -> list[str]:
    here, there = at[message.source], at[message.target]
    way = 1 if there > here else -1
    colour = INK if message.good is None else GOOD if message.good else BAD
    middle = there - way * COLUMN / 2
    return [
        f'<line x1="{here}" y1="{y}" x2="{there - way * 6}" y2="{y}" stroke="{colour}"/>',
        f'<path d="M{there} {y}l{-way * 9} -4v8z" fill="{colour}"/>',
        _text(middle, y - 5, message.text, colour, "middle"),
    ]


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start", *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
