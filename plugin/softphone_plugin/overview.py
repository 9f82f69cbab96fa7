"""The rows of `status`, and the way of one phone: what is shown, not how it looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from softphone_agent.contract.report import Outage
from softphone_operator.api.status import RegistrationStatus
from softphone_operator.rehearsals.drill import seconds_of
from softphone_plugin import calls
from softphone_plugin.phones import Known, Object, age, condition, stored_registration
from softphone_plugin.ways import Check, checks

Mood = Literal["well", "standby", "ill", "unknown"]


class Row(NamedTuple):
    """A line of a table, and how the object fares."""

    cells: tuple[str, ...]
    mood: Mood


class Table(NamedTuple):
    """A table as `kubectl get` would show it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Shown(NamedTuple):
    """The objects of our kinds that are shown."""

    pbxs: Sequence[Object] = ()
    softphones: Sequence[Object] = ()
    fleets: Sequence[Object] = ()
    pools: Sequence[Object] = ()
    checks: Sequence[Object] = ()

    def all(self) -> list[Object]:
        """All of them."""
        return [obj for some in self for obj in some]


def tables(of: Shown, now: datetime, *, wide: bool, namespaces: bool) -> list[Table]:
    """The tables of all kinds of which there are objects."""
    pbxs, softphones, fleets, pools, checks = of
    made = [
        Table("PBXes", ("NAME", "REACHABLE", "REGISTERED", "HOME", "STANDBY", "LOCATION", "ADDRESS"), _pbxs(pbxs)),
        Table("Softphones", _COLUMNS + (_WIDE if wide else ()), _softphones(softphones, now, wide=wide)),
        Table(
            "SoftphoneFleets",
            ("NAME", "STATE", "REPLICAS", "REGISTERED", "STANDBY", "AGENTS", "READY", *(_WIDE_FLEET if wide else ())),
            _fleets(fleets, "replicas", wide=wide),
        ),
        Table(
            "SoftphonePools",
            ("NAME", "STATE", "PHONES", "REGISTERED", "STANDBY", "AGENTS", "READY", *(_WIDE_FLEET if wide else ())),
            _fleets(pools, "phones", wide=wide),
        ),
        Table(
            "CallChecks", calls.COLUMNS + (calls.WIDE if wide else ()), tuple(_check(obj, wide=wide) for obj in checks)
        ),
    ]
    shown = [table for table in made if table.rows]
    if not namespaces:
        return shown
    places = {"PBXes": pbxs, "Softphones": softphones, "SoftphoneFleets": fleets, "SoftphonePools": pools}
    places["CallChecks"] = checks
    return [_with_namespaces(table, places[table.title]) for table in shown]


_COLUMNS = ("NAME", "STATE", "PBX", "ROLE", "LOCATION", "READY", "FOR")
_WIDE = ("AGENT", "REGISTRAR", "VIA", "REDUNDANT", "LAST FAILURE", "MESSAGE")
_WIDE_FLEET = ("REDUNDANT", "MESSAGE")


def _with_namespaces(table: Table, objects: Sequence[Object]) -> Table:
    rows = tuple(
        Row((of["metadata"]["namespace"], *row.cells), row.mood) for of, row in zip(objects, table.rows, strict=True)
    )
    return Table(table.title, ("NAMESPACE", *table.columns), rows)


def _pbxs(objects: Iterable[Object]) -> tuple[Row, ...]:
    return tuple(_pbx(obj) for obj in objects)


def _pbx(obj: Object) -> Row:
    status = obj.get("status") or {}
    reachable, phones = status.get("reachable"), status.get("phones") or {}
    shown = "" if reachable is None else "true" if reachable else "false"
    counts = tuple(str(phones.get(name, 0)) for name in ("registered", "home", "standby"))
    refused = condition(obj, "Accepted").get("status") == "False"
    mood: Mood = "ill" if refused or reachable is False else "well" if reachable else "unknown"
    address = (obj.get("spec") or {}).get("address", "")
    return Row((obj["metadata"]["name"], shown, *counts, status.get("location", ""), str(address)), mood)


