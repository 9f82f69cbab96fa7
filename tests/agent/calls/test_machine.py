"""The machine of a call: the stories of both sides, and what holds whatever comes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import machine
from softphone_agent.calls.actions import (
    Accept,
    AcceptAgain,
    Acknowledge,
    Action,
    Ask,
    Bye,
    Cancel,
    FallSilent,
    Refuse,
    RefuseAgain,
    RefuseChange,
    Ring,
    Talk,
)
from softphone_agent.calls.events import (
    EVENTS,
    Acknowledged,
    Answered,
    AskAnswered,
    ByeAnswered,
    ByeCame,
    CancelCame,
    Doubted,
    Event,
    FellSilent,
    HangUpRequested,
    Progressed,
    Refused,
    Reoffered,
    Replaced,
    TimePassed,
)
from softphone_agent.calls.machine import next_wakeup, step
from softphone_agent.calls.states import Ending, Limits, Phase, State

LIMITS = Limits(answer=10, talk=60, bye=4)


def after(state: State, *events: tuple[Event, float]) -> tuple[State, list[Action]]:
    """The state after all of these, each at its time, and what the last one asks for."""
    actions: list[Action] = []
    for event, now in events:
        state, actions = step(state, event, now)
    return state, actions


def calling(*events: tuple[Event, float]) -> tuple[State, list[Action]]:
    """A call of ours, begun at 0."""
    return after(machine.calls(LIMITS, 0), *events)


def called(*events: tuple[Event, float]) -> tuple[State, list[Action]]:
    """A call that came at 0."""
    state, actions = machine.is_called(LIMITS, 0)
    assert actions == [Accept()]
    return after(state, *events)


# Who calls


def test_a_call_of_ours_from_ringing_to_our_bye() -> None:
    story: list[tuple[Event, float]] = [(Progressed(100), 0.1), (Progressed(180), 0.2), (Progressed(183), 0.3)]
    state, actions = calling(*story)
    assert (state.phase, state.rang_at, actions) == (Phase.RINGING, 0.2, [])
    state, actions = calling(*story, (Answered(200, True), 2.0))
    assert (state.phase, actions) == (Phase.TALKING, [Acknowledge(), Talk()])
    assert (state.answered_at, state.code, next_wakeup(state)) == (2.0, 200, 62.0)
    state, actions = step(state, TimePassed(), 62.0)
    assert (state.phase, state.ending, actions) == (Phase.ENDING, Ending.HUNG_UP, [FallSilent(), Bye()])
    state, actions = step(state, ByeAnswered(200), 62.1)
    assert (state.phase, state.bye_code, state.ended_at) == (Phase.ENDED, 200, 62.1)
    assert state.has_ended
    assert next_wakeup(state) is None


def test_100_is_no_ringing() -> None:
    assert calling((Progressed(100), 0.1))[0].phase is Phase.CALLING


def test_the_other_end_refuses() -> None:
    state, actions = calling((Progressed(180), 0.1), (Refused(486, "Busy Here"), 0.2))
    assert (state.phase, state.ending, state.code, state.reason) == (Phase.ENDED, Ending.REFUSED, 486, "Busy Here")
    assert actions == [FallSilent()]


def test_nobody_is_there() -> None:
    state, _ = calling((Refused(0), 4.0))
    assert (state.phase, state.ending, state.code) == (Phase.ENDED, Ending.UNREACHABLE, 0)


def test_nobody_answers_in_time() -> None:
    state, actions = calling((Progressed(180), 0.1), (TimePassed(), 10.0))
    assert (state.phase, actions) == (Phase.CANCELLING, [Cancel()])
    state, _ = step(state, Refused(487, "Request Terminated"), 10.1)
    assert (state.phase, state.ending, state.code) == (Phase.ENDED, Ending.UNANSWERED, 487)


def test_a_cancel_and_a_200_cross() -> None:
    """The call is there: it is acknowledged and ended. That nobody answered in time stays the reason."""
    state, actions = calling((Progressed(180), 0.1), (TimePassed(), 10.0), (Answered(200, True), 10.1))
    assert (state.phase, state.ending) == (Phase.ENDING, Ending.UNANSWERED)
    assert actions == [Acknowledge(), FallSilent(), Bye()]


def test_after_a_cancel_nothing_comes() -> None:
    state, actions = calling((Progressed(180), 0.1), (HangUpRequested(), 1.0), (TimePassed(), 20.0))
    assert (state.phase, actions) == (Phase.CANCELLING, [])
    state, _ = step(state, TimePassed(), 33.0)
    assert (state.phase, state.ending) == (Phase.ENDED, Ending.HUNG_UP)


def test_an_answer_without_media_of_ours_is_acknowledged_and_ended() -> None:
    state, actions = calling((Answered(200, False), 1.0))
    assert (state.phase, state.ending) == (Phase.ENDING, Ending.NO_MEDIA)
    assert actions == [Acknowledge(), FallSilent(), Bye()]


# Who is called


def test_a_call_that_comes_from_200_to_the_callers_bye() -> None:
    state, actions = called((Acknowledged(), 0.1))
    assert (state.phase, actions, next_wakeup(state)) == (Phase.TALKING, [Talk()], 60)
    state, actions = step(state, ByeCame(), 5.0)
    assert (state.phase, state.ending, actions) == (Phase.ENDED, Ending.REMOTE, [FallSilent()])


def test_no_media_is_sent_before_the_ack() -> None:
    """An INVITE over UDP may have come in another's name."""
    assert Talk() not in machine.is_called(LIMITS, 0)[1]


