"""Which PBXes answer: when they are pinged, and what answers and silence mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.dns.targets import Place
from softphone_agent.worker.reachability import (
    CAUTIOUS_SECONDS,
    CAUTIOUS_WAIT,
    SHORTEST_WAIT,
    Reachability,
    Verdict,
)
from softphone_agent.worker.trust import CAUGHT, DOUBTED

PBX, OTHER = Place("sip:192.0.2.1:5060;transport=udp"), Place("sip:192.0.2.2:5060;transport=udp")
ALIVE_STILL = Verdict(PBX, True, False)


def watching(interval: float = 2.0) -> Reachability:
    reachability = Reachability()
    reachability.watch({PBX: interval}, 0.0)
    return reachability


def answering(interval: float = 2.0) -> Reachability:
    """A PBX that has answered one ping, at once: an answer is overdue after 0.1 s."""
    reachability = watching(interval)
    assert reachability.due(0.0) == [PBX]
    assert reachability.answered(PBX, True, 0.01) == (True, Verdict(PBX, True, True, 0.01))
    return reachability


def pinged(reachability: Reachability, until: float) -> list[float]:
    """When pings go until then, while nothing is heard."""
    times: list[float] = []
    while (now := reachability.next_wakeup()) is not None and now < until:
        times += [round(now, 3)] * len(reachability.due(now))
        reachability.overdue(now)
    return times


def answer_pings(reachability: Reachability, count: int, start: float) -> float:
    """So many pings are answered, each at once; when the last one was."""
    now = start
    for _ in range(count):
        while not (due := reachability.due(now)):
            wakeup = reachability.next_wakeup()
            assert wakeup is not None
            now = max(now, wakeup)
            reachability.overdue(now)
        assert due == [PBX]
        reachability.answered(PBX, True, now + 0.01)
    return now + 0.01


# When pings go


def test_a_pbx_is_pinged_at_once_and_then_once_an_interval() -> None:
    reachability = answering()
    assert reachability.next_wakeup() == 2.0
    assert reachability.due(1.9) == []
    assert reachability.due(2.0) == [PBX]
    assert reachability.due(2.0) == []


def test_an_overdue_answer_makes_further_pings_go_soon() -> None:
    assert pinged(answering(), 3.0) == [2.0, 2.1, 2.3, 2.5, 2.7, 2.9]


def test_on_a_slow_way_further_pings_go_later() -> None:
    reachability = watching()
    reachability.due(0.0)
    reachability.answered(PBX, True, 0.3)
    times = pinged(reachability, 4.0)
    assert times[:2] == [2.0, 2.9], "0.3 s, and four times half of that for how much it may vary"


def test_a_pbx_whose_silence_means_nothing_gets_no_further_pings() -> None:
    assert pinged(watching(), 10.0) == [0.0]


def test_what_is_not_watched_is_not_pinged() -> None:
    reachability = answering()
    reachability.ask_again(OTHER, 0.5)
    reachability.asked(OTHER, 0.5)
    assert reachability.due(1.0) == []


@pytest.mark.parametrize("sent", [1, 2])
def test_a_hint_that_a_pbx_is_gone_makes_the_next_ping_go_earlier(sent: int) -> None:
    reachability = answering()
    if sent == 2:
        assert reachability.due(2.0) == [PBX]
    at = {1: 0.5, 2: 2.05}[sent]
    reachability.ask_again(PBX, at)
    assert reachability.next_wakeup() == at
    assert reachability.due(at) == [PBX]
    reachability.ask_again(PBX, 9.0)
    assert reachability.next_wakeup() != 9.0, "never later"


def test_a_register_without_an_answer_makes_the_next_ping_go_at_once() -> None:
    reachability = answering()
    reachability.asked(PBX, 0.10)
    reachability.registered(PBX, 0.10, 0.12)
    assert reachability.next_wakeup() == 2.0
    reachability.asked(PBX, 0.5)
    reachability.asked(PBX, 0.6)
    assert reachability.next_wakeup() == 0.5 + 0.1, "answers to REGISTERs came within 0.1 s before"
    assert reachability.due(0.6) == [PBX]
    assert reachability.overdue(1.6) == [Verdict(PBX, False, True, since=0.5)], "since the REGISTER"


def test_where_silence_means_nothing_a_register_without_an_answer_hints_at_nothing() -> None:
    reachability = watching()
    reachability.due(0.0)
    reachability.answered(PBX, False, 1.0)
    reachability.asked(PBX, 1.0)
    assert reachability.next_wakeup() == 2.0


# What silence means


def test_nothing_is_known_of_a_pbx_before_its_first_answer() -> None:
    reachability = watching()
    assert reachability.alive(PBX) is None
    assert reachability.alive(OTHER) is None


def test_a_pbx_that_answered_and_then_is_silent_for_a_second_is_dead() -> None:
    reachability = answering()
    reachability.due(2.0)
    reachability.due(2.9)
    assert reachability.overdue(2.9) == []
    assert reachability.next_wakeup() == 3.0
    assert reachability.overdue(3.0) == [Verdict(PBX, False, True, since=2.0)]
    assert reachability.alive(PBX) is False
    assert reachability.overdue(3.1) == [], "said once"
    assert reachability.due(3.1) == [], "the pings on their way go on asking"


@pytest.mark.parametrize(
    ("interval", "round_trip", "patience"),
    [
        (2.0, 0.01, 1.0),  # 1 s at least
        (0.2, 0.01, 1.0),
        (2.0, 0.12, 1.08),  # three time-outs of 0.12 + 4 * 0.06
        (2.0, 0.3, 2.0),  # no more than the interval
        (0.5, 0.4, 1.2),  # but one time-out at least, and 1 s
        (60.0, 0.4, 3.6),
    ],
)
def test_patience_follows_the_round_trip(interval: float, round_trip: float, patience: float) -> None:
    reachability = watching(interval)
    reachability.due(0.0)
    reachability.answered(PBX, True, round_trip)
    reachability.due(60.0)
    assert reachability.overdue(60.0 + patience - 0.001) == []
    assert reachability.overdue(60.0 + patience + 0.001) != []


def test_an_answer_to_one_of_several_pings_measures_nothing_and_makes_more_patient() -> None:
    reachability = answering()
    reachability.due(2.0)
    reachability.due(2.1)
    assert reachability.answered(PBX, True, 2.2) == (True, ALIVE_STILL)
    assert reachability.answered(PBX, True, 2.21) == (False, ALIVE_STILL), "that of the other one"
    reachability.due(4.0)
    assert reachability.next_wakeup() == 4.1, "what is asked again is asked as soon"
    assert reachability.overdue(5.0) != [], "twice 0.1 s, three times, is still less than a second"


def test_an_answer_after_half_a_second_measures_nothing_since_the_ping_was_sent_again() -> None:
    reachability = watching()
    reachability.due(0.0)
    assert reachability.answered(PBX, True, 0.6) == (True, Verdict(PBX, True, True, 0.6))
    reachability.due(2.0)
    assert reachability.next_wakeup() == 3.0, "a second, as nothing is known"


def test_a_pbx_that_was_taken_for_dead_too_soon_is_given_more_time_for_an_hour() -> None:
    reachability = answering()
    reachability.due(2.0)
    assert reachability.overdue(3.0) != []
    reachability.answered(PBX, True, 3.2)
    now = answer_pings(reachability, DOUBTED - 1, 3.2) + 5.0
    reachability.due(now)
    assert reachability.overdue(now + CAUTIOUS_WAIT - 0.001) == []
    reachability.answered(PBX, True, now + 1.9)
    later = now + CAUTIOUS_SECONDS
    reachability.due(later)
    assert reachability.overdue(later + SHORTEST_WAIT) != []


def test_who_comes_back_later_was_dead_and_is_given_no_more_time_than_before() -> None:
    reachability = answering()
    reachability.due(2.0)
    assert reachability.overdue(3.0) != []
    reachability.answered(PBX, True, 8.1)
    reachability.due(10.0)
    assert reachability.overdue(11.0) != []


def test_who_was_dead_for_a_moment_only_must_answer_some_pings_until_its_silence_counts() -> None:
    """It drops pings above some rate, or its way is bad. Each further time it must answer many more."""
    reachability, now = answering(), 2.0
    for needed in (DOUBTED, CAUGHT, 2 * CAUGHT):
        reachability.due(now)
        assert reachability.overdue(now + 2.0) != []
        reachability.answered(PBX, True, now + 4.0)
        now = answer_pings(reachability, needed - 2, now + 4.0) + 10.0
        reachability.due(now)
        assert reachability.overdue(now + 50.0) == []
        reachability.answered(PBX, True, now + 50.0)
        now += 60.0


def test_while_our_process_was_held_up_nobody_was_silent() -> None:
    reachability = answering()
    reachability.due(2.0)
    reachability.held_up(3.5)
    assert reachability.overdue(3.5) == []
    assert reachability.overdue(4.5) == [Verdict(PBX, False, True, since=2.0)]


def test_an_answer_to_a_register_is_a_sign_of_life_for_pings_too() -> None:
    reachability = answering()
    reachability.due(2.0)
    assert reachability.registered(PBX, 2.1, 2.9) is None
    assert reachability.overdue(3.8) == []
    assert reachability.overdue(3.9) == [Verdict(PBX, False, True, since=2.9)]


def test_a_pbx_that_never_answered_pings_is_not_judged_by_them() -> None:
    reachability = watching()
    reachability.due(0.0)
    assert reachability.overdue(100.0) == []
    assert reachability.next_wakeup() is None, "nothing to wait for but the end of the ping"
    assert reachability.answered(PBX, False, 100.0) == (True, None)
    assert reachability.alive(PBX) is None


def test_a_dead_pbx_is_pinged_on_and_its_first_answer_makes_it_alive() -> None:
    reachability = answering()
    reachability.due(2.0)
    reachability.overdue(4.0)
    assert reachability.answered(PBX, False, 6.0) == (True, Verdict(PBX, False, False, since=2.0))
    assert reachability.due(6.4) == []
    assert reachability.due(6.5) == [PBX]
    assert reachability.answered(PBX, True, 6.6) == (True, Verdict(PBX, True, True, 6.6 - 6.5))


def test_the_pings_that_asked_the_same_end_together() -> None:
    reachability = answering()
    assert pinged(reachability, 2.2) == [2.0, 2.1]
    reachability.overdue(3.0)
    assert reachability.answered(PBX, False, 6.0) == (True, Verdict(PBX, False, False, since=2.0))
    assert reachability.answered(PBX, False, 6.1) == (False, None)
    assert reachability.due(6.5) == [PBX]
    assert reachability.answered(PBX, False, 10.5) == (True, Verdict(PBX, False, False, since=6.5))


def test_a_further_ping_of_a_dead_pbx_that_is_answered_after_the_first_ended_makes_it_alive() -> None:
    reachability = answering()
    assert pinged(reachability, 2.2) == [2.0, 2.1]
    reachability.overdue(3.0)
    reachability.answered(PBX, False, 6.0)
    assert reachability.answered(PBX, True, 6.05) == (False, Verdict(PBX, True, True))


def test_over_tcp_a_ping_that_fails_at_once_is_a_death() -> None:
    reachability = answering()
    reachability.due(2.0)
    assert reachability.answered(PBX, False, 2.001) == (True, Verdict(PBX, False, True, since=2.0))


def test_a_pbx_at_whose_place_nobody_listens_is_dead() -> None:
    reachability = answering()
    assert reachability.gone(PBX, 1.0) == Verdict(PBX, False, True, since=1.0)
    reachability.due(2.0)
    assert reachability.gone(PBX, 2.2) == Verdict(PBX, False, False, since=2.0)
    assert reachability.gone(OTHER, 2.2) is None
    assert watching().gone(PBX, 1.0) == Verdict(PBX, False, True, since=1.0), "also where nothing was known of it"


# PBXes that drop pings and take REGISTERs


def test_a_registration_proves_a_pbx_alive_also_where_it_drops_pings() -> None:
    reachability = watching()
    assert reachability.registered(PBX, 0.9, 1.0) == Verdict(PBX, True, True)
    assert reachability.registered(PBX, 0.9, 1.0) is None, "said once"


def test_an_unanswered_register_counts_only_where_pings_say_nothing() -> None:
    assert watching().silent(PBX, 7.0) == Verdict(PBX, False, True, since=7.0)
    assert answering().silent(PBX, 7.0) is None
    assert watching().silent(OTHER, 7.0) is None


def test_a_pbx_that_is_back_is_not_dead_by_a_register_that_was_sent_before() -> None:
    reachability = watching()
    assert reachability.silent(PBX, 1.0) == Verdict(PBX, False, True, since=1.0)
    assert reachability.registered(PBX, 4.0, 5.0) == Verdict(PBX, True, True)
    assert reachability.silent(PBX, 4.9) is None
    assert reachability.registered(PBX, 5.0, 6.0) is None, "it is known to be alive"
    assert reachability.silent(PBX, 5.9) is None
    assert reachability.silent(PBX, 6.1) == Verdict(PBX, False, True, since=6.1)


def test_a_pbx_that_takes_a_register_while_it_is_thought_dead_must_answer_some_pings_until_its_silence_counts() -> None:
    reachability = answering()
    reachability.due(2.0)
    assert reachability.overdue(3.0) != []
    assert reachability.registered(PBX, 3.1, 3.2) == Verdict(PBX, True, True)
    now = answer_pings(reachability, DOUBTED - 1, 3.2)
    reachability.due(now + 10.0)
    assert reachability.overdue(now + 20.0) == []
    reachability.answered(PBX, True, now + 20.0)
    now = answer_pings(reachability, 1, now + 20.0)
    reachability.due(now + 10.0)
    assert reachability.overdue(now + 20.0) != []


def test_a_pbx_that_ignores_a_ping_while_it_takes_registers_earns_trust_again_slowly_and_each_time_more_slowly() -> (
    None
):
    reachability, now, needed = answering(), 2.0, CAUGHT
    for _ in range(3):
        reachability.due(now)
        reachability.registered(PBX, now + 0.1, now + 0.2)
        assert reachability.answered(PBX, False, now + 0.9) == (True, None), "no verdict: it takes REGISTERs"
        now = answer_pings(reachability, needed - 1, now + 1.0) + 10.0
        reachability.due(now)
        assert reachability.overdue(now + 50.0) == []
        assert reachability.answered(PBX, True, now + 50.0)[0]
        now += 60.0
        reachability.due(now)
        assert reachability.overdue(now + 50.0) != [], "trusted again"
        reachability.answered(PBX, True, now + 56.0)
        now, needed = now + 60.0, 2 * needed


def test_pings_that_are_not_answered_break_the_row() -> None:
    reachability = answering()
    reachability.due(2.0)
    reachability.registered(PBX, 2.1, 2.2)
    reachability.answered(PBX, False, 3.0)
    now = answer_pings(reachability, CAUGHT - 1, 3.5)
    reachability.due(now + 2.0)
    assert reachability.answered(PBX, False, now + 6.0) == (True, None)
    now = answer_pings(reachability, CAUGHT - 1, now + 6.0)
    assert reachability.silent(PBX, now + 1.0) is not None, "REGISTER decides"


# Who is watched


def test_a_pbx_that_nobody_uses_any_more_is_forgotten() -> None:
    reachability = answering()
    reachability.watch({OTHER: 2.0}, 1.0)
    assert reachability.alive(PBX) is None
    assert reachability.answered(PBX, True, 1.0) == (False, None)
    assert reachability.registered(PBX, 0.9, 1.0) is None
    assert reachability.due(1.0) == [OTHER]


def test_what_is_known_of_a_pbx_outlasts_another_interval() -> None:
    reachability = answering()
    reachability.watch({PBX: 5.0, OTHER: 2.0}, 1.0)
    assert reachability.alive(PBX) is True
    assert reachability.due(2.0) == [PBX, OTHER]
    assert reachability.answered(PBX, True, 2.01) == (True, Verdict(PBX, True, False, 2.01 - 2.0))
    assert reachability.answered(OTHER, True, 2.01)[0]
    assert PBX not in reachability.due(6.9)
    assert PBX in reachability.due(7.0)


def test_a_late_answer_to_a_ping_that_is_over_says_nothing() -> None:
    assert answering().answered(PBX, True, 0.5) == (False, None)


def test_with_nobody_to_watch_there_is_nothing_to_wait_for() -> None:
    assert Reachability().next_wakeup() is None


# For whatever happens

HAPPENINGS = st.sampled_from(["pong", "no answer", "registered", "silent", "asked", "hint", "held up", "gone", "time"])


@given(st.lists(st.tuples(HAPPENINGS, st.floats(0.001, 5.0)), max_size=60), st.floats(0.1, 10.0))
def test_whatever_happens_its_verdicts_agree_and_it_never_asks_to_be_woken_for_nothing(
    story: list[tuple[str, float]], interval: float
) -> None:
    reachability, now, alive, on_their_way = watching(interval), 0.0, None, 0
    for happening, seconds in story:
        now += seconds
        on_their_way += len(reachability.due(now))
        verdicts: list[Verdict | None] = list(reachability.overdue(now))
        match happening:
            case "pong" | "no answer" if on_their_way:
                on_their_way -= 1
                verdicts.append(reachability.answered(PBX, happening == "pong", now)[1])
            case "registered":
                verdicts.append(reachability.registered(PBX, now - seconds, now))
            case "silent":
                verdicts.append(reachability.silent(PBX, now - seconds))
            case "asked":
                reachability.asked(PBX, now)
            case "hint":
                reachability.ask_again(PBX, now)
            case "held up":
                reachability.held_up(now)
            case "gone":
                verdicts.append(reachability.gone(PBX, now))
        for verdict in verdicts:
            if verdict is not None:
                assert verdict.changed == (verdict.alive is not alive)
                alive = verdict.alive
                assert alive or verdict.since <= now
        assert reachability.alive(PBX) is alive
        on_their_way += len(reachability.due(now))
        for verdict in reachability.overdue(now):
            alive = verdict.alive
        wakeup = reachability.next_wakeup()
        assert wakeup is None or wakeup > now
        assert wakeup is not None or on_their_way, "somebody will be heard, or it asks"


# What people are told of it


def test_a_pbx_that_never_answered_does_not_once_it_was_asked_for_longer_than_its_patience() -> None:
    reachability = watching()
    assert (reachability.seen(PBX), reachability.answers_options(PBX)) == (None, None)
    assert reachability.due(0.0) == [PBX]
    assert reachability.next_wakeup() == 2.0
    assert reachability.overdue(1.9) == []
    assert (reachability.seen(PBX), reachability.take_news()) == (None, set())
    assert reachability.overdue(2.0) == [], "for its phones it is not dead: it may drop OPTIONS"
    assert (reachability.seen(PBX), reachability.answers_options(PBX)) == (False, False)
    assert (reachability.alive(PBX), reachability.take_news()) == (None, {PBX})
    assert reachability.take_news() == set()


def test_one_that_drops_options_and_takes_register_is_reachable() -> None:
    reachability = watching()
    reachability.due(0.0)
    reachability.overdue(2.0)
    reachability.registered(PBX, 2.9, 3.0)
    assert (reachability.seen(PBX), reachability.answers_options(PBX)) == (True, False)


def test_short_answer_times_do_not_hide_that_it_never_answers() -> None:
    """Each ping ends before the patience is over."""
    reachability = watching()
    for at in (0.0, 2.0):
        assert reachability.due(at) == [PBX]
        reachability.overdue(at)
        reachability.answered(PBX, False, at + 0.5)
    assert reachability.answers_options(PBX) is False


def test_an_answer_is_news_once() -> None:
    reachability = watching()
    reachability.due(0.0)
    reachability.overdue(2.0)
    reachability.take_news()
    reachability.answered(PBX, True, 2.5)
    assert (reachability.seen(PBX), reachability.answers_options(PBX)) == (True, True)
    assert reachability.take_news() == {PBX}
    answer_pings(reachability, 3, 3.0)
    assert reachability.take_news() == set()


def test_a_pbx_that_limits_options_answers_them_all_the_same() -> None:
    """It is told as one that does not only after three intervals without an answer."""
    reachability = answering()
    reachability.take_news()
    reachability.due(2.0)
    for at in (4.0, 6.0):
        reachability.overdue(at)
        assert reachability.answers_options(PBX) is True
    reachability.overdue(6.02)
    assert reachability.answers_options(PBX) is False
    assert reachability.take_news() == {PBX}


def test_the_time_in_which_nothing_was_read_does_not_count_against_it() -> None:
    reachability = watching()
    reachability.due(0.0)
    reachability.held_up(1.9)
    reachability.overdue(2.0)
    assert reachability.answers_options(PBX) is None
    reachability.overdue(3.9)
    assert reachability.answers_options(PBX) is False


def test_of_a_place_that_is_not_watched_nothing_is_told() -> None:
    reachability = watching()
    assert (reachability.seen(OTHER), reachability.answers_options(OTHER)) == (None, None)
