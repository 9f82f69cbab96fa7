"""The pages of Rehearsals. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from softphone_console.html import timeline, words
from softphone_console.html.markup import Child, Html, element, path
from softphone_console.html.parts import Item, Page, Part, part
from softphone_console.view.facts import RehearsalResult
from softphone_console.view.lights import Mood
from softphone_console.view.rehearsals import VERDICTS, RehearsalPage, Row

NONE = "There are none: docs/how-to/rehearsals.md tells how to try a fail-over on purpose, with a record."
RUNS = ("verdict", "began", "lasted", "phones", "lost it", "missing", "longest outage", "all back after", "why not")


def page(rows: Sequence[Row]) -> Page:
    """The page of all."""
    columns = ("name", "what fails", "phase", "last verdict", "ended", "longest outage", "passed last", "next")

    def make(_: Html) -> Html:
        about = "Fail-overs that are tried on purpose, watched phone by phone, and judged against limits."
        return element("section", {"id": "head"}, element("h1", None, "Rehearsals"), element("p", None, about))

    table = words.table("rehearsals", "All of them", columns, [_row(one) for one in rows], empty=NONE)
    return Page("Rehearsals", (part("head", make), table), "rehearsals")


def _row(of: Row) -> Item:
    where = element("span", {"class": "namespace"}, of.key.namespace)
    overdue = element("span", {"class": "why"}, "overdue: none has passed within its days") if of.overdue else None
    return words.row(
        f"rehearsal/{of.key.namespace}/{of.key.name}",
        of.mood,
        [words.link(path("rehearsals", *of.key), words.name(of.key.name)), " ", where],
        ("what fails", words.name(of.about)),
        ("phase", [of.phase, element("span", {"class": "why"}, of.message) if of.message else None]),
        ("last verdict", of.last.verdict if of.last else "none yet"),
        ("ended", words.when(of.last.ended) if of.last else None),
        ("longest outage", _seconds(of.last.longest) if of.last else None),
        ("passed last", [words.when(of.last_passed), overdue]),
        ("next", words.when(of.next)),
    )


def one(of: RehearsalPage) -> Page:
    """The page of one, with its runs."""
    key = of.row.key
    items = [_run(number, run) for number, run in enumerate(of.rehearsal.history)]
    report = f"kubectl softphone rehearsal report {key.name} -n {key.namespace} -o html"
    note = element(
        "p", {"class": "notes"}, "Every phone's outage, as a page to print and sign: ", element("code", None, report)
    )
    runs = words.table("runs", "How they went", RUNS, items, note=note, empty="None yet.")
    return Page(key.name, (_head(of), runs), "rehearsals")


def _head(of: RehearsalPage) -> Part:
    row, rehearsal = of

    def make(_: Html) -> Html:
        where = element("span", {"class": "namespace"}, row.key.namespace)
        heading = element("h1", None, words.mood(row.mood), words.name(row.key.name), " ", where)
        lines = [[element("dt", None, name), element("dd", None, inside)] for name, inside in _facts(of)]
        said = f"{row.phase}: {rehearsal.message}" if rehearsal.message else row.phase or "Nothing is known yet."
        headline = element("p", {"class": "headline"}, said)
        return element("section", {"id": "head"}, heading, headline, element("dl", None, lines))

    return part("head", make)


def _facts(of: RehearsalPage) -> list[tuple[str, Child]]:
    row, rehearsal = of
    said: list[tuple[str, Child]] = [("what fails", words.name(row.about)), ("broken by", rehearsal.trigger)]
    said += [(name, _seconds(limit)) for name, limit in rehearsal.limits]
    if rehearsal.schedule:
        said.append(("schedule", rehearsal.schedule))
    if row.next:
        said.append(("next", words.when(row.next)))
    if rehearsal.every_days:
        said.append(("must pass within", f"{rehearsal.every_days} days{', and is overdue' if row.overdue else ''}"))
    if row.last_passed:
        said.append(("passed last", words.when(row.last_passed)))
    return said


def _run(number: int, of: RehearsalResult) -> Item:
    return words.row(
        f"run/{number}",
        VERDICTS.get(of.verdict, Mood.UNKNOWN),
        of.verdict,
        ("began", words.when(of.began)),
        ("lasted", timeline.seconds((of.ended - of.began).total_seconds())),
        ("phones", str(of.phones)),
        ("lost it", str(of.lost)),
        ("missing", str(of.missing)),
        ("longest outage", _seconds(of.longest)),
        ("all back after", _seconds(of.all_back)),
        ("why not", "; ".join(of.reasons)),
    )


def _seconds(of: float | None) -> str:
    return "" if of is None else timeline.seconds(of)