def test_the_200_is_sent_again_until_its_ack_or_for_32_seconds() -> None:
    state, _ = called()
    sent_at = []
    while state.phase is Phase.ANSWERING:
        now = next_wakeup(state)
        assert now is not None
        state, actions = step(state, TimePassed(), now)
        sent_at += [now] * actions.count(AcceptAgain())
    assert sent_at == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert (state.phase, state.ending, actions) == (Phase.ENDING, Ending.NO_ACK, [FallSilent(), Bye()])


def test_who_wakes_it_too_early_changes_nothing() -> None:
    state, _ = called()
    assert step(state, TimePassed(), 0.4) == (state, [])
    state, _ = calling()
    assert step(state, TimePassed(), 9.0) == (state, [])


def test_the_ack_brings_a_description_that_does_not_fit() -> None:
    state, actions = called((Acknowledged(usable=False), 0.1))
    assert (state.phase, state.ending, actions) == (Phase.ENDING, Ending.NO_MEDIA, [FallSilent(), Bye()])


def test_a_bye_instead_of_the_ack() -> None:
    assert called((ByeCame(), 0.1))[0].ending is Ending.REMOTE


def test_who_is_called_hangs_up_when_the_ack_has_come() -> None:
    """RFC 3261, section 15: not before."""
    state, actions = called((HangUpRequested(), 0.1))
    assert (state.phase, actions) == (Phase.ANSWERING, [])
    assert step(state, Acknowledged(), 0.2)[1] == [FallSilent(), Bye()]
    assert step(state, TimePassed(), 4.1)[1] == [FallSilent(), Bye()]
    assert step(state, HangUpRequested(), 3.0)[0].deadline == 4.1


def test_nobody_holds_a_place_for_ever() -> None:
    state, actions = called((Acknowledged(), 0.1), (TimePassed(), 60.0))
    assert (state.ending, actions) == (Ending.HUNG_UP, [FallSilent(), Bye()])


def test_the_other_end_falls_silent() -> None:
    state, actions = called((Acknowledged(), 0.1), (FellSilent(), 30.0))
    assert (state.ending, actions) == (Ending.SILENT, [FallSilent(), Bye()])


def test_the_phone_is_taken_away() -> None:
    assert called((Acknowledged(), 0.1), (HangUpRequested(), 1.0))[0].phase is Phase.ENDING


# Who rings before it answers

RINGING = replace(LIMITS, ring=3)


def ringing(*events: tuple[Event, float]) -> tuple[State, list[Action]]:
    """A call that came at 0 to a phone that rings for 3 s."""
    state, actions = machine.is_called(RINGING, 0)
    assert actions == [Ring()]
    return after(state, *events)


def test_it_rings_and_is_answered_then() -> None:
    state, _ = ringing()
    assert (state.phase, next_wakeup(state), state.code) == (Phase.ALERTING, 3, 0)
    assert step(state, TimePassed(), 2.0) == (state, [])
    state, actions = step(state, TimePassed(), 3.0)
    assert (state.phase, actions, state.answered_at, state.code) == (Phase.ANSWERING, [Accept()], 3.0, 200)
    assert step(state, Acknowledged(), 3.1)[0].deadline == 63.0, "it may last as long as any other"


