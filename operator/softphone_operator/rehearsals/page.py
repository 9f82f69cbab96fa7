"""The report as a page to print and sign: one HTML file that needs nothing from anywhere. Pure.

It is built as a tree of elements and written by the standard library, so that every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, tostring

from softphone_operator.rehearsals import report
from softphone_operator.rehearsals.histogram import histogram
from softphone_operator.rehearsals.record import Record

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ccc; vertical-align: top; }
th[scope=row] { font-weight: 500; width: 22rem; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { display: inline-block; font-size: 1.2rem; font-weight: 700; padding: .2rem .8rem; border: 2px solid; border-radius: .3rem; }
.Passed { color: #0b5d1e; } .Failed { color: #9b1c1c; } .Expired, .running { color: #7a4b00; }
.histogram { width: 100%; max-width: 40rem; font-size: 13px; } .within { fill: #2b6cb0; } .over { fill: #9b1c1c; }
.signature { display: grid; grid-template-columns: 2fr 1fr 2fr; gap: 2rem; margin-top: 4rem; } .signature div { border-top: 1px solid #1b1b1b; padding-top: .3rem; }
footer { margin-top: 2rem; color: #555; font-size: .85rem; }
@media print { body { margin: 0; max-width: none; } thead { display: table-header-group; } tr { break-inside: avoid; } .signature { break-inside: avoid; } }
"""  # noqa: E501
OUTAGE = (
    "An outage is told by the agent itself: from the first request that was not answered until a PBX had accepted the "
    "phone again. Times are those of the agents' clocks."
)

Content = Element | str


def page(record: Record) -> str:
    """The whole document."""
    title = f"Rehearsal {record.rehearsal}"
    html = _e("html", _head(f"{title}, {record.run.began}"), _e("body", *_body(record, title)), lang="en")
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html") + "\n"


def _head(title: str) -> Element:
    return _e(
        "head",
        _e("meta", charset="utf-8"),
        _e("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _e("title", title),
        _styled(),
    )


def _styled() -> Element:
    made = Element("style")
    made.text = STYLE
    return made


def _body(record: Record, title: str) -> Iterable[Element]:
    result = record.result
    verdict = result.verdict if result else "running"
    yield _e("h1", title)
    yield _e("p", _e("span", verdict if result else "still under way", **{"class": f"verdict {verdict}"}))
    if result and result.reasons:
        yield _e("ul", *(_e("li", reason) for reason in result.reasons))
    yield _pairs(report.facts(record))
    yield _e("h2", "Limits")
    yield _table(("limit", "allowed", "measured", ""), [_limit(one) for one in report.limits(record)])
    yield _e("h2", "Phones")
    yield _pairs(report.counts(record))
    outages = sorted(outage.seconds for phone in record.phones for outage in phone.outages)
    if outages:
        yield _e("h2", "How many outages were how long")
        yield histogram(outages, record.run.limits.longest_outage_seconds)
    if record.calls:
        yield _e("h2", "First calls after the fail-over")
        calls = [(one.caller, one.callee, f"{one.seconds:.2f}", one.began) for one in record.calls]
        yield _table(("caller", "called", "audio both ways after s", "call began"), calls, numbers=(2,))
    yield _e("h2", "PBXes")
    yield _table(
        ("PBX", "address", "location", "system", ""),
        [(one.name, one.address, one.location, one.system, "to fail" if one.failed else "") for one in record.pbxs],
    )
    yield _e("h2", "Every phone")
    yield _table(report.COLUMNS, list(report.rows(record)), numbers=(3, 4))
    if record.left_out:
        yield _e(
            "p", f"{record.left_out} further phones are counted above and have no row: the record would be too long."
        )
    yield _e("div", _e("div", "Name"), _e("div", "Date"), _e("div", "Signature"), **{"class": "signature"})
    yield _e("footer", _e("p", OUTAGE))


def _limit(one: report.Limit) -> tuple[str, ...]:
    return one.name, one.allowed, one.measured, {True: "kept", False: "exceeded", None: ""}[one.kept]


def _pairs(of: Iterable[tuple[str, str]]) -> Element:
    return _e("table", _e("tbody", *(_e("tr", _e("th", name, scope="row"), _e("td", value)) for name, value in of)))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> Element:
    def cell(number: int, text: str) -> Element:
        return _e("td", text, **({"class": "number"} if number in numbers else {}))

    return _e(
        "table",
        _e("thead", _e("tr", *(_e("th", name, scope="col") for name in head))),
        _e("tbody", *(_e("tr", *(cell(number, text) for number, text in enumerate(row))) for row in rows)),
    )


def _e(tag: str, *content: Content, **attributes: str) -> Element:
    """An element with a text, which is one line, or with elements in it."""
    made = Element(tag, attributes)
    for part in content:
        if isinstance(part, Element):
            made.append(part)
        else:
            made.text = report.printable(part)
    return made
