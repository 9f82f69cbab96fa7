"""Whether the redundancy of a phone would hold: the condition Redundant, from the ways that agents report. Pure.

What was known to be bad does not get better by being forgotten: an agent that is new or away knows nothing of a way,
and until one has checked it again, the last bad result stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from softphone_agent.contract.fields import Mode
from softphone_agent.contract.fleet import PhoneTemplate
from softphone_agent.contract.phone import Phone
from softphone_agent.contract.report import GOOD_PATHS, UNKNOWN_PATHS, PathReport, PathResult, PhoneReport
from softphone_operator.api.status import MAX_PATHS, MAX_REDIRECTS, PathStatus
from softphone_operator.decide.facts import Reported, Statement

Object = Mapping[str, Any]

REDUNDANT = "Redundant"
"""The condition's type, and its reason where it is True."""
ONE_WAY, CHECKS_OFF, SUSPENDED = "OneWay", "ChecksOff", "Suspended"
CHOSEN = frozenset({ONE_WAY, CHECKS_OFF, SUSPENDED})
"""Reasons that whoever wrote the spec has chosen: no loss, and nothing to sum up."""

WORDS: Mapping[PathResult, str] = {
    "Holds": "ends at {pbx}, which holds the phone",
    "WouldKeep": "ends at {pbx}, which would keep the phone",
    "Unreachable": "{pbx} does not answer",
    "Refused": "{pbx} refuses the phone",
    "Loop": "its redirects lead in a circle, at {pbx}",
    "TooManyRedirects": "it has more redirects than registration.maxRedirects, the last by {pbx}",
    "OtherHome": "it ends at {pbx}, which is not the phone's home",
    "Forbidden": "{pbx} redirects to where TLS or redirectPolicy lets no phone go",
    "CheckNotSupported": "{pbx} answers a REGISTER without Contact in a way that tells nothing",
    "Unchecked": "not checked yet, or not within two intervals",
}
"""What a way is like, with the PBX where it ended."""


class Asked(NamedTuple):
    """What the spec of a phone, or of all phones of a fleet, asks for."""

    launcher: bool
    two_ways: bool
    checks: bool
    suspended: bool
    entries: Mapping[str, str]
    """Its entry PBXes as the spec names them, by via."""


def asked(phone: Phone | PhoneTemplate) -> Asked:
    """What a configured phone, or the template of a fleet, asks for."""
    entries = {via: named for via in ("pri", "sec") if (named := getattr(phone, via))}
    launcher, checks = phone.mode is Mode.LAUNCHER, phone.registration.path_check_seconds > 0
    return Asked(launcher, "sec" in entries, checks, phone.suspend, entries)


def is_bad(result: str) -> bool:
    """Whether a way with this result would not hold."""
    return result not in GOOD_PATHS | UNKNOWN_PATHS


# One phone.


def paths(reported: Reported, of: Asked | None, previous: Object, generation: int) -> tuple[PathStatus, ...]:
    """The ways of a phone as its status has them. `previous` is its present status, raw."""
    known = {path.via: path for path in _stored(previous.get("paths") or ())}
    if reported.stream == "connecting":
        return tuple(known.values())
    if of is not None and not (of.launcher and of.checks and not of.suspended):
        return of_report(reported.phone) if reported.phone else ()
    same = previous.get("observedGeneration") == generation
    kept = {
        via: path
        for via, path in known.items()
        if is_bad(path.result) and (same or (of is not None and entry(path) == of.entries.get(via)))
    }
    told: Iterable[PathReport]
    if reported.stream == "connected" and reported.phone is not None and reported.phone.paths:
        told = reported.phone.paths[:MAX_PATHS]
    else:
        told = [PathReport(via=via, result="Unchecked") for via in known if same]
    return tuple(kept.get(path.via, _status(path)) if path.result == "Unchecked" else _status(path) for path in told)


def entry(path: PathStatus | PathReport) -> str | None:
    """The PBX at which a way begins, None where no check has got there."""
    return path.redirects[0].pbx if path.redirects else path.pbx


def _status(path: PathReport) -> PathStatus:
    said = {name: getattr(path, name) for name in PathStatus.model_fields}
    return PathStatus(**{**said, "redirects": path.redirects[:MAX_REDIRECTS], "since": path.since or None})


