"""Which labels a selector selects, as the API server has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.decide import label_selector
from softphone_operator.decide.label_selector import LabelSelector, LabelSelectorError, Requirement

SHARD = "softphone-fleet.io/shard"


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("", []),
        ("  ", []),
        (f"{SHARD}=a", [Requirement(SHARD, frozenset("a"))]),
        (f" {SHARD} == a ", [Requirement(SHARD, frozenset("a"))]),
        (f"{SHARD}!=a", [Requirement(SHARD, frozenset("a"), negated=True)]),
        ("a in (1, 2),!b", [Requirement("a", frozenset({"1", "2"})), Requirement("b", negated=True)]),
        ("site notin (graz)", [Requirement("site", frozenset({"graz"}), negated=True)]),
        ("site", [Requirement("site")]),
        ("! site", [Requirement("site", negated=True)]),
        ("site=", [Requirement("site", frozenset({""}))]),
        ("in in (in),notin", [Requirement("in", frozenset({"in"})), Requirement("notin")]),
    ],
)  # fmt: skip
def test_what_is_read(text: str, requirements: list[Requirement]) -> None:
    assert label_selector.parse(text) == LabelSelector(tuple(requirements))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a=b=c", "a=b=c"),
        ("a=b,", "a=b,"),
        (",", ","),
        ("a=b,c d", "c d"),
        ("a in b", "a in b"),
        ("a in (b", "a in (b"),
        ("a>1", "a>1"),
        ("a/b/c", "a/b/c"),
        ("-a", "-a"),
        (f"a={64 * 'x'}", f"a={64 * 'x'}"),
    ],
)
def test_what_is_none_is_told(text: str, told: str) -> None:
    with pytest.raises(LabelSelectorError) as caught:
        label_selector.parse(text)
    assert str(caught.value) == f'"{told}" is no requirement of a label'


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        ("", None, True),
        ("a=1", {"a": "1"}, True),
        ("a=1", {"a": "2"}, False),
        ("a=1", None, False),
        ("a!=1", {"a": "2"}, True),
        ("a!=1", {}, True),
        ("a!=1", {"a": "1"}, False),
        ("a in (1,2)", {"a": "2"}, True),
        ("a notin (1,2)", {"a": "2"}, False),
        ("a notin (1,2)", {"b": "2"}, True),
        ("a", {"a": ""}, True),
        ("a", {"b": ""}, False),
        ("!a", {"b": ""}, True),
        ("!a", {"a": ""}, False),
        ("a=1,b=2", {"a": "1"}, False),
        ("a=1,b=2", {"a": "1", "b": "2", "c": "3"}, True),
    ],
)
def test_who_is_selected(text: str, labels: dict[str, str] | None, selected: bool) -> None:
    assert label_selector.parse(text).matches(labels) is selected


def test_a_phone_for_a_try_bears_labels_that_are_selected() -> None:
    selector = label_selector.parse(f"{SHARD} in (b, a),site,!test,stage!=prod")
    assert selector.example() == {SHARD: "a", "site": ""}
    assert selector.matches(selector.example())


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from("123")))
def test_of_shards_by_a_label_and_one_for_the_rest_just_one_serves_each_object(labels: dict[str, str]) -> None:
    shards = [label_selector.parse(text) for text in ("a=1", "a=2", "a notin (1,2)")]
    assert [shard.matches(labels) for shard in shards].count(True) == 1
