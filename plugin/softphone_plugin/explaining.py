"""Why a phone is where it is, and what it would do next, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from softphone_agent.contract.report import Outage, Reason
from softphone_operator.api.status import RegistrationStatus
from softphone_operator.decide.decisions import Refusal
from softphone_operator.rehearsals.drill import seconds_of
from softphone_plugin import calls
from softphone_plugin.foresight import Configured, after_a_loss, comes_back_to, configured, next_round
from softphone_plugin.overview import Mood, failure_words
from softphone_plugin.phones import Known, Object, age, condition
from softphone_plugin.ways import sentences

REASONS: Mapping[Reason, str] = {
    Reason.REJECTED: "the PBX refused the phone",
    Reason.UNAVAILABLE: "the PBX answered that it cannot serve now",
    Reason.UNREACHABLE: "the PBX did not answer a REGISTER",
    Reason.KNOWN_DEAD: "a redirect led to a PBX that answers no pings",
    Reason.REDIRECT_LOOP: "the redirects led back to a PBX that had been asked before",
    Reason.TOO_MANY_REDIRECTS: "there were more redirects than registration.maxRedirects allows",
    Reason.BAD_REDIRECT: "a redirect named no target that can be used",
    Reason.REDIRECT_REFUSED: "a redirect led where none may be followed: from TLS to a transport without it, or, with "
    "redirectPolicy KnownPBXes, to a PBX that is not of the system",
    Reason.UNEXPECTED_REDIRECT: "the PBX redirected, and in mode Browser no redirect is followed",
    Reason.PING_FAILED: "the PBX answered no pings any more",
    Reason.TRANSPORT_CLOSED: "the connection to the PBX was closed",
    Reason.NO_CREDENTIALS: "the agent has no credentials: a file that should hold them is missing, empty or of no use",
    Reason.EXPIRED: "the binding ended before it could be refreshed",
}
"""What the machine's reasons mean."""


@dataclass(frozen=True)
class Explanation:
    """What there is to say of a phone, in four parts, and what could not be learned."""

    title: str
    mood: Mood
    where: tuple[str, ...]
    why: tuple[str, ...]
    then: tuple[str, ...]
    holds: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "phone": self.title,
            "where": list(self.where),
            "why": list(self.why),
            "next": list(self.then),
            "redundancy": list(self.holds),
            "calls": list(self.calls),
            "missing": list(self.unknown),
        }


def explain(known: Known, pbxs: Iterable[Object], now: datetime) -> Explanation:
    """All there is to say of a phone, from what is known of it and the PBX objects of its namespace."""
    pbxs = list(pbxs)
    of, at = configured(known.phone, pbxs), known.registration
    silent = _silent(known, pbxs)
    registered = at is not None and at.pbx is not None
    where = (*_where(known, at, now), *_readiness(known))
    why = (*(_why(known, of, at, now) if at else ()), *_reach(at, silent))
    then = _then(known, of, at, silent, now)
    mood: Mood = "ill" if not registered else "standby" if at is not None and at.role == "Standby" else "well"
    if at is None or at.state == "Unknown":
        mood = "unknown"
    holds = sentences(known, None if isinstance(of, Refusal) else of.phone, at, now)
    missing = tuple(_unknown(known, of))
    called = tuple(calls.sentences(known.heard.calls, now)) if known.heard else ()
    return Explanation(known.phone.name, mood, tuple(where), tuple(why), tuple(then), tuple(holds), called, missing)


def _silent(known: Known, pbxs: Iterable[Object]) -> Set[str]:
    """The PBXes that answer no pings: of this agent, or of any where this one is not heard."""
    if known.heard is not None:
        return {pbx.name for pbx in known.heard.pbxs if pbx.reachable is False}
    return {obj["metadata"]["name"] for obj in pbxs if (obj.get("status") or {}).get("reachable") is False}


