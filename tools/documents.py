"""The documents: which there are, what they link to, which headings one can link to, and which commands they give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown.extensions import toc
from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "examples", "images", "tests/lab")
DOCUMENTS = (
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(file for folder in FOLDERS for file in sorted((REPOSITORY / folder).rglob("*.md"))),
)
"""All that people read. docs/ is the site."""
FOREIGN = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def name(document: Path) -> str:
    """Its path in the repository."""
    return str(document.relative_to(REPOSITORY))


def _tokens(document: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(document.read_text())


def links(document: Path) -> Iterator[str]:
    """Where its links and pictures lead, but for other hosts."""
    for token in _tokens(document):
        for part in token.children or ():
            target = part.attrs.get("href" if part.type == "link_open" else "src")
            if isinstance(target, str) and not FOREIGN.match(target):
                yield target


def anchors(document: Path) -> set[str]:
    """The anchors of its headings that work both on the site and where GitHub or an editor shows the file."""
    found = set()
    tokens = _tokens(document)
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            title = "".join(part.content for part in tokens[at + 1].children or ())
            of_file = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            if toc.slugify(title, "-") == of_file:
                found.add(of_file)
    return found


def code(document: Path) -> Iterator[str]:
    """Its code in order: what stands between backticks, and the lines of blocks."""
    for token in _tokens(document):
        if token.type in ("code_block", "fence"):
            yield from token.content.splitlines()
        yield from (part.content for part in token.children or () if part.type == "code_inline")


def broken_links(document: Path) -> list[str]:
    """Links to files that are not there, to headings that are not there, or that only one of site and files knows."""
    return [link for link in links(document) if not _leads_somewhere(document, link)]


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return False
    on_site = REPOSITORY / "docs"
    if document.is_relative_to(on_site) and not target.is_relative_to(on_site):
        return False
    return not anchor or anchor in anchors(target)


@dataclass(frozen=True)
class Commands:
    """A block of commands under a heading. Whatever is to be typed is indented; what is shown stands in fences."""

    heading: str
    text: str


def commands(document: Path) -> list[Commands]:
    """Its blocks of commands, in order."""
    found, heading = [], ""
    tokens = _tokens(document)
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[at + 1].content
        elif token.type == "code_block":
            found.append(Commands(heading, token.content))
    return found
