"""What the documents say of the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import agent_config
import documents
import figures
import generated
import operator_flags
import operator_rights
from bench.figures import parts
from documents import DOCUMENTS, REPOSITORY
from drills.seen import rows


@pytest.mark.parametrize("document", DOCUMENTS, ids=documents.name)
def test_the_files_that_a_document_names_are_there(document: Path) -> None:
    text = re.sub(r"^    .*$", "", document.read_text(), flags=re.MULTILINE)
    named = re.findall(
        r"(?<![\w/.-])((?:docs|tests|examples|charts|agent|operator|console|monitoring|images)/[\w./-]*\w)", text
    )
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


def test_the_operators_flags_are_fresh() -> None:
    assert not generated.stale(operator_flags.PAGE, operator_flags.WHAT, operator_flags.table()), "run make generate"


def test_the_operators_rights_are_those_of_the_charts_roles() -> None:
    assert not generated.stale(operator_rights.PAGE, operator_rights.WHAT, operator_rights.table()), "run make generate"


def test_every_right_to_delete_is_in_the_page() -> None:
    """What the page says of deleting, it says of just these."""
    rights = [operator_rights.granted(role) for role in operator_rights.ROLES]
    deletes = {resource for role in rights for resource, verbs in role.items() if "delete" in verbs}
    assert deletes == {"deployments", "configmaps", "pbxs", "softphones"}
    cells = [line.split("|") for line in operator_rights.PAGE.read_text().splitlines() if line.startswith("| ")]
    assert deletes == {cell[1].strip() for cell in cells if "delete" in cell[2].replace(",", "").split()}


def test_the_figures_are_those_of_benches_and_drills() -> None:
    told = figures.costs(parts(), rows())
    assert not generated.stale(figures.README, figures.COSTS, told), "run make generate"
    assert not generated.stale(figures.COMPARISON, figures.BESIDE, figures.beside(parts())), "run make generate"


def test_a_place_for_what_is_generated_may_be_there_once_only() -> None:
    place = f"{generated.BEGIN.format('x')}\nold\n{generated.END}\n"
    assert generated.filled(place, "x", ["new"]) == place.replace("old", "\nnew\n")
    for page in (place + place, place.replace("x", "y")):
        with pytest.raises(ValueError, match="places for x"):
            generated.filled(page, "x", ["new"])


def test_no_committed_text_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    forbidden = re.compile(r"/(?:work|root)/|https?://[^ )\"]*(?:py[p]i|deb[i]an\.org|np[m]js)")
    for document in DOCUMENTS:
        assert not forbidden.search(document.read_text()), document
