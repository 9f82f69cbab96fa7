"""For every alert: series that fire it, and series like them that must not. Promtool's notation, a sample a minute."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from softphone_monitoring.rules import ALERTS, RUNBOOKS, document

Series = dict[str, str]


FAILED = 'softphone_operator_reconcile_total{namespace="system",pod="op-0",kind="PBX",result="error"}'


@dataclass(frozen=True)
class Case:
    alert: str
    fires: Series
    quiet: Series
    minutes: int
    """When it is looked at: after the alert's `for` has passed."""
    summary: str
    labels: dict[str, str] = field(default_factory=dict)
    since: int = 0
    """The minute from which on it is so."""


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
        # Scraped by one job, or by two (annotations and a PodMonitor): that must not make a difference.
        for jobs in (("pods",), ("annotations", "podmonitor")):
            tests += [
                _test(case, f"fires, {len(jobs)} jobs", scraped_by(jobs, case.fires), [fired], alert.minutes),
                _test(case, f"stays quiet, {len(jobs)} jobs", scraped_by(jobs, case.quiet), []),
            ]
    order = [group["name"] for group in document()["groups"]]
    return {"rule_files": [rules], "evaluation_interval": "1m", "group_eval_order": order, "tests": tests}


def scraped_by(jobs: tuple[str, ...], series: Series) -> Series:
    """The series as Prometheus has them when each of these jobs scrapes the pods."""
    return {
        re.sub(r"{(.*)}", rf'{{\1,job="{job}",instance="10.0.0.1:8080"}}', name): values
        for job in jobs
        for name, values in series.items()
    }


def _test(
    case: Case, what: str, series: Series, expected: list[dict[str, Any]], wait: int | None = None
) -> dict[str, Any]:
    """What is expected at the end; and with a `wait`, that the alert fires when that is over, and not before."""
    test: dict[str, Any] = {
        "name": f"{case.alert} {what}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{case.minutes}m", "alertname": case.alert, "exp_alerts": expected}],
    }
    if wait is not None:
        test["promql_expr_test"] = [
            _state(case, "pending", case.since, 1),
            _state(case, "pending", case.since + wait - 1, 1),
            _state(case, "firing", case.since + wait - 1, 0),
            _state(case, "firing", case.since + wait, 1),
        ]
        if case.since:
            test["promql_expr_test"].append(_state(case, "pending", case.since - 1, 0))
    return test


