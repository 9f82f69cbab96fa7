"""How things look in a terminal: tables, ways, sentences and bars by rich. Nothing is read here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, cast

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from softphone_operator.rehearsals.drill import Result, bars
from softphone_plugin.calling import Outcome
from softphone_plugin.counting import History, Row, fitted, sparkline
from softphone_plugin.explaining import Explanation
from softphone_plugin.overview import Mood, Table, Way
from softphone_plugin.phones import short
from softphone_plugin.streams import Unpadded
from softphone_plugin.tracing import Line
from softphone_plugin.ways import Check
from softphone_plugin.words import counted

STYLES: dict[Mood, str] = {"well": "green", "standby": "yellow", "ill": "red", "unknown": "bright_black"}
UNCUT_COLUMNS = 1000
"""Nothing is cut off; as with kubectl, a terminal that is too narrow wraps."""


class Console(RichConsole):
    """A console that leaves it to the program how it ends when the reader of its output has gone."""

    def on_broken_pipe(self) -> None:
        """End with an error: rich would end the program with 1, which says here that the answer is no."""
        raise BrokenPipeError


def console(*, stderr: bool = False, uncut: bool = True) -> Console:
    """The terminal, or whatever else stands there. `uncut` False: what is shown fits the terminal."""
    stream = sys.stderr if stderr else sys.stdout
    width = UNCUT_COLUMNS if uncut or not stream.isatty() else None
    file = stream if stream.isatty() else cast("IO[str]", Unpadded(stream))
    return Console(file=file, highlight=False, markup=False, emoji=False, width=width)


def table(of: Table, *, title: bool = False) -> RenderableType:
    """A table as kubectl's, with a colour for how each object fares."""
    made = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for column in of.columns:
        made.add_column(column, no_wrap=True)
    for row in of.rows:
        style = STYLES[row.mood]
        coloured = {of.columns.index(name) for name in ("STATE", "REACHABLE", "READY") if name in of.columns}
        made.add_row(*(Text(cell, style if number in coloured else "") for number, cell in enumerate(row.cells)))
    return Group(Text(of.title, "bold underline"), made) if title else made


def tables(of: Sequence[Table]) -> RenderableType:
    """Several tables, with their titles where there are more than one."""
    parts: list[RenderableType] = []
    for one in of:
        parts += [*([Text("")] if parts else []), table(one, title=len(of) > 1)]
    return Group(*parts)


def way(of: Way) -> RenderableType:
    """One phone's way, from its entry down to the registrar."""
    parts: list[RenderableType] = [Text(of.title, "bold"), Text("")]
    widest = max((len(stop.pbx) for stop in of.stops), default=0)
    for number, stop in enumerate(of.stops):
        last = number == len(of.stops) - 1
        style = STYLES[stop.mood] if last or stop.mood == "ill" else ""
        bullet = "●" if last and stop.mood not in ("ill", "unknown") else "○"
        parts.append(Text.assemble(f"  {bullet} ", (stop.pbx.ljust(widest), f"bold {style}".strip()), "  ", stop.words))
        if stop.code is not None:
            parts.append(Text.assemble("  │ ", (f"{stop.code}", "cyan")))
    if of.notes:
        parts += [Text(""), pairs(of.notes)]
    if of.checks:
        parts += [Text(""), Text("Would it hold?", "bold"), *map(_checked, of.checks)]
    return Group(*parts)


def _checked(of: Check) -> Text:
    """A way that was checked, on one line, and on the next what was found."""
    mood: Mood = "unknown" if of.holds is None else "well" if of.holds else "ill"
    mark = {"well": "✓", "ill": "✗", "unknown": "?"}[mood]
    walked = " → ".join(of.pbxs) or "not walked yet"
    return Text.assemble(f"  {of.via}  ", (mark, STYLES[mood]), "  ", (walked, "bold"), "\n       ", of.words)


