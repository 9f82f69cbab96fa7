"""docs/proof/reliability.md: what the drills saw, from the files in seen/. Written by `python -m drills.page`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from drills.causes import CAUSES
from drills.seen import GROUPS, ROOM, Finding, Growth, Row, findings, rows

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "reliability.md"

TITLES = {
    "pbx": ("PBX faults", "What PBXes, and the way to them, do to phones."),
    "platform": ("Platform faults", "What Kubernetes does to agents and operator."),
    "pools": ("Pools", "What edits and faults do to many different phones in few agents, of which most are not meant."),
    "operator": (
        "Operator faults",
        "What Kubernetes does to an operator that runs beside the cluster, with the rights that the chart grants.",
    ),
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
A PBX writes an answer down when it has sent it. So a second binding of milliseconds, where one PBX redirects a phone to
another, is one of the logs: the binding was given up before the redirect was sent.

| column | |
|---|---|
| registered | how many phones were, before the fault, at the worst moment after it, at the end |
| longest outage | the longest time that one phone was not registered |
| whole again | from the fault to the end of the last outage; a fault that lasts is in it |
| second binding | the longest time for which a PBX held a binding beside the one that a phone uses, or one of nobody; empty in rows from before this was measured |
| until | until when after the fault there was one |
| left | duplicates and orphans at the end: users held twice, bindings of nobody |
| lost | objects that were missing, changed or left over at the end |
| seen | when; with \\* on a machine that had other work at the same time, which makes times longer |

Phones ask for 30 s unless a row says otherwise; all else has the product's defaults: a PBX may take 4 s to answer a
REGISTER, a ping is sent every 2 s. The PBXes take 1 s to notice that another PBX is dead.

Causes that many rows share:

"""  # noqa: E501


def page(seen: Iterable[Row], beside: Iterable[Finding] = ()) -> str:
    """The whole page."""
    of: dict[str, list[Row]] = {group: [] for group in GROUPS}
    for row in seen:
        of[row.group].append(row)
    others: dict[str, list[Finding]] = {group: [] for group in GROUPS}
    for finding in beside:
        others[finding.group].append(finding)
    sections = ("\n".join(_section(group, of[group], others[group])) for group in GROUPS if of[group] or others[group])
    causes = "".join(f"- {name} {what}\n" for name, what in CAUSES.items())
    return "\n".join([HEAD + causes, *sections])


def _section(group: str, found: list[Row], beside: list[Finding]) -> Iterator[str]:
    title, about = TITLES[group]
    yield f"## {title}\n\n{about}\n"
    if found:
        yield from _rows(found)
    if beside:
        yield from _findings(beside)
    seen: list[Row | Finding] = [*found, *beside]
    places = sorted({f"{each.machine.cores} cores and {each.machine.memory_gigabytes} GB" for each in seen})
    busy = sum(each.machine.busy for each in seen)
    share = (
        f"{busy} of {len(seen)} rows are of a machine with other work on it (\\*)" if busy else "it did nothing else"
    )
    yield f"The machine: {', '.join(places)}; {share}.\n"


def _rows(found: list[Row]) -> Iterator[str]:
    yield (
        "| | what was done | phones | registered | longest outage | whole again | second binding | until | left | "
        "lost | seen |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in found:
        counts = f"{row.before} / {row.lowest} / {row.after}"
        times = [_seconds(row.longest_outage), _seconds(row.whole_after), _second(row), _seconds(row.clean_after)]
        left, lost = _none(row.duplicates + row.orphans), _none(len(row.lost))
        cells = [row.name, row.done, str(row.phones), counts, *times, left, lost, _when(row)]
        yield f"| {' | '.join(cells)} |"
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


def _findings(found: list[Finding]) -> Iterator[str]:
    yield "| | what was done | what was seen | seen |"
    yield "|---|---|---|---|"
    for each in found:
        told = "; ".join(f"{what}: {value}" for what, value in each.figures.items())
        yield f"| {each.name} | {each.done} | {told} | {_when(each)} |"
    yield ""


def _when(of: Row | Finding) -> str:
    return str(of.date) + (" \\*" if of.machine.busy else "")


def _second(row: Row) -> str:
    """Of rows that are older than this figure only whether there was a second binding at all."""
    longest = row.longest_second if row.clean_after else 0.0
    return "" if longest is None else _seconds(longest)


def _growth(row: Row) -> Iterator[str]:
    yield (
        f"What the processes held during {row.name}: samples, evenly spread in time; medians of the first, the middle "
        "and the last third; slope of a line. MB is PSS, in which what several processes share counts once, so that it "
        "also depends on the others; MB of its own are the pages that a process has written to and shares with "
        "nobody.\n"
    )
    yield "| process | what | samples | first third | middle | last | an hour |"
    yield "|---|---|---|---|---|---|---|"
    for each in row.growth:
        yield _growth_line(each)
    yield f"\n{_verdict(row.growth)}\n"


def _growth_line(of: Growth) -> str:
    middle = "" if of.middle is None else f"{of.middle:.4g}"
    samples = ", ".join(f"{sample:.4g}" for sample in of.samples)
    thirds = f"{of.first:.4g} | {middle} | {of.last:.4g}"
    return f"| {of.process} | {of.what} | {samples} | {thirds} | {of.slope_per_hour:+.2g} |"


def _verdict(found: list[Growth]) -> str:
    """What of it grew, by what each process held in the middle third and in the last."""
    if any(each.gain is None for each in found):
        return "Whether it grows is told from the middle third on, which was not yet written down when this was seen."
    grew = [f"{each.what} of {each.process}, from {each.middle:.4g} to {each.last:.4g}" for each in found if each.grew]
    if grew:
        return f"**It grew**, from the middle third to the last: {'; '.join(grew)}."
    most = (max((each for each in found if each.what == what), key=lambda each: each.gain or 0.0) for what in ROOM)
    gains = (f"{each.what} {each.gain:+.2g} of {_room(each.what)} ({each.process})" for each in most)
    return (
        "**Nothing grew**: from the middle third to the last no process gained more than is taken for work. "
        f"The most of each: {'; '.join(gains)}."
    )


def _room(what: str) -> str:
    part, flat = ROOM[what]
    return f"{part:.0%} and {flat:g} allowed" if part else f"{flat:g} allowed"


def _seconds(value: float) -> str:
    """As exact as it is worth: milliseconds where it is a moment, else to two digits or whole seconds."""
    if value == 0:
        return "none"
    if value < 0.001:
        return "< 1 ms"
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 60 else f"{value:.0f} s"


def _none(count: int) -> str:
    return str(count) if count else "none"


if __name__ == "__main__":
    PAGE.write_text(page(rows(), findings()))
