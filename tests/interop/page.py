"""docs/interop.md: what held at PBXes of other makers, from the files in seen/. Written by `python -m interop.page`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from interop.seen import Row, rows

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"

BUSY = " \\*"

HEAD = """\
# PBXes of other makers

<!-- Made from tests/interop/seen by `make generate`. Do not edit. -->

What the agent and PBXes of other makers do to each other. Each row is a test of the real agent at the real program, as Debian sid
has it, both on one machine; `make test` runs them, `make interop` writes the rows anew. Phones ask for a minute, and have the
product's defaults else: a ping every 2 s, 4 s for the answer to a REGISTER. An outage is what the agent reports as such: from the first request that was not answered until
a PBX had accepted the phone; with \\* on a machine that had other work at the same time, which makes times longer. What to set at an Asterisk, in one piece: [Asterisk](how-to/asterisk.md).
"""  # noqa: E501


def page(seen: Iterable[Row]) -> str:
    """The whole page."""
    of: dict[str, list[Row]] = {}
    for row in seen:
        of.setdefault(row.maker, []).append(row)
    return "\n".join([HEAD, *(line for maker, found in of.items() for line in _section(maker, found))])


def _section(maker: str, found: list[Row]) -> Iterator[str]:
    versions = sorted({f"{name} {version}" for row in found for name, version in row.versions.items()})
    yield f"## {maker}\n"
    yield f"Tried with {', '.join(versions)}.\n"
    yield "| what was tried | what one must set there | result | seen | by |"
    yield "|---|---|---|---|---|"
    for row in found:
        module, _, _ = row.test.partition("::")
        yield (
            "| "
            + " | ".join([row.tried, row.set_there, row.result, f"{row.date}{BUSY * row.busy}", f"`{module}`"])
            + " |"
        )
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(rows()))