def _where(known: Known, at: RegistrationStatus | None, now: datetime) -> Iterator[str]:
    name = known.phone.name
    if at is None or at.state == "Unknown":
        yield f"Where {name} is, nobody can tell now."
        return
    since = f", for {age(at.since, now)}" if at.since else ""
    if at.pbx is None:
        doing = {
            "Registering": "it is asking a PBX just now",
            "Waiting": "it waits before it asks again",
            "Rejected": "a PBX refused it, and it waits before it asks again",
            "Suspended": "spec.suspend is set",
            "Starting": "it has not begun yet",
        }.get(at.state, f"its state is {at.state}")
        yield f"{name} is registered nowhere{since}: {doing}."
        return
    role = {"Home": ", its home", "Standby": ", which stands in for its home"}.get(at.role or "", "")
    yield f"{name} is registered at {at.pbx}{role}{since}."


def _readiness(known: Known) -> Iterator[str]:
    for name in ("Accepted", "Ready"):
        found = condition(known.phone.owner, name)
        if found.get("status") == "False":
            what = "The object" if not known.phone.is_of_fleet else "The fleet"
            said = "is refused" if name == "Accepted" else "is not Ready"
            yield f"{what} {said}: {found.get('reason')}, {found.get('message')}."
            return


def _why(known: Known, of: Configured | Refusal, at: RegistrationStatus, now: datetime) -> Iterator[str]:
    outage = known.heard.report.last_outage if known.heard and known.heard.report else None
    if at.pbx is not None:
        yield _came(known.phone.spec, at)
        yield from _role(known, at)
        yield from _location(of, at)
    if outage is not None:
        yield _outage(outage, at, now)
    failure = at.last_failure
    same = outage is not None and failure is not None and (outage.pbx, outage.reason) == (failure.pbx, failure.reason)
    if failure is not None and not (same and at.pbx):
        yield f"The last failure was {failure_words(at, now)}: {REASONS[failure.reason]}."


def _came(spec: Object, at: RegistrationStatus) -> str:
    if at.redirects:
        first = at.redirects[0].pbx
        named = next((name for name in ("pri", "sec", "cur") if spec.get(name) == first), "")
        walked = " ".join(f"-{hop.code}-> {hop.target}" for hop in at.redirects)
        return f"It came by redirect: {first}{f' ({named})' if named else ''} {walked}."
    entry = {"pri": "its primary PBX", "sec": "its secondary PBX", "cur": "its current PBX"}.get(at.via or "")
    if entry is None:
        return f"How it came to {at.pbx} is not told."
    return f"It entered at {at.pbx}, {entry} ({at.via}), which kept the registration instead of redirecting."


def _role(known: Known, at: RegistrationStatus) -> Iterator[str]:
    home = known.phone.spec.get("home")
    if at.role == "Home":
        if home:
            yield f"{at.pbx} is its home: spec.home says so."
        elif at.redirects:
            yield f"{at.pbx} counts as its home: the redirects ended there."
        else:
            yield f"{at.pbx} counts as its home: a redirect had shown it before."
    elif at.role == "Standby":
        shown = f"spec.home says {home}" if home else "a redirect had shown another one before"
        yield f"{at.pbx} is not its home: {shown}."
    else:
        yield "Which PBX is its home is not known: spec.home says nothing, and no redirect has shown it yet."


def _location(of: Configured | Refusal, at: RegistrationStatus) -> Iterator[str]:
    if isinstance(of, Refusal):
        return
    if at.physical_location != of.location:
        sent, due = (location or "none" for location in (at.physical_location, of.location))
        yield f"It registered with the physical location {sent}; {due} is due."
    elif of.phone.phys:
        yield f"Its physical location is {of.location}: spec.phys says so."
    elif of.location:
        yield f"Its physical location is {of.location}: that of its primary PBX, since spec.phys says nothing."
    else:
        reason = "mode Browser" if of.phone.mode == "Browser" else "noPhysicalLocation of the primary PBX"
        yield f"It sends no physical location: spec.phys says nothing, and {reason} leaves it out."