def _stored(stored: Iterable[Object]) -> Iterable[PathStatus]:
    for one in stored:
        try:
            yield PathStatus.model_validate(one, by_name=False, by_alias=True)
        except ValidationError:  # an operator of another version has written it
            continue


def phone(of: Asked | None, ways: Sequence[PathStatus], registered: Statement) -> Statement | None:
    """What the condition says of a phone, None where it has none. `of` None where the spec is refused."""
    if of is None and not ways:
        return None
    if (of is not None and not of.launcher) or [way.via for way in ways] == ["cur"]:
        return None
    if of is not None and (decided := chosen(of)) is not None:
        return decided
    if bad := [way for way in ways if is_bad(way.result)]:
        return Statement("False", bad[0].result, "; ".join(map(words, bad)))
    if registered.status == "Unknown":
        return Statement("Unknown", registered.reason, registered.message)
    open_ways = [way for way in ways if way.result in UNKNOWN_PATHS]
    if registered.status != "True":
        return Statement("Unknown", "NotRegistered", "ways are checked while the phone is registered, and it is not")
    if open_ways or not ways:
        reason = open_ways[0].result if open_ways else "Unchecked"
        return Statement("Unknown", reason, "; ".join(map(words, open_ways)) or WORDS["Unchecked"])
    return Statement("True", REDUNDANT, "; ".join(map(words, ways)))


def chosen(of: Asked) -> Statement | None:
    """What the spec of launcher phones decides alone, None where it takes checks to know."""
    if not of.two_ways:
        return Statement("False", ONE_WAY, "there is no secondary PBX")
    if of.suspended:
        return Statement("Unknown", SUSPENDED, "a phone that is suspended checks nothing")
    if not of.checks:
        return Statement("Unknown", CHECKS_OFF, "registration.pathCheckSeconds is 0: nothing is checked")
    return None


def words(way: PathStatus | PathReport) -> str:
    """A way in words, such as `sec: standby does not answer`."""
    said = WORDS[way.result].format(pbx=way.pbx or "a PBX")
    walked = "".join(f", redirected by {hop.pbx}" for hop in way.redirects)
    answer = " ".join(filter(None, (str(way.code or ""), way.message))) if is_bad(way.result) else ""
    return f"{way.via}: {said}{walked}{f' ({answer})' if answer else ''}"


def of_report(report: PhoneReport) -> tuple[PathStatus, ...]:
    """The ways of a phone as its agent reports them now."""
    return tuple(map(_status, report.paths[:MAX_PATHS]))


# Many objects: the system of a PBX.


class Verdict(NamedTuple):
    """The condition Redundant of one object: status, reason, and where it is a loss the message."""

    status: str
    reason: str
    message: str


def verdict(obj: Object) -> Verdict | None:
    """The condition of a Softphone or fleet that counts in the sum over a system; None where it does not count."""
    found = next((c for c in obj.get("status", {}).get("conditions") or () if c.get("type") == REDUNDANT), None)
    if found is None or found["reason"] in CHOSEN or obj["metadata"].get("deletionTimestamp"):
        return None
    return Verdict(found["status"], found["reason"], found["message"] if found["status"] == "False" else "")


def system(verdicts: Sequence[tuple[str, Verdict]]) -> Statement | None:
    """What the condition says of a PBX: the sum over the Softphones and fleets that use its system, by name.

    None where nobody there checks ways.
    """
    if not verdicts:
        return None
    lost = [(name, one) for name, one in verdicts if one.status == "False"]
    if lost:
        name, one = min(lost)
        said = f"{len(lost)} of {len(verdicts)} Softphones and fleets of the system are not redundant, such as {name}"
        return Statement("False", "NotRedundant", f"{said}: {one.message}")
    good = sum(one.status == "True" for _, one in verdicts)
    told = f"{good} of {len(verdicts)} Softphones and fleets of the system are redundant"
    if good:
        rest = "" if good == len(verdicts) else "; of the others it is not known"
        return Statement("True", REDUNDANT, f"{told}{rest}")
    return Statement("Unknown", "Unchecked", f"{told}; of none it is known that it is not")