def _state(case: Case, state: str, minute: int, number: int) -> dict[str, Any]:
    """How many alerts there are in this state at a minute."""
    expr = f'count(ALERTS{{alertname="{case.alert}",alertstate="{state}"}}) or vector(0)'
    return {"expr": expr, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": number}]}


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


def pooled(registered: int, waiting: int = 0, number: int = 0) -> Series:
    """An agent of a pool with so many phones."""
    here = f'namespace="calls",pod="pool-office-{number}"'
    states = {"Registered": registered, "Waiting": waiting}
    return {f'softphones{{{here},state="{state}"}}': f"{count}x60" for state, count in states.items()}


def bindings_of_pool(registered: int) -> Series:
    """Where so many of its phones are registered."""
    here = 'namespace="calls",pod="pool-office-0",pbx="slave",role="Home"'
    return {f"softphone_registrations{{{here}}}": f"{registered}x60"}


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


def waiting(state: str) -> Series:
    """What a phone does between its REGISTERs."""
    return {f'softphones{{namespace="calls",pod="softphone-alice",state="{state}"}}': "1x300"}


def every(minutes: int, times: int) -> str:
    """A counter that grows by one every so many minutes."""
    return " ".join(f"{number}x{minutes - 1}" for number in range(1, times + 1))


def phones_of_alice(phones: int) -> Series:
    return {'softphones{namespace="calls",pod="softphone-alice",state="Registered"}': f"{phones}x60"}


def moves(values: str, phones: int = 1) -> Series:
    labels = 'namespace="calls",pod="softphone-alice",from="slave",to="master",reason="PingFailed"'
    return {f"softphone_failovers_total{{{labels}}}": values} | phones_of_alice(phones)


def outages(values: str, phones: int = 1) -> Series:
    labels = 'namespace="calls",pod="softphone-alice"'
    return {f"softphone_outage_seconds_count{{{labels}}}": values} | phones_of_alice(phones)


def of_system(*names: str, pod: str = "softphone-alice") -> Series:
    """An agent that knows a PBX of each of these systems, and one of none."""
    here = f'namespace="calls",pod="{pod}"'
    known = {f'softphone_pbx_info{{{here},pbx="pbx of {name}",system="{name}",location="x"}}': "1x60" for name in names}
    return known | {f'softphone_pbx_info{{{here},pbx="lonely",system="",location="lonely"}}': "1x60"}


def expiry(until: str, registered: int = 1) -> Series:
    here = 'namespace="calls",pod="softphone-alice",softphone="alice"'
    return {
        f"softphone_registration_expiry_timestamp_seconds{{{here}}}": until,
        f"softphone_registered{{{here}}}": f"{registered}x60",
    }


def scraped(values: str, build: str) -> Series:
    here = 'namespace="calls",pod="softphone-alice"'
    return {
        f"up{{{here}}}": values,
        f'softphone_agent_build_info{{{here},version="1",pjsua="2"}}': build,
    }


REHEARSAL = {"rehearsal_namespace": "calls", "rehearsal": "monthly"}


def rehearsal(what: str, values: str, operators: int = 1) -> Series:
    """What the operators of a release tell of a Rehearsal."""
    of = ",".join(f'{name}="{value}"' for name, value in REHEARSAL.items())
    pods = [f'namespace="system",pod="op-{number}"' for number in range(operators)]
    return {f"softphone_rehearsal_{what}{{{pod},{of}}}": values for pod in pods}


def objects(kind: str, state: str, number: int, *, operators: int = 1) -> Series:
    here = f'namespace="system",kind="{kind}",state="{state}"'
    return {f'softphone_operator_objects{{{here},pod="op-{n}"}}': f"{number}x60" for n in range(operators)}


def singles(number: int) -> Series:
    return {f'softphones{{namespace="calls",pod="softphone-{n}",state="Registered"}}': "1x60" for n in range(number)}


def ways(pri: str, sec: str, fleet: str = "", pod: str = "softphone-alice-5d4f8-x2x4z", there: str = "1x200") -> Series:
    """What path checks found of both ways of a phone, or of a fleet's phones together; `there`: its agent is."""
    here = f'namespace="calls",pod="{pod}",fleet="{fleet}"'
    which = f'{here},softphone="{"" if fleet else "alice"}"'
    found = {f'softphone_path_ok{{{which},via="{via}"}}': values for via, values in (("pri", pri), ("sec", sec))}
    return found | {f'softphones{{{here},state="Registered"}}': there}


def certificate(days: int) -> Series:
    """The certificate of a PBX, which ends so many days after the test's beginning."""
    here = 'namespace="calls",pod="softphone-alice",pbx="master"'
    return {f"softphone_pbx_certificate_expiry_timestamp_seconds{{{here}}}": f"{days * 86400}x60"}


def restarted(series: Series, *, away: int) -> Series:
    """The series as a restart of the agent leaves them: nothing is known from the second minute on, for so long."""
    gap = "stale" + f" _x{away - 2}" * (away > 1)
    return {name: f"{values.partition('x')[0]}x1 {gap} {values}" for name, values in series.items()}


def sites(reason: str, after: str = "false", *, operators: int = 1, failing: int = 1) -> Series:
    """A CallCheck from Vienna to Graz: a pair that fails, beside one that passes."""
    here = 'check_namespace="calls",check="sites",from_site="vienna",to_site="graz"'
    of = f'{here},state="failing",reason="{reason}",after_fail_over="{after}"'
    good = f'{here},state="passing",reason="",after_fail_over="false"'
    told = {of: failing, good: 1}
    return {
        f'softphone_operator_call_pairs{{namespace="system",pod="op-{n}",{which}}}': f"{count}x60"
        for which, count in told.items()
        for n in range(operators)
    }


def site_case(alert: str, minutes: int, words: str, fires: Series, quiet: Series) -> Case:
    summary = f"Calls of check sites in calls from vienna to graz {words}"
    labels = {**HERE, "check": "sites", "from_site": "vienna", "to_site": "graz"}
    return Case(alert, fires=fires, quiet=quiet, minutes=minutes, summary=summary, labels=labels)


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
        "SoftphonePoolRegisteredRatioLow",
        fires=pooled(85, waiting=15) | bindings_of_pool(85),
        quiet=pooled(95, waiting=5) | bindings_of_pool(95),
        minutes=8,
        summary="85% of the phones of agent pool-office-0 in calls are registered",
        labels={**HERE, "pod": "pool-office-0"},
    ),
    Case(
        "SoftphonePoolRegisteredRatioLow",  # none has one: then there is no series of registrations
        fires=pooled(0, waiting=100),
        quiet=pooled(0, waiting=1),  # one phone alone is told of by its name
        minutes=8,
        summary="0% of the phones of agent pool-office-0 in calls are registered",
        labels={**HERE, "pod": "pool-office-0"},
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
        "SoftphoneUnregistered",
        fires=probe(0) | of_system("acme"),
        quiet=probe(1) | of_system("acme"),
        minutes=7,
        summary="Softphone alice in calls is not registered anywhere",
        labels={**POD, "softphone": "alice", "system": "acme"},
    ),
    Case(
        "SoftphoneUnregistered",  # of two systems: nobody can say whose failure that is
        fires=probe(0) | of_system("acme", "other"),
        quiet=probe(0, suspended=1) | of_system("acme", "other"),
        minutes=7,
        summary="Softphone alice in calls is not registered anywhere",
        labels={**POD, "softphone": "alice"},
    ),
    Case(
        "SoftphonesOnStandby",
        fires={'softphone_registrations{namespace="calls",pod="a",pbx="pbx of acme",role="Standby"}': "3x60"}
        | of_system("acme", pod="a")
        | of_system("acme", pod="b"),
        quiet={'softphone_registrations{namespace="calls",pod="a",pbx="pbx of acme",role="Home"}': "3x60"}
        | of_system("acme", pod="a"),
        minutes=35,
        summary="3 phones in calls are kept by pbx of acme, away from their home PBX",
        labels={**HERE, "pbx": "pbx of acme", "system": "acme"},
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
        since=3,
    ),
    Case(
        "SoftphoneAuthenticationFailing",  # a long back-off: now and then, and in between the phone waits for the next
        fires=rejected(every(50, 6)) | waiting("Rejected"),
        quiet=rejected(every(50, 6)) | waiting("Waiting"),
        minutes=280,
        summary="master rejects REGISTERs from calls with 401",
        labels={**HERE, "pbx": "master", "code": "401"},
        since=100,
    ),
    Case(
        "SoftphonesFlapping",
        fires=moves("0+1x60"),
        quiet=moves("0+1x60", phones=100),
        minutes=50,
        summary="Each phone of agent softphone-alice in calls moved or was lost 30 times in 30 minutes",
        labels=POD,
        since=5,
    ),
    Case(
        "SoftphonesFlapping",  # lost and found again, always at the same PBX
        fires=outages("0+1x60"),
        quiet=outages("0+1x60", phones=100),
        minutes=50,
        summary="Each phone of agent softphone-alice in calls moved or was lost 30 times in 30 minutes",
        labels=POD,
        since=5,
    ),
    Case(
        "SoftphoneExpiryStale",
        fires=expiry("60x60"),
        quiet=expiry("60x60", registered=0),
        minutes=10,
        summary="The binding of softphone alice in calls should have ended 9m 0s ago",
        labels={**POD, "softphone": "alice"},
        since=3,
    ),
    Case(
        "SoftphoneExpiryStale",
        fires=expiry("60x60"),
        quiet=expiry("60+60x60"),
        minutes=10,
        summary="The binding of softphone alice in calls should have ended 9m 0s ago",
        labels={**POD, "softphone": "alice"},
        since=3,
    ),
    Case(
        "SoftphonePBXUnreachable",
        fires=system(("a", "master", 0), ("b", "master", 0)),
        quiet=system(("a", "master", 0), ("b", "master", 1)),
        minutes=4,
        summary="PBX master answers no agent in calls",
        labels={**HERE, "pbx": "master", "system": "acme"},
    ),
    Case(
        "SoftphonePBXUnreachable",  # found by a redirect: no object of ours, and so no system
        fires={'softphone_pbx_reachable{namespace="calls",pod="a",pbx="10.0.0.9:5060"}': "0x60"},
        quiet={'softphone_pbx_reachable{namespace="calls",pod="a",pbx="10.0.0.9:5060"}': "1x60"},
        minutes=4,
        summary="PBX 10.0.0.9:5060 answers no agent in calls",
        labels={**HERE, "pbx": "10.0.0.9:5060"},
    ),
    Case(
        "SoftphonePBXUnreachable",  # its agent is restarted, and does not know yet
        fires=restarted(system(("a", "master", 0)), away=1),
        quiet=restarted(system(("a", "master", 1)), away=1),
        minutes=4,
        summary="PBX master answers no agent in calls",
        labels={**HERE, "pbx": "master", "system": "acme"},
    ),
    Case(
        "SoftphoneSystemDown",  # the same, and it is the last PBX of its system
        fires=restarted(system(("a", "master", 0)), away=5),
        quiet=restarted(system(("a", "master", 1)), away=5),
        minutes=5,
        summary="No PBX of the system acme answers any agent in calls",
        labels={**HERE, "system": "acme"},
    ),
    Case(
        "SoftphonePBXUnreachable",  # an object that is gone is told of no more
        fires=system(("a", "master", 0)),
        quiet=dict.fromkeys(system(("a", "master", 0)), "0x1 stale"),
        minutes=20,
        summary="PBX master answers no agent in calls",
        labels={**HERE, "pbx": "master", "system": "acme"},
    ),
    Case(
        "SoftphoneRedundancyLost",
        fires=ways("1x60", "1x5 0x55"),
        quiet=ways("1x60", "1x5 0x10 1x45"),
        minutes=25,
        summary="Softphone alice in calls would not get through by sec",
        labels={**HERE, "softphone": "alice", "via": "sec"},
        since=6,
    ),
    Case(
        "SoftphoneRedundancyLost",  # its agent is restarted, and has not checked yet: the alert stays
        fires=ways("1x4 stale 1x55", "0x4 stale _x40 0x55", there="1x4 stale 1x200"),
        quiet=ways("1x4 stale 1x55", "1x4 stale _x40 1x55", there="1x4 stale 1x200"),
        minutes=40,
        summary="Softphone alice in calls would not get through by sec",
        labels={**HERE, "softphone": "alice", "via": "sec"},
    ),
    Case(
        "SoftphoneRedundancyLost",  # it has a new pod, which has not checked yet; or has, and all is well
        fires=ways("1x4 stale", "0x4 stale", there="1x4 stale")
        | ways("_x8 1x50", "_x30 0x30", pod="softphone-alice-77c9d-abcde", there="_x8 1x200"),
        quiet=ways("1x4 stale", "0x4 stale", there="1x4 stale")
        | ways("_x8 1x50", "_x8 1x50", pod="softphone-alice-77c9d-abcde", there="_x8 1x200"),
        minutes=40,
        summary="Softphone alice in calls would not get through by sec",
        labels={**HERE, "softphone": "alice", "via": "sec"},
    ),
    Case(
        "SoftphoneRedundancyLost",  # a phone that is deleted is told of no more
        fires=ways("1x60", "0x60"),
        quiet=dict.fromkeys(ways("", ""), "0x4 stale"),
        minutes=20,
        summary="Softphone alice in calls would not get through by sec",
        labels={**HERE, "softphone": "alice", "via": "sec"},
    ),
    Case(
        "SoftphoneRedundancyLost",  # of a fleet one agent knows a bad way; it is restarted, the other one goes on
        fires=ways("1x60", "0x4 stale _x30 0x30", "load", "fleet-load-0-5d4f8-x2x4z", "1x4 stale 1x200")
        | ways("1x60", "1x60", "load", "fleet-load-1-5d4f8-y2y4y"),
        quiet=ways("1x60", "1x60", "load", "fleet-load-0-5d4f8-x2x4z")
        | ways("1x60", "1x60", "load", "fleet-load-1-5d4f8-y2y4y"),
        minutes=25,
        summary="Phones of fleet load in calls would not get through by sec",
        labels={**HERE, "fleet": "load", "via": "sec"},
    ),
    Case(
        "SoftphonePBXCertificateEnding",
        fires=certificate(10),
        quiet=certificate(30) | {name.replace("master", "slave"): values for name, values in certificate(2).items()},
        minutes=17,
        summary="The certificate of master ends in 9d 23h 43m 0s",
        labels={**HERE, "pbx": "master"},
    ),
    Case(
        "SoftphonePBXCertificateEnds",
        fires=certificate(2),
        quiet=certificate(10),
        minutes=17,
        summary="The certificate of master ends in 1d 23h 43m 0s",
        labels={**HERE, "pbx": "master"},
    ),
    Case(
        "SoftphoneAgentDown",
        fires=scraped("1x10 0x50", "1x10 stale"),
        quiet=scraped("0x60", "stale"),  # never an agent of ours
        minutes=14,
        summary="Agent softphone-alice in calls does not answer scrapes",
        labels=POD,
        since=11,
    ),
    Case(
        "SoftphoneAgentDown",  # still, after hours
        fires=scraped("1x10 0x200", "1x10 stale"),
        quiet=scraped("1x10 0x100 1x100", "1x10 stale"),
        minutes=200,
        summary="Agent softphone-alice in calls does not answer scrapes",
        labels=POD,
        since=11,
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
        summary="There are 3 Softphones, but Prometheus can scrape agents of fewer",
        labels={"kind": "Softphone"},
    ),
    Case(
        "SoftphoneMetricsAbsent",  # Softphones in a pool, of whose two agents one is scraped
        fires=objects("Softphone", "Ready", 300) | pooled(250),
        quiet=objects("Softphone", "Ready", 300) | pooled(250) | pooled(50, waiting=1, number=1),
        minutes=12,
        summary="There are 300 Softphones, but Prometheus can scrape agents of fewer",
        labels={"kind": "Softphone"},
    ),
    Case(
        "SoftphoneMetricsAbsent",  # a fleet of which no agent is scraped
        fires=status(1000, 1000),
        quiet=status(1000, 1000) | phones(950, 950),
        minutes=12,
        summary="There are 1000 phones of fleet load in calls, but Prometheus can scrape agents of fewer",
        labels={**HERE, "fleet": "load"},
    ),
    Case(
        "SoftphoneMetricsAbsent",  # and one of which half are
        fires=status(1000, 1000) | phones(500, 500),
        quiet=status(0, 1000) | phones(0, 0, suspended=1000),
        minutes=12,
        summary="There are 1000 phones of fleet load in calls, but Prometheus can scrape agents of fewer",
        labels={**HERE, "fleet": "load"},
    ),
    Case(
        "SoftphoneMetricsAbsent",
        fires=objects("Softphone", "NotReady", 1),
        quiet=objects("Softphone", "NotReady", 0),
        minutes=12,
        summary="There are 1 Softphones, but Prometheus can scrape agents of fewer",
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
        "SoftphonePoolNotReady",
        fires=objects("SoftphonePool", "NotReady", 1, operators=2),
        quiet=objects("SoftphonePool", "NotReady", 0) | objects("SoftphonePool", "Ready", 1),
        minutes=17,
        summary="1 SoftphonePools are not Ready",
        labels={"kind": "SoftphonePool"},
    ),
    site_case(
        "SoftphoneNotCallableAfterFailover",
        3,
        "fail since a fail-over",
        sites("NoAnswer", "true", operators=2),
        sites("NoAnswer"),
    ),
    site_case("SoftphoneCallCheckFailing", 7, "fail", sites("WrongPhone"), sites("MOSLow")),
    site_case("SoftphoneOneWayAudio", 7, "are silent", sites("NoAudio"), sites("NoAnswer")),
    site_case("SoftphoneMOSLow", 17, "sound bad", sites("MOSLow"), sites("MOSLow", failing=0)),
    Case(
        "SoftphoneRehearsalFailed",
        fires=rehearsal("passed", "0x60", operators=2),
        quiet=rehearsal("passed", "1x60", operators=2),
        minutes=3,
        summary="The last rehearsal monthly in calls has not passed",
        labels=REHEARSAL,
    ),
    Case(
        "SoftphoneRehearsalOverdue",
        fires=rehearsal("due_timestamp_seconds", "599x90"),
        quiet=rehearsal("due_timestamp_seconds", "36000x90"),
        minutes=80,
        summary="Rehearsal monthly in calls should have passed 1h 10m 1s ago",
        labels=REHEARSAL,
        since=10,
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
        since=6,
    ),
    Case(
        "SoftphoneOperatorFailing",  # one object, tried once a minute
        fires={FAILED: "0+1x60"},
        quiet={FAILED: "0x5 1 3 3x60"},  # the API server was away for two minutes
        minutes=30,
        summary="The operator in system failed 10 times in 10 minutes at a PBX",
        labels={"namespace": "system", "kind": "PBX"},
        since=1,
    ),
]
