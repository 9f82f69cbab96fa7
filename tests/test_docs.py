"""What the documents say of the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import agent_config
import documents
from documents import DOCUMENTS, REPOSITORY


@pytest.mark.parametrize("document", DOCUMENTS, ids=documents.name)
def test_the_files_that_a_document_names_are_there(document: Path) -> None:
    text = re.sub(r"^    .*$", "", document.read_text(), flags=re.MULTILINE)
    named = re.findall(r"\b((?:docs|tests|examples|charts|agent|operator|monitoring|images)/[\w./-]*\w)", text)
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=documents.name)
def test_its_links_lead_somewhere_on_the_site_and_as_a_file(document: Path) -> None:
    assert documents.broken_links(document) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One: two\n\n## Three\n\n[a](#three) [b](#one-two) [c](#four) [d](none.md) ![e](none.png)\n")
    assert documents.broken_links(page) == ["#four", "none.md", "none.png"]


def test_the_page_of_the_agents_file_is_fresh() -> None:
    assert agent_config.PAGE.read_text() == agent_config.page(), "run make generate"


def test_no_committed_text_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    forbidden = re.compile(r"/(?:work|root)/|https?://[^ )\"]*(?:py[p]i|deb[i]an\.org|np[m]js)")
    for document in DOCUMENTS:
        assert not forbidden.search(document.read_text()), document
