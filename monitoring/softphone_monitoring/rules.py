"""Recording rules and alerts: the one source of charts/softphone-fleet/files/rules.yaml.

An alert's summary tells what is the case and where; its description, what that means. Both are read at night. What to
do stands in its runbook page, docs/runbooks/ALERT.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

RUNBOOKS = "docs/runbooks"

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is calculated ahead of time. Its name is LEVEL:METRIC:OPERATION, as Prometheus' manual has it."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody must look at."""

    name: str
    severity: Severity
    wait: str
    """How long it must be so."""
    expr: str
    measured: str
    """What the alert compares: unlike `expr`, this has samples while all is well."""
    summary: str
    description: str


# Phones that want a binding.
WANTED = 'softphones{state!~"Suspended|Stopped|Unregistering"}'

FLEET_RATIO = "namespace_fleet:softphone_registered:ratio"
WHOLE_FLEET_RATIO = "namespace_fleet:softphone_operator_fleet_phones:ratio"
PBX_REACHABLE = "namespace_pbx:softphone_pbx_reachable:max"
SYSTEM_REACHABLE = "namespace_system:softphone_pbx_reachable:max"
PBX_PHONES = "namespace_pbx_role:softphone_registrations:sum"

RECORDINGS = (
    Recording("namespace_fleet:softphones_wanted:sum", f"sum by (namespace, fleet) ({WANTED})"),
    Recording(
        "namespace_fleet:softphone_registrations:sum",
        # Without a single registration there is no series to add up.
        "sum by (namespace, fleet) (softphone_registrations) or 0 * namespace_fleet:softphones_wanted:sum",
    ),
    Recording(
        FLEET_RATIO,
        "namespace_fleet:softphone_registrations:sum / (namespace_fleet:softphones_wanted:sum > 0)",
    ),
    Recording(
        # By the fleet's status: unlike the agents' own series it knows of phones whose agent is not there.
        WHOLE_FLEET_RATIO,
        "max by (namespace, fleet) (label_replace("
        'max by (fleet_namespace, fleet) (softphone_operator_fleet_phones{state="registered"})'
        ' / (max by (fleet_namespace, fleet) (softphone_operator_fleet_phones{state="replicas"}) > 0)'
        ', "namespace", "$1", "fleet_namespace", "(.*)"))',
    ),
    Recording(PBX_PHONES, "sum by (namespace, pbx, role) (softphone_registrations)"),
    Recording(PBX_REACHABLE, "max by (namespace, pbx) (softphone_pbx_reachable)"),
    Recording(
        SYSTEM_REACHABLE,
        "max by (namespace, system) (softphone_pbx_reachable"
        ' * on (namespace, pod, pbx) group_left (system) softphone_pbx_info{system!=""})',
    ),
)

_STANDBY = 'sum by (namespace, pbx) (softphone_registrations{role="Standby"})'
_REFUSED = (
    "sum by (namespace, pbx, code)"
    ' (increase(softphone_register_requests_total{outcome="rejected",code=~"401|403|407"}[10m]))'
)
_MOVES, _OUTAGES = (
    f"sum by (namespace, pod) (increase({counter}[30m])) / sum by (namespace, pod) (softphones)"
    for counter in ("softphone_failovers_total", "softphone_outage_seconds_count")
)
_STALE = "time() - softphone_registration_expiry_timestamp_seconds"
_WATCHES = "max by (namespace, pod, kind) (softphone_operator_watch_age_seconds)"
# Several operators of one release see the same objects, those of several releases have others.
_OBJECTS = "sum by (kind) (max by (namespace, kind, state) (softphone_operator_objects{%s}))"
_SOFTPHONES = _OBJECTS % 'kind="Softphone",state!="Refused"'
_FLEETS_NOT_READY = _OBJECTS % 'kind="SoftphoneFleet",state="NotReady"'
_ASKED_AGENTS = "last_over_time(softphone_agent_build_info[1h])"

