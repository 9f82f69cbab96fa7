"""Which PBXes answer: when they are pinged, and what answers and silence mean."""

from __future__ import annotations

from softphone_agent.dns.targets import Place
from softphone_agent.worker.reachability import Reachability, Verdict

PBX, OTHER = Place("sip:192.0.2.1:5060;transport=udp"), Place("sip:192.0.2.2:5060;transport=udp")


def watching(interval: float = 2.0) -> Reachability:
    reachability = Reachability()
    reachability.watch({PBX: interval}, 0.0)
    return reachability


def answering() -> Reachability:
    """A PBX that has answered one ping, at once."""
    reachability = watching()
    assert reachability.due(0.0) == [PBX]
    assert reachability.answered(PBX, True, 0.01) == Verdict(PBX, True, True, 0.01)
    return reachability


def test_a_pbx_is_pinged_at_once_and_then_once_an_interval() -> None:
    reachability = answering()
    assert reachability.next_wakeup() == 2.0
    assert reachability.due(1.9) == []
    assert reachability.due(2.0) == [PBX]
    assert reachability.due(2.0) == []


def test_nothing_is_known_of_a_pbx_before_its_first_answer() -> None:
    reachability = watching()
    assert reachability.alive(PBX) is None
    assert reachability.alive(OTHER) is None


def test_a_pbx_that_answered_and_then_is_silent_for_an_interval_is_dead() -> None:
    reachability = answering()
    reachability.due(2.0)
    assert reachability.overdue(3.9) == []
    assert reachability.next_wakeup() == 4.0
    assert reachability.overdue(4.0) == [Verdict(PBX, False, True, since=2.0)]
    assert reachability.alive(PBX) is False
    assert reachability.overdue(4.1) == [], "said once"


def test_a_short_interval_still_leaves_a_second_for_a_lost_datagram() -> None:
    reachability = watching(0.2)
    reachability.due(0.0)
    reachability.answered(PBX, True, 0.0)
    reachability.due(0.2)
    assert reachability.overdue(1.1) == []
    assert reachability.overdue(1.2) == [Verdict(PBX, False, True, since=0.2)]


def test_a_pbx_that_never_answered_pings_is_not_judged_by_them() -> None:
    reachability = watching()
    reachability.due(0.0)
    assert reachability.overdue(100.0) == []
    assert reachability.next_wakeup() is None, "nothing to wait for but the end of the ping"
    assert reachability.answered(PBX, False, 100.0) is None
    assert reachability.alive(PBX) is None


def test_a_dead_pbx_is_pinged_on_and_its_first_answer_makes_it_alive() -> None:
    reachability = answering()
    reachability.due(2.0)
    reachability.overdue(4.0)
    assert reachability.answered(PBX, False, 6.0) == Verdict(PBX, False, False, since=2.0)
    assert reachability.due(6.4) == []
    assert reachability.due(6.5) == [PBX]
    assert reachability.answered(PBX, True, 6.6) == Verdict(PBX, True, True, 6.6 - 6.5, since=6.5)


def test_a_hint_that_a_pbx_is_gone_makes_the_next_ping_go_now() -> None:
    reachability = answering()
    reachability.probe([PBX, OTHER], 0.5)
    assert reachability.due(0.5) == [PBX]
    reachability.probe([PBX], 0.6)
    assert reachability.due(0.6) == [], "one ping is on its way"


def test_a_registration_proves_a_pbx_alive_also_where_it_drops_pings() -> None:
    reachability = watching()
    assert reachability.registered(PBX, 1.0) == Verdict(PBX, True, True)
    assert reachability.registered(PBX, 1.0) is None, "said once"


def test_an_unanswered_register_counts_only_where_pings_say_nothing() -> None:
    assert watching().silent(PBX, 7.0) == Verdict(PBX, False, True, since=7.0)
    assert answering().silent(PBX, 7.0) is None
    assert watching().silent(OTHER, 7.0) is None


def test_a_pbx_that_is_back_is_not_dead_by_a_register_that_was_sent_before() -> None:
    reachability = watching()
    assert reachability.silent(PBX, 1.0) == Verdict(PBX, False, True, since=1.0)
    assert reachability.registered(PBX, 5.0) == Verdict(PBX, True, True)
    assert reachability.silent(PBX, 4.9) is None
    assert reachability.registered(PBX, 6.0) is None, "it is known to be alive"
    assert reachability.silent(PBX, 5.9) is None
    assert reachability.silent(PBX, 6.1) == Verdict(PBX, False, True, since=6.1)


def test_a_pbx_that_nobody_uses_any_more_is_forgotten() -> None:
    reachability = answering()
    reachability.watch({OTHER: 2.0}, 1.0)
    assert reachability.alive(PBX) is None
    assert reachability.answered(PBX, True, 1.0) is None
    assert reachability.registered(PBX, 1.0) is None
    assert reachability.due(1.0) == [OTHER]


def test_a_late_answer_to_a_ping_that_is_over_says_nothing() -> None:
    assert answering().answered(PBX, True, 0.5) is None


def test_with_nobody_to_watch_there_is_nothing_to_wait_for() -> None:
    assert Reachability().next_wakeup() is None
