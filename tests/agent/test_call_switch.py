"""Calls in a worker, on an engine that only records: what is answered, what ends, what is judged and when."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from recording_engine import RecordingEngine
from softphone_agent.calls import sdp
from softphone_agent.contract.call_check import CallCheck
from softphone_agent.contract.config import Sip
from softphone_agent.contract.phone import Phone
from softphone_agent.phone.observations import CallChecked, CallDone, Observation
from softphone_agent.sip.happenings import CallNews, CallOffered, CallSignal, FromStrangers
from softphone_agent.worker.call_switch import CallSwitch
from softphone_agent.worker.messages import Configure
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
        self.switch = CallSwitch(self.engine, self.outbox)

    def configure(self, *phones: Phone, checks: tuple[CallCheck, ...] = (), now: float = 0.0) -> None:
        self.switch.configure(Configure(Sip(), (), phones, 4, checks), now)

    def offer(self, text: str = OFFER, call: int = 1, now: float = 0.0) -> None:
        self.switch.happened(CallOffered(call, "alice", "sip:bob@pbx.test", text), now)

    def signal(self, news: CallNews, code: int = 0, *, call: int = 1, text: str = "", now: float = 0.1) -> None:
        self.switch.happened(CallSignal(call, news, code, "So", text), now)

    def asked(self) -> list[Any]:
        """The names of what the engine was asked, with the code of a refusal, since the last time."""
        taken, self.engine.calling.asked = self.engine.calling.asked, []
        return [(one[0], one[2]) if one[0] == "refuse" else one[0] for one in taken if one[0] != "answer"]

    def observed(self) -> list[Observation]:
        taken, self.outbox.news.observations = self.outbox.news.observations, []
        return taken


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.switch.stop()
    for news in (CallNews.ACKNOWLEDGED, CallNews.BYE_ANSWERED):
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
    assert worker.asked() == ["accept_again"]
    worker.signal(CallNews.ACKNOWLEDGED, now=0.6)
    worker.signal(CallNews.BYE_CAME, now=0.7)
    assert worker.asked() == ["forget"]
    assert worker.observed() == [CallDone("In", "200", None, "Nothing")]
    worker.signal(CallNews.BYE_CAME)
    assert worker.asked() == []


def test_what_does_not_fit_is_refused(worker: Worker) -> None:
    worker.configure(phone(answer="Echo", trace=["App"]))
    worker.offer("v=0\r\n")
    worker.engine.calling.registered = False
    worker.offer()
    assert worker.asked() == [("refuse", 488), "forget", ("refuse", 503), "forget"]
    assert worker.observed() == [CallDone("In", "488", None, ""), CallDone("In", "503", None, "")]


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
    assert worker.observed() == [CallDone("Out", "487", None, ""), CallChecked("daily", False)]
    worker.switch.wake(first + 61)
    assert "invite" in worker.asked()
    worker.signal(CallNews.REFUSED, 486, call=102)
    assert worker.observed()[-1] == CallChecked("daily", False)


def test_what_is_expected_passes(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(expected={"code": 486}),))
    worker.switch.wake(5.0)
    worker.signal(CallNews.PROGRESSED, 180, call=101, now=5.1)
    worker.signal(CallNews.REFUSED, 486, call=101, now=5.2)
    assert worker.observed() == [CallDone("Out", "486", None, ""), CallChecked("daily", True)]


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
    assert isinstance(done, CallDone)
    assert (done.code, done.heard) == ("200", "Nothing")
    assert done.answer_seconds == pytest.approx(0.5)
    assert checked == CallChecked("daily", False)


def test_a_caller_without_a_binding_fails_its_check_at_once(worker: Worker) -> None:
    worker.engine.calling.registered = False
    worker.configure(phone(), checks=(check(),))
    worker.switch.wake(5.0)
    assert worker.observed() == [CallChecked("daily", False)]


def test_a_check_that_stays_as_it_was_keeps_its_time(worker: Worker) -> None:
    worker.configure(phone(), checks=(check(),))
    worker.switch.wake(5.0)
    worker.configure(phone(), checks=(check(),), now=10.0)
    assert worker.switch.next_wakeup == pytest.approx(25.0), "its call may be answered for 20 seconds"
    worker.configure(phone(suspend=True), checks=(check(),), now=10.0)
    assert "cancel" in worker.asked()
    worker.signal(CallNews.REFUSED, 487, call=101)
    assert worker.switch.next_wakeup is None
