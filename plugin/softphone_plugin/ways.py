"""Would it hold: the ways from a phone's entry PBXes to their ends, as the last path checks found them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from softphone_agent.contract.phone import Phone
from softphone_agent.contract.report import UNKNOWN_PATHS
from softphone_operator.api.status import MAX_PATHS, PathStatus, RegistrationStatus
from softphone_operator.decide import redundancy
from softphone_operator.decide.facts import Reported, Statement
from softphone_plugin.phones import Known, age

ENTRIES = {"pri": "primary", "sec": "secondary", "cur": "current"}


@dataclass(frozen=True)
class Check:
    """One way: its PBXes in order, whether it would hold (None: not known), and the last check in words."""

    via: str
    pbxs: tuple[str, ...]
    holds: bool | None
    words: str


def checks(known: Known, now: datetime) -> tuple[Check, ...]:
    """The ways of a phone, as they are drawn."""
    return tuple(_check(path, now) for path in paths(known))


def _check(path: PathStatus, now: datetime) -> Check:
    pbxs = tuple(hop.pbx for hop in path.redirects) + ((path.pbx,) if path.pbx else ())
    holds = None if path.result in UNKNOWN_PATHS else not redundancy.is_bad(path.result)
    said = redundancy.words(path).partition(": ")[2]
    since = f", for {age(path.since, now)}" if path.since else ""
    return Check(path.via, pbxs, holds, f"{path.result}{since}: {said}")


def paths(known: Known) -> tuple[PathStatus, ...]:
    """The ways by the agent, or where that is silent by the object; what was bad stays until it is checked again."""
    report = known.heard.report if known.heard else None
    if known.phone.is_of_fleet:
        return redundancy.of_report(report) if report else ()
    metadata, status = known.phone.owner["metadata"], known.phone.owner.get("status") or {}
    reported = Reported("connected", report) if report else Reported("connecting")
    return redundancy.paths(reported, None, status, metadata.get("generation", 0))[:MAX_PATHS]


def sentences(known: Known, phone: Phone | None, at: RegistrationStatus | None, now: datetime) -> Iterator[str]:
    """Whether the redundancy would hold, in sentences. `phone`: as it is configured, None where that is refused."""
    of, ways = redundancy.asked(phone) if phone else None, paths(known)
    if known.phone.is_of_fleet and not ways and of is not None and redundancy.chosen(of) is None and of.launcher:
        if known.heard is not None:
            yield "This phone checks no ways; of a fleet one phone in so many does (spec.pathChecksOneIn)."
        return
    registered = Statement("True" if at is not None and at.pbx else "False", "", "")
    if at is None or at.state == "Unknown":
        registered = Statement("Unknown", "", "its agent is not heard")
    said = redundancy.phone(of, ways, registered)
    if said is None:
        return
    if said.status == "True":
        yield "Yes, as far as checks can tell: each way leads to a PBX that has the phone or would keep it."
    elif said.reason == redundancy.ONE_WAY:
        yield "No: there is no secondary PBX. When the primary fails, there is nowhere to go."
        return
    elif said.status == "False":
        yield "No: if its PBX failed now, the phone could not rely on the other way."
    else:
        yield f"Nobody knows now: {said.message}."
        if said.reason in redundancy.CHOSEN:
            return
    for path in ways:
        since = f", for {age(path.since, now)}" if path.since else ""
        yield f"From its {ENTRIES[path.via]} PBX ({redundancy.words(path)}){since}."
