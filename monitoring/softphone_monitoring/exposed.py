"""What agents, operator and console expose, by their own code: a scrape of each to which all has happened once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.phone import Pbx
from softphone_agent.contract.report import PathReport, PbxReport, PhoneReport
from softphone_agent.http.metrics import AgentMetrics, Picture
from softphone_agent.phone.observations import (
    CallableAgain,
    CallDone,
    CallTested,
    Discarded,
    FailoverSeen,
    OutageSeen,
    PathChecked,
    PingSeen,
    RedirectSeen,
    RegisterDone,
    RequestsSeen,
)
from softphone_console.http import metrics as of_console
from softphone_operator.observe.metrics import Metrics
from softphone_operator.rehearsals.telling import Measured

_OF_A_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as a scrape tells of it; a counter by the name of its series."""

    name: str
    type: str
    labels: frozenset[str]
    meaning: str


def agent(*, per_phone: bool = True) -> list[Metric]:
    """Those of an agent."""
    since = "2026-01-01T00:00:00Z"
    way = PathReport(via="pri", result="Holds", pbx="slave", since=since)
    phone = PhoneReport(name="alice", state="Registered", registered=True, pbx="slave", since=since, paths=(way,))
    slave = PbxReport(name="slave", reachable=True, certificate_expires=since)
    picture = Picture("fleet", {"alice": phone}, {"slave": slave}, {"alice": 1.0})
    picture.known = (Pbx(name="slave", address="sip:192.0.2.1"),)
    picture.per_phone = per_phone
    metrics = AgentMetrics(picture, "", "")
    metrics.observe(
        [
            RegisterDone("slave", "accepted", "200", 0.0),
            RedirectSeen("master"),
            FailoverSeen("master", "slave", "Redirected"),
            OutageSeen(0.0),
            PathChecked("pri", "Holds", 0.0),
            PingSeen("slave", 0.0),
            RequestsSeen("OPTIONS", "200", 1),
            Discarded("NotSip", 1),
            CallDone("Out", "200", "Audio"),
            CallTested(_test_call(), "hq", "branch"),
            CallableAgain("daily", "slave", 0.0),
        ]
    )
    return _told(metrics.exposition())


def _test_call() -> CallReport:
    """One of which everything is known."""
    return CallReport(
        end="Caller",
        check="daily",
        phone="alice",
        state="Ended",
        began="2026-01-01T00:00:00Z",
        pbx="slave",
        passed=True,
        code=200,
        heard="Tone",
        survived="Untouched",
        ring_seconds=0.0,
        answer_seconds=0.0,
        talk_seconds=0.0,
        hang_up_seconds=0.0,
        lost_percent=0.0,
        jitter_seconds=0.0,
        round_trip_seconds=0.0,
        mos=4.4,
    )


def operator() -> list[Metric]:
    """Those of the operator."""
    metrics = Metrics()
    metrics.observe(
        lambda: {("PBX", "Ready"): 1},
        lambda: {("namespace", "fleet", "replicas"): 1},
        lambda: {("namespace", "pool", "phones"): 1},
        lambda: {"PBX": 0.0},
        lambda: {("namespace", "rehearsal"): Measured(running=True, passed=True, last_passed=0.0, due=0.0)},
        lambda: {("namespace", "daily", "vienna", "graz", "failing", "NoAnswer", "false"): 1},
    )
    metrics.reconciles.labels("PBX", "accepted").inc()
    metrics.reconcile_seconds.labels("PBX").observe(0.0)
    metrics.count_request("GET", 200)
    return _told(metrics.render())


def console() -> list[Metric]:
    """Those of the console."""
    metrics = of_console.Metrics()
    metrics.observe(lambda: {"PBX": 1}, lambda: {"PBX": 0.0}, lambda: 1)
    metrics.answered("overview", 200, 0.0)
    return _told(metrics.render())


def _told(exposition: bytes) -> list[Metric]:
    found = []
    for family in text_string_to_metric_families(exposition.decode()):
        names = {_name(sample.name, family.type) for sample in family.samples}
        if len(names) != 1:
            raise ValueError(f"{family.name}: series are called {sorted(names)}; nothing here makes it have one")
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        found.append(Metric(names.pop(), family.type, labels, family.documentation))
    return found


def _name(series: str, kind: str) -> str:
    return _OF_A_HISTOGRAM.sub("", series) if kind == "histogram" else series
