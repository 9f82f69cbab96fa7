"""From objects to what is kept of them. Pure, and no object makes it fail."""

from __future__ import annotations

from softphone_agent.contract import sip_uri
from softphone_agent.contract.fields import shown_template
from softphone_console.view import raw
from softphone_console.view.facts import (
    NONE,
    Asked,
    CallCheck,
    CallFailure,
    Condition,
    Event,
    Failure,
    Fleet,
    Hop,
    Key,
    Pbx,
    Phone,
    Rehearsal,
    RehearsalResult,
    Way,
)
from softphone_console.view.raw import Object
from softphone_operator.decide.systems import registrar_of


def pbx(obj: Object) -> Pbx:
    """What is kept of a PBX."""
    address = raw.text(obj, "spec", "address")
    key = key_of(obj)
    return Pbx(
        key=key,
        address=sip_uri.without_password(address),
        registrar=registrar_of(address),
        system=raw.text(obj, "spec", "system"),
        location=raw.text(obj, "status", "location") or raw.text(obj, "spec", "location") or key.name,
        no_physical_location=raw.truth(obj, "spec", "noPhysicalLocation") is True,
        reachable=raw.truth(obj, "status", "reachable"),
        registered=raw.number(obj, "status", "phones", "registered"),
        home=raw.number(obj, "status", "phones", "home"),
        standby=raw.number(obj, "status", "phones", "standby"),
        users=raw.number(obj, "status", "users", "softphones") + raw.number(obj, "status", "users", "fleets"),
        certificate_ends=raw.time(obj, "status", "certificateExpires"),
        accepted=_condition(obj, "Accepted"),
        consistent=_condition(obj, "Consistent"),
        redundant=_condition(obj, "Redundant"),
    )


def phone(obj: Object) -> Phone:
    """What is kept of a Softphone."""
    at = raw.part(obj, "status", "registration")
    registered = _condition(obj, "Registered")
    return Phone(
        key=key_of(obj),
        asked=asked(raw.part(obj, "spec")),
        agent=raw.text(obj, "status", "agent"),
        pool=raw.text(obj, "spec", "agent", "pool"),
        state=raw.text(at, "state") or "Unknown",
        pbx=raw.text(at, "pbx"),
        registrar=sip_uri.without_password(raw.text(at, "registrar")),
        via=raw.text(at, "via"),
        role=raw.text(at, "role"),
        hops=_hops(at),
        location=raw.text(at, "physicalLocation"),
        contact=sip_uri.without_password(raw.text(at, "contact")),
        since=raw.time(at, "since") or registered.since,
        failure=_failure(raw.part(at, "lastFailure")),
        ways=tuple(_way(one) for one in raw.parts(obj, "status", "paths")),
        registered=registered,
        ready=_condition(obj, "Ready"),
        redundant=_condition(obj, "Redundant"),
    )


def fleet(obj: Object) -> Fleet:
    """What is kept of a SoftphoneFleet."""
    return _many(obj, pool=False)


def pool(obj: Object) -> Fleet:
    """What is kept of a SoftphonePool."""
    return _many(obj, pool=True)


def _many(obj: Object, *, pool: bool) -> Fleet:
    failures = raw.part(obj, "status", "failures")
    return Fleet(
        key=key_of(obj),
        pool=pool,
        asked=None if pool else asked(raw.part(obj, "spec", "template")),
        first_index=raw.number(obj, "spec", "firstIndex"),
        phones=raw.number(obj, "status", "phones" if pool else "replicas"),
        registered=raw.number(obj, "status", "registered"),
        standby=raw.number(obj, "status", "standby"),
        per_agent=raw.number(obj, "spec", "phonesPerAgent"),
        agents=raw.number(obj, "status", "agents", "wanted"),
        agents_ready=raw.number(obj, "status", "agents", "ready"),
        failures=tuple((reason, raw.number(failures, reason)) for reason in failures if isinstance(reason, str)),
        ready=_condition(obj, "Ready"),
        redundant=_condition(obj, "Redundant"),
    )


LIMITS = {
    "longestOutageSeconds": "longest outage allowed",
    "allBackWithinSeconds": "all must be back within",
}
"""Fields of a Rehearsal's limits that are seconds, and what they are called."""


def rehearsal(obj: Object) -> Rehearsal:
    """What is kept of a Rehearsal."""
    zone = raw.text(obj, "spec", "timeZone")
    schedule = raw.text(obj, "spec", "schedule")
    limits = raw.part(obj, "spec", "limits")
    allowed = ((words, raw.seconds(limits, field)) for field, words in LIMITS.items())
    return Rehearsal(
        key=key_of(obj),
        pbx=raw.text(obj, "spec", "pbx"),
        system=raw.text(obj, "spec", "system"),
        trigger="a Job" if raw.text(obj, "spec", "trigger") == "Job" else "a person",
        limits=tuple((words, limit) for words, limit in allowed if limit is not None),
        schedule=f"{schedule} {zone or 'UTC'}" if schedule else "",
        every_days=raw.number(obj, "spec", "everyDays"),
        phase=raw.text(obj, "status", "phase"),
        message=raw.text(obj, "status", "message"),
        made=raw.time(obj, "metadata", "creationTimestamp"),
        next=raw.time(obj, "status", "nextTime"),
        last_passed=raw.time(obj, "status", "lastPassed"),
        history=tuple(found for one in raw.parts(obj, "status", "history") if (found := _result(one))),
    )


