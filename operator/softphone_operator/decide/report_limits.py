"""What agents report, cut to what a status can hold. Pure.

An agent may be of another version, or somebody else may answer at its address: whatever it reports, the API server
must accept the status that is made of it. Otherwise the object's status would never change again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.fields import MAX_LOCATION
from softphone_agent.contract.report import (
    CallChanged,
    Counts,
    LastFailure,
    PathCounts,
    PathReport,
    PbxCounts,
    PhoneChanged,
    PhoneReport,
    Redirect,
    Snapshot,
    WatchLine,
)
from softphone_operator.api.spec import MAX_PBX_LABEL, MAX_URI
from softphone_operator.api.status import MAX_PATHS, MAX_REDIRECTS

LONGEST_CODE = 999
MAX_COUNT = 1_000_000
"""More than any agent carries."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)

Key = TypeVar("Key")


def fitting(line: WatchLine) -> WatchLine:
    """The line with long texts cut off, numbers within their bounds, and without times that are none."""
    match line:
        case Snapshot():
            return line.model_copy(
                update={"phones": tuple(map(_phone, line.phones)), "calls": tuple(map(_call, line.calls))}
            )
        case PhoneChanged():
            return line.model_copy(update={"phone": _phone(line.phone)})
        case CallChanged():
            return line.model_copy(update={"call": _call(line.call)})
        case Counts():
            return _counts(line)
        case _:
            return line


def _phone(said: PhoneReport) -> PhoneReport:
    changes: dict[str, Any] = {
        "pbx": _cut(said.pbx, MAX_PBX_LABEL),
        "registrar": _cut(said.registrar, MAX_URI),
        "contact": _cut(said.contact, MAX_URI),
        "physical_location": _cut(said.physical_location, MAX_LOCATION),
        "redirects": tuple(map(_redirect, said.redirects[:MAX_REDIRECTS])),
        "since": _time(said.since),
        "last_failure": said.last_failure and _failure(said.last_failure),
        "paths": tuple(map(_path, said.paths[:MAX_PATHS])),
    }
    return said.model_copy(update=changes)


def _call(said: CallReport) -> CallReport:
    changes: dict[str, Any] = {
        "code": _within(said.code, LONGEST_CODE),
        "began": _time(said.began),
        "ended": (_time(said.ended) or None) if said.ended else None,
    }
    return said.model_copy(update=changes)


def _path(said: PathReport) -> PathReport:
    changes: dict[str, Any] = {
        "redirects": tuple(map(_redirect, said.redirects[:MAX_REDIRECTS])),
        "code": _within(said.code, LONGEST_CODE),
        "since": _time(said.since) if said.since else None,
    }
    return said.model_copy(update=changes)


def _path_counts(said: PathCounts) -> PathCounts:
    return said.model_copy(update={"results": _all_within(said.results), "worst": said.worst and _path(said.worst)})


def _redirect(said: Redirect) -> Redirect:
    return said.model_copy(update={"code": _within(said.code, LONGEST_CODE)})


def _failure(said: LastFailure) -> LastFailure:
    return said.model_copy(update={"code": _within(said.code, LONGEST_CODE), "time": _time(said.time)})


def _counts(said: Counts) -> Counts:
    changes: dict[str, Any] = {
        "phones": _within(said.phones, MAX_COUNT),
        "registered": _within(said.registered, MAX_COUNT),
        "states": _all_within(said.states),
        "failures": _all_within(said.failures),
        "pbxs": tuple(map(_pbx_counts, said.pbxs)),
        "paths": tuple(map(_path_counts, said.paths[:MAX_PATHS])),
        "calls": tuple(map(_call, said.calls)),
    }
    return said.model_copy(update=changes)


def _pbx_counts(said: PbxCounts) -> PbxCounts:
    return said.model_copy(
        update={name: _within(getattr(said, name), MAX_COUNT) for name in ("registered", "home", "standby")}
    )


def _all_within(said: Mapping[Key, int]) -> dict[Key, int]:
    return {name: _within(number, MAX_COUNT) for name, number in said.items()}


def _cut(text: str | None, longest: int) -> str | None:
    return text and text[:longest]


def _within(number: int, most: int) -> int:
    return min(max(0, number), most)


def _time(text: str) -> str:
    """The time, empty where it is none that the API server understands."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text if _TIME.match(text) else ""
