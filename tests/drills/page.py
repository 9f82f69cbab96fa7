"""docs/reliability.md: what the drills saw. `PYTHONPATH=tests python -m drills.page` makes it of the files in seen/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from drills.seen import GROUPS, Growth, Machine, Row, rows

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

TITLES = {
    "pbx": ("PBX faults", "What PBXes, and the way to them, do to phones."),
    "platform": ("Platform faults", "What Kubernetes does to agents and operator."),
    "load": ("Load", "Many phones, for a long time."),
    "attackers": ("Attackers", "What strangers send."),
}

HEAD = """\
# Reliability

<!-- Made from tests/drills/seen by `make generate`. Do not edit. -->

What happened to registered phones when something was broken on purpose. `make drill` breaks it and writes these rows;
`make drill ONLY=NAME` renews those of the tests of that name, `make soak HOURS=n` that of the soak.

**How it is measured.** The phones are real pjsua2 in the agents' pods, the PBXes are Kamailio, the cluster is a real
Kubernetes 1.20, all on one machine (tests/lab/README.md). The witness is the PBX: who is registered is told by the log
in which it writes down every REGISTER and its answer, not by the product. A binding counts while a call would reach the
phone: its PBX lives and is not silent, and the process of its Contact is there. Each drill ends only when all phones are
registered, no user is held twice, no binding of nobody is left, every object of the namespace is there with its content
and no other, and the product's own words (status of the fleet and of the PBXes, Prometheus) are the same as the PBXes'.

| column | |
|---|---|
| registered | how many phones were, before the fault, at the worst moment after it, at the end |
| longest outage | the longest time that one phone was not registered |
| whole again | from the fault to the end of the last outage; a fault that lasts is in it |
| second bindings | until when after the fault a PBX still held a binding beside the one that the phone uses, or one of nobody |
| left | duplicates and orphans at the end: users held twice, bindings of nobody |
| lost | objects that were missing, changed or left over at the end |

Phones ask for 30 s unless a row says otherwise; all else has the product's defaults: a PBX may take 4 s to answer a
REGISTER, a ping is sent every 2 s. The PBXes take 1 s to notice that another PBX is dead.
"""  # noqa: E501


def page(seen: Iterable[Row]) -> str:
    """The whole page."""
    of: dict[str, list[Row]] = {group: [] for group in GROUPS}
    for row in seen:
        of[row.group].append(row)
    return "\n".join([HEAD, *("\n".join(_section(group, of[group])) for group in GROUPS if of[group])])


def _section(group: str, found: list[Row]) -> Iterator[str]:
    title, about = TITLES[group]
    yield f"## {title}\n\n{about}\n"
    yield "| | what was done | phones | registered | longest outage | whole again | second bindings | left | lost |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in found:
        counts = f"{row.before} / {row.lowest} / {row.after}"
        times = f"{_seconds(row.longest_outage)} | {_seconds(row.whole_after)} | {_seconds(row.clean_after)}"
        left, lost = _none(row.duplicates + row.orphans), _none(len(row.lost))
        yield f"| {row.name} | {row.done} | {row.phones} | {counts} | {times} | {left} | {lost} |"
    yield ""
    for row in found:
        if row.note or row.figures:
            told = "; ".join(f"{what}: {value}" for what, value in row.figures.items())
            yield f"- **{row.name}**: {' '.join(part for part in (row.note, told and f'{told}.') if part)}"
    if any(row.note or row.figures for row in found):
        yield ""
    for row in found:
        if row.growth:
            yield from _growth(row)
    places = sorted({f"{row.date} ({_machine(row.machine)})" for row in found})
    yield f"Seen {', '.join(places)}.\n"


def _machine(of: Machine) -> str:
    return f"{of.cores} cores, {of.memory_gigabytes} GB" + (", with other work on it" if of.busy else "")


def _growth(row: Row) -> Iterator[str]:
    yield f"What the processes held during {row.name}: median of the first and of the last third, slope of a line.\n"
    yield "| process | what | first third | last third | an hour |"
    yield "|---|---|---|---|---|"
    for each in row.growth:
        yield _growth_line(each)
    yield ""


def _growth_line(of: Growth) -> str:
    return f"| {of.process} | {of.what} | {of.first:.4g} | {of.last:.4g} | {of.slope_per_hour:+.2g} |"


def _seconds(value: float) -> str:
    """As exact as it is worth: milliseconds where it is a moment, else to two digits or whole seconds."""
    if value == 0:
        return "none"
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 60 else f"{value:.0f} s"


def _none(count: int) -> str:
    return str(count) if count else "none"


if __name__ == "__main__":
    PAGE.write_text(page(rows()))
