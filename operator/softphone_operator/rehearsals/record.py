"""The record of a run: the document in its ConfigMap, from which an operator goes on and the report is made. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from softphone_agent.contract.fields import Model
from softphone_operator.api.rehearsal import RehearsalResult, RehearsalRun
from softphone_operator.rehearsals.calls import Call
from softphone_operator.rehearsals.drill import Part, Result

FILE = "record.json"
MAX_BYTES = 900 * 1024
"""Of the document. The API server takes a ConfigMap of 1 MiB."""


class RecordError(ValueError):
    """A ConfigMap that holds no record."""


class RecordedOutage(Model):
    """A time without registration."""

    began: str
    """RFC 3339, on the clock of the agent."""
    seconds: float


class RecordedPhone(Model):
    """One phone that took part."""

    name: str
    """Namespace and name."""
    pbx: str | None = None
    """Where it is registered at the end, None where nowhere."""
    outages: tuple[RecordedOutage, ...] = ()
    lost: str | None = None
    """When an outage began that still lasts."""
    moved: bool = False
    """It went to another PBX without an outage."""
    before: str | None = None
    """When its last outage before the run began."""

    @property
    def longest(self) -> float | None:
        """Seconds of its longest outage that has ended."""
        return max((outage.seconds for outage in self.outages), default=None)


class RecordedCall(Model):
    """The first call of a pair after the fail-over that was answered with audio both ways."""

    caller: str
    """Namespace and name."""
    callee: str
    began: str
    """When its INVITE was sent, RFC 3339."""
    seconds: float
    """From the loss of the phone that had moved."""


class RecordedPbx(Model):
    """A PBX of the run."""

    name: str
    address: str = ""
    location: str = ""
    system: str = ""
    failed: bool = False
    """Whether it is one that was to fail."""


class Versions(Model):
    """Of the programs that took part."""

    operator: str = ""
    agents: dict[str, int] = {}
    """How many agents of each version."""


class Record(Model):
    """Everything about a run. While it is under way there is no `result`."""

    version: Literal[1] = 1
    namespace: str
    rehearsal: str
    run: RehearsalRun
    result: RehearsalResult | None = None
    versions: Versions = Versions()
    pbxs: tuple[RecordedPbx, ...] = ()
    outage_seconds: dict[str, float] = {}
    """Median, p95, p99 and worst of all outages."""
    places: dict[str, int] = {}
    """Where the phones are registered at the end."""
    moved: int = 0
    untouched: int = 0
    calls: tuple[RecordedCall, ...] = ()
    """Those that took longest first."""
    phones: tuple[RecordedPhone, ...] = ()
    left_out: Annotated[int, Field(ge=0)] = 0
    """Phones without a row, since the document would be too long."""


def rows(parts: Mapping[str, Part]) -> tuple[RecordedPhone, ...]:
    """The phones of a drill: those that are missing first, then those that were out longest."""
    made = [_row(name, part) for name, part in parts.items()]
    return tuple(sorted(made, key=lambda row: (row.lost is None, -(row.longest or 0.0), row.name)))


def _row(name: str, part: Part) -> RecordedPhone:
    outages = tuple(RecordedOutage(began=began, seconds=round(s, 3)) for began, s in sorted(part.outages.items()))
    return RecordedPhone(
        name=name,
        pbx=part.pbx if part.registered else None,
        outages=outages,
        lost=part.lost,
        moved=part.moved,
        before=part.began_before,
    )


def parts(of: Iterable[RecordedPhone]) -> dict[str, Part]:
    """The phones of a record as a drill that goes on has them."""
    return {
        row.name: Part(
            began_before=row.before,
            registered=row.pbx is not None,
            pbx=row.pbx,
            outages={outage.began: outage.seconds for outage in row.outages},
            lost=row.lost,
            moved=row.moved,
        )
        for row in of
    }


def calls(of: Iterable[RecordedCall]) -> Iterator[Call]:
    """The calls of a record as a run that goes on has them."""
    return (Call(one.seconds, one.caller, one.callee, one.began) for one in of)


def with_outcome(record: Record, drill: Mapping[str, Part], result: Result, calls: Iterable[Call] = ()) -> Record:
    """The record with what was watched so far."""
    return record.model_copy(
        update={
            "calls": tuple(
                RecordedCall(caller=one.caller, callee=one.callee, began=one.began, seconds=one.seconds)
                for one in calls
            ),
            "phones": rows(drill),
            "outage_seconds": {name: round(value, 3) for name, value in result.percentiles.items()},
            "places": dict(result.places),
            "moved": result.moved,
            "untouched": result.untouched,
        }
    )


def span(parts: Iterable[Part]) -> tuple[datetime | None, datetime | None]:
    """When the first outage began and the last one ended, on the agents' clocks; None where there is none."""
    began: list[datetime] = []
    ended: list[datetime] = []
    for part in parts:
        for text, seconds in part.outages.items():
            since = datetime.fromisoformat(text)
            began.append(since)
            ended.append(since + timedelta(seconds=seconds))
        if part.lost is not None:
            began.append(datetime.fromisoformat(part.lost))
    return min(began, default=None), max(ended, default=None)


def worst(parts: Mapping[str, Part]) -> tuple[str, float] | None:
    """Who had the longest outage, and its seconds; None where none has ended."""
    longest = {name: max(part.outages.values()) for name, part in parts.items() if part.outages}
    return max(longest.items(), key=lambda item: (item[1], item[0]), default=None)


def dump(record: Record) -> str:
    """The document, of at most MAX_BYTES: phones at the end are left out where it would be longer."""
    text = _text(record)
    if len(text.encode()) <= MAX_BYTES:
        return text
    kept, room = 0, MAX_BYTES - len(_text(record.model_copy(update={"phones": ()})).encode()) - 64
    for row in record.phones:
        room -= len(_row_text(row).encode()) + 2
        if room < 0:
            break
        kept += 1
    left_out = record.left_out + len(record.phones) - kept
    return _text(record.model_copy(update={"phones": record.phones[:kept], "left_out": left_out}))


def _text(record: Record) -> str:
    data = record.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"phones"})
    rows = ",\n".join(_row_text(row) for row in record.phones)
    head = json.dumps({"version": 1, **data}, ensure_ascii=False)
    return f'{head[:-1]},"phones":[\n{rows}\n]}}\n'


def _row_text(row: RecordedPhone) -> str:
    return row.model_dump_json(by_alias=True, exclude_defaults=True)


def read(config_map: Mapping[str, Any]) -> Record:
    """The record of a ConfigMap. Raises RecordError."""
    data = config_map.get("data")
    text = data.get(FILE) if isinstance(data, Mapping) else None
    if not isinstance(text, str):
        raise RecordError(f"it has no {FILE}")
    try:
        return Record.model_validate_json(text, by_name=False, by_alias=True)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise RecordError(f"{FILE}: {where}: {fault['msg']}") from None
