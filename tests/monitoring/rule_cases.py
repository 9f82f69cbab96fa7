"""For every alert: series that fire it, and series like them that must not. Promtool's notation, a sample a minute."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from softphone_monitoring.rules import ALERTS, RUNBOOKS

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    alert: str
    fires: Series
    quiet: Series
    minutes: int
    """When it is looked at: after the alert's `for` has passed."""
    summary: str
    labels: dict[str, str] = field(default_factory=dict)


def test_file(rules: str) -> dict[str, Any]:
    """All cases, as `promtool test rules` reads them."""
    alerts = {alert.name: alert for alert in ALERTS}
    tests = []
    for case in CASES:
        alert = alerts[case.alert]
        fired = {
            "exp_labels": {"severity": alert.severity, **case.labels},
            "exp_annotations": {
                "summary": case.summary,
                "description": alert.description,
                "runbook_url": f"{RUNBOOKS}/{alert.name}.md",
            },
        }
        tests += [_test(case, "fires", case.fires, [fired]), _test(case, "stays quiet", case.quiet, [])]
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}


def _test(case: Case, what: str, series: Series, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": f"{case.alert} {what}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{case.minutes}m", "alertname": case.alert, "exp_alerts": expected}],
    }


def phones(registered: int, wanted: int, suspended: int = 0) -> Series:
    """A fleet of which so many are registered."""
    here = 'namespace="calls",pod="fleet-load-0",fleet="load"'
    return {
        f'softphones{{{here},state="Registered"}}': f"{registered}x60",
        f'softphones{{{here},state="Waiting"}}': f"{wanted - registered}x60",
        f'softphones{{{here},state="Suspended"}}': f"{suspended}x60",
        f'softphone_registrations{{{here},pbx="slave",role="Home"}}': f"{registered}x60",
    }


def status(registered: int, replicas: int) -> Series:
    """The same fleet by its status."""
    here = 'namespace="system",pod="op-0",fleet_namespace="calls",fleet="load"'
    numbers = {"registered": registered, "replicas": replicas}
    return {
        f'softphone_operator_fleet_phones{{{here},state="{state}"}}': f"{number}x60"
        for state, number in numbers.items()
    }


def system(*reachable: tuple[str, str, int]) -> Series:
    """PBXes of a system as agents see them: pod, name, whether it answers."""
    series = {}
    for pod, name, answers in reachable:
        here = f'namespace="calls",pod="{pod}",pbx="{name}"'
        series[f"softphone_pbx_reachable{{{here}}}"] = f"{answers}x60"
        series[f'softphone_pbx_info{{{here},system="acme",location="{name}"}}'] = "1x60"
    return series


def probe(registered: int, suspended: int = 0) -> Series:
    """A single phone."""
    here = 'namespace="calls",pod="softphone-alice"'
    return {
        f'softphone_registered{{{here},softphone="alice"}}': f"{registered}x60",
        f'softphones{{{here},state="Suspended"}}': f"{suspended}x60",
    }


def rejected(values: str, code: str = "401") -> Series:
    here = 'namespace="calls",pod="softphone-alice",pbx="master"'
    return {f'softphone_register_requests_total{{{here},outcome="rejected",code="{code}"}}': values}


def moves(values: str, phones: int = 1) -> Series:
    here = 'namespace="calls",pod="softphone-alice"'
    return {
        f'softphone_failovers_total{{{here},from="slave",to="master",reason="PingFailed"}}': values,
        f'softphones{{{here},state="Registered"}}': f"{phones}x60",
    }


def expiry(until: str, registered: int = 1) -> Series:
    here = 'namespace="calls",pod="softphone-alice",softphone="alice"'
    return {
        f"softphone_registration_expiry_timestamp_seconds{{{here}}}": until,
        f"softphone_registered{{{here}}}": f"{registered}x60",
    }


def scraped(values: str, build: str) -> Series:
    here = 'namespace="calls",pod="softphone-alice"'
    return {
        f'up{{{here},job="pods"}}': values,
        f'softphone_agent_build_info{{{here},version="1",pjsua="2"}}': build,
    }


def objects(kind: str, state: str, number: int, *, operators: int = 1) -> Series:
    here = f'namespace="system",kind="{kind}",state="{state}"'
    return {f'softphone_operator_objects{{{here},pod="op-{n}"}}': f"{number}x60" for n in range(operators)}


def singles(number: int) -> Series:
    return {f'softphones{{namespace="calls",pod="softphone-{n}",state="Registered"}}': "1x60" for n in range(number)}


HERE = {"namespace": "calls"}
POD = {**HERE, "pod": "softphone-alice"}

