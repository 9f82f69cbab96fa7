"""Phones, CallChecks and halves of calls as tests of them have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from softphone_agent.contract.call_report import CallReport
from softphone_operator.decide import desired_call_check
from softphone_operator.decide.call_phones import CallPhone
from softphone_operator.decide.desired_call_check import DesiredCallCheck, Found, Pair

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def phone(name: str, site: str = "", **more: Any) -> CallPhone:
    """A phone of the domain acme.example."""
    said: dict[str, Any] = {"labels": {}, "answer": "Checks", **more}
    return CallPhone(name, f"sip:{name}@acme.example", site, **said)


def found(*phones: CallPhone, selected: Mapping[str, tuple[CallPhone, ...]] | None = None) -> Found:
    """These phones by name; selectors select what is given, in the order of names."""
    return Found({one.name: one for one in phones}, {text: sorted(some) for text, some in (selected or {}).items()})


def check(spec: Mapping[str, Any], there: Found, **more: Any) -> DesiredCallCheck:
    """An accepted CallCheck `sites`."""
    made = desired_call_check.call_check("sites", "demo", "uid-1", spec, there, **more)
    assert isinstance(made, DesiredCallCheck), made
    return made


def anna_calls_berta(**spec: Any) -> tuple[DesiredCallCheck, Pair]:
    """A CallCheck of one pair."""
    said = {"from": {"softphone": "anna"}, "to": {"softphone": "berta"}} | spec
    made = check(said, found(phone("anna", "vienna"), phone("berta", "graz"), phone("carla")))
    return made, made.pairs[0]


def at(seconds: float) -> str:
    """A time so many seconds before NOW."""
    return (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def caller_half(pair: Pair, ended: float = 10.0, **more: Any) -> CallReport:
    """What the caller's agent tells of a good call that ended so many seconds ago."""
    said: dict[str, Any] = {
        "end": "Caller",
        "check": "sites",
        "entry": pair.entry,
        "call": f"call-{ended:g}",
        "phone": pair.caller.name,
        "peer": pair.to,
        "state": "Ended",
        "began": at(ended + 5),
        "ended": at(ended),
        "pbx": "master",
        "passed": True,
        "code": 200,
        "answer_seconds": 0.02,
        "heard": "Tone",
    }
    return CallReport(**(said | more))


def callee_half(pair: Pair, ended: float = 10.0, **more: Any) -> CallReport:
    """What the callee's agent tells of the same call."""
    said: dict[str, Any] = {
        "end": "Callee",
        "check": "sites",
        "call": f"call-{ended:g}",
        "phone": pair.called,
        "peer": pair.caller.aor,
        "state": "Ended",
        "began": at(ended + 5),
        "ended": at(ended),
        "code": 200,
        "heard": "Tone",
    }
    return CallReport(**(said | more))
