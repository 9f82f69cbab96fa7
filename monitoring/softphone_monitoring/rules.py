"""Alerts, and all rules together: the one source of charts/softphone-fleet/files/rules.yaml.

An alert's summary tells what is the case and where; its description, what that means. Both are read at night. What to
do stands in its runbook page, docs/runbooks/ALERT.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from softphone_monitoring.recordings import (
    FLEET_RATIO,
    ITS_SYSTEM,
    KNOWN_PBXES,
    PATH_OK,
    PBX_REACHABLE,
    SYSTEM_REACHABLE,
    WHOLE_FLEET_RATIO,
    by_status,
    pairs,
)
from softphone_monitoring.recordings import RECORDINGS as RECORDINGS

RUNBOOKS = "docs/runbooks"

Severity = Literal["critical", "warning"]


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

    @property
    def minutes(self) -> int:
        """`wait` as a number."""
        return int(self.wait.removesuffix("m"))


def _with_system(of_pbxes: str) -> str:
    """Series of PBXes with the system that each belongs to, where it does: inhibitions go by it."""
    systems = f"max by (namespace, pbx, system) ({KNOWN_PBXES})"
    return f"({systems} * on (namespace, pbx) group_left () {of_pbxes} or on (namespace, pbx) {of_pbxes})"


def _refused(window: str, of: str = "") -> str:
    """Refused REGISTERs within the window; `of` chooses agents."""
    counter = 'softphone_register_requests_total{outcome="rejected",code=~"401|403|407"}'
    by_agent = f"max by (namespace, pod, pbx, code) (increase({counter}[{window}]))"
    return f"sum by (namespace, pbx, code) ({by_agent}{of})"


_STANDBY = _with_system(
    'sum by (namespace, pbx) (max by (namespace, pod, pbx, location) (softphone_registrations{role="Standby"}))'
)
_REACHABLE = _with_system(PBX_REACHABLE)
_SINGLES = 'max by (namespace, pod, softphone) (softphone_registered{fleet=""})'
_SINGLES_BY_SYSTEM = (
    f"({_SINGLES} * on (namespace, pod) group_left (system) {ITS_SYSTEM} or on (namespace, pod) {_SINGLES})"
)
# With a long back-off (`registration.backoff.maxSeconds`, an hour at most) a phone is refused a few times in 3 h. That
# counts for as long as one waits after a rejection; a moment in which it asks does not end it.
_SELDOM = _refused("3h", ' and on (namespace, pod) max_over_time(softphones{state="Rejected"}[5m]) > 0')
_MOVES, _OUTAGES = (
    f"sum by (namespace, pod) (increase({counter}[30m])) / sum by (namespace, pod) (softphones)"
    for counter in ("softphone_failovers_total", "softphone_outage_seconds_count")
)
_EXPIRY = "max by (namespace, pod, softphone) (softphone_registration_expiry_timestamp_seconds)"
_STALE = f"time() - {_EXPIRY}"
_WATCHES = "max by (namespace, pod, kind) (softphone_operator_watch_age_seconds)"
_FAILED = (
    "sum by (namespace, kind) (max by (namespace, pod, kind)"
    ' (increase(softphone_operator_reconcile_total{result="error"}[10m])))'
)
_CONFIG_REFUSED = "max by (namespace, pod) (softphone_config_refused)"
# Several operators of one release see the same objects, those of several releases have others.
_OBJECTS = "sum by (kind) (max by (namespace, kind, state) (softphone_operator_objects{%s}))"
_SOFTPHONES = _OBJECTS % 'kind="Softphone",state!="Refused"'
_FLEETS_NOT_READY = _OBJECTS % 'kind="SoftphoneFleet",state="NotReady"'
_POOLS_NOT_READY = _OBJECTS % 'kind="SoftphonePool",state="NotReady"'
# An agent of a pool has many. While a phone moves two agents have it, which hides one that is missing for a moment.
_TOLD_SOFTPHONES = 'sum(max by (namespace, pod, state) (softphones{fleet=""}))'
# An agent of several phones that is no fleet's is a pool's. Phones that are to have a binding, and those that have one.
_POOLED = (
    "sum by (namespace, pod) (max by (namespace, pod, state)"
    ' (softphones{fleet="",state!~"Suspended|Stopped|Unregistering"}))'
)
_POOLED_REGISTERED = (
    'sum by (namespace, pod) (max by (namespace, pod, pbx, role, location) (softphone_registrations{fleet=""}))'
)
_POOL_RATIO = f"({_POOLED_REGISTERED} or 0 * {_POOLED}) / ({_POOLED} > 1)"
_FLEET_PHONES = by_status("replicas")
_TOLD_FLEET_PHONES = 'sum by (namespace, fleet) (max by (namespace, pod, fleet, state) (softphones{fleet!=""}))'
# Several operators of one release tell the same.
_DUE = "min by (rehearsal_namespace, rehearsal) (softphone_rehearsal_due_timestamp_seconds)"
_REHEARSED = "min by (rehearsal_namespace, rehearsal) (softphone_rehearsal_passed)"
_CERTIFICATES = "softphone_pbx_certificate_expiry_timestamp_seconds"
_CERTIFICATE_LEFT = (
    f"(min by (namespace, pbx) ({_CERTIFICATES}) or min by (namespace, pbx) (last_over_time({_CERTIFICATES}[1d])))"
    " - time()"
)
_PAIRS = pairs("")
_PAIRS_FAIL = pairs('state="failing",reason!~"NoAudio|OneWayAudio|MOSLow"')
_PAIRS_DEAF = pairs('state="failing",reason=~"NoAudio|OneWayAudio"')
_PAIRS_POOR = pairs('state="failing",reason="MOSLow"')
_PAIRS_LOST = pairs('state="failing",after_fail_over="true"')
_SITES = "{{ with $labels.from_site }} from {{ . }}{{ end }}{{ with $labels.to_site }} to {{ . }}{{ end }}"
_DAY = 86400
# Whatever once told that it is an agent. A pod may have other targets, which are no news of its phones.
_AGENTS_UP = (
    "max by (namespace, pod) (up and on (namespace, pod, job, instance) last_over_time(softphone_agent_build_info[1d]))"
)

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
        "SoftphonePoolRegisteredRatioLow",
        "critical",
        "5m",
        f"{_POOL_RATIO} < 0.9",
        _POOL_RATIO,
        "{{ $value | humanizePercentage }} of the phones of agent {{ $labels.pod }} in {{ $labels.namespace }}"
        " are registered",
        "Less than 90 % of the phones of this agent of a pool that want a binding have one. Redundancy should have"
        " moved them to another PBX by now. SoftphoneUnregistered names each of them.",
    ),
    Alert(
        "SoftphoneUnregistered",
        "warning",
        "5m",
        f'{_SINGLES_BY_SYSTEM} == 0 unless on (namespace, pod) (softphones{{state="Suspended"}} > 0)',
        _SINGLES_BY_SYSTEM,
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
        f"{_refused('10m')} > 2 or {_SELDOM} >= 2",
        _refused("10m"),
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
        f"{_REACHABLE} == 0",
        _REACHABLE,
        "PBX {{ $labels.pbx }} answers no agent in {{ $labels.namespace }}",
        "No agent that tried got an answer to its pings. Phones that were registered there have moved, if they have"
        " another PBX.",
    ),
    Alert(
        "SoftphoneRedundancyLost",
        "warning",
        "15m",
        f"{PATH_OK} == 0",
        PATH_OK,
        "{{ with $labels.fleet }}Phones of fleet {{ . }}{{ else }}Softphone {{ $labels.softphone }}"
        "{{ end }} in {{ $labels.namespace }} would not get through by {{ $labels.via }}",
        "These phones are registered, and nothing is lost yet. But the way from this entry PBX to its end was checked,"
        " and would not hold: when the PBX that has them fails, they have nowhere to go.",
    ),
    Alert(
        "SoftphoneNotCallableAfterFailover",
        "critical",
        "1m",
        f"{_PAIRS_LOST} > 0",
        _PAIRS,
        f"Calls of check {{{{ $labels.check }}}} in {{{{ $labels.namespace }}}}{_SITES} fail since a fail-over",
        "A phone moved to another PBX and is registered there, but calls to or from it are not answered with audio both"
        " ways. By registrations alone the redundancy looks good.",
    ),
    Alert(
        "SoftphoneCallCheckFailing",
        "warning",
        "5m",
        f"{_PAIRS_FAIL} > 0",
        _PAIRS,
        f"Calls of check {{{{ $labels.check }}}} in {{{{ $labels.namespace }}}}{_SITES} fail",
        "Test calls of one or more pairs of phones are not answered, answered otherwise than expected, or by another"
        " phone. The phones may be registered all the while.",
    ),
    Alert(
        "SoftphoneOneWayAudio",
        "warning",
        "5m",
        f"{_PAIRS_DEAF} > 0",
        _PAIRS,
        f"Calls of check {{{{ $labels.check }}}} in {{{{ $labels.namespace }}}}{_SITES} are silent",
        "Test calls are answered, and one end does not hear the other, or neither does.",
    ),
    Alert(
        "SoftphoneMOSLow",
        "warning",
        "15m",
        f"{_PAIRS_POOR} > 0",
        _PAIRS,
        f"Calls of check {{{{ $labels.check }}}} in {{{{ $labels.namespace }}}}{_SITES} sound bad",
        "Test calls are answered and heard, but loss or delay make them worse than the check allows (MOS).",
    ),
    Alert(
        "SoftphonePBXCertificateEnding",
        "warning",
        "15m",
        f"{_CERTIFICATE_LEFT} < {21 * _DAY} and on (namespace, pbx) {_CERTIFICATE_LEFT} >= {3 * _DAY}",
        _CERTIFICATE_LEFT,
        "The certificate of {{ $labels.pbx }} ends in {{ $value | humanizeDuration }}",
        "The PBX showed this certificate to agents. When it has ended no phone that checks it can register there over"
        " TLS. It has to be renewed within 21 days.",
    ),
    Alert(
        "SoftphonePBXCertificateEnds",
        "critical",
        "15m",
        f"{_CERTIFICATE_LEFT} < {3 * _DAY}",
        _CERTIFICATE_LEFT,
        "The certificate of {{ $labels.pbx }} ends in {{ $value | humanizeDuration }}",
        "Less than three days are left, or none. When it has ended no phone that checks it can register there over TLS;"
        " those that are registered are lost with their next connection.",
    ),
    Alert(
        "SoftphoneAgentDown",
        "warning",
        "2m",
        f"{_AGENTS_UP} == 0",
        _AGENTS_UP,
        "Agent {{ $labels.pod }} in {{ $labels.namespace }} does not answer scrapes",
        "Prometheus could scrape this agent within the last day and cannot now. Its phones are gone, or nobody can"
        " tell how they are.",
    ),
    Alert(
        "SoftphoneConfigRefused",
        "warning",
        "5m",
        f"{_CONFIG_REFUSED} == 1",
        _CONFIG_REFUSED,
        "Agent {{ $labels.pod }} in {{ $labels.namespace }} refuses its newest configuration",
        "The agent goes on with the configuration that it had. Edits of its phones have no effect.",
    ),
    Alert(
        "SoftphoneMetricsAbsent",
        "warning",
        "10m",
        f"{_SOFTPHONES} > on () group_left () ({_TOLD_SOFTPHONES} or vector(0))"
        # A share, as with the ratio of registered phones: agents that are replaced one by one are no news.
        f" or {_FLEET_PHONES} > ({_TOLD_FLEET_PHONES} or 0 * {_FLEET_PHONES}) / 0.9",
        f"{_SOFTPHONES} or {_FLEET_PHONES}",
        "There are {{ $value }} {{ with $labels.fleet }}phones of fleet {{ . }} in {{ $labels.namespace }}"
        "{{ else }}Softphones{{ end }}, but Prometheus can scrape agents of fewer",
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
        "SoftphonePoolNotReady",
        "warning",
        "15m",
        f"{_POOLS_NOT_READY} > 0",
        _POOLS_NOT_READY,
        "{{ $value }} SoftphonePools are not Ready",
        "The operator says that these pools are not as wanted: agents are missing, phones are not registered, or pods"
        " are still of an earlier spec.",
    ),
    Alert(
        "SoftphoneRehearsalFailed",
        "warning",
        "1m",
        f"{_REHEARSED} == 0",
        _REHEARSED,
        "The last rehearsal {{ $labels.rehearsal }} in {{ $labels.rehearsal_namespace }} has not passed",
        "A fail-over was tried on purpose, and was not within its limits, or nobody lost the PBX. The status of the"
        " Rehearsal has the reasons in words.",
    ),
    Alert(
        "SoftphoneRehearsalOverdue",
        "warning",
        "60m",
        f"time() - {_DUE} > 0",
        f"time() - {_DUE}",
        "Rehearsal {{ $labels.rehearsal }} in {{ $labels.rehearsal_namespace }} should have passed"
        " {{ $value | humanizeDuration }} ago",
        "No rehearsal has passed for longer than its everyDays. Nobody knows whether the fail-over still works as it"
        " did then.",
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
    Alert(
        "SoftphoneOperatorFailing",
        "warning",
        "15m",
        f"{_FAILED} > 0",
        _FAILED,
        'The operator in {{ $labels.namespace }} failed {{ $value | printf "%.0f" }} times in 10 minutes at a'
        " {{ $labels.kind }}",
        "What is to be done for one or more of these objects fails again and again: their edits have no effect, or"
        " their status is old. Phones that run stay registered.",
    ),
)


def document() -> dict[str, Any]:
    """The rules as Prometheus loads them."""
    often, seldom = (
        [{"record": rule.name, "expr": rule.expr} for rule in RECORDINGS if rule.seldom is which]
        for which in (False, True)
    )
    return {
        "groups": [
            {"name": "softphone-fleet.recordings", "rules": often},
            {"name": "softphone-fleet.alerts", "rules": list(_alerts())},
            {"name": "softphone-fleet.availability", "interval": "15m", "rules": seldom},
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
