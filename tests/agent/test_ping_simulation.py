"""Bad ways to a PBX, simulated: the agent's rule takes no PBX for dead that the first releases' rule would have kept.

`pytest -s` shows the figures.
"""

from __future__ import annotations

from statistics import mean, median

import pytest

from ping_simulation import FixedPatience, MeasuredPatience, Rule, Run, Way

HOURS = 3
DEATHS = 40
GOOD = Way()
WAYS = {
    "nothing lost": GOOD,
    "150 ms": Way(0.0, 0.15, 0.05),
    "150 ms, 10 % lost": Way(0.1, 0.15, 0.05),
    "150 ms, 40 % lost": Way(0.4, 0.15, 0.05),
    "10 % lost": Way(0.1),
    "40 % lost": Way(0.4),
    "400 ms, 10 % lost": Way(0.1, 0.4, 0.1),
    "a gap of 0.7 s each minute": Way(gap=0.7),
}


def false_verdicts(rule: type[Rule], way: Way) -> float:
    """How often an hour a PBX that lives is taken for dead."""
    return sum(Run(rule(), way, 3600.0, seed).verdicts for seed in range(HOURS)) / HOURS


def noticed(rule: type[Rule], way: Way, registers: float = 0.0) -> list[float]:
    """Seconds after which a PBX that dies is taken for dead; it dies at another moment between two pings each time."""
    deaths = (60.0 + 2.0 * number / DEATHS for number in range(DEATHS))
    return [Run(rule(), way, at, seed, registers).noticed_after for seed, at in enumerate(deaths)]


@pytest.mark.parametrize("name", WAYS)
def test_no_bad_way_makes_phones_leave_more_often_than_with_the_first_releases(name: str) -> None:
    before, now = false_verdicts(FixedPatience, WAYS[name]), false_verdicts(MeasuredPatience, WAYS[name])
    times = [median(noticed(rule, WAYS[name])) for rule in (FixedPatience, MeasuredPatience)]
    print(
        f"\n{name}: false verdicts an hour {before:.1f} -> {now:.1f}, noticed after {times[0]:.2f} -> {times[1]:.2f} s"
    )
    assert now <= before


def test_a_gap_of_more_than_a_second_moves_phones_once_and_is_borne_for_the_next_hour() -> None:
    """This is the price of the shorter patience: the first releases bore gaps of up to 1.5 s."""
    run = Run(MeasuredPatience(), Way(gap=1.2), 3600.0, seed=1)
    assert run.verdicts == 1
    assert Run(FixedPatience(), Way(gap=1.2), 3600.0, seed=1).verdicts == 0


def test_a_dead_pbx_is_noticed_within_the_interval_and_a_second() -> None:
    times = noticed(MeasuredPatience, GOOD)
    assert max(times) < 3.0 + 0.01
    assert mean(times) < mean(noticed(FixedPatience, GOOD)) - 0.9


def test_where_many_phones_refresh_their_bindings_one_without_an_answer_asks_at_once() -> None:
    """500 phones with the default expiry: six REGISTERs a second."""
    times = noticed(MeasuredPatience, GOOD, registers=6.0)
    print(f"\n6 REGISTERs a second: noticed after {mean(times):.2f} s, {max(times):.2f} s at most")
    assert max(times) < 2.2
    assert mean(times) < 1.5


def test_a_good_way_costs_no_more_pings_than_before() -> None:
    pings = [Run(rule(), GOOD, 3600.0, seed=1).pings for rule in (FixedPatience, MeasuredPatience)]
    assert pings[1] <= pings[0] + 10, "a few more when it is dead"
