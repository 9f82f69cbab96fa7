"""Whatever a text is, it stays a text."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_console.html.markup import anchor, document, element, of_segment, path, together, visible

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["<script>alert(1)</script>", "\"' onmouseover=alert(1) x='", "&lt;", "]]>", "<!--", "</title>", "\u202egnp", "\0"]
)


class Reader(HTMLParser):
    """What a browser would see: elements with their attributes, and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.texts = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.texts += data


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(TEXTS, TEXTS)
def test_texts_and_values_stay_what_they_are(inside: str, value: str) -> None:
    seen = read(element("p", {"title": value, "data-of": value}, inside, element("b", None, inside)))
    assert [tag for tag, _ in seen.tags] == ["p", "b"]
    assert seen.tags[0][1] == [("title", visible(value)), ("data-of", visible(value))]
    assert seen.texts == visible(inside) * 2


@given(TEXTS)
def test_what_a_reader_would_not_see_is_shown(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(text) == text or not text.isprintable()


@given(st.lists(TEXTS, min_size=1, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=2))
def test_each_segment_of_an_address_is_one(segments: list[str], query: dict[str, str]) -> None:
    made = path(*segments, query=query)
    parts = urlsplit(made)
    assert (parts.scheme, parts.netloc) == ("", "")
    found = [of_segment(unquote(one)) for one in parts.path[1:].split("/")]
    assert found == segments
    assert not {".", ".."} & set(parts.path.split("/"))
    assert not made.startswith("//")


def test_nothing_in_between_is_nothing() -> None:
    assert together("a", None, ["b", [element("br")]]) == "ab<br>"
    assert document(None, element("body")) == '<!doctype html>\n<html lang="en"><head></head><body></body></html>\n'


def test_numbers_are_short() -> None:
    assert element("rect", {"x": 1.5, "y": 2.0, "width": 3}) == '<rect x="1.5" y="2" width="3"></rect>'


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("style", {}),
        ("iframe", {}),
        ("p onclick=x", {}),
        ("p", {"onclick": "x"}),
        ("p", {"style": "x"}),
        ("p", {"a b": "x"}),
        ("a", {"href": "javascript:alert(1)"}),
        ("form", {"action": "https://elsewhere.example"}),
        ("script", {}),
    ],
)
def test_what_a_page_never_has_cannot_be_made(name: str, attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"no (element|attribute|address)|a script is"):
        element(name, attributes)


def test_a_script_is_a_file_of_its_own() -> None:
    with pytest.raises(ValueError, match="a script is a file of its own"):
        element("script", {"src": path("x")}, "alert(1)")
    assert element("a", {"href": anchor("main")}, "x") == '<a href="#main">x</a>'
