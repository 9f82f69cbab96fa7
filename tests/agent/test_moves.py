"""What those who make calls learn of bindings: which were lost, and since when, and which phones are back."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

from softphone_agent.contract.phone import Phone
from softphone_agent.registration import machine
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import Reason, Role
from softphone_agent.registration.states import Loss, State
from softphone_agent.sip.happenings import FromStrangers
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.moves import Back, Lost, Moves
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.reports import Reports
from softphone_agent.worker.running import RunningPhone

MASTER, SLAVE = (Registrar(f"sip:192.0.2.{number}:5060;transport=udp") for number in (1, 2))


def bound(at: Registrar) -> machine.Binding:
    return machine.Binding(at, Entry.PRI, at, (), Role.UNKNOWN, "sip:alice@pbx.test", "", 0.0, 1.0, 2.0)


class Stepping:
    """Reports that are told of steps of alice."""

    def __init__(self) -> None:
        self.moves = Moves()
        self.reports = Reports(Configured(4.0), Outbox(multiprocessing.Pipe()[0], FromStrangers), self.moves)
        self.state: State = machine.begin(Plan("sip:alice@pbx.test", pri=MASTER, sec=SLAVE), 0.0)
        config = Phone(name="alice", aor="sip:alice@pbx.test", pri=MASTER.uri, sec=SLAVE.uri)
        self.phone = RunningPhone(config, None, self.state)

    def to(self, now: float, *, binding: machine.Binding | None = None, loss: Loss | None = None) -> list[object]:
        """What is known after a step to a state with this binding, and this loss."""
        before, self.phone.state = self.phone.state, replace(self.state, binding=binding, loss=loss)
        self.reports.stepped(self.phone, before, now)
        return list(self.moves.take())


def test_a_fail_over_counts_from_the_request_that_was_not_answered() -> None:
    steps, lost = Stepping(), Loss(bound(MASTER), Reason.PING_FAILED, 8.0)
    assert steps.to(1.0, binding=bound(MASTER)) == [], "the first registration is no move"
    assert steps.to(10.0, loss=lost) == [Lost("alice", 8.0)]
    assert steps.to(10.5, loss=lost) == [], "once"
    assert steps.to(11.0, binding=bound(SLAVE)) == [Back("alice", 8.0)]
    assert steps.to(12.0, binding=bound(SLAVE)) == []


def test_a_pbx_that_is_restarted_takes_calls_again_when_the_phone_is_back_there() -> None:
    steps, lost = Stepping(), Loss(bound(MASTER), Reason.PING_FAILED, 8.0)
    steps.to(1.0, binding=bound(MASTER))
    assert steps.to(10.0, loss=lost) == [Lost("alice", 8.0)]
    assert steps.to(11.0, binding=bound(MASTER)) == [Back("alice", 8.0)]


def test_a_way_home_counts_from_the_move_since_nothing_was_lost() -> None:
    steps = Stepping()
    steps.to(1.0, binding=bound(SLAVE))
    assert steps.to(20.0, binding=bound(MASTER)) == [Back("alice", 20.0)]
