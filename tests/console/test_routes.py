"""Which page an address means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_console.html.markup import path
from softphone_console.http.routes import OBJECTS, Route, route
from softphone_console.view.facts import Key


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/", Route("", None, {})),
        ("/phones", Route("phones", None, {})),
        ("/phones?q=pbx%3Aslave+anna&order=since", Route("phones", None, {"q": "pbx:slave anna", "order": "since"})),
        ("/timeline?last=7d", Route("timeline", None, {"last": "7d"})),
        ("/phones/demo/anna", Route("phones", Key("demo", "anna"), {})),
        ("/systems/demo/~", Route("systems", Key("demo", ""), {})),
        ("/systems/demo/a%2Fb", Route("systems", Key("demo", "a/b"), {})),
        ("/nope", None),
        ("/phones/demo", None),
        ("/phones/demo/anna/x", None),
        ("/nope/demo/anna", None),
        ("//elsewhere.example/x", None),
        ("phones", None),
        ("", None),
        ("/" + "x" * 3000, None),
        ("/phones?" + "&" * 30, Route("phones", None, {})),
    ],
)
def test_an_address(address: str, expected: Route | None) -> None:
    assert route(address) == expected


@given(
    st.sampled_from(sorted(OBJECTS)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_every_object_is_found_by_the_address_of_its_page(kind: str, namespace: str, name: str) -> None:
    assert route(path(kind, namespace, name)) == Route(kind, Key(namespace, name), {})


@given(st.text())
def test_no_address_makes_it_fail(address: str) -> None:
    found = route(address)
    assert found is None or found.label


@pytest.mark.parametrize(("said", "number"), [("2", 2), ("", 1), ("-1", 1), ("x", 1), ("\u0662", 1), ("99999999", 1)])
def test_a_number_of_the_query(said: str, number: int) -> None:
    assert Route("phones", None, {"page": said}).number("page") == number


def test_labels_are_few() -> None:
    assert Route("", None, {}).label == "overview"
    assert Route("phones", None, {}).label == "phones"
    assert Route("phones", Key("demo", "anna"), {}).label == "phone"
