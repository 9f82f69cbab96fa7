"""The mark of a test call: who wrote it has the token, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls.mark import CLOCKS_DIFFER, Mark, read, written

MARK = Mark("daily", "c0ffee", 1000, "alice")
TOKENS = {"daily": "0b5c-token", "other": "another"}
names = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)


def test_what_one_end_writes_the_other_reads() -> None:
    text = written(MARK, "0b5c-token")
    assert read(text, TOKENS, 1000.5) == MARK
    assert "0b5c" not in text, "the token itself is not sent"


@given(names, names, st.text("0123456789abcdef", min_size=1, max_size=32), st.integers(0, 2**31))
def test_any_mark_is_read_as_it_was_written(check: str, phone: str, call: str, at: int) -> None:
    mark = Mark(check, call, at, phone)
    assert read(written(mark, "t"), {check: "t"}, float(at)) == mark


@pytest.mark.parametrize(
    "changes",
    [("daily", "other"), ("c0ffee", "c0ffef"), ("1000", "1001"), ("alice", "bob"), ("code=", "code=0"), (";", ",")],
    ids=str,
)
def test_what_was_changed_on_the_way_is_no_mark_of_ours(changes: tuple[str, str]) -> None:
    assert read(written(MARK, "0b5c-token").replace(*changes), TOKENS, 1000.0) is None


def test_who_does_not_know_the_token_makes_none() -> None:
    assert read(written(MARK, "guessed"), TOKENS, 1000.0) is None
    assert read(written(MARK, ""), {"daily": ""}, 1000.0) is None, "a check without a token has no marks"
    assert read(written(Mark("foreign", "c", 1000, ""), "0b5c-token"), TOKENS, 1000.0) is None
    assert read("", TOKENS, 1000.0) is None


@pytest.mark.parametrize("off", [-CLOCKS_DIFFER - 1, CLOCKS_DIFFER + 1])
def test_an_old_mark_counts_no_more(off: float) -> None:
    """Who saw it on the wire could send it again."""
    text = written(MARK, "0b5c-token")
    assert read(text, TOKENS, 1000.0 + off) is None
    assert read(text, TOKENS, 1000.0 + off - (1 if off > 0 else -1)) == MARK
