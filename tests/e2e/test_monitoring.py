"""After a fail-over every query of every dashboard and rule has an answer from a real Prometheus.

The list of queries with their numbers of samples goes to the terminal.
"""

from __future__ import annotations

import json
import math
import re
import socket
from collections.abc import Iterator

import pytest

import intruder
from drills.pools import pool
from drills.pools import softphone as pooled
from e2e.objects import fleet, secret, softphone, system
from lab import net
from lab.kube import Kube, registered_at
from lab.pbx import System
from lab.prometheus import Prometheus
from lab.waiting import wait_until
from softphone_monitoring import asked, files, rules
from softphone_monitoring.asked import Asked

pytestmark = pytest.mark.lab

PHONES = ("alice", "bob")
WRONG = ("carol", "dave", "erin")
# The lab scrapes every second: what Grafana would choose, and a time that begins before the fail-over.
WINDOWS = {"__rate_interval": "1m", "__interval": "1m", "__range": "10m"}

NOTHING_WRONG = "nothing of this kind is wrong"
NO_TLS = "these PBXes have no TLS"
NO_REHEARSAL = "there is no Rehearsal here; tests/e2e/test_rehearsal.py has some"
EMPTY = {
    ("rules", "SoftphoneFleetRegisteredRatioLow"): "the fleet is registered at its standby",
    ("rules", "SoftphoneSystemDown"): "two PBXes of the system answer",
    ("rules", "SoftphonesFlapping"): "one fail-over is no flapping",
    ("rules", "SoftphoneExpiryStale"): NOTHING_WRONG,
    ("rules", "SoftphoneRedundancyLost"): "the standby still answers, and the way over it would hold",
    ("softphone-overview", "Ways that would not hold"): NOTHING_WRONG,
    ("rules", "SoftphonePBXCertificateEnding"): NO_TLS,
    ("rules", "SoftphonePBXCertificateEnding, measured"): NO_TLS,
    ("rules", "SoftphonePBXCertificateEnds"): NO_TLS,
    ("rules", "SoftphonePBXCertificateEnds, measured"): NO_TLS,
    ("softphone-pbx", "Certificate ends in"): NO_TLS,
    ("rules", "SoftphoneAgentDown"): NOTHING_WRONG,
    ("rules", "SoftphoneConfigRefused"): NOTHING_WRONG,
    ("rules", "SoftphoneMetricsAbsent"): "all agents are scraped",
    ("rules", "SoftphoneFleetNotReady"): "a phone on standby is registered, and its fleet is Ready",
    ("rules", "SoftphoneRehearsalFailed"): NO_REHEARSAL,
    ("rules", "SoftphoneRehearsalFailed, measured"): NO_REHEARSAL,
    ("rules", "SoftphoneRehearsalOverdue"): NO_REHEARSAL,
    ("rules", "SoftphoneRehearsalOverdue, measured"): NO_REHEARSAL,
    ("softphone-overview", "Rehearsals"): NO_REHEARSAL,
    ("softphone-overview", "Time since a rehearsal passed"): NO_REHEARSAL,
    ("softphone-overview", "Rehearsals under way"): NO_REHEARSAL,
    ("rules", "SoftphoneOperatorAbsent"): "the operator is scraped",
    ("rules", "SoftphoneOperatorDeaf"): NOTHING_WRONG,
    ("rules", "SoftphoneOperatorFailing"): NOTHING_WRONG,
}
"""Queries whose answer is empty, and why that is right."""
NO_SERIES = {
    "softphone_pbx_certificate_expiry_timestamp_seconds": NO_TLS,
    **{
        f"softphone_rehearsal_{name}": NO_REHEARSAL
        for name in ("running", "passed", "last_pass_timestamp_seconds", "due_timestamp_seconds")
    },
}
"""Series that are not there, wherever they are asked for, and why that is right."""
NO_CALLS = "there is no CallCheck; those of test_calls.py have its dashboard answered"
_CALLS = re.compile(r"softphone_(operator_call_pairs|calls?_|time_to_callable)")
"""The series of calls: they begin with the first CallCheck."""
OFTEN = {"expiresSeconds": 20, "pathCheckSeconds": 5}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """Two phones, a small fleet and one of a pool at home, and four phones with a wrong password, one in the pool."""
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(4)}
    namespace.apply(*system(), secret("load", **keys), *(secret(name) for name in PHONES))
    namespace.apply(*(secret(name, password="wrong") for name in WRONG))
    often = {"expiresSeconds": 600, "pathCheckSeconds": 5}
    namespace.apply(fleet(4, 2, of={"registration": often}))
    namespace.apply(*(softphone(name, registration=OFTEN) for name in (*PHONES, *WRONG)))
    namespace.apply(secret("office", load010="pw-load010", load011="wrong"), pool("office", 10, ["office"]))
    namespace.apply(*(pooled(name, "office", "office", registration=OFTEN) for name in ("load010", "load011")))
    for name in (*PHONES, "load010"):
        namespace.until("sp", name, registered_at("slave", "Home"))
    namespace.until("spf", "load", lambda of: of.get("status", {}).get("registered") == 4)
    return namespace


def queries() -> Iterator[Asked]:
    """All but those of the last 30 days: their series are calculated every quarter of an hour, too seldom to wait."""
    for file in sorted(files.BOARDS.glob("*.json")):
        yield from (query for query in asked.of_dashboard(json.loads(file.read_text())) if not query.is_seldom)
    yield from (query for query in asked.of_rules() if not query.is_seldom)


