"""Whom a phone answers, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls.answering import Known, Mode, Offer, Rule, Taken, decide
from softphone_agent.calls.mark import Mark, written

DAILY = Known("daily", "token", frozenset({"bob"}), 2.0)
MARKED = written(Mark("daily", "c1", 100, "bob"), "token")
FORGED = written(Mark("daily", "c1", 100, "bob"), "guessed")

OURS = Offer("bob", MARKED, from_pbx=False)
"""A test call, whoever sends it on."""
WITHOUT_MARK = Offer("bob", "", from_pbx=True)
"""A test call whose mark a PBX has dropped."""
PRETENDER = Offer("bob", FORGED, from_pbx=False)
"""A stranger who writes the caller's name and some mark."""
STRANGER = Offer("mallory", "", from_pbx=True)
"""Somebody else who calls by the PBX."""

TESTED = Taken("Tone", "daily", "c1", "token", 2.0)
TESTED_WITHOUT_MARK = Taken("Tone", "daily", "", "", 2.0)


@pytest.mark.parametrize(
    ("mode", "checks", "offer", "answer"),
    [
        ("Never", (DAILY,), OURS, 480),
        ("Never", (), STRANGER, 480),
        ("Checks", (DAILY,), OURS, TESTED),
        ("Checks", (DAILY,), WITHOUT_MARK, TESTED_WITHOUT_MARK),
        ("Checks", (DAILY,), PRETENDER, 486),
        ("Checks", (DAILY,), STRANGER, 486),
        ("Checks", (), OURS, 480),
        ("Checks", (), STRANGER, 480),
        ("Tone", (DAILY,), OURS, TESTED),
        ("Tone", (DAILY,), STRANGER, Taken("Tone")),
        ("Tone", (), STRANGER, Taken("Tone")),
        ("Echo", (DAILY,), OURS, Taken("Echo", "daily", "c1", "token", 2.0)),
        ("Echo", (), STRANGER, Taken("Echo")),
    ],
)
def test_the_table(mode: Mode, checks: tuple[Known, ...], offer: Offer, answer: Taken | int) -> None:
    assert decide(Rule(mode, checks), offer, 100.0) == answer


def test_a_mark_says_which_of_several_checks_it_is() -> None:
    hourly = Known("hourly", "other", frozenset({"bob"}))
    taken = decide(Rule("Checks", (hourly, DAILY)), OURS, 100.0)
    assert isinstance(taken, Taken)
    assert taken.check == "daily"


def test_the_answer_to_a_call_without_a_mark_has_none() -> None:
    taken = decide(Rule("Checks", (DAILY,)), WITHOUT_MARK, 100.0)
    assert isinstance(taken, Taken)
    assert (taken.call, taken.token) == ("", "")


def test_a_mark_of_long_ago_is_none() -> None:
    assert decide(Rule("Checks", (DAILY,)), OURS, 10_000.0) == 486


@given(st.text(), st.text(), st.booleans())
def test_a_stranger_is_never_answered_by_a_phone_that_answers_checks(user: str, mark: str, from_pbx: bool) -> None:
    if user != "bob":
        assert decide(Rule("Checks", (DAILY,)), Offer(user, mark, from_pbx), 100.0) == 486
