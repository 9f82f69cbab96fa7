"""Calls after a fail-over: at once, again and again, until both ends hear each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import machine, pursuit
from softphone_agent.calls.events import Progressed
from softphone_agent.calls.session import Heard, Told
from softphone_agent.calls.states import Limits

HEARD = Heard(50, 50, 50, 0, 0, 0.001, False, 1.0, 0.01, Told(0.0, 0, 0.001, hears_us=True), 0.0)


def test_the_first_call_goes_out_at_once_and_the_others_soon() -> None:
    one = pursuit.begun(None, since=10.0, now=12.0)
    assert (one.since, one.next_at) == (10.0, 12.0)
    one = pursuit.called(one, 12.0)
    assert one.next_at == 12.25
    one = pursuit.called(one, 12.25)
    assert (one.since, one.next_at) == (10.0, 12.625)


def test_the_earliest_loss_counts_where_both_phones_of_a_check_have_moved() -> None:
    one = pursuit.begun(None, since=10.0, now=12.0)
    assert pursuit.begun(one, since=11.0, now=13.0) == pursuit.Pursuit(10.0, 13.0)
    assert pursuit.begun(one, since=9.0, now=13.0) == pursuit.Pursuit(9.0, 13.0)


@given(st.integers(1, 60))
def test_waits_grow_to_five_seconds_and_no_further(calls: int) -> None:
    one = pursuit.begun(None, 0.0, 0.0)
    waits = []
    for _ in range(calls):
        one = pursuit.called(one, 0.0)
        waits.append(one.next_at)
    assert waits == sorted(waits)
    assert waits[0] == pursuit.FIRST_WAIT
    assert waits[-1] <= pursuit.LONGEST_WAIT


def test_after_ten_minutes_it_is_given_up() -> None:
    one = pursuit.begun(None, 100.0, 101.0)
    assert not pursuit.is_given_up(one, 699.0)
    assert pursuit.is_given_up(one, 700.0)


def test_a_call_of_which_nothing_is_heard_is_given_up_and_one_that_rings_is_not() -> None:
    state = machine.calls(Limits(), 100.0)
    assert not pursuit.is_deaf(state, 101.9)
    assert pursuit.is_deaf(state, 102.0)
    assert not pursuit.is_deaf(machine.step(state, Progressed(180), 100.1)[0], 109.0)


@pytest.mark.parametrize(
    ("changes", "both"),
    [
        ({}, True),
        ({"packets": 10, "tone_part": 0.8}, True),
        ({"tone_part": None}, True),
        ({"tone_part": None, "silent": True}, False),
        ({"tone_part": 0.5}, False),
        ({"packets": 9}, False),
        ({"told": None}, False),
        ({"told": Told(0.0, 0, 0.0, hears_us=False)}, False),
    ],
    ids=str,
)
def test_both_ends_must_hear_each_other(changes: dict[str, object], both: bool) -> None:
    assert pursuit.hears_both_ways(replace(HEARD, **changes)) is both  # type: ignore[arg-type]