def test_the_caller_gives_up_while_it_rings() -> None:
    """RFC 3261, section 9.2: 487, until its ACK comes."""
    for event in (CancelCame(), ByeCame()):
        state, actions = ringing((event, 1.0))
        assert (state.phase, state.ending, actions) == (Phase.REFUSING, Ending.CANCELLED, [Refuse(487)])
    sent_again = []
    while not state.has_ended:
        now = next_wakeup(state)
        assert now is not None
        state, actions = step(state, TimePassed(), now)
        sent_again += [now] * actions.count(RefuseAgain())
    assert sent_again == [1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5]
    assert (state.code, state.ended_at) == (487, 33.0)


def test_the_ack_to_a_refusal_ends_it() -> None:
    state, _ = ringing((CancelCame(), 1.0), (TimePassed(), 1.2), (Acknowledged(), 1.3))
    assert (state.has_ended, state.ending, state.answered_at) == (True, Ending.CANCELLED, None)


def test_a_phone_that_is_taken_away_while_it_rings() -> None:
    state, actions = ringing((HangUpRequested(), 1.0))
    assert (state.phase, state.ending, actions) == (Phase.REFUSING, Ending.HUNG_UP, [Refuse(480)])


# Whether the call is still there

WATCHED = replace(LIMITS, ask=5)


def watched(*events: tuple[Event, float]) -> tuple[State, list[Action]]:
    """A call of ours that was answered at 1, and in which the other end is asked every 5 s."""
    return after(machine.calls(WATCHED, 0), (Answered(200, True), 1.0), *events)


def test_the_other_end_is_asked_again_and_again() -> None:
    state, _ = watched()
    assert next_wakeup(state) == 6.0
    state, actions = step(state, TimePassed(), 6.0)
    assert (actions, next_wakeup(state)) == ([Ask()], 61.0)
    state, _ = step(state, AskAnswered(200), 6.1)
    assert (next_wakeup(state), state.is_broken, state.broken_at) == (11.1, False, None)


def test_a_call_without_watch_asks_nobody() -> None:
    state, _ = calling((Answered(200, True), 1.0), (Doubted(), 2.0))
    assert (state.ask_at, step(state, TimePassed(), 50.0)[1]) == (None, [])


def test_who_is_called_may_ask_too() -> None:
    state, _ = machine.is_called(WATCHED, 0)
    assert step(state, Acknowledged(), 0.5)[0].ask_at == 5.5


def test_an_answer_that_nobody_has_asked_for_changes_nothing() -> None:
    for state in (watched()[0], calling((Answered(200, True), 1.0))[0]):
        for code in (200, 0, 481):
            assert step(state, AskAnswered(code), 2.0) == (state, [])


def test_it_may_be_asked_twice_a_second() -> None:
    state = machine.calls(replace(LIMITS, ask=0.5), 0)
    state, _ = step(state, Answered(200, True), 1.0)
    assert next_wakeup(state) == 1.5
    state, _ = after(state, (TimePassed(), 1.5), (AskAnswered(200), 1.6))
    assert next_wakeup(state) == 2.1


def test_it_may_ring_for_less_than_a_second() -> None:
    assert machine.is_called(replace(LIMITS, ring=0.5), 0)[1] == [Ring()]


def test_in_doubt_it_asks_at_once_and_not_twice() -> None:
    state, actions = watched((Doubted(), 2.0))
    assert actions == [Ask()]
    assert step(state, Doubted(), 2.1) == (state, [])


def test_no_answer_breaks_the_way_and_not_the_call() -> None:
    for code in (0, 408, 503):
        state, actions = watched((TimePassed(), 6.0), (AskAnswered(code), 10.0))
        assert (state.phase, actions, state.is_broken, state.broken_at) == (Phase.TALKING, [], True, 10.0)
    state, _ = after(state, (TimePassed(), 15.0), (AskAnswered(0), 19.0))
    assert state.broken_at == 10.0
    state, _ = after(state, (TimePassed(), 24.0), (AskAnswered(405), 24.1))
    assert (state.is_broken, state.broken_at) == (False, 10.0), "it is whole again: the other end has no OPTIONS"


def test_who_knows_no_such_call_has_ended_it() -> None:
    state, actions = watched((TimePassed(), 6.0), (AskAnswered(481), 6.1))
    assert (state.ending, actions) == (Ending.GONE, [FallSilent(), Bye()])