CASES = [
    Case(
        "SoftphoneSystemDown",
        fires=system(("a", "master", 0), ("a", "slave", 0), ("b", "slave", 0)),
        quiet=system(("a", "master", 0), ("a", "slave", 0), ("b", "slave", 1)),
        minutes=3,
        summary="No PBX of the system acme answers any agent in calls",
        labels={**HERE, "system": "acme"},
    ),
    Case(
        "SoftphoneFleetRegisteredRatioLow",
        fires=phones(85, 100),
        quiet=phones(95, 100, suspended=100),
        minutes=8,
        summary="85% of the phones of fleet load in calls are registered",
        labels={**HERE, "fleet": "load"},
    ),
    Case(
        "SoftphoneFleetRegisteredRatioLow",
        fires={name: values for name, values in phones(0, 100).items() if not name.startswith("softphone_reg")},
        quiet=phones(0, 0, suspended=100),
        minutes=8,
        summary="0% of the phones of fleet load in calls are registered",
        labels={**HERE, "fleet": "load"},
    ),
    Case(
        "SoftphoneFleetRegisteredRatioLow",  # half of its agents are not there to tell
        fires=phones(50, 50) | status(50, 100),
        quiet=phones(0, 0, suspended=100) | status(0, 100),
        minutes=8,
        summary="50% of the phones of fleet load in calls are registered",
        labels={**HERE, "fleet": "load"},
    ),
    Case(
        "SoftphoneUnregistered",
        fires=probe(0),
        quiet=probe(0, suspended=1),
        minutes=7,
        summary="Softphone alice in calls is not registered anywhere",
        labels={**POD, "softphone": "alice"},
    ),
    Case(
        "SoftphonesOnStandby",
        fires={'softphone_registrations{namespace="calls",pod="a",pbx="master",role="Standby"}': "3x60"},
        quiet={
            'softphone_registrations{namespace="calls",pod="a",pbx="master",role="Standby"}': "3x25 stale",
            'softphone_registrations{namespace="calls",pod="a",pbx="slave",role="Home"}': "3x60",
        },
        minutes=35,
        summary="3 phones in calls are kept by master, away from their home PBX",
        labels={**HERE, "pbx": "master"},
    ),
    Case(
        "SoftphoneAuthenticationFailing",
        fires=rejected("0+1x60"),
        quiet=rejected("0+1x60", code="404") | rejected("7x60"),
        minutes=15,
        summary="master rejects REGISTERs from calls with 401",
        labels={**HERE, "pbx": "master", "code": "401"},
    ),
    Case(
        "SoftphonesFlapping",
        fires=moves("0+1x60"),
        quiet=moves("0+1x60", phones=100),
        minutes=50,
        summary="Each phone of agent softphone-alice in calls moved or was lost 30 times in 30 minutes",
        labels=POD,
    ),
    Case(
        "SoftphoneExpiryStale",
        fires=expiry("60x60"),
        quiet=expiry("60x60", registered=0),
        minutes=10,
        summary="The binding of softphone alice in calls should have ended 9m 0s ago",
        labels={**POD, "softphone": "alice"},
    ),
    Case(
        "SoftphoneExpiryStale",
        fires=expiry("60x60"),
        quiet=expiry("60+60x60"),
        minutes=10,
        summary="The binding of softphone alice in calls should have ended 9m 0s ago",
        labels={**POD, "softphone": "alice"},
    ),
    Case(
        "SoftphonePBXUnreachable",
        fires=system(("a", "master", 0), ("b", "master", 0)),
        quiet=system(("a", "master", 0), ("b", "master", 1)),
        minutes=4,
        summary="PBX master answers no agent in calls",
        labels={**HERE, "pbx": "master"},
    ),
    Case(
        "SoftphoneAgentDown",
        fires=scraped("1x10 0x50", "1x10 stale"),
        quiet=scraped("0x60", "stale"),  # never an agent of ours
        minutes=14,
        summary="Agent softphone-alice in calls does not answer scrapes",
        labels={**POD, "job": "pods"},
    ),
    Case(
        "SoftphoneConfigRefused",
        fires={'softphone_config_refused{namespace="calls",pod="softphone-alice"}': "1x60"},
        quiet={'softphone_config_refused{namespace="calls",pod="softphone-alice"}': "0x60"},
        minutes=7,
        summary="Agent softphone-alice in calls refuses its newest configuration",
        labels=POD,
    ),
    Case(
        "SoftphoneMetricsAbsent",
        fires=objects("Softphone", "Ready", 3, operators=2) | singles(2),
        quiet=objects("Softphone", "Ready", 2, operators=2) | objects("Softphone", "Refused", 1) | singles(2),
        minutes=12,
        summary="There are 3 Softphones, but fewer agents that Prometheus can scrape",
        labels={"kind": "Softphone"},
    ),
    Case(
        "SoftphoneMetricsAbsent",
        fires=objects("Softphone", "NotReady", 1),
        quiet=objects("Softphone", "NotReady", 0),
        minutes=12,
        summary="There are 1 Softphones, but fewer agents that Prometheus can scrape",
        labels={"kind": "Softphone"},
    ),
    Case(
        "SoftphoneFleetNotReady",
        fires=objects("SoftphoneFleet", "NotReady", 1, operators=2),
        quiet=objects("SoftphoneFleet", "NotReady", 1) | phones(0, 0, suspended=100),
        minutes=17,
        summary="1 SoftphoneFleets are not Ready",
        labels={"kind": "SoftphoneFleet"},
    ),
    Case(
        "SoftphoneOperatorAbsent",
        fires={},
        quiet=objects("PBX", "Ready", 0),
        minutes=12,
        summary="No operator of softphone-fleet can be scraped",
    ),
    Case(
        "SoftphoneOperatorDeaf",
        fires={'softphone_operator_watch_age_seconds{namespace="system",pod="op-0",kind="PBX"}': "0+60x60"},
        quiet={'softphone_operator_watch_age_seconds{namespace="system",pod="op-0",kind="PBX"}': "120x60"},
        minutes=15,
        summary="Operator op-0 has heard nothing of PBX for 15m 0s",
        labels={"namespace": "system", "pod": "op-0", "kind": "PBX"},
    ),
]
