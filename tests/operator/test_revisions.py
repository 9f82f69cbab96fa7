"""An edit of one phone makes another file of its agent, and the others are as they should be all the while."""

from __future__ import annotations

from softphone_operator.decide import revisions as subject
from softphone_operator.decide.revisions import Revisions


def noted(*files: tuple[str, str, dict[str, str]]) -> Revisions:
    made = Revisions()
    for digest, common, entries in files:
        made.note(digest, common, entries)
    return made


ONE = ("one", "pbxs", {"anna": "a", "bob": "b"})
EDITED = ("two", "pbxs", {"anna": "a2", "bob": "b"})


def test_the_others_are_as_wanted_in_the_earlier_file_too() -> None:
    made = noted(ONE, EDITED)
    assert made.wanted("bob", "one") == "one"
    assert made.wanted("bob", "two") == "two"
    assert made.changed() == {"anna"}


def test_the_phone_that_was_edited_waits_for_its_file() -> None:
    made = noted(ONE, EDITED)
    assert made.wanted("anna", "one") == "two"
    assert made.wanted("anna", "two") == "two"


def test_what_is_common_to_all_changes_all() -> None:
    made = noted(ONE, ("two", "other pbxs", ONE[2]))
    assert made.wanted("bob", "one") == "two"
    assert made.changed() == {"anna", "bob"}


def test_a_phone_that_comes_and_one_that_goes_are_changes_of_theirs_alone() -> None:
    made = noted(ONE, ("two", "pbxs", {"anna": "a", "cleo": "c"}))
    assert made.changed() == {"bob", "cleo"}
    assert made.wanted("anna", "one") == "one"
    assert made.wanted("cleo", "one") == "two"


def test_an_edit_that_is_taken_back_waits_for_nothing_but_its_file() -> None:
    made = noted(ONE, EDITED, ONE)
    assert made.wanted("anna", "two") == "one"
    assert made.wanted("anna", "one") == "one"
    assert made.wanted("bob", "two") == "two"


def test_the_same_file_again_is_no_change() -> None:
    assert noted(ONE, ONE).changed() == frozenset()


def test_a_file_that_is_not_known_may_have_anything() -> None:
    """Such as that of the operator before: then the phones wait for the present one."""
    made = noted(ONE)
    assert made.wanted("anna", "of another operator") == made.wanted("anna", None) == "one"
    assert made.wanted("nobody", "one") == "one"


def test_of_many_files_the_oldest_are_forgotten() -> None:
    made = noted(*((f"file {n}", "pbxs", {"anna": str(n), "bob": "b"}) for n in range(subject.REMEMBERED + 2)))
    assert made.wanted("bob", "file 0") == f"file {subject.REMEMBERED + 1}"
    assert made.wanted("bob", "file 2") == "file 2"
