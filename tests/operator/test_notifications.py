"""What a receiver is told of losses: each once, its end once, together by PBX, and the last word in any case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.decide import notifications
from softphone_operator.decide.notifications import Message, Notifications, body
from softphone_operator.decide.troubles import (
    CALLS_FAIL,
    ON_STANDBY,
    REDUNDANCY_LOST,
    SILENT,
    SOUNDS_BAD,
    UNREGISTERED,
    Trouble,
    troubles,
)

WAIT = 15.0
SINCE, WALL = "2026-01-02T03:04:05Z", "2026-01-02T03:05:00Z"
ANNA = ("Softphone", "calls", "anna")
LOAD = ("SoftphoneFleet", "calls", "load")


def trouble(name: str = "anna", alert: str = UNREGISTERED, pbx: str = "master", **more: Any) -> Trouble:
    fields = {"summary": f"{name} is ill", "description": "why", "since": SINCE} | more
    return Trouble("Softphone", "calls", name, alert, pbx, **fields)


def of(name: str) -> tuple[str, str, str]:
    return "Softphone", "calls", name


# What is wrong with an object.


def condition(kind: str, status: str, reason: str, message: str = "why") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": SINCE}


CALLS = [
    ("True", "Passing", []),
    ("Unknown", "NotCalled", []),
    ("False", "NoAnswer", [(CALLS_FAIL, "slave", "Calls of check sites in calls fail")]),
    ("False", "OneWayAudio", [(SILENT, "slave", "Calls of check sites in calls are silent")]),
    ("False", "NoAudio", [(SILENT, "slave", "Calls of check sites in calls are silent")]),
    ("False", "MOSLow", [(SOUNDS_BAD, "slave", "Calls of check sites in calls sound bad")]),
]


@pytest.mark.parametrize(("status", "reason", "told"), CALLS)
def test_what_is_told_of_a_call_check(status: str, reason: str, told: list[tuple[str, str, str]]) -> None:
    raw = {"conditions": [condition("Passing", status, reason)], "failures": [{"pbx": "slave"}, {"pbx": "master"}]}
    found = troubles("CallCheck", "calls", "sites", raw)
    assert [(one.alert, one.pbx, one.summary) for one in found] == told
    assert all((one.description, one.since) == ("why", SINCE) for one in found)


REGISTERED = condition("Registered", "True", "Registered")
FAILURE = {"registration": {"state": "Waiting", "lastFailure": {"pbx": "master"}}}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, []),
        ({"conditions": [REGISTERED], "registration": {"role": "Home", "pbx": "master"}}, []),
        ({"conditions": [condition("Registered", "False", "Unreachable")], **FAILURE}, [(UNREGISTERED, "master")]),
        ({"conditions": [condition("Registered", "False", "Registering")]}, []),
        # Its agent is new: it is not back before it is registered.
        ({"conditions": [condition("Registered", "False", "Registering")], **FAILURE}, [(UNREGISTERED, "master")]),
        ({"conditions": [condition("Registered", "False", "Suspended")]}, []),
        ({"conditions": [condition("Registered", "Unknown", "AgentUnreachable")]}, [(UNREGISTERED, "")]),
        # Without an agent: lost, where it had one.
        ({"conditions": [condition("Registered", "Unknown", "NoAgent")]}, []),
        ({"conditions": [condition("Registered", "Unknown", "NoAgent")], **FAILURE}, [(UNREGISTERED, "master")]),
        (
            {"conditions": [REGISTERED], "registration": {"role": "Standby", "pbx": "standby", "since": SINCE}},
            [(ON_STANDBY, "standby")],
        ),
        (
            {
                "conditions": [REGISTERED, condition("Redundant", "False", "Refused")],
                "paths": [{"via": "pri", "result": "Holds"}, {"via": "sec", "result": "Refused", "pbx": "standby"}],
            },
            [(REDUNDANCY_LOST, "standby")],
        ),
        ({"conditions": [REGISTERED, condition("Redundant", "False", "OneWay")]}, []),
        ({"conditions": [REGISTERED, condition("Redundant", "Unknown", "Unchecked")]}, []),
    ],
)
def test_what_is_wrong_with_a_softphone(status: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert [(one.alert, one.pbx) for one in troubles(*ANNA, status)] == told


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, []),
        ({"conditions": [REGISTERED], "standby": 0}, []),
        (
            {"conditions": [condition("Registered", "False", "Unreachable", "3 of 9 phones are registered")]},
            [UNREGISTERED],
        ),
        ({"conditions": [condition("Registered", "Unknown", "NoAgent")]}, [UNREGISTERED]),
        ({"conditions": [REGISTERED], "standby": 7}, [ON_STANDBY]),
        ({"conditions": [REGISTERED, condition("Redundant", "False", "Unreachable")]}, [REDUNDANCY_LOST]),
    ],
)
def test_what_is_wrong_with_a_fleet(status: dict[str, Any], told: list[str]) -> None:
    assert [one.alert for one in troubles(*LOAD, status)] == told


def test_of_a_pbx_nothing_is_told_itself_its_phones_are() -> None:
    assert troubles("PBX", "calls", "master", {"conditions": [condition("Redundant", "False", "NotRedundant")]}) == ()


def test_a_trouble_in_full() -> None:
    status = {
        "conditions": [condition("Registered", "False", "Unreachable", "Unreachable at master: 408")],
        "registration": {"state": "Waiting", "lastFailure": {"pbx": "master"}},
    }
    assert troubles(*ANNA, status) == (
        Trouble(
            "Softphone",
            "calls",
            "anna",
            UNREGISTERED,
            "master",
            "Softphone anna in calls is not registered",
            "Unreachable at master: 408",
            SINCE,
        ),
    )


# What is told, and when.


def made(wait: float = WAIT) -> Notifications:
    return Notifications(wait)


def now_ill(told: Notifications, *names: str, at: float = 0.0, **more: Any) -> None:
    for name in names:
        told.seen(of(name), (), (trouble(name, **more),), at, WALL)


def well(told: Notifications, *names: str, at: float) -> None:
    for name in names:
        told.seen(of(name), (), (), at, WALL)


def said(message: Message | None) -> list[tuple[str, bool]]:
    """Who is in a message, and whether it tells of an end."""
    assert message is not None
    return [(one.name, ended is not None) for one, ended in message.parts]


def send(told: Notifications, at: float) -> list[tuple[str, bool]]:
    message = told.due(at)
    if message is None:
        return []
    told.sent(message)
    return said(message)


def test_a_loss_is_told_once_and_its_end_once() -> None:
    told = made()
    now_ill(told, "anna")
    assert told.next_wakeup() == WAIT
    assert told.due(WAIT - 1) is None
    assert send(told, WAIT) == [("anna", False)]
    assert told.next_wakeup() is None
    now_ill(told, "anna", at=50)
    assert told.next_wakeup() is None
    well(told, "anna", at=100)
    assert send(told, 100 + WAIT) == [("anna", True)]
    assert told.next_wakeup() is None
    assert told.size.known == 0
    now_ill(told, "anna", at=200)
    assert send(told, 200 + WAIT) == [("anna", False)], "another loss is another one"


def test_a_fail_over_that_is_over_in_time_is_not_told() -> None:
    told = made()
    now_ill(told, "anna")
    well(told, "anna", at=0.5)
    assert send(told, WAIT) == []
    assert told.next_wakeup() is None


def test_a_phone_that_is_lost_again_while_its_return_was_not_told_is_no_news() -> None:
    told = made()
    now_ill(told, "anna")
    send(told, WAIT)
    well(told, "anna", at=100)
    now_ill(told, "anna", at=101)
    assert send(told, 100 + WAIT) == []


def test_those_of_one_pbx_are_told_together() -> None:
    told = made()
    now_ill(told, "anna", "bob", pbx="master")
    now_ill(told, "carol", pbx="slave", at=1.0)
    now_ill(told, "dora", pbx="master", at=14.0)
    assert send(told, 20) == [("anna", False), ("bob", False), ("dora", False)]
    assert send(told, 20) == [("carol", False)]
    assert send(told, 20) == []


def test_a_message_has_a_bound_and_the_next_one_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "MOST_IN_A_MESSAGE", 2)
    told = made()
    now_ill(told, "anna", "bob", "carol")
    first = told.due(WAIT)
    assert first is not None
    assert (len(first.parts), first.more) == (2, 1)
    told.sent(first)
    assert send(told, WAIT) == [("carol", False)]


def test_what_is_kept_has_a_bound_and_it_is_told_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "MOST_TROUBLES", 2)
    told = made()
    now_ill(told, "anna", "bob", "carol")
    assert told.size == (2, 1)
    well(told, "carol", at=1.0)
    assert send(told, WAIT) == [("anna", False), ("bob", False)]


def test_a_receiver_that_is_down_is_asked_again_with_longer_waits_and_gets_the_last_word() -> None:
    told, at, waits = made(), WAIT, []
    now_ill(told, "anna", "bob")
    for _ in range(12):
        assert told.due(at) is not None
        told.failed(at)
        wakeup = told.next_wakeup()
        assert wakeup is not None
        assert told.due(wakeup - 0.1) is None
        waits.append(wakeup - at)
        at = wakeup
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 300
    well(told, "bob", at=at)
    assert send(told, at) == [("anna", False)], "bob's loss was never told, and is over"


def test_what_ends_while_the_message_is_on_its_way_is_told_afterwards() -> None:
    told = made()
    now_ill(told, "anna")
    message = told.due(WAIT)
    assert message is not None
    well(told, "anna", at=WAIT)
    told.sent(message)
    assert send(told, 2 * WAIT) == [("anna", True)]


def test_what_begins_again_while_its_end_is_on_its_way_is_told_afterwards() -> None:
    told = made()
    now_ill(told, "anna")
    send(told, WAIT)
    well(told, "anna", at=100)
    message = told.due(100 + WAIT)
    assert message is not None
    now_ill(told, "anna", at=100 + WAIT)
    told.sent(message)
    assert send(told, 200) == [("anna", False)]


def test_an_object_that_is_deleted_has_no_trouble_any_more() -> None:
    told = made()
    now_ill(told, "anna", "bob")
    send(told, WAIT)
    told.gone(of("anna"), 50.0, WALL)
    told.gone(of("nobody"), 50.0, WALL)
    assert send(told, 50 + WAIT) == [("anna", True)]


def test_an_operator_that_has_just_begun_tells_again_of_what_lasts_and_of_the_end_of_the_rest() -> None:
    told = made()
    told.seen(of("anna"), (trouble(),), (trouble(),), 0.0, WALL)
    told.seen(of("bob"), (trouble("bob"),), (), 0.0, WALL)
    assert send(told, WAIT) == [("anna", False), ("bob", True)]
    told.seen(of("anna"), (trouble(),), (trouble(),), 50.0, WALL)
    assert told.next_wakeup() is None


def test_where_a_status_does_not_say_since_when_it_is_since_now() -> None:
    told = made()
    now_ill(told, "anna", since="")
    message = told.due(WAIT)
    assert message is not None
    assert body(message)["alerts"][0]["startsAt"] == WALL


# The message.


def test_the_form_is_that_of_alertmanagers_webhook() -> None:
    told = made()
    now_ill(told, "anna")
    now_ill(told, "bob")
    send(told, WAIT)
    well(told, "bob", at=20.0)
    now_ill(told, "carol", at=20.0)
    message = told.due(20 + WAIT)
    assert message is not None
    labels = {"severity": "critical", "namespace": "calls", "pbx": "master", "source": "softphone-operator"}

    def alert(name: str, status: str, ends: str) -> dict[str, Any]:
        return {
            "status": status,
            "labels": {"alertname": "SoftphoneUnregistered", "softphone": name, **labels},
            "annotations": {"summary": f"{name} is ill", "description": "why"},
            "startsAt": SINCE,
            "endsAt": ends,
            "generatorURL": "",
        }

    found = body(message)
    prints = [one.pop("fingerprint") for one in found["alerts"]]
    assert len(set(prints)) == 2
    assert all(len(one) == 16 for one in prints)
    assert found == {
        "version": "4",
        "groupKey": '{}:{namespace="calls", pbx="master"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "softphone-fleet",
        "groupLabels": {"namespace": "calls", "pbx": "master"},
        "commonLabels": {"alertname": "SoftphoneUnregistered", **labels},
        "commonAnnotations": {"description": "why"},
        "externalURL": "",
        "alerts": [alert("bob", "resolved", WALL), alert("carol", "firing", "0001-01-01T00:00:00Z")],
    }


def test_a_message_of_ends_alone_is_resolved_and_a_fleet_has_its_label() -> None:
    one = Trouble("SoftphoneFleet", "calls", "load", ON_STANDBY, "", "s", "d", SINCE)
    found = body(Message(("calls", ""), ((one, WALL),)))
    assert found["status"] == "resolved"
    assert found["groupLabels"] == {"namespace": "calls"}
    assert found["alerts"][0]["labels"]["fleet"] == "load"
    assert "pbx" not in found["alerts"][0]["labels"]
    json.dumps(found)


# Whatever happens, in whatever order.

NAMES = ("anna", "bob", "carol")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["ill", "well", "gone"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["sent", "failed", "later"]), st.just("")),
    ),
    max_size=40,
)


@given(STEPS)
def test_a_receiver_knows_in_the_end_who_is_ill_and_never_hears_the_same_twice(steps: list[tuple[str, str]]) -> None:
    told, at = made(1.0), 0.0
    ill: set[str] = set()
    receiver: set[str] = set()
    flying: Message | None = None

    def take(message: Message) -> None:
        for one, ended in message.parts:
            assert (one.name in receiver) is (ended is not None), "told twice, or an end of what was never told"
            (receiver.discard if ended else receiver.add)(one.name)
        told.sent(message)

    for what, name in steps:
        at += 0.25
        if what == "ill":
            ill.add(name)
            now_ill(told, name, at=at)
        elif what == "well":
            ill.discard(name)
            well(told, name, at=at)
        elif what == "gone":
            ill.discard(name)
            told.gone(of(name), at, WALL)
        elif what == "later":
            at += 1.0
            flying = flying or told.due(at)
        elif flying is not None and what == "sent":
            take(flying)
            flying = None
        elif flying is not None and not any(trouble_.name not in ill for trouble_, _ in flying.parts):
            told.failed(at)
            flying = None
    if flying is not None:
        take(flying)
    for _ in range(10):
        at += 400.0
        if (message := told.due(at)) is not None:
            take(message)
    assert receiver == ill
    assert told.next_wakeup() is None
    assert told.size.known == len(ill)
