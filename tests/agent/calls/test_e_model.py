"""The E-model beside published figures of ITU-T G.107."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import e_model

parts = st.floats(0, 1)
seconds = st.floats(0, 10)


def test_a_call_without_loss_and_delay_has_the_best_rating() -> None:
    assert e_model.rating(0, 0) == 93.2
    assert e_model.mos(93.2) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("delay", "impairment"), [(0.1, 0), (0.15, 0.1), (0.2, 3.1), (0.3, 14.9), (0.4, 24.0)])
def test_delay_costs_little_up_to_200_ms_and_much_from_there_on(delay: float, impairment: float) -> None:
    assert e_model.delay_impairment(delay) == pytest.approx(impairment, abs=0.6)


def test_loss_costs_what_g_113_says() -> None:
    assert e_model.loss_impairment(0.043) == pytest.approx(47.5)
    assert e_model.loss_impairment(0) == 0


@pytest.mark.parametrize(
    ("r", "mos"), [(-5, 1), (0, 1), (3, 1), (50, 2.58), (70, 3.60), (80, 4.02), (90, 4.34), (100, 4.5), (120, 4.5)]
)
def test_what_people_would_say(r: float, mos: float) -> None:
    """G.107, annex B: table B.1."""
    assert e_model.mos(r) == pytest.approx(mos, abs=0.01)


@given(parts, parts, seconds, seconds)
def test_more_loss_and_more_delay_are_never_better(part: float, more: float, delay: float, longer: float) -> None:
    good = e_model.rating(min(part, more), min(delay, longer))
    bad = e_model.rating(max(part, more), max(delay, longer))
    assert bad <= good + 1e-9
    assert 1 <= e_model.mos(bad) <= 4.5
