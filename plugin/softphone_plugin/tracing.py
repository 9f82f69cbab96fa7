"""The trace flags of a phone, switched on and back again, and what its agent's log says of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from softphone_plugin.phones import FoundPhone

SENT, RECEIVED = "SIP sent", "SIP received"
_COMMON = {"timestamp", "level", "event", "softphone"}


class Switch(NamedTuple):
    """JSON patches that set the flags and set them back; both hold only if the flags are as they are expected."""

    on: list[dict[str, Any]]
    back: list[dict[str, Any]]


def switch(phone: FoundPhone, *, signaling: bool) -> Switch | None:
    """How to switch tracing on, beside what is on already; None where nothing has to be changed."""
    spec = phone.owner.get("spec") or {}
    of = spec.get("template") or {} if phone.is_of_fleet else spec
    path = "/spec/template/trace" if phone.is_of_fleet else "/spec/trace"
    before = of.get("trace")
    present = list(before or [])
    wanted = present + [flag for flag in ("App", *(("Signaling",) if signaling else ())) if flag not in present]
    if wanted == present:
        return None
    as_before = [{"op": "test", "path": path, "value": before}] if before is not None else []
    undo = {"op": "remove", "path": path} if before is None else {"op": "replace", "path": path, "value": before}
    return Switch(
        [*as_before, {"op": "add", "path": path, "value": wanted}],
        [{"op": "test", "path": path, "value": wanted}, undo],
    )


@dataclass(frozen=True)
class Line:
    """One line of the log. `body` is a SIP message, empty for other lines."""

    time: str
    words: str
    body: str = ""


class Signal(NamedTuple):
    """A SIP message of a phone, as its agent logged it: with its line ends, and without credentials."""

    time: str
    sent: bool
    peer: str
    message: str


def signal_of(text: bytes) -> Signal | None:
    """The SIP message that a line of an agent's log holds, None where it holds none."""
    said = json.loads(text)
    event = said.get("event")
    if event not in (SENT, RECEIVED):
        return None
    return Signal(
        str(said.get("timestamp", "")), event == SENT, str(said.get("peer", "")), str(said.get("message", ""))
    )


def line_of(text: bytes, name: str) -> Line | None:
    """What a line of an agent's log says of the phone `name`, None where it says nothing."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    if not isinstance(said, dict) or said.get("softphone") != name:
        return None
    time, event = str(said.get("timestamp", "")), str(said.get("event", ""))
    if event == "transition":
        return Line(time, _transition(said))
    if event in (SENT, RECEIVED):
        way = "sent to" if event == SENT else "received from"
        return Line(time, f"{way} {said.get('peer', '?')}", str(said.get("message", "")).replace("\r\n", "\n").strip())
    return Line(time, " ".join([event, *(f"{key}={said[key]}" for key in said if key not in _COMMON)]))


def _transition(said: Mapping[str, Any]) -> str:
    before, after = said.get("before"), said.get("after")
    phases = f"{before} -> {after}" if before != after else str(after)
    actions: Sequence[str] = said.get("actions") or ()
    done = f": {', '.join(actions)}" if actions else ""
    return f"{phases} on {said.get('on')}{done}"