def _knows(query: str, namespace: str) -> bool:
    return any(sample.labels.get("namespace") == namespace for sample in Prometheus().query(query))


def _is_of_calls(query: Asked) -> bool:
    return any(_CALLS.match(series) for series in asked.selectors(query.expr))


def send(datagram: bytes, to: intruder.Address) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as ours:
        ours.sendto(datagram, to)


def sip_address(phones: Kube, pbxes: System, name: str) -> intruder.Address:
    """Where the agent of a phone takes SIP: what it told the master of itself."""
    (pod,) = phones.names("pods", f"softphone-fleet.io/softphone={name}")
    host = phones.get("pod", pod)["status"]["podIP"]
    contacts = " ".join(register.contact_uri for register in pbxes.pbx("master").registers(aor=name))
    return host, int(re.findall(rf"@{re.escape(host)}:(\d+)", contacts)[-1])


def intrude(agent: intruder.Address) -> None:
    """Somebody asks an agent, and sends it something that is no SIP."""
    assert net.inside(lambda: intruder.ask(intruder.request("OPTIONS", agent), agent)).startswith("SIP/2.0 ")
    # pjsip takes very short ones for keep-alives.
    net.inside(lambda: send(b"no SIP at all, " * 20, agent))


def test_every_query_has_an_answer_after_a_fail_over(
    phones: Kube, operator: Kube, pbxes: System, capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus = Prometheus()
    here = f'namespace="{phones.namespace}"'
    pbxes.pbx("slave").kill()
    for name in (*PHONES, "load010"):
        phones.until("sp", name, registered_at("master", "Standby"))
    moved = f'sum(softphone_failovers_total{{{here},to="master"}})'
    wait_until(lambda: prometheus.value(moved) == 7, "Prometheus knows of seven fail-overs")
    intrude(sip_address(phones, pbxes, "alice"))
    for counter in ("softphone_unsolicited_requests_total", "softphone_sip_discarded_total"):
        wait_until(
            lambda counter=counter: _knows(f"rate({counter}{{{here}}}[1m])", phones.namespace),  # type: ignore[misc]
            f"Prometheus has seen {counter} twice",
        )
    (refused,) = (alert.expr for alert in rules.ALERTS if alert.name == "SoftphoneAuthenticationFailing")
    wait_until(lambda: _knows(refused, phones.namespace), "wrong passwords were refused more than once")
    checks = f"sum by (namespace) (rate(softphone_path_checks_total{{{here}}}[1m])) > 0"
    wait_until(lambda: _knows(checks, phones.namespace), "ways were checked more than once")
    # The kubelet looks at a pod every 10 to 15 s, and a rate needs two looks.
    cpu = f'sum by (namespace) (rate(container_cpu_usage_seconds_total{{{here},pod=~"fleet-.*"}}[1m]))'
    wait_until(lambda: _knows(cpu, phones.namespace), "the kubelet has told twice of the fleet's pods")
    # Shares of time are made of one look a minute, at the full one.
    (share,) = (query.expr for query in queries() if query.what == "namespace_softphone:softphone_registered:avg15m")
    wait_until(lambda: _knows(share, phones.namespace), "a full minute has passed", seconds=90)
    # The rules are evaluated every second. These alerts then wait for minutes before they fire: promtool tests that.
    for alert, pbx in {"SoftphonePBXUnreachable": "slave", "SoftphonesOnStandby": "master"}.items():
        knows = f'count(ALERTS{{alertname="{alert}",{here},pbx="{pbx}"}})'
        wait_until(lambda knows=knows: prometheus.value(knows) == 1, f"{alert} knows {pbx}")  # type: ignore[misc]

    values = {**WINDOWS, "pbx": ".+", "fleet": ".+", "pool": ".+", "softphone": "alice", "check": ".+"}
    values |= {"namespace": phones.namespace}
    # Agents of the tests before may still be on their way out.
    ours, wrong, listed = {"", phones.namespace, operator.namespace}, [], []

    def numbers(expr: str) -> int:
        samples = prometheus.query(expr)
        return sum(not math.isnan(s.value) and s.labels.get("namespace", "") in ours for s in samples)

    for query in queries():
        of_operator = query.where == "softphone-operator"
        expr = asked.filled(query.expr, values | ({"namespace": operator.namespace} if of_operator else {}))
        found = numbers(asked.without_zero(expr) if query.where != "rules" else expr)
        reason = EMPTY.get((query.where, query.what)) or (NO_CALLS if _is_of_calls(query) else None)
        listed.append(f"{found:5}  {query.where}, {query.what}: {expr}" + (f"  ({reason})" if reason else ""))
        if bool(found) == bool(reason):
            wrong.append(f"{query.where}, {query.what}: {found} samples of {expr}")
        for series in asked.selectors(expr):
            name = series.partition("{")[0]
            if bool(numbers(series)) == (name in NO_SERIES or _CALLS.match(name) is not None):
                wrong.append(f"{query.where}, {query.what}: {numbers(series)} series of {series}")
    with capsys.disabled():
        print(f"\n{len(listed)} queries of dashboards and rules, and their samples:", *listed, sep="\n")
    assert not wrong, "\n".join(wrong)
