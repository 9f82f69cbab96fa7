"""Redundancy overview: who is registered where, and what every fail-over cost."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, MORE_IS_BETTER, NONE_IS_BEST, WANTED, Query

_REGISTERED = f"softphone_registrations{{{HERE}}}"
_STANDBY = f'softphone_registrations{{{HERE},role="Standby"}}'
_WAYS = f'softphone_paths{{{HERE},result!="Unchecked"}}'
_HOLD = f'softphone_paths{{{HERE},result=~"Holds|WouldKeep"}}'
_MOVED = parts.grown(f"softphone_failovers_total{{{HERE}}}", "$__range")

# The operator tells of them, wherever it runs.
_REHEARSALS = 'rehearsal_namespace=~"$namespace"'
_NAMED = "{{rehearsal_namespace}} {{rehearsal}}"


def dashboard() -> Dashboard:
    """The dashboard to open first."""
    return parts.board(
        "softphone-overview",
        "Softphones / Redundancy overview",
        "Who is registered where, by role and site; outages and fail-overs.",
        [parts.NAMESPACES],
        [
            parts.number(
                "Registered",
                f"(sum({_REGISTERED}) or vector(0)) / sum({WANTED})",
                "Share of the phones that want a binding and have one.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
            ),
            parts.number("Phones", f"sum({WANTED})", "Phones that want a binding; not those that are suspended."),
            parts.number(
                "On standby",
                f"sum({_STANDBY}) or vector(0)",
                "Phones that are registered away from their home PBX.",
                steps=NONE_IS_BEST,
            ),
            parts.number(
                "PBXes down",
                f"count(max by (namespace, pbx) (softphone_pbx_reachable{{{HERE}}}) == 0) or vector(0)",
                "PBXes that answer no agent.",
                steps=NONE_IS_BEST,
            ),
            parts.number(
                "Outages",
                f"sum(increase(softphone_outage_seconds_count{{{HERE}}}[$__range]))",
                "Outages of single phones that ended in the time shown.",
            ),
            parts.number(
                "Longest outages",
                parts.quantile(0.99, "softphone_outage_seconds", HERE, "$__range"),
                "99 of 100 outages were at most so long (upper end of the histogram's bucket).",
                unit="s",
            ),
            parts.number(
                "Would it hold?",
                f"(sum({_HOLD}) or vector(0)) / sum({_WAYS})",
                "Share of the checked ways that would hold: docs/how-to/known-redundancy.md.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
            ),
            parts.lines(
                "Checked ways",
                Query(f"sum by (via, result) (softphone_paths{{{HERE}}})", "{{via}}: {{result}}"),
                words="From the primary (pri) and the secondary PBX (sec), by what the last check found.",
                span=8,
                stacked=True,
            ),
            parts.rows(
                "Ways that would not hold",
                Query(f"min by (namespace, fleet, softphone, via) (softphone_path_ok{{{HERE}}}) == 0"),
                ("namespace", "fleet", "softphone", "via"),
                "If the PBX of these phones failed now, this way would lead nowhere. kubectl softphone status NAME.",
            ),
            parts.lines(
                "Path checks",
                Query(
                    f"sum by (via, result) ({parts.risen(f'softphone_path_checks_total{{{HERE}}}')})",
                    "{{via}}: {{result}}",
                ),
                words="Checks a second, by what they found.",
            ),
            parts.lines(
                "Time of a path check",
                Query(parts.quantile(0.99, "softphone_path_check_seconds", HERE, "$__rate_interval"), "99 %"),
                words="From its beginning to the end of its way; 99 of 100 take at most so long.",
                unit="s",
            ),
            parts.lines(
                "Phones by PBX",
                Query(f"sum by (pbx) ({_REGISTERED})", "{{pbx}}"),
                words="A fail-over moves phones from one colour to the other.",
                stacked=True,
            ),
            parts.lines(
                "Phones by role",
                Query(f"sum by (role) ({_REGISTERED})", "{{role}}"),
                Query(f"(sum({WANTED}) - (sum({_REGISTERED}) or vector(0)))", "not registered"),
                words="Home, Standby, Unknown: docs/concepts.md tells what is known of a role.",
                stacked=True,
            ),
            parts.lines(
                "Phones by site",
                Query(f"sum by (location) ({_REGISTERED})", "{{location}}"),
                words="By the physical location that the phones sent in REGISTER.",
                stacked=True,
            ),
            parts.lines(
                "Registered ratio by fleet",
                Query(
                    f"(sum by (namespace, fleet) ({_REGISTERED}) or 0 * sum by (namespace, fleet) ({WANTED}))"
                    f" / (sum by (namespace, fleet) ({WANTED}) > 0)",
                    "{{namespace}} {{fleet}}",
                ),
                words="Without the name of a fleet: the single Softphones of a namespace.",
                unit="percentunit",
                highest=1,
            ),
            parts.heat(
                "Outages by length",
                "softphone_outage_seconds",
                HERE,
                "From the first request that was not answered to the next registration. An outage counts when it ends.",
            ),
            parts.rows(
                "Fail-overs",
                Query(f"sum by (namespace, from, to, reason) ({_MOVED}) > 0"),
                ("namespace", "from", "to", "reason"),
                "Bindings that moved in the time shown, and why.",
                value="phones",
            ),
            parts.lines(
                "Requests of others",
                Query(
                    f"sum by (method, code) (rate(softphone_unsolicited_requests_total{{{HERE}}}[$__rate_interval]))",
                    "{{method}} {{code}}",
                ),
                words="SIP requests a second that came to agents, by our answer; without a code none was sent.",
            ),
            parts.lines(
                "SIP thrown away",
                Query(f"sum by (reason) ({parts.risen(f'softphone_sip_discarded_total{{{HERE}}}')})", "{{reason}}"),
                words="Messages that are no SIP, answers to nothing, connections closed: docs/proof/attackers.md.",
            ),
            parts.timeline(
                "Rehearsals",
                Query(f"min by (rehearsal_namespace, rehearsal) (softphone_rehearsal_passed{{{_REHEARSALS}}})", _NAMED),
                "Whether the last fail-over that was tried on purpose passed: docs/how-to/rehearsals.md.",
                yes="passed",
                no="not passed",
            ),
            parts.lines(
                "Time since a rehearsal passed",
                Query(
                    "(time() - max by (rehearsal_namespace, rehearsal)"
                    f" (softphone_rehearsal_last_pass_timestamp_seconds{{{_REHEARSALS}}}))",
                    _NAMED,
                ),
                words="Of those of which one has passed.",
                unit="s",
            ),
            parts.lines(
                "Rehearsals under way",
                Query(
                    f"max by (rehearsal_namespace, rehearsal) (softphone_rehearsal_running{{{_REHEARSALS}}})", _NAMED
                ),
                words="1 while a PBX is broken on purpose: what phones lose then is meant to be lost.",
                highest=1,
            ),
            parts.rows(
                "Single Softphones",
                Query(
                    f"softphone_registration_info{{{HERE}}}"
                    f' and on (namespace, pod, softphone) softphone_registered{{{HERE},fleet=""}}'
                ),
                ("namespace", "softphone", "pbx", "role", "location", "via"),
                "Where each registered phone is now. Phones of fleets are left out.",
                span=24,
            ),
        ],
        [parts.failovers()],
    )
