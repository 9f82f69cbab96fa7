"""Texts with {index}: what each phone of a fleet gets."""

from __future__ import annotations

import pytest

from softphone_agent.contract import template


@pytest.mark.parametrize(
    ("text", "index", "expanded"),
    [
        ("sip:load{index}@acme", 7, "sip:load7@acme"),
        ("sip:load{index:05d}@acme", 7, "sip:load00007@acme"),
        ("{index:03}", 1234, "1234"),
        ("{index:x}-{index:04X}", 255, "ff-00FF"),
        ("master", 7, "master"),
        ("{{index}}", 7, "{index}"),
        ("a{{{index}}}", 7, "a{7}"),
    ],
)
def test_each_phone_gets_a_text_of_its_own(text: str, index: int, expanded: str) -> None:
    assert template.parse(text).expand(index) == expanded


@pytest.mark.parametrize(
    "text",
    [
        *("{", "}", "{}", "{0}", "{name}", "{index!r}", "{index!s}", "{index.real}", "{index[0]}", "{index.__class__}"),
        *("{index:5d}", "{index:<5}", "{index:e}", "{index:,}", "{index:021}", "{index:{index}}", "{index:c}"),
    ],
)
def test_nothing_else_is_a_placeholder(text: str) -> None:
    with pytest.raises(template.TemplateError):
        template.parse(text)


def test_a_text_without_placeholder_is_the_same_for_all() -> None:
    assert not template.parse("master{{}}").varies
    assert template.parse("u{index}").varies