ALERTS = (
    Alert(
        "SoftphoneSystemDown",
        "critical",
        "1m",
        f"{SYSTEM_REACHABLE} == 0",
        SYSTEM_REACHABLE,
        "No PBX of the system {{ $labels.system }} answers any agent in {{ $labels.namespace }}",
        "Every PBX of this system is silent to the pings of all agents. Primary and secondary are gone: its phones have"
        " nowhere to register.",
    ),
    Alert(
        "SoftphoneFleetRegisteredRatioLow",
        "critical",
        "5m",
        f'{FLEET_RATIO}{{fleet!=""}} < 0.9 or on (namespace, fleet) ({WHOLE_FLEET_RATIO} < 0.9'
        ' unless on (namespace, fleet) softphones{state="Suspended"} > 0)',
        f'{FLEET_RATIO}{{fleet!=""}} or on (namespace, fleet) {WHOLE_FLEET_RATIO}',
        "{{ $value | humanizePercentage }} of the phones of fleet {{ $labels.fleet }} in {{ $labels.namespace }}"
        " are registered",
        "Less than 90 % of the phones of this fleet that want a binding have one. Redundancy should have moved them to"
        " another PBX by now.",
    ),
    Alert(
        "SoftphoneUnregistered",
        "warning",
        "5m",
        'softphone_registered{fleet=""} == 0 unless on (namespace, pod) (softphones{state="Suspended"} > 0)',
        'softphone_registered{fleet=""}',
        "Softphone {{ $labels.softphone }} in {{ $labels.namespace }} is not registered anywhere",
        "This phone has no valid binding, neither at its primary nor at its secondary PBX, and it is not suspended."
        " Phones of fleets are told of by SoftphoneFleetRegisteredRatioLow.",
    ),
    Alert(
        "SoftphonesOnStandby",
        "warning",
        "30m",
        f"{_STANDBY} > 0",
        _STANDBY,
        "{{ $value }} phones in {{ $labels.namespace }} are kept by {{ $labels.pbx }}, away from their home PBX",
        "These phones have been registered away from home for half an hour. They work, but with the redundancy used up:"
        " when this PBX fails too, they have nowhere to go.",
    ),
    Alert(
        "SoftphoneAuthenticationFailing",
        "warning",
        "5m",
        f"{_REFUSED} > 2",
        _REFUSED,
        "{{ $labels.pbx }} rejects REGISTERs from {{ $labels.namespace }} with {{ $labels.code }}",
        "The PBX answers, and refuses the credentials of one or more phones again and again.",
    ),
    Alert(
        "SoftphonesFlapping",
        "warning",
        "5m",
        f"{_MOVES} > 4 or {_OUTAGES} > 4",
        f"{_MOVES} or {_OUTAGES}",
        "Each phone of agent {{ $labels.pod }} in {{ $labels.namespace }} moved or was lost"
        ' {{ $value | printf "%.0f" }} times in 30 minutes',
        "Phones lose their bindings or move between PBXes over and over. One fail-over and the way home are two moves.",
    ),
    Alert(
        "SoftphoneExpiryStale",
        "warning",
        "2m",
        f"{_STALE} > 60 and on (namespace, pod, softphone) softphone_registered == 1",
        _STALE,
        "The binding of softphone {{ $labels.softphone }} in {{ $labels.namespace }} should have ended"
        " {{ $value | humanizeDuration }} ago",
        "The agent says that the phone is registered, but the time until which the PBX granted it has passed. Either"
        " the agent hangs, or a clock is wrong.",
    ),
    Alert(
        "SoftphonePBXUnreachable",
        "warning",
        "2m",
        f"{PBX_REACHABLE} == 0",
        PBX_REACHABLE,
        "PBX {{ $labels.pbx }} answers no agent in {{ $labels.namespace }}",
        "No agent that tried got an answer to its pings. Phones that were registered there have moved, if they have"
        " another PBX.",
    ),
    Alert(
        "SoftphoneAgentDown",
        "warning",
        "2m",
        f"up == 0 and on (namespace, pod) {_ASKED_AGENTS}",
        f"up and on (namespace, pod) {_ASKED_AGENTS}",
        "Agent {{ $labels.pod }} in {{ $labels.namespace }} does not answer scrapes",
        "Prometheus could scrape this agent within the last hour and cannot now. Its phones are gone, or nobody can"
        " tell how they are.",
    ),
    Alert(
        "SoftphoneConfigRefused",
        "warning",
        "5m",
        "softphone_config_refused == 1",
        "softphone_config_refused",
        "Agent {{ $labels.pod }} in {{ $labels.namespace }} refuses its newest configuration",
        "The agent goes on with the configuration that it had. Edits of its phones have no effect.",
    ),
    Alert(
        "SoftphoneMetricsAbsent",
        "warning",
        "10m",
        f'{_SOFTPHONES} > on () group_left () (count(softphones{{fleet="",state="Registered"}}) or vector(0))',
        _SOFTPHONES,
        "There are {{ $value }} Softphones, but fewer agents that Prometheus can scrape",
        "Some agents do not exist or are not scraped. No other alert can tell of their phones.",
    ),
    Alert(
        "SoftphoneFleetNotReady",
        "warning",
        "15m",
        f"{_FLEETS_NOT_READY} > on () group_left ()"
        ' (count(count by (namespace, fleet) (softphones{fleet!="",state="Suspended"} > 0)) or vector(0))',
        _FLEETS_NOT_READY,
        "{{ $value }} SoftphoneFleets are not Ready",
        "The operator says that these fleets are not as wanted: agents are missing, phones are not registered, or pods"
        " are still of an earlier spec. Suspended fleets are not counted.",
    ),
    Alert(
        "SoftphoneOperatorAbsent",
        "warning",
        "10m",
        "absent(softphone_operator_objects)",
        "count(softphone_operator_objects)",
        "No operator of softphone-fleet can be scraped",
        "The operator is down or not scraped. Phones stay registered, but edits have no effect, lost agents are not"
        " made anew, and statuses are old.",
    ),
    Alert(
        "SoftphoneOperatorDeaf",
        "warning",
        "5m",
        f"{_WATCHES} > 300",
        _WATCHES,
        "Operator {{ $labels.pod }} has heard nothing of {{ $labels.kind }} for {{ $value | humanizeDuration }}",
        "A watch is made anew every two minutes. One that is not tells nothing any more: changes of these objects are"
        " not seen.",
    ),
)


def document() -> dict[str, Any]:
    """The rules as Prometheus loads them."""
    recordings = [{"record": rule.name, "expr": rule.expr} for rule in RECORDINGS]
    return {
        "groups": [
            {"name": "softphone-fleet.recordings", "rules": recordings},
            {"name": "softphone-fleet.alerts", "rules": list(_alerts())},
        ]
    }


def _alerts() -> Iterator[dict[str, Any]]:
    for alert in ALERTS:
        yield {
            "alert": alert.name,
            "expr": alert.expr,
            "for": alert.wait,
            "labels": {"severity": alert.severity},
            "annotations": {
                "summary": alert.summary,
                "description": alert.description,
                "runbook_url": f"{RUNBOOKS}/{alert.name}.md",
            },
        }