def _outage(outage: Outage, at: RegistrationStatus, now: datetime) -> str:
    lost = f"it lost {outage.pbx} ({outage.reason}: {REASONS[outage.reason]})"
    if outage.ended is None:
        seconds = (now - datetime.fromisoformat(outage.began)).total_seconds()
        return f"It is out since {seconds:.1f} s: {lost}."
    return f"Its last outage took {seconds_of(outage):.2f} s, {age(outage.began, now)} ago: {lost}."


def _reach(at: RegistrationStatus | None, silent: Set[str]) -> Iterator[str]:
    others = sorted(silent)
    if others:
        yield f"{', '.join(others)} {'answers' if len(others) == 1 else 'answer'} no pings now."


def _then(
    known: Known, of: Configured | Refusal, at: RegistrationStatus | None, silent: Set[str], now: datetime
) -> Iterator[str]:
    if isinstance(of, Refusal):
        yield "What comes next cannot be told: the spec is refused, and a phone that runs keeps to an earlier one."
        return
    if of.plan.suspend:
        yield "Nothing, until spec.suspend is taken back."
        return
    if at is None:
        return
    if at.pbx is None and at.last_failure is not None and at.last_failure.reason == "NoCredentials":
        yield "Nothing, until the file is there that the last failure names: without credentials it asks nobody."
        return
    if at.pbx is None:
        chain = next_round(of, silent)
        yield f"It asks {_chain(chain.asked)}, and follows redirects; the first PBX that keeps it has it."
        yield _wait(of)
        return
    yield from _refresh(known, of, at, now)
    if (primary := comes_back_to(of, at)) is not None:
        after = of.phone.registration.fail_back_after_seconds
        yield (
            f"When {primary} has answered pings for {after:g} s it asks that one, at a moment of its own within half "
            f"as long, and is registered at {at.pbx} until it is accepted there (registration.failBack)."
        )
    lost = after_a_loss(of, at, silent)
    if lost is not None:
        first = f"it asks {_chain(lost.asked)}" if lost.asked else "there is nobody else to ask"
        wait = f"{lost.waits_at_most:g} s at most"
        yield f"If {at.pbx} falls silent, {first}; if none answers, it waits {wait}, then begins anew."


def _refresh(known: Known, of: Configured, at: RegistrationStatus, now: datetime) -> Iterator[str]:
    share, asked = of.plan.refresh_fraction, of.phone.registration.expires_seconds
    expiry = known.heard.measured.expires_at.get(known.phone.name) if known.heard else None
    due = ""
    if expiry is not None:
        left = max(0.0, expiry - asked * (1 - share) - now.timestamp())
        due = f", in about {left:.0f} s if {at.pbx} granted the {asked} s that it asked for"
    yield f"It refreshes at {at.pbx} after {share:.0%} of the granted expiry{due}."
    if of.phone.mode == "Browser":
        yield "A redirect of that refresh is not followed: mode Browser."
    elif at.role == "Standby":
        yield f"When its home is back, {at.pbx} redirects that refresh, and the phone goes home without an outage."
    else:
        yield "A redirect of that refresh is followed; until another PBX has accepted the phone, the binding counts."


def _wait(of: Configured) -> str:
    return (
        f"A round in which all fail is followed by a wait that grows with every round, "
        f"from {of.plan.backoff_initial:g} s to {of.plan.backoff_max:g} s at most, drawn at random (full jitter)."
    )


def _chain(asked: tuple[str, ...]) -> str:
    return ", then ".join(asked) if asked else "nobody: all are known to be dead"


def _unknown(known: Known, of: Configured | Refusal) -> Iterator[str]:
    if known.heard is None:
        yield f"The agent cannot be heard: {known.why_not}. All this is from the objects, and may be old."
    elif known.heard.report is None:
        yield "The agent does not know this phone yet."
    elif known.heard.config.refused:
        yield f"The agent refused a newer configuration: {'; '.join(known.heard.config.refused)}."
    if isinstance(of, Refusal):
        yield f"The spec is refused: {of.message}."