def _softphones(objects: Iterable[Object], now: datetime, *, wide: bool) -> tuple[Row, ...]:
    return tuple(_softphone(obj, now, wide=wide) for obj in objects)


def _softphone(obj: Object, now: datetime, *, wide: bool) -> Row:
    ready, at = condition(obj, "Ready"), stored_registration(obj)
    cells = (
        obj["metadata"]["name"],
        ready.get("reason", ""),
        (at and at.pbx) or "",
        (at and at.role) or "",
        (at and at.physical_location) or "",
        ready.get("status", ""),
        age(at.since if at else None, now),
    )
    failure = at.last_failure if at else None
    agent, redundant = (obj.get("status") or {}).get("agent", ""), condition(obj, "Redundant").get("status", "")
    more = (agent, (at and at.registrar) or "", (at and at.via) or "", redundant, failure.reason if failure else "")
    return Row(cells + ((*more, ready.get("message", "")) if wide else ()), _mood(ready.get("status"), at))


def _mood(ready: str | None, at: RegistrationStatus | None) -> Mood:
    if ready != "True":
        return "unknown" if ready is None else "ill"
    return "standby" if at and at.role == "Standby" else "well"


def _fleets(objects: Iterable[Object], size: str, *, wide: bool) -> tuple[Row, ...]:
    return tuple(_fleet(obj, size, wide=wide) for obj in objects)


def _fleet(obj: Object, size: str, *, wide: bool) -> Row:
    status, ready = obj.get("status") or {}, condition(obj, "Ready")
    agents = status.get("agents") or {}
    cells = (
        obj["metadata"]["name"],
        ready.get("reason", ""),
        str(status.get(size, 0)),
        str(status.get("registered", 0)),
        str(status.get("standby", 0)),
        f"{agents.get('ready', 0)}/{agents.get('wanted', 0)}",
        ready.get("status", ""),
    )
    mood: Mood = "ill" if ready.get("status") != "True" else "standby" if status.get("standby") else "well"
    more = (condition(obj, "Redundant").get("status", ""), ready.get("message", ""))
    return Row(cells + (more if wide else ()), mood)


def _check(obj: Object, *, wide: bool) -> Row:
    passing = condition(obj, "Passing").get("status")
    refused = condition(obj, "Accepted").get("status") == "False"
    mood: Mood = "ill" if refused or passing == "False" else "well" if passing == "True" else "unknown"
    return Row(calls.cells(obj, wide=wide), mood)


@dataclass(frozen=True)
class Stop:
    """A PBX on the way of a registration. `code` is that of the redirect that led on, None at the end."""

    pbx: str
    words: str
    code: int | None = None
    mood: Mood = "well"


@dataclass(frozen=True)
class Way:
    """One phone: its way from the entry to the registrar, what is worth knowing besides, and what was checked."""

    title: str
    stops: tuple[Stop, ...]
    notes: tuple[tuple[str, str], ...]
    mood: Mood
    checks: tuple[Check, ...] = ()


def way(known: Known, now: datetime) -> Way:
    """The way that a phone's registration took."""
    phone, at = known.phone, known.registration
    spec = phone.spec
    title = f"{phone.name}  {phone.aor}  {spec.get('mode', 'Launcher')}"
    if at is None or at.pbx is None:
        state = at.state if at else "Unknown"
        entries = [(name, str(spec[name])) for name in _entries(spec) if spec.get(name)]
        stops = tuple(
            Stop(pbx, ", ".join(filter(None, (name, _times(known, pbx)))), mood="ill") for name, pbx in entries
        )
        mood: Mood = "unknown" if state == "Unknown" else "ill"
        notes = (("state", _state(state, at, now)), *_notes(known, at, now))
        return Way(title, stops, notes, mood, checks(known, now))
    mood = "standby" if at.role == "Standby" else "well"
    stops = tuple(_stops(known, at, now, mood))
    return Way(title, stops, tuple(_notes(known, at, now)), mood, checks(known, now))


