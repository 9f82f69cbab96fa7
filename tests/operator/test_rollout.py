"""Which agents of a fleet may be changed now: a table, and what holds for every fleet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.decide.rollout import Slice, agents_away, may_change


def slices(text: str) -> list[Slice]:
    """O and o: outdated, N and n: new; a capital is up."""
    return [Slice(n, outdated=letter in "Oo", up=letter.isupper()) for n, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("fleet", "max_unavailable", "changed"),
    [
        ("OOOO", 1, {0}),
        ("nOOO", 1, set()),
        ("NOOO", 1, {1}),
        ("OOOO", 2, {0, 1}),
        ("nOOO", 2, {1}),
        ("NNNN", 1, set()),
        ("", 1, set()),
        ("OOoO", 1, {2}),
        ("oooo", 1, {0}),
        ("oooo", 4, {0, 1, 2, 3}),
        ("NoOO", 2, {1, 2}),
        ("OOOn", 1, set()),
    ],
)
def test_so_many_are_changed_at_the_same_time(fleet: str, max_unavailable: int, changed: set[int]) -> None:
    assert may_change(slices(fleet), max_unavailable) == changed


@given(st.text("OoNn", max_size=12), st.integers(1, 12))
def test_changing_never_takes_more_away_than_allowed_nor_stops_for_good(fleet: str, most: int) -> None:
    found = slices(fleet)
    chosen = may_change(found, most)
    away = {s.number for s in found if not s.up}
    assert all(found[number].outdated for number in chosen)
    assert len(away | chosen) <= max(most, len(away))
    if "n" not in fleet and any(s.outdated for s in found):
        assert chosen, "where nothing is under way, the next one is changed"


@pytest.mark.parametrize(
    ("wanted", "agents", "away"),
    [(1, 4, 1), (9, 4, 9), ("25%", 4, 1), ("50%", 4, 2), ("10%", 4, 1), ("99%", 10, 9), ("100%", 3, 3), ("1%", 0, 1)],
)
def test_a_share_is_rounded_down_to_one_agent_at_least(wanted: int | str, agents: int, away: int) -> None:
    assert agents_away(wanted, agents) == away


@pytest.mark.parametrize("wanted", [0, -1, "0%", "101%", "many", "50", ""])
def test_what_is_no_number_of_agents_is_refused(wanted: int | str) -> None:
    with pytest.raises(ValueError, match=r"must be at least 1|neither a number of agents nor a share"):
        agents_away(wanted, 4)