def test_who_hangs_up_asks_no_more() -> None:
    state, _ = watched((HangUpRequested(), 3.0))
    assert next_wakeup(state) == 7.0, "the answer to BYE is awaited, and nothing else"


def test_another_call_takes_its_place() -> None:
    state, actions = called((Acknowledged(), 0.1), (Replaced(), 9.0))
    assert (state.ending, actions) == (Ending.REPLACED, [FallSilent(), Bye()])


def test_a_repeated_200_and_a_question_may_be_due_together() -> None:
    state, _ = watched((Reoffered(True), 5.5))
    assert step(state, TimePassed(), 6.0)[1] == [AcceptAgain(), Ask()]


# Re-INVITE


def test_a_hold_is_accepted_and_its_ack_lets_the_media_follow() -> None:
    state, actions = called((Acknowledged(), 0.1), (Reoffered(True), 1.0))
    assert (state.phase, actions, next_wakeup(state)) == (Phase.TALKING, [Accept()], 1.5)
    assert step(state, TimePassed(), 1.5)[1] == [AcceptAgain()]
    state, actions = step(state, Acknowledged(), 1.6)
    assert (actions, next_wakeup(state)) == ([Talk()], 60)


def test_a_change_that_does_not_fit_is_refused_and_the_call_goes_on() -> None:
    state, _ = called((Acknowledged(), 0.1))
    assert step(state, Reoffered(False), 1.0) == (state, [RefuseChange(488)])


def test_one_change_after_the_other() -> None:
    state, _ = called((Acknowledged(), 0.1), (Reoffered(True), 1.0))
    assert step(state, Reoffered(True), 1.1) == (state, [RefuseChange(491)])
    for other in (calling()[0], calling((Progressed(180), 0.1))[0], called()[0], calling((HangUpRequested(), 1))[0]):
        assert step(other, Reoffered(True), 1.1) == (other, [RefuseChange(491)])


def test_a_call_that_ends_while_a_change_waits_for_its_ack_sends_no_200_any_more() -> None:
    state, _ = called((Acknowledged(), 0.1), (Reoffered(True), 1.0), (HangUpRequested(), 1.2))
    assert next_wakeup(state) == 5.2, "the answer to BYE is awaited, and nothing else"


def test_a_change_whose_ack_never_comes_ends_the_call() -> None:
    state, actions = called((Acknowledged(), 0.1), (Reoffered(True), 1.0), (TimePassed(), 33.0))
    assert (state.ending, actions) == (Ending.NO_ACK, [FallSilent(), Bye()])


# The end


def test_byes_cross() -> None:
    state, _ = called((Acknowledged(), 0.1), (HangUpRequested(), 1.0), (ByeCame(), 1.0))
    assert (state.phase, state.ending, state.bye_code) == (Phase.ENDED, Ending.HUNG_UP, 0)


def test_our_bye_is_not_answered() -> None:
    story: list[tuple[Event, float]] = [(Acknowledged(), 0.1), (HangUpRequested(), 1.0)]
    assert called(*story, (ByeAnswered(0), 3.0))[0].bye_code == 0
    assert called(*story, (TimePassed(), 4.9))[0].phase is Phase.ENDING
    assert called(*story, (TimePassed(), 5.0))[0].has_ended


def test_the_times_of_a_call_are_noted() -> None:
    """When it began, rang, was answered, was to end, and ended: what RFC 6076 computes its delays from."""

    def times(state: State) -> tuple[float | None, ...]:
        return state.began_at, state.rang_at, state.answered_at, state.bye_at, state.ended_at

    assert times(ringing()[0]) == (0, 0, None, None, None)
    assert times(ringing((CancelCame(), 1.0), (Acknowledged(), 1.5))[0]) == (0, 0, None, None, 1.5)
    assert times(called()[0]) == (0, None, 0, None, None)
    assert times(called((Acknowledged(), 0.1), (ByeCame(), 2.0))[0]) == (0, None, 0, None, 2.0)
    assert times(calling((Progressed(101), 0.5), (Refused(486), 1.0))[0]) == (0, 0.5, None, None, 1.0)
    answered = calling((Answered(200, True), 1.0), (HangUpRequested(), 3.0), (ByeAnswered(200), 3.5))[0]
    assert times(answered) == (0, None, 1.0, 3.0, 3.5)
    given_up = calling((Answered(200, True), 1.0), (HangUpRequested(), 3.0), (TimePassed(), 9.0))[0]
    assert times(given_up) == (0, None, 1.0, 3.0, 9.0)
    late = calling((Progressed(180), 0.5), (HangUpRequested(), 1.0), (Answered(202, True), 1.5))[0]
    assert times(late) == (0, 0.5, 1.5, 1.5, None)
    assert (late.code, late.ending) == (202, Ending.HUNG_UP)