def _entries(spec: Object) -> tuple[str, ...]:
    return ("cur",) if spec.get("mode") == "Browser" else ("pri", "sec")


def _state(state: str, at: RegistrationStatus | None, now: datetime) -> str:
    since = age(at.since, now) if at else ""
    return f"{state}, for {since}" if since else state


def _stops(known: Known, at: RegistrationStatus, now: datetime, mood: Mood) -> Iterator[Stop]:
    for number, hop in enumerate(at.redirects):
        entry = _entry_of(known.phone.spec, hop.pbx) if number == 0 else ""
        yield Stop(hop.pbx, ", ".join(filter(None, (entry, _times(known, hop.pbx)))), hop.code)
    via = at.via if at.via and at.via != "redirect" else ""
    role = at.role if at.role and at.role != "Unknown" else "role not known"
    assert at.pbx is not None
    words = (via, "registered", role, _times(known, at.pbx), f"for {age(at.since, now)}" if at.since else "")
    yield Stop(at.pbx, ", ".join(filter(None, words)), mood=mood)


def _entry_of(spec: Object, pbx: str) -> str:
    return next((name for name in ("pri", "sec", "cur") if spec.get(name) == pbx), "")


def _times(known: Known, pbx: str) -> str:
    """How quickly a PBX answers this agent, as far as it was measured."""
    if known.heard is None:
        return ""
    measured = known.heard.measured
    said = []
    if pbx in measured.registers:
        said.append(f"REGISTER {_ms(measured.registers[pbx])} on average")
    if pbx in measured.pings:
        said.append(f"ping {_ms(measured.pings[pbx])}")
    if any(of.name == pbx and of.reachable is False for of in known.heard.pbxs):
        said.append("answers no pings")
    return ", ".join(said)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def _notes(known: Known, at: RegistrationStatus | None, now: datetime) -> Iterator[tuple[str, str]]:
    if at and at.registrar:
        yield "registrar", at.registrar
    if at and at.physical_location:
        yield "location", at.physical_location
    if at and at.contact:
        yield "Contact", at.contact
    report = known.heard.report if known.heard else None
    if report and report.observed_address:
        yield "seen from", report.observed_address
    expiry = known.heard.measured.expires_at.get(known.phone.name) if known.heard else None
    if expiry:
        left = expiry - now.timestamp()
        yield "expires", f"{datetime.fromtimestamp(expiry, UTC):%H:%M:%S} UTC, in {left:.0f} s, unless refreshed"
    if report and report.last_outage:
        yield "last outage", outage_words(report.last_outage, now)
    for call in known.heard.calls if known.heard else ():
        yield "test call", calls.last_call(call, now)
    if at and at.last_failure:
        yield "last failure", failure_words(at, now)
    if not known.phone.is_of_fleet:
        ready = condition(known.phone.owner, "Ready")
        if ready.get("status") == "False":
            yield "not ready", f"{ready.get('reason')}: {ready.get('message')}"
    if known.heard is None:
        yield "agent", f"not heard ({known.why_not}); this is what the object says"
    elif known.heard.report is None:
        yield "agent", "does not know this phone yet"


def outage_words(outage: Outage, now: datetime) -> str:
    """An outage in words."""
    began = datetime.fromisoformat(outage.began)
    lost = f"{outage.reason} at {outage.pbx}"
    if outage.ended is None:
        return f"lasts, since {began:%H:%M:%S} UTC ({(now - began).total_seconds():.1f} s); {lost}"
    return f"{seconds_of(outage):.2f} s from {began:%H:%M:%S} UTC, {age(outage.began, now)} ago; {lost}"


def failure_words(at: RegistrationStatus, now: datetime) -> str:
    """The last failure in words."""
    failure = at.last_failure
    assert failure is not None
    answer = " ".join(filter(None, (str(failure.code or ""), failure.message)))
    said = f" ({answer})" if answer else ""
    return f"{failure.reason} at {failure.pbx}{said}, {age(failure.time, now)} ago"
