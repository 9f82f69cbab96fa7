"""Calls in a worker, on an engine that only records: what is answered, what ends, what is judged and when."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from recording_engine import RecordingEngine
from softphone_agent.calls import mark, pursuit, sdp
from softphone_agent.calls.mark import Mark
from softphone_agent.contract.call_check import CallCheck, Callee
from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.config import Sip
from softphone_agent.contract.phone import Phone
from softphone_agent.phone.observations import CallableAgain, CallDone, CallTested, Observation
from softphone_agent.sip.happenings import CallNews, CallOffered, CallSignal, FromStrangers
from softphone_agent.worker.call_switch import CallSwitch
from softphone_agent.worker.messages import Configure
from softphone_agent.worker.moves import Back, Lost, Moves
from softphone_agent.worker.outbox import Outbox

OFFER = sdp.offer(sdp.Ours("127.0.0.1", 4000, 1))


def phone(name: str = "alice", **fields: Any) -> Phone:
    given = {"name": name, "aor": f"sip:{name}@pbx.test", "pri": "sip:192.0.2.1"} | fields
    return Phone.model_validate(given)


def check(**fields: Any) -> CallCheck:
    return CallCheck.model_validate({"name": "daily", "caller": "alice", "to": "sip:bob@pbx.test"} | fields)


class Worker:
    """The part of a worker that has the calls."""

    def __init__(self) -> None:
        self.engine = RecordingEngine()
        self.outbox = Outbox(None, FromStrangers)  # type: ignore[arg-type]
        self.moves = Moves()
        self.pbx: str | None = "master"
        self.switch = CallSwitch(self.engine, self.outbox, self.moves, lambda name: self.pbx)

    def configure(
        self, *phones: Phone, checks: tuple[CallCheck, ...] = (), callees: tuple[Callee, ...] = (), now: float = 0.0
    ) -> None:
        self.switch.configure(Configure(Sip(), (), phones, 4, checks, callees), now)

    def offer(self, text: str = OFFER, call: int = 1, now: float = 0.0, **fields: Any) -> None:
        self.switch.happened(CallOffered(call, "alice", "sip:bob@pbx.test;x=1", text, **fields), now)

    def signal(
        self, news: CallNews, code: int = 0, *, call: int = 1, text: str = "", mark: str = "", now: float = 0.1
    ) -> None:
        self.switch.happened(CallSignal(call, news, code, "So", text, mark), now)

    def last(self, name: str) -> tuple[Any, ...]:
        """What the engine was asked last by this name."""
        return next(one for one in reversed(self.engine.calling.asked) if one[0] == name)

    def reports(self) -> list[CallReport]:
        """What was reported of test calls since the last time."""
        taken, self.outbox.news.calls = self.outbox.news.calls, []
        return taken

    def asked(self) -> list[Any]:
        """The names of what the engine was asked, with the code of a refusal, since the last time."""
        taken, self.engine.calling.asked = self.engine.calling.asked, []
        return [(one[0], one[2]) if one[0] == "refuse" else one[0] for one in taken if one[0] != "answer"]

    def observed(self) -> list[Observation]:
        """Of a test call: its label, and whether it passed."""
        taken, self.outbox.news.observations = self.outbox.news.observations, []
        return taken


def results_of(observed: list[Observation]) -> list[tuple[str, bool | None]]:
    """The test calls of these: their check, and whether they passed."""
    return [(one.report.check, one.report.passed) for one in observed if isinstance(one, CallTested)]


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.switch.stop()
    for news in (CallNews.ACKNOWLEDGED, CallNews.REFUSED, CallNews.BYE_ANSWERED):
        for call in range(200):
            made.signal(news, 200, call=call)
    assert made.switch.is_idle


def test_phones_that_are_only_registered_have_nothing_of_calls_imported() -> None:
    code = (
        "import sys, softphone_agent.worker.loop\n"
        "of_calls = ('softphone_agent.calls', 'softphone_agent.sip.calling', 'softphone_agent.worker.calls')\n"
        "print([name for name in sys.modules if name.startswith(of_calls)])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_nothing_is_there_where_no_phone_answers(worker: Worker) -> None:
    worker.configure(phone())
    worker.offer()
    worker.switch.wake(1.0)
    assert (worker.asked(), worker.switch.next_wakeup, worker.switch.is_idle) == ([], None, True)


def test_a_call_is_accepted_and_counted_when_it_has_ended(worker: Worker) -> None:
    worker.configure(phone(answer="Tone"))
    assert worker.engine.calling.asked == [("answer", {"alice"}, 4)]
    worker.offer()
    assert worker.asked() == ["accept"]
    assert worker.switch.next_wakeup == 0.5
    worker.switch.wake(0.5)
    assert worker.asked() == ["answer_again"]
    worker.signal(CallNews.ACKNOWLEDGED, now=0.6)
    worker.signal(CallNews.BYE_CAME, now=0.7)
    assert worker.asked() == ["forget"]
    assert worker.observed() == [CallDone("In", "200", "Nothing")]
    worker.signal(CallNews.BYE_CAME)
    assert worker.asked() == []


def test_what_does_not_fit_is_refused(worker: Worker) -> None:
    worker.configure(phone(answer="Echo", trace=["App"]))
    worker.offer("v=0\r\n")
    worker.engine.calling.registered = False
    worker.offer()
    assert worker.asked() == [("refuse", 488), "forget", ("refuse", 503), "forget"]
    assert worker.observed() == [CallDone("In", "488", ""), CallDone("In", "503", "")]


def test_a_re_invite_without_an_offer_gets_ours(worker: Worker) -> None:
    worker.configure(phone(answer="Tone"))
    worker.offer()
    worker.signal(CallNews.ACKNOWLEDGED)
    worker.signal(CallNews.REOFFERED)
    (offer,) = [one[2] for one in worker.engine.calling.asked[-1:]]
    assert "m=audio" in offer
    assert offer.split("\r\n")[1].split()[2] == "1", "the description has another version"
    worker.signal(CallNews.ACKNOWLEDGED, text="hello")
    assert worker.asked()[-1] == "bye"


def test_who_says_nothing_for_half_a_minute_is_hung_up_on(worker: Worker) -> None:
    worker.configure(phone(answer="Tone"))
    worker.offer()
    worker.signal(CallNews.ACKNOWLEDGED, now=1.0)
    worker.asked()
    worker.switch.wake(30.0)
    assert worker.asked() == []
    worker.switch.wake(31.5)
    assert worker.asked() == ["bye"]


@pytest.mark.parametrize(
    "changes", [{"answer": "Never"}, {"answer": "Echo"}, {"answer": "Tone", "suspend": True}], ids=str
)
def test_a_phone_that_answers_otherwise_hangs_up(worker: Worker, changes: dict[str, Any]) -> None:
    worker.configure(phone(answer="Tone"))
    worker.offer()
    worker.signal(CallNews.ACKNOWLEDGED)
    worker.configure(phone(answer="Tone", phys="hq"))
    assert "bye" not in worker.asked()
    worker.configure(phone(**changes))
    assert "bye" in worker.asked()
    assert not worker.switch.is_idle, "it waits for the answer"


def test_a_test_call_is_made_at_its_time_and_judged(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(everySeconds=30),))
    first = worker.switch.next_wakeup
    assert first is not None
    assert 0 <= first <= 5
    worker.switch.wake(first)
    assert worker.asked() == ["invite"]
    worker.switch.wake(first + 30)
    assert worker.asked() == ["cancel"], "after 20 seconds; and the next call waits for the end of this one"
    worker.signal(CallNews.REFUSED, 487, call=101)
    done, *checked = worker.observed()
    assert done == CallDone("Out", "487", "")
    assert results_of(checked) == [("daily", False)]
    worker.switch.wake(first + 61)
    assert "invite" in worker.asked()
    worker.signal(CallNews.REFUSED, 486, call=102)
    assert results_of(worker.observed()) == [("daily", False)]


def test_what_is_expected_passes(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(expected={"code": 486}),))
    worker.switch.wake(5.0)
    worker.signal(CallNews.PROGRESSED, 180, call=101, now=5.1)
    worker.signal(CallNews.REFUSED, 486, call=101, now=5.2)
    done, *checked = worker.observed()
    assert done == CallDone("Out", "486", "")
    assert results_of(checked) == [("daily", True)]


def test_a_200_is_acknowledged_and_timed(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(talkSeconds=2, expected={"hears": "Anything"}),))
    worker.switch.wake(5.0)
    worker.asked()
    worker.signal(CallNews.ANSWERED, 200, call=101, text=OFFER, now=5.5)
    assert worker.asked() == ["acknowledge"]
    worker.switch.wake(7.5)
    assert worker.asked() == ["bye"]
    worker.signal(CallNews.BYE_ANSWERED, 200, call=101, now=7.6)
    done, checked = worker.observed()
    assert done == CallDone("Out", "200", "Nothing")
    assert isinstance(checked, CallTested)
    assert checked.report.model_dump(exclude={"call", "began", "ended"}, exclude_defaults=True) == {
        "end": "Caller",
        "check": "daily",
        "entry": "daily",
        "phone": "alice",
        "peer": "sip:bob@pbx.test",
        "state": "Ended",
        "pbx": "master",
        "passed": False,
        "faults": ("audio: nothing was heard, no packet came",),
        "code": 200,
        "ring_seconds": 0.5,
        "answer_seconds": 0.5,
        "talk_seconds": 2.0,
        "hang_up_seconds": 0.1,
        "heard": "Nothing",
    }
    assert [one.state for one in worker.reports()] == ["Calling", "Talking", "Talking", "Ended"]


def test_a_caller_without_a_binding_fails_its_check_at_once(worker: Worker) -> None:
    worker.engine.calling.registered = False
    worker.configure(phone(), checks=(check(),))
    worker.switch.wake(5.0)
    assert results_of(worker.observed()) == [("daily", False)]
    (report,) = worker.reports()
    assert report.faults == ("call: the phone is not registered",)


def test_the_first_call_waits_for_the_registration_of_its_caller_but_not_for_ever(worker: Worker) -> None:
    """An agent that begins is no fault of a PBX."""
    worker.pbx = None
    worker.configure(phone(), checks=(check(times=1),))
    worker.switch.wake(1.0)
    assert (worker.asked(), worker.switch.next_wakeup) == ([], 1.5)
    worker.pbx = "master"
    worker.switch.wake(1.5)
    assert worker.asked() == ["invite"]
    worker.signal(CallNews.REFUSED, 486, call=101)
    worker.asked()
    worker.pbx = None
    worker.configure(phone(), checks=(check(times=1, token="x"),))
    worker.switch.wake(31.0)
    assert worker.asked() == ["invite"]
    worker.signal(CallNews.REFUSED, 0, call=102)


def test_a_check_that_stays_as_it_was_keeps_its_time(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(),))
    worker.switch.wake(5.0)
    worker.configure(phone(), checks=(check(),), now=10.0)
    assert worker.switch.next_wakeup == pytest.approx(25.0), "its call may be answered for 20 seconds"
    worker.configure(phone(suspend=True), checks=(check(),), now=10.0)
    assert "cancel" in worker.asked()
    worker.signal(CallNews.REFUSED, 487, call=101)
    assert worker.switch.next_wakeup is None


# Phones that answer test calls

CALLEE = Callee(phone="alice", check="daily", token="0b5c", callers=("sip:bob@pbx.test",), ring_seconds=0)


def marked(token: str = "0b5c") -> str:
    return mark.written(Mark("daily", "c0ffee", int(time.time()), "bob"), token)


def test_a_phone_that_no_check_names_answers_nobody(worker: Worker) -> None:
    worker.configure(phone())
    worker.offer(mark=marked())
    assert (worker.asked(), worker.switch.is_idle) == ([], True)


def test_a_test_call_is_answered_with_a_mark_and_told_of(worker: Worker) -> None:
    worker.configure(phone(), callees=(CALLEE,))
    assert worker.engine.calling.asked == [("answer", {"alice"}, 4)]
    worker.offer(mark=marked())
    answer = mark.read(worker.last("accept")[3], {"daily": "0b5c"}, time.time())
    assert answer is not None
    assert (answer.call, answer.phone) == ("c0ffee", "alice")
    worker.signal(CallNews.ACKNOWLEDGED)
    worker.signal(CallNews.BYE_CAME, now=0.5)
    reports = worker.reports()
    assert [one.state for one in reports] == ["Talking", "Ended"]
    last = reports[-1]
    assert (last.end, last.check, last.call, last.phone) == ("Callee", "daily", "c0ffee", "alice")
    assert (last.peer, last.pbx, last.passed, last.heard) == ("sip:bob@pbx.test", "master", None, "Nothing")


@pytest.mark.parametrize(
    ("fields", "is_answered"),
    [
        ({"mark": marked("guessed")}, False),
        ({"mark": marked("guessed"), "from_pbx": True}, True),
        ({"from_pbx": True}, True),
        ({}, False),
    ],
    ids=["guessed mark", "guessed mark, from a PBX", "no mark, from a PBX", "no mark"],
)
def test_other_calls_are_refused_unless_a_pbx_brings_one_of_a_known_caller(
    worker: Worker, fields: dict[str, Any], is_answered: bool
) -> None:
    worker.configure(phone(), callees=(CALLEE,))
    worker.offer(**fields)
    assert worker.asked() == (["accept"] if is_answered else [("refuse", 486), "forget"])


def test_a_check_may_let_it_ring_and_the_caller_may_give_up(worker: Worker) -> None:
    worker.configure(phone(), callees=(CALLEE.model_copy(update={"ring_seconds": 2.0}),))
    worker.offer(mark=marked())
    assert worker.asked() == ["ring"]
    worker.switch.wake(1.9)
    assert worker.asked() == []
    worker.switch.wake(2.0)
    assert worker.asked() == ["accept"]
    worker.offer(mark=marked(), call=2, now=3.0)
    worker.signal(CallNews.CANCELLED, call=2, now=3.1)
    assert worker.asked() == ["ring", ("refuse", 487)]
    worker.switch.wake(3.7)
    assert "answer_again" in worker.asked()
    worker.signal(CallNews.ACKNOWLEDGED, call=2, now=4.0)
    assert worker.reports()[-1].code == 487


# What becomes of calls while PBXes fail


def answered(worker: Worker, call: int, *, now: float, by: str = "") -> None:
    """The other end takes our call."""
    text = "" if not by else mark.written(Mark("daily", "c", int(time.time()), by), "0b5c")
    worker.signal(CallNews.ANSWERED, 200, call=call, text=OFFER, mark=text, now=now)


def test_another_phone_of_ours_that_answers_is_told(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(token="0b5c", callee="bob", talkSeconds=2),))
    worker.switch.wake(5.0)
    answered(worker, 101, now=5.1, by="carol")
    worker.switch.wake(7.1)
    worker.signal(CallNews.BYE_ANSWERED, 200, call=101, now=7.2)
    assert worker.reports()[-1].faults[0] == "answer: bob was to answer, carol did"


def test_a_check_of_so_many_calls_makes_no_more(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(times=1, everySeconds=5),), now=1.0)
    worker.switch.wake(1.0)
    assert worker.asked() == ["invite"], "at once"
    worker.signal(CallNews.REFUSED, 486, call=101)
    worker.switch.wake(50.0)
    assert worker.asked() == ["forget"]


def failed_over(worker: Worker, name: str = "alice", since: float = 10.0) -> None:
    worker.moves.add(Lost(name, since))
    worker.moves.add(Back(name, since))


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_after_a_fail_over_of_either_end_calls_begin_at_once(worker: Worker, name: str) -> None:
    worker.configure(phone(), checks=(check(afterFailOver=True, everySeconds=3600, callee="bob"),))
    worker.switch.wake(5.0)
    worker.signal(CallNews.REFUSED, 486, call=101)
    worker.asked()
    failed_over(worker, name)
    worker.switch.wake(11.0)
    assert worker.asked() == ["invite"]
    worker.signal(CallNews.REFUSED, 480, call=102, now=11.1)
    worker.switch.wake(11.2)
    assert worker.asked() == ["forget"], "the next one waits a little"
    assert worker.switch.next_wakeup == 11.25
    worker.switch.wake(11.25)
    assert worker.asked() == ["invite"]
    reports = worker.reports()
    assert [one.after_fail_over for one in reports][-2:] == [True, True]
    assert [one.passed for one in reports if one.after_fail_over] == [None] * 3, "it is not judged yet"


def test_no_more_calls_are_made_than_there_is_room_for_and_the_others_wait(worker: Worker) -> None:
    """Of four places two: the other two are for those who call, be it ourselves."""
    several = tuple(check(name=f"c{number}", times=1) for number in range(3))
    worker.configure(phone(), checks=several)
    worker.switch.wake(0.0)
    assert worker.asked() == ["invite", "invite"]
    assert worker.switch.next_wakeup == 0.1
    worker.signal(CallNews.REFUSED, 486, call=101)
    worker.switch.wake(0.1)
    assert worker.asked() == ["forget", "invite"]


def test_a_fail_over_of_many_makes_no_more_calls_at_a_time(worker: Worker) -> None:
    several = tuple(check(name=f"c{number}", times=1, afterFailOver=True) for number in range(3))
    worker.configure(phone(), checks=several, now=-60.0)
    worker.pbx = None
    failed_over(worker)
    worker.switch.wake(11.0)
    asked = worker.asked()
    assert asked.count("invite") == 2
    assert worker.switch.next_wakeup == pytest.approx(11.1)


def test_where_nobody_wants_it_a_fail_over_makes_no_call(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(everySeconds=3600),))
    worker.switch.wake(5.0)
    worker.signal(CallNews.REFUSED, 486, call=101)
    worker.asked()
    failed_over(worker)
    worker.switch.wake(11.0)
    assert worker.asked() == []


def test_of_a_call_after_a_fail_over_of_which_nothing_is_heard_the_next_does_not_wait(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(afterFailOver=True, everySeconds=3600),))
    worker.switch.wake(5.0)
    worker.signal(CallNews.REFUSED, 486, call=101)
    failed_over(worker)
    worker.switch.wake(11.0)
    worker.switch.wake(11.25)
    assert worker.asked().count("invite") == 3
    worker.signal(CallNews.PROGRESSED, 180, call=103, now=11.3)
    worker.switch.wake(13.1)
    assert worker.asked() == ["cancel"], "the first of the two; the other one rings, and is waited for"


def test_after_a_fail_over_the_first_call_with_audio_both_ways_ends_it(worker: Worker, monkeypatch: Any) -> None:
    worker.configure(phone(), checks=(check(afterFailOver=True, everySeconds=3600),))
    worker.switch.wake(5.0)
    worker.signal(CallNews.REFUSED, 486, call=101)
    failed_over(worker)
    worker.switch.wake(11.0)
    answered(worker, 102, now=11.1)
    worker.switch.wake(11.2)
    assert "bye" not in worker.asked()
    monkeypatch.setattr(pursuit, "hears_both_ways", lambda heard: True)
    worker.switch.wake(11.5)
    assert worker.asked() == ["bye"]
    worker.signal(CallNews.BYE_ANSWERED, 200, call=102, now=11.6)
    assert CallableAgain("daily", "master", 1.5) in worker.observed()
    assert worker.reports()[-1].callable_seconds == 1.5
    worker.switch.wake(20.0)
    assert "invite" not in worker.asked()


LONG = {"everySeconds": 3600, "talkSeconds": 600, "rescue": True, "expected": {"hears": "Anything"}}


def talking(worker: Worker, **fields: Any) -> None:
    """A long test call, number 101, that was answered at 5.1."""
    worker.configure(phone(), checks=(check(**LONG | fields),))
    worker.switch.wake(5.0)
    answered(worker, 101, now=5.1)
    worker.asked()


def test_a_long_call_is_watched(worker: Worker) -> None:
    talking(worker, rescue=False)
    worker.switch.wake(10.1)
    assert worker.asked() == ["ask"]
    worker.signal(CallNews.ASK_ANSWERED, 200, call=101, now=10.2)
    worker.switch.wake(15.2)
    assert worker.asked() == ["ask"]


def test_a_fail_over_is_a_reason_to_ask_at_once_and_a_whole_way_leaves_the_call_untouched(worker: Worker) -> None:
    talking(worker)
    failed_over(worker, since=7.0)
    worker.switch.wake(8.0)
    assert worker.asked() == ["ask"]
    worker.signal(CallNews.ASK_ANSWERED, 200, call=101, now=8.1)
    worker.configure(phone(suspend=True), now=9.0)
    worker.signal(CallNews.BYE_ANSWERED, 200, call=101, now=9.1)
    assert worker.reports()[-1].survived == "Lost", "nothing was heard of the other end"


def test_a_call_whose_way_is_broken_is_made_anew_by_the_pbx_that_took_over(worker: Worker) -> None:
    talking(worker, token="0b5c")
    first = worker.reports()[-1].call
    failed_over(worker, since=7.0)
    worker.switch.wake(8.0)
    worker.signal(CallNews.ASK_ANSWERED, 0, call=101, now=12.0)
    worker.switch.wake(12.0)
    assert "invite" not in worker.asked(), "the phone is still where it was"
    worker.engine.calling.moved = True
    worker.switch.wake(13.0)
    assert worker.last("invite")[5] == 101
    answered(worker, 102, now=13.1)
    worker.switch.wake(13.1)
    assert worker.asked()[-2:] == ["acknowledge", "bye"], "the old one ends"
    worker.signal(CallNews.BYE_ANSWERED, 0, call=101, now=17.0)
    assert not results_of(worker.observed()), "it is one call, and goes on"
    assert worker.reports()[-1].call == first
    worker.switch.wake(700.0)
    worker.signal(CallNews.BYE_ANSWERED, 200, call=102, now=700.0)
    assert [check for check, _ in results_of(worker.observed())] == ["daily"]


def test_where_the_callees_pbx_has_failed_the_callers_own_one_makes_the_call_anew(worker: Worker) -> None:
    talking(worker)
    worker.switch.wake(10.1)
    worker.signal(CallNews.ASK_ANSWERED, 408, call=101, now=14.1)
    worker.switch.wake(14.1)
    assert worker.asked() == ["ask", "invite"]
    answered(worker, 102, now=14.2)
    worker.switch.wake(14.2)
    assert worker.asked() == ["acknowledge", "bye"]
    worker.signal(CallNews.BYE_ANSWERED, 0, call=101, now=18.2)


def test_a_rescue_that_is_refused_is_tried_again_while_the_call_goes_on(worker: Worker) -> None:
    talking(worker)
    worker.engine.calling.moved = True
    worker.moves.add(Back("alice", 7.0))
    worker.switch.wake(8.0)
    worker.signal(CallNews.ASK_ANSWERED, 0, call=101, now=8.1)
    worker.switch.wake(8.1)
    worker.signal(CallNews.REFUSED, 481, call=102, now=8.2)
    worker.switch.wake(8.3)
    assert worker.asked() == ["ask", "invite", "forget"]
    worker.switch.wake(9.1)
    assert worker.asked() == ["invite"]
    assert not results_of(worker.observed())


def test_who_is_called_lets_a_call_take_the_place_of_another(worker: Worker) -> None:
    worker.configure(phone(), callees=(CALLEE,))
    worker.offer(mark=marked())
    worker.signal(CallNews.ACKNOWLEDGED)
    worker.asked()
    worker.offer(call=2, replaces=1, now=9.0)
    assert worker.asked() == ["accept", "bye"]
    worker.signal(CallNews.ACKNOWLEDGED, call=2, now=9.1)
    worker.offer(call=3, replaces=1, now=9.2)
    assert worker.asked() == [("refuse", 481), "forget"], "that one is about to end"
    worker.signal(CallNews.BYE_CAME, call=2, now=20.0)
    assert worker.reports()[-1].call == "c0ffee"
