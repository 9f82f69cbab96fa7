"""Events and the steps that follow from them, without an endpoint."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from softphone_agent.contract.phone import Phone
from softphone_agent.registration import machine
from softphone_agent.registration.events import TimePassed
from softphone_agent.registration.plan import Plan, Registrar
from softphone_agent.worker.phones import Phones
from softphone_agent.worker.running import RunningPhone


def test_a_register_that_waits_for_its_turn_is_reported_once_with_its_later_deadline() -> None:
    """That it waits is an event of its own, taken when the step before it is finished."""
    done: list[str] = []
    reports: Any = SimpleNamespace(
        stepped=lambda *_: done.append("step"), report=lambda _: done.append("report"), trace=None
    )
    sending: Any = SimpleNamespace(reserve=lambda *_: 2.0)
    phones = Phones(sending, reports, lambda: 0.5)
    plan = Plan("sip:alice@pbx.test", pri=Registrar("sip:192.0.2.1:5060;transport=udp"))
    phone = RunningPhone(Phone(name="alice", aor=plan.aor, pri="sip:192.0.2.1"), None, machine.begin(plan, 0.0))
    phones.add(phone, 0.0)
    done.clear()
    phones.feed("alice", TimePassed())
    assert done == ["step", "step", "report"]
    attempt = phone.state.attempt
    assert attempt is not None
    assert attempt.deadline - attempt.asked_at == plan.answer_seconds
    assert phone.alarm is not None
    assert phone.alarm.at == attempt.deadline
    assert phones.next_alarm == 0.0, "the alarm that was set before"
