"""The page of test calls. Pure."""

from __future__ import annotations

from softphone_console.html import timeline, words
from softphone_console.html.markup import Child, Html, element
from softphone_console.html.parts import Item, Page, part
from softphone_console.view.calls import CallsPage, Failed, mood
from softphone_console.view.facts import CallCheck
from softphone_console.view.lights import Mood

NONE = "There are no CallChecks: no phone calls another one to see whether that works."
WELL = "No call has failed, as far as statuses remember."
COLUMNS = ("name", "pairs", "passing", "failing", "since", "callable after a fail-over", "when", "how")


def page(of: CallsPage) -> Page:
    """The page."""

    def make(_: Html) -> Html:
        about = "Phones that call each other all the time, to see whether people could."
        return element("section", {"id": "head"}, element("h1", None, "Calls"), element("p", None, about))

    checks = words.table("checks", "Checks", COLUMNS, [_check(one) for one in of.checks], empty=NONE)
    columns = ("when", "check", "from", "to", "caller's PBX", "what was wrong")
    items = [_failure(number, one) for number, one in enumerate(of.failures)]
    failures = words.table("failures", "The last failures", columns, items, empty=WELL)
    return Page("Calls", (part("head", make), checks, failures), "calls")


def _check(of: CallCheck) -> Item:
    after = timeline.seconds(of.callable_after) if of.callable_after is not None else None
    said = "suspended" if of.suspended else of.passing.message or of.passing.reason or "nothing is known yet"
    return words.row(
        f"check/{of.key.namespace}/{of.key.name}",
        mood(of),
        [words.name(of.key.name), " ", element("span", {"class": "namespace"}, of.key.namespace)],
        ("pairs", str(of.pairs)),
        ("passing", str(of.passed)),
        ("failing", str(of.failed)),
        ("since", words.when(of.passing.since)),
        ("callable after a fail-over", after),
        ("when", words.when(of.callable_at)),
        ("how", said),
    )


def _failure(number: int, of: Failed) -> Item:
    failure = of.failure
    return words.row(
        f"failure/{number}",
        Mood.BAD,
        words.when(failure.time),
        ("check", [words.name(of.check.name), " ", element("span", {"class": "namespace"}, of.check.namespace)]),
        ("from", _end(failure.caller, failure.from_site)),
        ("to", _end(failure.callee, failure.to_site)),
        ("caller's PBX", words.name(failure.pbx) if failure.pbx else None),
        ("what was wrong", failure.words),
    )


def _end(name: str, site: str) -> Child:
    return [words.name(name), f" at {site}" if site else None]
