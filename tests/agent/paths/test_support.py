"""Which PBXes have no use for a REGISTER without Contact: learned once, asked seldom."""

from __future__ import annotations

from softphone_agent.paths.moments import SELDOM_SECONDS
from softphone_agent.paths.support import SILENT, Support

PBX, OTHER = "sip:192.0.2.1:5060;transport=udp", "sip:192.0.2.2:5060;transport=udp"


def test_what_was_learned_counts_for_an_hour() -> None:
    support = Support()
    assert support.why_not(PBX, 0.0) is None
    support.learned(PBX, "it answers 400", 10.0)
    assert support.why_not(PBX, 10.0 + SELDOM_SECONDS - 1) == "it answers 400"
    assert support.why_not(PBX, 10.0 + SELDOM_SECONDS) is None
    assert support.why_not(OTHER, 10.0) is None


def test_silence_says_something_only_when_a_register_was_answered_that_was_sent_after_it() -> None:
    support = Support()
    support.unanswered(PBX, 10.0)
    support.unanswered(PBX, 20.0)
    support.register_answered(PBX, 9.0, 21.0)
    support.register_answered(OTHER, 15.0, 21.0)
    assert support.why_not(PBX, 21.0) is None
    support.register_answered(PBX, 15.0, 22.0)
    assert support.why_not(PBX, 22.0) == SILENT


def test_a_pbx_that_answers_one_has_shown_that_it_does() -> None:
    support = Support()
    support.unanswered(PBX, 10.0)
    support.answered(PBX)
    support.register_answered(PBX, 15.0, 22.0)
    assert support.why_not(PBX, 22.0) is None


def test_that_a_pbx_lists_bindings_is_known_for_an_hour_from_the_last_time() -> None:
    support = Support()
    assert not support.has_listed(PBX, 0.0)
    support.listed(PBX, 0.0)
    support.listed(PBX, 10.0)
    assert support.has_listed(PBX, 10.0 + SELDOM_SECONDS - 1)
    assert not support.has_listed(PBX, 10.0 + SELDOM_SECONDS)
    assert not support.has_listed(OTHER, 10.0)


def test_nothing_is_kept_that_counts_no_more() -> None:
    support = Support()
    support.learned(PBX, "it answers 400", 0.0)
    support.unanswered(OTHER, 0.0)
    support.listed(OTHER, 0.0)
    support.forget(1.0)
    assert (len(support._unsupported), len(support._silent), len(support._listed)) == (1, 1, 1)
    support.forget(SELDOM_SECONDS)
    assert (support._unsupported, support._silent, support._listed) == ({}, {}, {})