def test_the_end_of_a_cancelled_invite_keeps_its_words_and_the_reason_why_it_was_cancelled() -> None:
    for reason, ending in ((HangUpRequested(), Ending.HUNG_UP), (TimePassed(), Ending.UNANSWERED)):
        state, _ = calling((Progressed(180), 0.1), (reason, 10.0), (Refused(487, "Terminated"), 10.5))
        assert (state.ending, state.code, state.reason, state.ended_at) == (ending, 487, "Terminated", 10.5)


def test_a_hang_up_before_the_ack_keeps_its_reason() -> None:
    assert called((HangUpRequested(), 0.1), (Acknowledged(), 0.2))[0].ending is Ending.HUNG_UP


# Whatever comes

events = st.one_of(
    st.builds(Progressed, st.integers(100, 199)),
    st.builds(Answered, st.integers(200, 299), st.booleans()),
    st.builds(Refused, st.just(0) | st.integers(300, 699)),
    st.builds(Acknowledged, st.booleans()),
    st.builds(Reoffered, st.booleans()),
    st.just(ByeCame()),
    st.just(CancelCame()),
    st.just(Doubted()),
    st.builds(AskAnswered, st.sampled_from([0, 200, 408, 481])),
    st.just(Replaced()),
    st.builds(ByeAnswered, st.just(0) | st.integers(200, 699)),
    st.just(FellSilent()),
    st.just(HangUpRequested()),
    st.just(TimePassed()),
)
beginnings = st.sampled_from(
    [
        machine.calls(LIMITS, 0),
        machine.calls(WATCHED, 0),
        machine.is_called(LIMITS, 0)[0],
        machine.is_called(RINGING, 0)[0],
    ]
)


@given(beginnings, st.lists(st.tuples(events, st.floats(0, 40)), max_size=40))
def test_whatever_comes_the_machine_goes_on_by_its_table(state: State, story: list[tuple[Event, float]]) -> None:
    now, byes, talks, asked, answers = 0.0, 0, 0, 0, 0
    for event, passed in story:
        now += passed
        before = state
        state, actions = step(state, event, now)
        byes += actions.count(Bye())
        talks += actions.count(Talk())
        asked += actions.count(Ask())
        answers += isinstance(event, AskAnswered)
        if before.has_ended:
            assert (state, actions) == (before, [])
        if before.phase in (Phase.ENDING, Phase.ENDED):
            assert Talk() not in actions, "no media after the end"
            assert Ask() not in actions, "nobody is asked after the end"
        if state.phase in (Phase.ENDING, Phase.ENDED, Phase.CANCELLING, Phase.REFUSING):
            assert state.ending is not None
        if state.phase in (Phase.ALERTING, Phase.REFUSING):
            assert state.answered_at is None
        assert asked <= answers + 1, "one question at a time"
        assert state.has_ended == (next_wakeup(state) is None)
    assert byes <= 1


@given(beginnings, st.lists(st.tuples(events, st.floats(0, 40)), max_size=20))
def test_every_call_ends_by_itself(state: State, story: list[tuple[Event, float]]) -> None:
    """Whatever came before: with nothing but time, nothing hangs."""
    now = 0.0
    for event, passed in story:
        now += passed
        state, _ = step(state, event, now)
    for _ in range(40):
        wakeup = next_wakeup(state)
        if wakeup is None:
            break
        now = max(now, wakeup)
        state, _ = step(state, TimePassed(), now)
    assert state.has_ended


@given(st.sampled_from(list(Phase)), events)
def test_what_the_table_does_not_have_changes_nothing(phase: Phase, event: Event) -> None:
    state = replace(machine.calls(LIMITS, 0), phase=phase)
    if (phase, type(event)) not in machine.TRANSITIONS:
        assert step(state, event, 100.0) == (state, [])


def test_the_table_has_every_event_somewhere() -> None:
    assert {event for _, event in machine.TRANSITIONS} == set(EVENTS)
