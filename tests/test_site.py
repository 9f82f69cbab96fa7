"""The documents as a site: `make docs` builds it without a warning, and it asks no foreign host for anything."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from documents import REPOSITORY

# What a browser fetches by itself.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "use": "href"}


class Fetched(HTMLParser):
    """Collects what a page makes a browser fetch, and the code blocks for which the theme would fetch a program."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in FETCHED and (what := given.get(FETCHED[tag])):
            self.found.add(what)
        if "mermaid" in (given.get("class") or ""):
            self.found.add("https: mermaid")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "true"}
    built = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    docs = REPOSITORY / "docs"
    pages = {file.relative_to(docs).with_suffix(".html") for file in docs.rglob("*.md")}
    pages |= {file.relative_to(docs) for file in docs.rglob("*.html")}  # reports as `kubectl softphone` writes them
    built = {file.relative_to(site) for file in site.rglob("*.html")}
    assert built - {Path("404.html")} == pages


def test_nothing_comes_from_a_foreign_host(site: Path) -> None:
    fetched = Fetched()
    for page in site.rglob("*.html"):
        fetched.feed(page.read_text())
    assert fetched.found
    assert sorted(what for what in fetched.found if what.startswith(("http:", "https:", "//"))) == []
    config = (REPOSITORY / "mkdocs.yml").read_text()
    assert "repo_url" not in config, "the theme would ask that host for the number of stars"
