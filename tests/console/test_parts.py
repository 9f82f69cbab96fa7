"""What is sent to a browser makes one rendering into the other, and is small where little changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from softphone_console.html import parts
from softphone_console.html.markup import Html, element, together
from softphone_console.html.parts import Changes, Item, Page


def page(rows: dict[str, str], head: str = "h", note: str = "") -> Page:
    """A page with a table and a paragraph."""

    def table(inside: Html) -> Html:
        return element("table", {"id": "table"}, head, inside)

    items = [Item(name, element("tr", {"id": name}, text)) for name, text in rows.items()]
    made = [parts.part("table", table, items), parts.part("note", lambda _: element("p", {"id": "note"}, note))]
    return Page("x", tuple(made if note else made[:1]))


def test_one_row_that_changed_is_sent_alone() -> None:
    after = page({"a": "1", "b": "3"})
    row = Item("b", element("tr", {"id": "b"}, "3"))
    assert parts.changes(page({"a": "1", "b": "2"}), after) == Changes(after.digest, None, (row,))


def test_another_row_brings_the_whole_table() -> None:
    after = page({"a": "1", "b": "2"})
    assert parts.changes(page({"a": "1"}), after) == Changes(after.digest, None, (Item("table", after.parts[0].html),))


def test_another_order_brings_the_whole_table() -> None:
    found = parts.changes(page({"a": "1", "b": "2"}), page({"b": "2", "a": "1"}))
    assert found is not None
    assert [item.id for item in found.elements] == ["table"]


def test_other_parts_bring_the_whole_page() -> None:
    after = page({"a": "1"}, note="n")
    assert parts.changes(page({"a": "1"}), after) == Changes(after.digest, after.html)
    assert parts.changes(after, after) is None


PAGES = st.builds(
    page,
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4),
    st.sampled_from("hi"),
    st.sampled_from(["", "n", "m"]),
)


@given(PAGES, PAGES)
def test_whatever_changed_the_browser_has_the_new_page(before: Page, after: Page) -> None:
    found = parts.changes(before, after)
    if found is None:
        assert before.html == after.html
        return
    assert found.digest == after.digest
    shown = before.html if found.main is None else found.main
    for name, html in found.elements:
        known = {part.id: part.html for part in before.parts}
        was = (known | {item.id: item.html for part in before.parts for item in part.items})[name]
        assert shown.count(was) == 1
        shown = shown.replace(was, html)
    assert shown == together(*(part.html for part in after.parts))
