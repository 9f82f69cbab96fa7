"""The small rules behind the pings: how long to wait, whom to trust, what refusals mean, when to take new sockets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.worker.refusals import CONFIRM_SECONDS, FORGET_SECONDS, Refusals
from softphone_agent.worker.round_trip import LONGEST, SHORTEST, UNKNOWN, RoundTrip
from softphone_agent.worker.socket_patience import FIRST_WAIT, LONGEST_WAIT, SocketPatience
from softphone_agent.worker.trust import CAUGHT, DOUBTED, MOST, Trust

# Round trips (RFC 6298)


@pytest.mark.parametrize(
    ("measured", "timeout"),
    [
        ([], UNKNOWN),
        ([0.2], 0.2 + 4 * 0.1),
        ([0.2, 0.2], 0.2 + 4 * 0.075),
        ([0.2, 0.28], 0.21 + 4 * 0.095),
        ([0.0], SHORTEST),
        ([0.001] * 50, SHORTEST),
        ([0.3] * 200, 0.31),  # the granularity of our clock
        ([5.0], LONGEST),
    ],
)
def test_the_time_out_follows_what_was_measured(measured: list[float], timeout: float) -> None:
    trip = RoundTrip()
    for seconds in measured:
        trip.measured(seconds)
    assert trip.timeout == pytest.approx(timeout)


def test_the_time_out_is_doubled_until_the_next_measurement_and_no_longer_than_a_bound() -> None:
    trip = RoundTrip()
    trip.measured(0.2)
    for timeout in (1.2, LONGEST, LONGEST):
        trip.overdue()
        assert [trip.timeout, trip.expected] == pytest.approx([timeout, 0.6])
    trip.measured(0.2)
    assert trip.timeout == trip.expected == pytest.approx(0.2 + 4 * 0.075)


@given(st.lists(st.one_of(st.none(), st.floats(0.0, 60.0)), max_size=50))
def test_the_time_out_has_bounds_and_a_last_measurement_is_never_above_it_for_long(story: list[float | None]) -> None:
    trip = RoundTrip()
    for seconds in story:
        trip.overdue() if seconds is None else trip.measured(seconds)
        assert SHORTEST <= trip.expected <= trip.timeout <= LONGEST
    for _ in range(100):
        trip.measured(0.5)
    assert 0.5 < trip.timeout < 0.6, "whatever was before"


# Trust in a PBX's silence


def test_one_answer_makes_silence_mean_something() -> None:
    trust, held = Trust(), []
    for happens in (trust.unanswered, trust.answered, trust.unanswered):
        happens()
        held.append(trust.holds)
    assert held == [False, True, True], "silence of one that answers is death and no reason to trust it less"


@pytest.mark.parametrize(
    ("faults", "needed"),
    [
        (["contradicted"], DOUBTED),
        (["contradicted", "contradicted"], DOUBTED),
        (["caught"], CAUGHT),
        (["contradicted", "caught"], CAUGHT),
        (["caught", "contradicted"], CAUGHT),
        (["caught", "caught"], 2 * CAUGHT),
        (["contradicted", "unanswered"], CAUGHT),
        (["caught", "unanswered"], CAUGHT),
        (["flapped"], DOUBTED),
        (["flapped", "flapped"], CAUGHT),
        (["contradicted", "flapped", "flapped"], 2 * CAUGHT),
        (["caught"] * 20, MOST),
    ],
)
def test_who_was_wrong_about_itself_must_answer_many_in_a_row(faults: list[str], needed: int) -> None:
    trust = Trust()
    trust.answered()
    for fault in faults:
        getattr(trust, fault)()
    held = []
    for _ in range(needed):
        trust.answered()
        held.append(trust.holds)
    assert held == [False] * (needed - 1) + [True]


def test_one_that_had_come_back_and_answers_some_pings_is_trusted_as_before() -> None:
    trust = Trust()
    trust.contradicted()
    for _ in range(DOUBTED):
        trust.answered()
    trust.unanswered()
    assert trust.holds, "that is death"


def test_who_answers_for_very_long_is_as_good_as_new() -> None:
    trust = Trust()
    trust.caught()
    for _ in range(MOST):
        trust.answered()
    trust.flapped()
    for _ in range(DOUBTED):
        trust.answered()
    assert trust.holds


# Refusals by ICMP

HERE, THERE = ("192.0.2.1", 5060), ("192.0.2.1", 5070)


@pytest.mark.parametrize(
    ("later", "certain"),
    [(CONFIRM_SECONDS - 0.01, False), (CONFIRM_SECONDS, True), (FORGET_SECONDS, True), (FORGET_SECONDS + 0.1, None)],
)
def test_a_place_is_gone_when_it_is_refused_again_after_a_moment(later: float, certain: bool | None) -> None:
    refusals = Refusals()
    assert refusals.refused(HERE, 100.0) is None
    assert refusals.refused(THERE, 100.0) is None, "each for itself"
    assert refusals.refused(HERE, 100.0 + later) is certain


def test_a_pbx_that_is_started_again_and_answers_is_not_gone() -> None:
    refusals = Refusals()
    refusals.refused(HERE, 1.0)
    refusals.heard(HERE)
    refusals.heard(THERE)
    assert refusals.refused(HERE, 1.5) is None


def test_one_that_is_gone_is_told_of_again_and_again_but_not_each_time() -> None:
    refusals = Refusals()
    told = [refusals.refused(HERE, at / 8) for at in range(10)]
    assert told == [None, False, True, False, True, False, True, False, True, False]


def test_nothing_is_kept_of_places_that_were_refused_once() -> None:
    refusals = Refusals()
    for number in range(1000):
        refusals.refused(("192.0.2.1", number), number / 10)
    assert len(refusals) <= FORGET_SECONDS * 10 + 1


# New sockets


def wishes(patience: SocketPatience, address: str, seconds: range) -> list[int]:
    """When a new socket is taken, if there is a wish for one each second."""
    taken = []
    for now in seconds:
        if patience.allows(address, now):
            patience.took(address, now)
            taken.append(now)
    return taken


def test_where_new_sockets_do_not_help_they_are_taken_ever_more_seldom() -> None:
    taken = wishes(SocketPatience(), "192.0.2.1", range(40_000))
    waits = [after - before for before, after in itertools.pairwise(taken)]
    assert waits[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (FIRST_WAIT, LONGEST_WAIT) == (30, 3600)


def test_each_pbx_has_a_patience_of_its_own() -> None:
    patience = SocketPatience()
    patience.took("192.0.2.1", 0.0)
    patience.served("192.0.2.2", 1.0)
    assert not patience.allows("192.0.2.1", 1.0)
    assert patience.allows("192.0.2.2", 1.0)


@pytest.mark.parametrize(("served", "wait"), [(29.0, 60.0), (30.0, 30.0)])
def test_a_socket_that_served_for_its_time_did_help(served: float, wait: float) -> None:
    """A NAT box that forgets what it knows every few minutes, and one that hears the first ping of each port only."""
    patience = SocketPatience()
    patience.took("192.0.2.1", 100.0)
    patience.served("192.0.2.1", 100.0 + served)
    patience.took("192.0.2.1", 200.0)
    assert not patience.allows("192.0.2.1", 200.0 + wait - 0.1)
    assert patience.allows("192.0.2.1", 200.0 + wait)


def test_nothing_is_kept_of_pbxes_that_needed_a_socket_long_ago() -> None:
    patience = SocketPatience()
    patience.took("192.0.2.1", 0.0)
    patience.took("192.0.2.2", 2 * LONGEST_WAIT)
    assert list(patience._taken) == ["192.0.2.2"]
