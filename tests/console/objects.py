"""Objects of the console's tests, as the operator writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]
NAMESPACE = "demo"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
VERSION = "softphone-fleet.io/v1alpha1"


def at(seconds: float) -> str:
    """A time so many seconds before NOW."""
    return f"{NOW - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def condition(kind: str, status: str, reason: str, message: str = "", since: float = 3600) -> Object:
    """A condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(since)}


def pbx(name: str, system: str = "acme", *, tls: bool = False, redundant: str = "True", **status: Any) -> Object:
    """A PBX that agents reach, or of which `status` says otherwise."""
    said = {"True": "Redundant", "False": "NotRedundant", "Unknown": "Unchecked"}[redundant]
    message = "1 of 2 Softphones and fleets of the system are not redundant, such as anna" if said[0] == "N" else said
    conditions = [
        condition("Accepted", "True", "Accepted"),
        condition("Consistent", "True", "Consistent"),
        condition("Redundant", redundant, said, message),
    ]
    base = {"reachable": True, "location": f"site-{name}", "phones": {"registered": 1, "home": 1, "standby": 0}}
    transport = "tls" if tls else "udp"
    return {
        "apiVersion": VERSION,
        "kind": "PBX",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"pbx-{name}"},
        "spec": {"address": f"sip:{name}.acme.example:5060;transport={transport}", "system": system},
        "status": {"conditions": conditions, **base, **status},
    }


def way(via: str, result: str, pbx: str, *hops: str, **more: Any) -> Object:
    """A way by these redirects."""
    targets = [*hops[1:], pbx]
    walked = [{"pbx": one, "target": to, "code": 302} for one, to in zip(hops, targets, strict=False)]
    return {"via": via, "result": result, "pbx": pbx, "redirects": walked, "since": at(600), **more}


def softphone(name: str, pbx: str | None = "slave", *, spec: Object | None = None, **more: Any) -> Object:
    """A Softphone at home at `pbx` by a redirect of the master, or registered nowhere where that is None."""
    role, redundant = more.pop("role", "Home"), more.pop("redundant", ("True", "Redundant", ""))
    ways = [way("pri", "Holds", pbx or "slave", "master"), way("sec", "Holds", pbx or "slave", "standby")]
    registration: Object = {"state": "Waiting", "since": at(90)}
    lost = condition("Registered", "False", "Unreachable", "no answer from slave", 90)
    conditions = [lost, condition("Ready", "False", "Unreachable", "no answer from slave", 90)]
    if pbx is not None:
        hops = [{"pbx": "master", "target": pbx, "code": 302}] if pbx != "master" else []
        registration = {
            "state": "Registered",
            "pbx": pbx,
            "registrar": f"sip:{pbx}.acme.example:5060;transport=udp",
            "via": "redirect" if hops else "pri",
            "role": role,
            "redirects": hops,
            "physicalLocation": "vienna",
            "since": at(3600),
        }
        conditions = [
            condition("Registered", "True", "Registered", f"registered at {pbx}"),
            condition("Ready", "True", "Registered", f"registered at {pbx}"),
        ]
    if redundant:
        conditions.append(condition("Redundant", *redundant))
    return {
        "apiVersion": VERSION,
        "kind": "Softphone",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"sp-{name}"},
        "spec": {"aor": f"sip:{name}@acme.example", "pri": "master", "sec": "standby", **(spec or {})},
        "status": {
            "conditions": conditions,
            "agent": f"softphone-{name}",
            "registration": {**registration, **more.pop("registration", {})},
            "paths": more.pop("paths", ways),
            **more,
        },
    }


def fleet(name: str = "load", kind: str = "SoftphoneFleet", **status: Any) -> Object:
    """A fleet of ten, all registered; or a pool of as many."""
    template = {"aor": "sip:load{index:02d}@acme.example", "pri": "master", "sec": "standby"}
    size = "phones" if kind == "SoftphonePool" else "replicas"
    spec = {"phonesPerAgent": 5, **({} if kind == "SoftphonePool" else {"replicas": 10, "template": template})}
    conditions = [condition("Ready", "True", "Registered", "10 of 10 are registered")]
    base = {size: 10, "registered": 10, "agents": {"wanted": 2, "ready": 2}, "conditions": conditions}
    return {
        "apiVersion": VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"many-{name}"},
        "spec": spec,
        "status": {**base, **status},
    }


def event(kind: str, name: str, reason: str, message: str, ago: float, *, warning: bool = True) -> Object:
    """An Event about an object."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{ago}", "namespace": NAMESPACE, "uid": f"event-{kind}-{name}-{reason}-{ago}"},
        "involvedObject": {"apiVersion": VERSION, "kind": kind, "namespace": NAMESPACE, "name": name},
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "lastTimestamp": at(ago),
        "count": 1,
    }


def rehearsal(name: str = "monthly", *runs: Object, spec: Object | None = None, **status: Any) -> Object:
    """A Rehearsal of the slave with these runs, the last one first."""
    limits = {"longestOutageSeconds": 10, "allBackWithinSeconds": 60}
    phase = {"phase": "Pending", "message": "begins when asked to"}
    return {
        "apiVersion": VERSION,
        "kind": "Rehearsal",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"rh-{name}", "creationTimestamp": at(40 * 86400)},
        "spec": {"pbx": "slave", "limits": limits, **(spec or {})},
        "status": {**phase, "history": list(runs), **status},
    }


def run(verdict: str = "Passed", ago: float = 86400, **more: Any) -> Object:
    """A run of a Rehearsal that took a minute."""
    counts = {"phones": 10, "lost": 10, "longestOutageSeconds": 2.5, "allBackSeconds": 4.0}
    return {"verdict": verdict, "began": at(ago + 60), "ended": at(ago), "cause": "Request", **counts, **more}


def call_check(name: str = "sites", passing: str = "True", **status: Any) -> Object:
    """A CallCheck of twelve pairs, of which all pass or one fails."""
    failing = 0 if passing == "True" else 1
    message = "12 of 12 pairs are as expected" if passing == "True" else "anna to ben: NoAudio, nothing was heard"
    conditions = [condition("Passing", passing, "Passing" if passing == "True" else "NoAudio", message)]
    pairs = {"total": 12, "passing": 12 - failing, "failing": failing}
    return {
        "apiVersion": VERSION,
        "kind": "CallCheck",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"cc-{name}"},
        "spec": {"mode": "Mesh"},
        "status": {"conditions": conditions, "pairs": pairs, **status},
    }


def call_failure(ago: float = 60, **more: Any) -> Object:
    """A test call in which nothing was heard."""
    ends = {"caller": "anna", "callee": "ben", "fromSite": "vienna", "toSite": "graz", "pbx": "slave"}
    return {"time": at(ago), **ends, "reason": "NoAudio", "message": "nothing was heard", "code": 200, **more}
