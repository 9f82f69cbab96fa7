"""One PBX's view: who is registered there, who has it as an entry and is out, what failed there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from softphone_agent.contract.report import PhoneReport
from softphone_operator.api.status import RegistrationStatus
from softphone_plugin.overview import Mood, Row, Table
from softphone_plugin.phones import Object, age, condition, registration_of, stored_registration
from softphone_plugin.words import counted

ENTRIES = ("pri", "sec", "cur")
NAMES = {"pri": "primary", "sec": "secondary", "cur": "current", "home": "home"}
SHOWN = 40
"""So many phones are in a table; programs get all."""


class Phone(NamedTuple):
    """A phone, what it names as its PBXes, and where it is; None where that is not known."""

    name: str
    named: Mapping[str, str]
    at: RegistrationStatus | None


def of_softphone(obj: Object) -> Phone:
    """The phone of a Softphone."""
    return Phone(obj["metadata"]["name"], _named(obj.get("spec") or {}), stored_registration(obj))


def of_fleet(obj: Object, reports: Iterable[PhoneReport]) -> Iterator[Phone]:
    """The phones of a fleet that its agents tell of."""
    named = _named((obj.get("spec") or {}).get("template") or {})
    for report in reports:
        yield Phone(report.name, named, registration_of(report))


def _named(spec: Object) -> dict[str, str]:
    return {role: str(spec[role]) for role in NAMES if spec.get(role)}


@dataclass(frozen=True)
class View:
    """What there is to be shown. `unheard`: agents of fleets that could not be asked, and why."""

    pbx: Object
    phones: Sequence[Phone]
    unheard: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of the PBX."""
        return str(self.pbx["metadata"]["name"])

    @property
    def here(self) -> list[Phone]:
        """The phones that are registered there, by name."""
        return sorted((one for one in self.phones if one.at and one.at.pbx == self.name), key=lambda one: one.name)

    @property
    def out(self) -> list[Phone]:
        """Those that have it as an entry PBX or as their home, and are registered nowhere as far as is known."""
        found = (one for one in self.phones if self.name in one.named.values() and not (one.at and one.at.pbx))
        return sorted(found, key=lambda one: one.name)

    @property
    def failures(self) -> dict[str, list[Phone]]:
        """The phones whose last failure was there, by its reason; the most frequent first."""
        found: dict[str, list[Phone]] = {}
        for one in self.phones:
            if one.at and (failure := one.at.last_failure) and failure.pbx == self.name:
                found.setdefault(failure.reason, []).append(one)
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))

    def users(self) -> Counter[str]:
        """How many phones name it as what."""
        return Counter(role for one in self.phones for role, name in one.named.items() if name == self.name)


def notes(of: View) -> list[tuple[str, str]]:
    """What is said of the PBX as a whole."""
    spec, status = of.pbx.get("spec") or {}, of.pbx.get("status") or {}
    reachable = {True: "as the agents see it", False: "no: no agent reaches it", None: "not known"}
    roles = Counter((one.at and one.at.role) or "Unknown" for one in of.here)
    shares = ", ".join(f"{roles[role]} {role.lower()}" for role in ("Home", "Standby", "Unknown") if roles[role])
    users = of.users()
    named = ", ".join(f"{NAMES[role]} of {users[role]}" for role in NAMES if users[role])
    told = [
        ("address", str(spec.get("address", ""))),
        ("system", str(spec.get("system") or "none")),
        ("location", str(status.get("location") or spec.get("location") or of.name)),
        ("reachable", reachable[status.get("reachable")]),
        ("registered", counted(len(of.here), "phone") + (f": {shares}" if shares else "")),
        ("named as", named or "nothing by any phone"),
    ]
    for kind in ("Accepted", "Consistent", "Redundant"):
        if (found := condition(of.pbx, kind)).get("status") == "False":
            told.append((kind.lower(), f"no: {found.get('reason', '')}: {found.get('message', '')}"))
    return [*told, *(("not heard", line) for line in of.unheard)]


def tables(of: View, now: datetime) -> list[Table]:
    """Its tables, those of which there is something to show."""
    failed = [_failed(reason, phones, now) for reason, phones in of.failures.items()]
    made = [
        _cut("Registered here", ("NAME", "ROLE", "VIA", "LOCATION", "FOR"), [_here(one, now) for one in of.here]),
        _cut(
            "Out, with this PBX as entry or home",
            ("NAME", "STATE", "LAST FAILURE", "FOR"),
            [_out(one, now) for one in of.out],
        ),
        _cut("Last failures here", ("REASON", "PHONES", "CODE", "MESSAGE", "LAST"), failed),
    ]
    return [table for table in made if table.rows]


def _cut(title: str, columns: tuple[str, ...], rows: Sequence[Row]) -> Table:
    left_out = f", {len(rows) - SHOWN} more are not shown" if len(rows) > SHOWN else ""
    return Table(f"{title} ({len(rows)}{left_out})", columns, tuple(rows[:SHOWN]))


def _here(one: Phone, now: datetime) -> Row:
    assert one.at is not None
    role = one.at.role or "Unknown"
    mood: Mood = "standby" if role == "Standby" else "well"
    return Row((one.name, role, one.at.via or "", one.at.physical_location or "", age(one.at.since, now)), mood)


def _out(one: Phone, now: datetime) -> Row:
    failure = one.at.last_failure if one.at else None
    told = f"{failure.reason} at {failure.pbx}" if failure else ""
    state = one.at.state if one.at else "Unknown"
    return Row((one.name, state, told, age(one.at.since if one.at else None, now)), "ill" if one.at else "unknown")


def _failed(reason: str, phones: Sequence[Phone], now: datetime) -> Row:
    last = max((one.at.last_failure for one in phones if one.at and one.at.last_failure), key=lambda of: of.time)
    return Row((reason, str(len(phones)), str(last.code or ""), last.message, age(last.time, now)), "ill")


def data(of: View) -> dict[str, Any]:
    """All of it for programs."""

    def told(one: Phone) -> dict[str, Any]:
        at = one.at.model_dump(mode="json", by_alias=True, exclude_none=True) if one.at else {}
        return {"name": one.name, **dict(one.named), "registration": at}

    return {
        "name": of.name,
        "spec": of.pbx.get("spec") or {},
        "status": of.pbx.get("status") or {},
        "users": dict(of.users()),
        "registered": [told(one) for one in of.here],
        "out": [told(one) for one in of.out],
        "failures": {reason: [one.name for one in phones] for reason, phones in of.failures.items()},
        "unheard": list(of.unheard),
    }
