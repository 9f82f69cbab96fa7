"""Trace flags are set beside those that are set, and set back to what they were; of a log, one phone's lines count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugin.reports import SPEC, fleet, softphone
from softphone_plugin.phones import of_fleet, of_softphone
from softphone_plugin.tracing import Line, line_of, switch

PATH = "/spec/trace"


@pytest.mark.parametrize(
    ("before", "signaling", "wanted"),
    [
        (None, False, ["App"]),
        ([], True, ["App", "Signaling"]),
        (["Signaling"], False, ["Signaling", "App"]),
        (["App"], True, ["App", "Signaling"]),
    ],
)
def test_flags_come_and_go(before: list[str] | None, signaling: bool, wanted: list[str]) -> None:
    spec: dict[str, Any] = {**SPEC, **({} if before is None else {"trace": before})}
    turn = switch(of_softphone(softphone(spec=spec)), signaling=signaling)
    assert turn is not None
    tested = [] if before is None else [{"op": "test", "path": PATH, "value": before}]
    assert turn.on == [*tested, {"op": "add", "path": PATH, "value": wanted}]
    undo = {"op": "remove", "path": PATH} if before is None else {"op": "replace", "path": PATH, "value": before}
    assert turn.back == [{"op": "test", "path": PATH, "value": wanted}, undo]


def test_flags_that_are_set_stay_set() -> None:
    assert switch(of_softphone(softphone(spec={**SPEC, "trace": ["App"]})), signaling=False) is None


def test_the_flags_of_a_phone_of_a_fleet_are_those_of_the_template() -> None:
    turn = switch(of_fleet(fleet(), 3), signaling=False)
    assert turn is not None
    assert turn.on == [{"op": "add", "path": "/spec/template/trace", "value": ["App"]}]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"event": "transition", "on": "PingFailed", "before": "Registered", "after": "Trying",
             "actions": ["REGISTER at sip:m"]},
            Line("12:00", "Registered -> Trying on PingFailed: REGISTER at sip:m"),
        ),
        ({"event": "transition", "on": "Delayed", "before": "Trying", "after": "Trying", "actions": []},
         Line("12:00", "Trying on Delayed")),
        ({"event": "SIP sent", "peer": "10.0.0.1:5060", "message": "REGISTER x\r\nVia: y\r\n\r\n"},
         Line("12:00", "sent to 10.0.0.1:5060", "REGISTER x\nVia: y")),
        ({"event": "credentials not readable", "level": "warning", "fault": "gone"},
         Line("12:00", "credentials not readable fault=gone")),
        ({"event": "transition", "softphone": "ben"}, None),
    ],
)  # fmt: skip
def test_a_line_of_the_log_in_words(said: dict[str, Any], expected: Line | None) -> None:
    text = json.dumps({"softphone": "anna", "timestamp": "12:00", "level": "info", **said}).encode()
    assert line_of(text, "anna") == expected


def test_lines_that_are_not_the_agents_own_are_passed_over() -> None:
    assert [line_of(text, "anna") for text in (b"pjsua_core.c ...", b"[1]", b"")] == [None] * 3
