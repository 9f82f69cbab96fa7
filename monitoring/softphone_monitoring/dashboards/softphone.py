"""Softphone: the life of one phone."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, MORE_IS_BETTER, Query

_PHONE = f'{HERE},softphone="$softphone"'
_ITS = f"and on (namespace, pod) softphone_registered{{{_PHONE}}}"
"""Restricts series to the agent that carries the phone."""
_ASKED = parts.risen(f"softphone_register_requests_total{{{HERE}}}", "increase")


def dashboard() -> Dashboard:
    """One phone. Of a fleet it needs the series of each phone (metrics.perPhone)."""
    return parts.board(
        "softphone-phone",
        "Softphones / Softphone",
        "One phone: where it was registered, when, and what its agent saw.",
        [
            parts.NAMESPACES,
            parts.choice(
                "softphone", "Softphone", f"label_values(softphone_registered{{{HERE}}}, softphone)", many=False
            ),
        ],
        [
            parts.number(
                "Registered now",
                f"max(softphone_registered{{{_PHONE}}})",
                "1 while the phone has a valid binding.",
                steps=MORE_IS_BETTER,
            ),
            parts.number(
                "Binding ends in",
                f"max(softphone_registration_expiry_timestamp_seconds{{{_PHONE}}}) - time()",
                "Unless it is refreshed. Below 0: see the alert SoftphoneExpiryStale.",
                unit="s",
            ),
            parts.number(
                "Registered, of the time shown",
                f"avg(avg_over_time(softphone_registered{{{_PHONE}}}[$__range]))",
                "Share of the scrapes at which it had a binding.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
            ),
            parts.number(
                "Outages of its agent",
                f"sum(increase(softphone_outage_seconds_count{{{HERE}}}[$__range]) {_ITS})",
                "For a single Softphone its own.",
            ),
            parts.number(
                "Time in outages, of its agent",
                f"sum(increase(softphone_outage_seconds_sum{{{HERE}}}[$__range]) {_ITS})",
                "Added up over the agent's phones.",
                unit="s",
            ),
            parts.number(
                "Moves of its agent",
                f"sum({parts.grown(f'softphone_failovers_total{{{HERE}}}', '$__range')} {_ITS}) or vector(0)",
                "Fail-overs, and ways home.",
            ),
            parts.timeline(
                "Registered",
                Query(f"max by (namespace, softphone) (softphone_registered{{{_PHONE}}})", "{{softphone}}"),
                "Whether it had a valid binding.",
                yes="registered",
                no="not registered",
            ),
            parts.timeline(
                "Where",
                Query(
                    f"max by (pbx, role, via, location) (softphone_registration_info{{{_PHONE}}})",
                    "{{pbx}}, {{role}}, by {{via}}, {{location}}",
                ),
                "A bar for each place: PBX, role, how it came there, physical location.",
                yes="here",
                no="",
            ),
            parts.lines(
                "State of its agent's phones",
                Query(f"sum by (state) (softphones{{{HERE}}} {_ITS})", "{{state}}"),
                words="For a single Softphone its own state.",
                stacked=True,
            ),
            parts.lines(
                "REGISTERs of its agent",
                Query(
                    f"sum by (pbx, outcome, code) (({_ASKED}) {_ITS})",
                    "{{pbx}} {{outcome}} {{code}}",
                ),
                words="Requests by where they went and what came back.",
            ),
            parts.lines(
                "PBXes as its agent sees them",
                Query(f"softphone_pbx_reachable{{{HERE}}} {_ITS}", "{{pbx}}"),
                words="1 while the PBX answers pings.",
                highest=1,
            ),
            parts.lines(
                "Pings of its agent",
                Query(f"softphone_pbx_ping_seconds{{{HERE}}} {_ITS}", "{{pbx}}"),
                words="Round trip of the last OPTIONS that was answered.",
                unit="s",
            ),
        ],
        [parts.failovers(of=_ITS)],
    )
