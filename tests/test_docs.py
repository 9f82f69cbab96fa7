"""What the documents say of the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
METRIC = re.compile(r'"(softphones|softphone_[a-z_]+)",')
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def test_every_metric_is_documented_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(softphone[a-z_]*)` \|", page, re.MULTILINE))
    exposed = set()
    for file in ("agent/softphone_agent/metrics.py", "operator/softphone_operator/metrics.py"):
        exposed |= set(METRIC.findall((REPOSITORY / file).read_text()))
    strip = re.compile(r"(_total|_info)$")
    assert {strip.sub("", name) for name in documented} == {strip.sub("", name) for name in exposed}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_files_that_a_document_names_are_there(document: Path) -> None:
    text = re.sub(r"^    .*$", "", document.read_text(), flags=re.MULTILINE)
    named = re.findall(r"\b((?:docs|tests|examples|charts|agent|operator|monitoring|images)/[\w./-]*\w)", text)
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_no_committed_text_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    forbidden = re.compile(r"/(?:work|root)/|https?://[^ )\"]*(?:py[p]i|deb[i]an\.org|np[m]js)")
    for document in DOCUMENTS:
        assert not forbidden.search(document.read_text()), document