def pairs(of: Iterable[tuple[str, str]]) -> RenderableType:
    """Words beside what they stand for."""
    made = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    made.add_column(style="bright_black", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in of:
        made.add_row(name, Text(value))
    return made


def step_of_call(what: str, words: str) -> RenderableType:
    """A step of a test call, on a line."""
    return Text.assemble((what.ljust(10), "bold"), " ", words)


def called(of: Outcome) -> RenderableType:
    """How a test call ended."""
    verdict = ("passed", STYLES["well"]) if of.passed else (f"failed: {of.reason}", STYLES["ill"])
    return Text.assemble(verdict, "  ", of.message)


def titled(title: str, notes: Iterable[tuple[str, str]], of: Sequence[Table]) -> RenderableType:
    """Notes under a title, and tables, each under its own."""
    parts: list[RenderableType] = [Text(title, "bold"), pairs(notes)]
    for one in of:
        parts += [Text(""), table(one, title=True)]
    return Group(*parts)


def explanation(of: Explanation) -> RenderableType:
    """Sentences under headings."""
    parts: list[RenderableType] = []
    headings = (
        (of.title, of.where),
        ("Why", of.why),
        ("What comes next", of.then),
        ("Would it hold", of.holds),
        ("Test calls", of.calls),
        ("What is missing", of.unknown),
    )
    for number, (heading, sentences) in enumerate(headings):
        if sentences:
            style = f"bold {STYLES[of.mood]}" if number == 0 else "bold"
            parts += [
                *([Text("")] if parts else []),
                Text(heading, style),
                *(Padding(Text(s), (0, 2)) for s in sentences),
            ]
    return Group(*parts)


BAR_COLUMNS = 40
MISSING_TOLD = 20


def drill(of: Result) -> RenderableType:
    """What came out of a drill: counts, percentiles, bars, and who is missing."""
    back = of.phones - len(of.missing)
    verdict = "all are back" if of.all_back else "nothing happened" if not (of.lost or of.moved) else "not all are back"
    if of.missing:
        verdict = f"{len(of.missing)} of {of.phones} did not come back"
    style = STYLES["well" if of.all_back else "ill"]
    places = ", ".join(f"{pbx} {count}" for pbx, count in of.places.items())
    parts: list[RenderableType] = [
        Text.assemble((f"{of.pbx}: {verdict}", f"bold {style}")),
        Text(""),
        pairs(
            [
                ("phones", f"{of.phones} {'was' if of.phones == 1 else 'were'} registered there"),
                ("lost", f"{of.lost}, {of.moved} moved without an outage, {of.untouched} noticed nothing"),
                ("registered", f"{back}" + (f": {places}" if places else "")),
                *((name, f"{seconds:.2f} s") for name, seconds in of.percentiles.items()),
            ]
        ),
    ]
    if of.outages:
        parts += [Text(""), _histogram(of.outages)]
    if of.missing:
        told = ", ".join(of.missing[:MISSING_TOLD])
        more = f" and {len(of.missing) - MISSING_TOLD} more" if len(of.missing) > MISSING_TOLD else ""
        parts += [Text(""), Text(f"missing: {told}{more}", STYLES["ill"])]
    return Group(*parts)


def _histogram(outages: Sequence[float]) -> RenderableType:
    heights = bars(outages)
    most = max(count for _, count in heights)
    made = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    made.add_column(justify="right", no_wrap=True)
    made.add_column(justify="right", no_wrap=True)
    made.add_column(no_wrap=True)
    for label, count in heights:
        made.add_row(label, str(count), Text("█" * max(bool(count), round(BAR_COLUMNS * count / most)), "cyan"))
    return made


@contextlib.contextmanager
def progress(on: Console) -> Iterator[Callable[[Result], None]]:
    """Shows how a drill stands: one line that changes, or a line for each change where nobody watches a terminal."""

    def line(now: Result) -> Text:
        return Text(f"lost {now.lost}, moved {now.moved}, missing {len(now.missing)} of {now.phones}")

    if not on.is_terminal:
        yield lambda now: on.print(line(now))
        return
    with Live(console=on, transient=True, auto_refresh=False) as live:
        yield lambda now: live.update(line(now), refresh=True)


def traced(of: Line) -> RenderableType:
    """A line of the log, and the SIP message that it holds."""
    head = Text.assemble(
        (of.time.partition("T")[2].rstrip("Z")[:12], "bright_black"), "  ", (of.words, "bold" if of.body else "")
    )
    return Group(head, *(Text(f"    {text}") for text in of.body.split("\n")), Text("")) if of.body else head


SPARK_COLUMNS, LEAST_SPARK_COLUMNS = 40, 10
COUNTS = ("REGISTERED", "HOME", "STANDBY", "UNKNOWN")
GAP = 3
REASONS_TOLD = 8


def top(history: History, title: str, columns: int, room: int | None = None) -> RenderableType:
    """What is registered where, with all that was seen before as bars as wide as the terminal allows.

    `room`: so many PBXes and locations are shown, and of the others it is said how many they are; None: all.
    """
    now = history.now
    parts: list[RenderableType] = [_head(history, title)]
    last = f"LAST {short(history.span)}" if history.span else ""  # one look alone has no past to show
    pbxs, locations = history.pbxs(), history.locations()
    spark = min(SPARK_COLUMNS, columns - max(_width(pbxs), _width(locations)) - GAP)
    if last:
        parts.append(Text(sparkline(history.registered, columns - 2), "cyan"))
    if last and spark < LEAST_SPARK_COLUMNS:
        parts.append(Text("Too narrow for the past of each.", STYLES["unknown"]))
        last = ""
    rooms: tuple[int, int] = (len(pbxs), len(locations))
    if room is not None:
        of_locations = min(len(locations), max(room - len(pbxs), room // 3))
        rooms = (room - of_locations, of_locations)
    parts += [Text(""), *_counts(("PBX", "more PBX", "more PBXes"), pbxs, rooms[0], last, spark)]
    parts += [Text(""), *_counts(("LOCATION", "more location", "more locations"), locations, rooms[1], last, spark)]
    if now.failures:
        told = ", ".join(f"{reason} {count}" for reason, count in now.failures.most_common(REASONS_TOLD))
        more = sum(count for _, count in now.failures.most_common()[REASONS_TOLD:])
        others = f", {more} for other reasons" if more else ""
        parts += [Text(""), Text(f"out: {told}{others}", STYLES["ill"])]
    if now.unheard:
        agents = f"{counted(now.unheard, 'agent')} of fleets {'does' if now.unheard == 1 else 'do'} not tell"
        said = f"{agents} where their phones are, {counted(now.unplaced, 'phone')} at least"
        parts += [Text(""), Text(said, STYLES["standby"])]
    return Group(*parts)


def _head(history: History, title: str) -> Text:
    now = history.now
    verdict: Mood = "ill" if now.out else "standby" if now.standby else "well"
    return Text.assemble(
        (title, "bold"),
        f"   {counted(now.phones, 'phone')}   ",
        (f"{now.registered} registered", STYLES[verdict]),
        f"   {now.standby} on standby   ",
        (f"{now.out} out", STYLES["ill"] if now.out else ""),
    )


def top_fitting(on: Console, history: History, title: str) -> RenderableType:
    """The same, no larger than the terminal: it says what it leaves out."""
    lines = len(on.render_lines(top(history, title, on.width, 0)))
    if lines > on.height:
        said = f"The terminal is too small for more: it has {counted(on.height, 'line')}, and {lines + 2} are needed."
        return Group(_head(history, title), Text(said, STYLES["unknown"]))
    for freed in (2, 1):  # what says that something is left out
        whole = top(history, title, on.width, on.height - lines + freed)
        if len(on.render_lines(whole)) <= on.height:
            return whole
    return top(history, title, on.width, on.height - lines)


def _width(rows: Sequence[Row]) -> int:
    """How wide the names and counts of rows are."""
    names = max((len(row.name) for row in rows), default=0)
    spaces = max((len(row.namespace) for row in rows), default=0)
    spaces = max(spaces, len("NAMESPACE")) + GAP if spaces else 0
    return spaces + max(names, len("LOCATION")) + sum(len(column) + GAP for column in COUNTS)


def _counts(
    words: tuple[str, str, str], rows: Sequence[Row], room: int, last: str, spark: int
) -> Iterator[RenderableType]:
    """A table, and what it leaves out. `words`: its heading, and what one more is called, and several more."""
    title, one, many = words
    shown, left_out = fitted(rows, room)
    made = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    apart = any(row.namespace for row in rows)
    for column in (*(("NAMESPACE",) if apart else ()), title):
        made.add_column(column, overflow="ellipsis")  # where it is narrow a name is cut, and no number
    for column in COUNTS:
        made.add_column(column, justify="right", no_wrap=True)
    if last:
        made.add_column(last, no_wrap=True)
    for row in shown:
        counts = (str(row.registered), *(str(count) if count else "" for count in row.roles))
        style = STYLES[row.mood]
        past = [Text(sparkline(row.past, spark), style)] if last else []
        place = [Text(row.namespace, style)] if apart else []
        made.add_row(*place, Text(row.name, style), *counts, *past)
    yield made
    if left_out:
        more = counted(len(left_out), one, many)
        phones = counted(sum(row.registered for row in left_out), "phone")
        yield Text(f"and {more}, with {phones}: the terminal is too small", STYLES["unknown"])


def top_line(history: History, time: str) -> RenderableType:
    """The same in a line, where nobody watches a terminal: a slash after the kind, since a PBX may be named standby."""
    now = history.now
    counts = [("phones", now.phones), ("registered", now.registered), ("home", now.role("Home"))]
    counts += [("standby", now.standby), ("out", now.out)]
    for row in history.pbxs():
        counts.append((f"pbx/{_path(row)}", row.registered))
        if row.roles[1]:
            counts.append((f"pbx/{_path(row)}/standby", row.roles[1]))
    counts += [(f"location/{_path(row)}", row.registered) for row in history.locations()]
    return Text(" ".join([time, *(f"{name}={count}" for name, count in counts)]))


def _path(of: Row) -> str:
    return f"{of.namespace}/{of.name}" if of.namespace else of.name


@contextlib.contextmanager
def screen(on: Console) -> Iterator[Callable[[RenderableType], None]]:
    """The whole terminal, as long as it lasts; what was there before comes back."""
    with Live(console=on, screen=True, auto_refresh=False, vertical_overflow="ellipsis") as live:
        yield lambda shown: live.update(shown, refresh=True)
