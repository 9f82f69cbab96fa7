"""PBX: what the phones see of their PBXes."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, Query

_OF = f'{HERE},pbx=~"$pbx"'
_FAILED = f'softphone_register_requests_total{{{_OF},outcome=~"rejected|unreachable"}}'


def dashboard() -> Dashboard:
    """One PBX, or several side by side."""
    return parts.board(
        "softphone-pbx",
        "Softphones / PBX",
        "What PBXes answer, how fast, and how many phones they hold.",
        [parts.NAMESPACES, parts.choice("pbx", "PBX", f"label_values(softphone_pbx_reachable{{{HERE}}}, pbx)")],
        [
            parts.timeline(
                "Reachable",
                Query(f"max by (namespace, pbx) (softphone_pbx_reachable{{{_OF}}})", "{{namespace}} {{pbx}}"),
                "Whether any agent gets answers to its pings.",
                yes="answers",
                no="silent",
            ),
            parts.lines(
                "Phones by role",
                Query(f"sum by (pbx, role) (softphone_registrations{{{_OF}}})", "{{pbx}} {{role}}"),
                words="Standby is the load that a PBX carries for others.",
                stacked=True,
            ),
            parts.lines(
                "Agents that reach it",
                Query(f"avg by (namespace, pbx) (softphone_pbx_reachable{{{_OF}}})", "{{namespace}} {{pbx}}"),
                words="Share of the agents. Between 0 and 1: a network in between is broken for some.",
                unit="percentunit",
                highest=1,
            ),
            parts.lines(
                "REGISTERs by outcome",
                Query(
                    f"sum by (outcome, code) ({parts.risen(f'softphone_register_requests_total{{{_OF}}}')})",
                    "{{outcome}} {{code}}",
                ),
                words="Requests a second. Without a code: no answer.",
                unit="reqps",
                stacked=True,
            ),
            parts.lines(
                "Rejected and unreachable",
                Query(
                    f"sum by (pbx, outcome, code) ({parts.risen(_FAILED)})",
                    "{{pbx}} {{outcome}} {{code}}",
                ),
                words="What went wrong, a second.",
                unit="reqps",
            ),
            parts.heat(
                "Time to the final answer",
                "softphone_register_duration_seconds",
                _OF,
                "From REGISTER to its final answer, the challenge included.",
            ),
            parts.lines(
                "Time to the final answer, by PBX",
                *(
                    Query(
                        parts.quantile(share, "softphone_register_duration_seconds", _OF, "$__rate_interval", "pbx"),
                        f"{{{{pbx}}}} {words}",
                    )
                    for share, words in ((0.5, "half"), (0.99, "99 of 100"))
                ),
                words="Half of the REGISTERs, and 99 of 100, were answered within so long.",
                unit="s",
            ),
            parts.lines(
                "Ping",
                Query(f"max by (pbx) (softphone_pbx_ping_seconds{{{_OF}}})", "{{pbx}}"),
                words="Round trip of the last OPTIONS that was answered, by the agent that waited longest.",
                unit="s",
            ),
            parts.lines(
                "Redirects",
                Query(f"sum by (pbx) (rate(softphone_redirects_total{{{_OF}}}[$__rate_interval]))", "{{pbx}}"),
                words="301, 302 and the like that a PBX sent, a second.",
                unit="reqps",
            ),
            parts.rows(
                "Systems",
                Query(f"count by (namespace, system, pbx, location) (softphone_pbx_info{{{_OF}}})"),
                ("namespace", "system", "pbx", "location"),
                "Which PBXes belong together, where they stand, and how many agents know them.",
                value="agents",
                span=24,
            ),
            parts.lines(
                "Certificate ends in",
                Query(
                    f"min by (namespace, pbx) (softphone_pbx_certificate_expiry_timestamp_seconds{{{_OF}}}) - time()",
                    "{{namespace}} {{pbx}}",
                ),
                words="The certificate that the PBX showed to agents over TLS.",
                unit="s",
            ),
        ],
        [parts.failovers('from=~"$pbx"', 'to=~"$pbx"')],
    )