def _result(of: Object) -> RehearsalResult | None:
    began, ended = raw.time(of, "began"), raw.time(of, "ended")
    if began is None or ended is None:
        return None
    return RehearsalResult(
        verdict=raw.text(of, "verdict"),
        began=began,
        ended=ended,
        reasons=raw.texts(of, "reasons"),
        phones=raw.number(of, "phones"),
        lost=raw.number(of, "lost"),
        missing=raw.number(of, "missing"),
        longest=raw.seconds(of, "longestOutageSeconds"),
        all_back=raw.seconds(of, "allBackSeconds"),
    )


def call_check(obj: Object) -> CallCheck:
    """What is kept of a CallCheck."""
    pairs, after = raw.part(obj, "status", "pairs"), raw.part(obj, "status", "callable")
    return CallCheck(
        key=key_of(obj),
        suspended=raw.truth(obj, "spec", "suspend") is True,
        pairs=raw.number(pairs, "total"),
        passed=raw.number(pairs, "passing"),
        failed=raw.number(pairs, "failing"),
        passing=_condition(obj, "Passing"),
        failures=tuple(found for one in raw.parts(obj, "status", "failures") if (found := _call_failure(one))),
        callable_after=raw.seconds(after, "seconds"),
        callable_at=raw.time(after, "time"),
    )


def _call_failure(of: Object) -> CallFailure | None:
    time = raw.time(of, "time")
    if time is None:
        return None
    said = " ".join(filter(None, (str(raw.number(of, "code") or ""), raw.text(of, "message"))))
    return CallFailure(
        time=time,
        caller=raw.text(of, "caller"),
        callee=sip_uri.without_password(raw.text(of, "callee")),
        from_site=raw.text(of, "fromSite"),
        to_site=raw.text(of, "toSite"),
        words=": ".join(filter(None, (raw.text(of, "reason"), said))),
        pbx=raw.text(of, "pbx"),
    )


def event(obj: Object) -> Event | None:
    """What is kept of an Event; None where it tells of no time."""
    about = raw.part(obj, "involvedObject")
    times = (raw.time(obj, "series", "lastObservedTime"), raw.time(obj, "lastTimestamp"), raw.time(obj, "eventTime"))
    made = next((time for time in times if time), None) or raw.time(obj, "metadata", "creationTimestamp")
    if made is None:
        return None
    return Event(
        kind=raw.text(about, "kind"),
        about=Key(raw.text(about, "namespace"), raw.text(about, "name")),
        warning=raw.text(obj, "type") == "Warning",
        reason=raw.text(obj, "reason"),
        message=sip_uri.without_password(raw.text(obj, "message")),
        time=made,
        count=max(raw.number(obj, "count"), raw.number(obj, "series", "count"), 1),
    )


def key_of(obj: Object) -> Key:
    """Namespace and name of an object."""
    return Key(raw.text(obj, "metadata", "namespace"), raw.text(obj, "metadata", "name"))


def asked(spec: Object) -> Asked:
    """What a spec or a template asks for."""
    mode = "Browser" if raw.text(spec, "mode") == "Browser" else "Launcher"
    entries = ("cur",) if mode == "Browser" else ("pri", "sec")
    return Asked(
        aor=shown_template(raw.text(spec, "aor")),
        mode=mode,
        entries=tuple((via, named) for via in entries if (named := raw.text(spec, via))),
        home=raw.text(spec, "home"),
        phys=raw.text(spec, "phys"),
        suspended=raw.truth(spec, "suspend") is True,
    )


def _condition(obj: Object, name: str) -> Condition:
    for one in raw.parts(obj, "status", "conditions"):
        if raw.text(one, "type") == name:
            said = raw.text(one, "status"), raw.text(one, "reason"), raw.text(one, "message")
            return Condition(*said, raw.time(one, "lastTransitionTime"))
    return NONE


def _hops(of: Object) -> tuple[Hop, ...]:
    return tuple(Hop(raw.text(one, "pbx"), raw.number(one, "code")) for one in raw.parts(of, "redirects"))


def _way(of: Object) -> Way:
    return Way(
        via=raw.text(of, "via"),
        result=raw.text(of, "result"),
        pbx=raw.text(of, "pbx"),
        hops=_hops(of),
        code=raw.number(of, "code"),
        message=raw.text(of, "message"),
        since=raw.time(of, "since"),
    )


def _failure(of: Object) -> Failure | None:
    if not of:
        return None
    return Failure(
        reason=raw.text(of, "reason"),
        pbx=raw.text(of, "pbx"),
        code=raw.number(of, "code"),
        message=raw.text(of, "message"),
        time=raw.time(of, "time"),
    )
