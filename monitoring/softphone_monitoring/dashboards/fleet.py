"""Fleet: thousands of phones in few agents."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, MORE_IS_BETTER, NONE_IS_BEST, Query

_OF = f'{HERE},fleet=~"$fleet"'
_WANTED = f'softphones{{{_OF},state!~"Suspended|Stopped|Unregistering"}}'
_REGISTERED = f"softphone_registrations{{{_OF}}}"
_AGENTS = f'softphones{{{_OF},state="Registered"}}'
"""A series for each agent of the fleets."""
_THEIRS = f"and on (namespace, pod) {_AGENTS}"
_COST = (
    # Of the pod, or of the container where that is all the kubelet tells: the pod's only other one just sleeps.
    "max by (namespace, pod) (%s)"
    # Only to say whose agent it is; made one, since who scrapes an agent twice has two series of it.
    f" * on (namespace, pod) group_left (fleet) max by (namespace, pod, fleet) ({_AGENTS}) ^ 0"
)


def _per_phone(cost: str) -> str:
    phones = f"sum by (namespace, fleet) (max by (namespace, pod, fleet, state) (softphones{{{_OF}}}))"
    return f"sum by (namespace, fleet) ({_COST % cost}) / {phones}"


def dashboard() -> Dashboard:
    """One SoftphoneFleet, or several side by side."""
    return parts.board(
        "softphone-fleet",
        "Softphones / Fleet",
        "The phones of fleets, where they are, and what they cost.",
        [parts.NAMESPACES, parts.choice("fleet", "Fleet", f'label_values(softphones{{{HERE},fleet!=""}}, fleet)')],
        [
            parts.number(
                "Registered",
                f"(sum({_REGISTERED}) or vector(0)) / sum({_WANTED})",
                "Share of the phones that want a binding and have one.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
                span=6,
            ),
            parts.number("Phones", f"sum(softphones{{{_OF}}})", "All phones, also those that are suspended.", span=6),
            parts.number("Agents", f"count({_AGENTS})", "Agents that are scraped.", span=6),
            parts.number(
                "Configuration refused",
                f"sum(softphone_config_refused{{{HERE}}} {_THEIRS})",
                "Agents that refuse their newest configuration and go on with the one before.",
                steps=NONE_IS_BEST,
                span=6,
            ),
            parts.lines(
                "Phones by state",
                Query(f"sum by (state) (softphones{{{_OF}}})", "{{state}}"),
                words="Registered, and what the others are doing.",
                stacked=True,
            ),
            parts.lines(
                "Phones by PBX and role",
                Query(f"sum by (pbx, role) ({_REGISTERED})", "{{pbx}} {{role}}"),
                words="How the fleet is spread over the PBXes.",
                stacked=True,
            ),
            parts.lines(
                "Phones by the fleet's status",
                Query(
                    # Each of several operators tells of all fleets.
                    "max by (fleet_namespace, fleet, state)"
                    ' (softphone_operator_fleet_phones{fleet_namespace=~"$namespace",fleet=~"$fleet"})',
                    "{{fleet_namespace}} {{fleet}}: {{state}}",
                ),
                words="As the operator counts them: no gap until Prometheus finds an agent's new pod.",
            ),
            parts.bars(
                "Registered phones by agent",
                Query(f"sum by (pod) ({_REGISTERED})", "{{pod}}"),
                "Which agent lacks phones.",
            ),
            parts.lines(
                "Fail-overs",
                Query(
                    "sum by (from, to, reason) ("
                    + parts.grown(f"softphone_failovers_total{{{HERE}}}", "$__rate_interval")
                    + f" {_THEIRS})",
                    "{{from}} to {{to}}: {{reason}}",
                ),
                words="Bindings that moved.",
            ),
            parts.lines(
                "Worker restarts",
                Query(
                    f"sum by (pod) (increase(softphone_worker_restarts_total{{{HERE}}}[$__rate_interval]) {_THEIRS})",
                    "{{pod}}",
                ),
                words="Processes of an agent that died and were replaced, each with its own phones.",
            ),
            parts.lines(
                "Memory per phone",
                Query(
                    _per_phone(f"container_memory_working_set_bytes{{{HERE}}}"),
                    "{{namespace}} {{fleet}}",
                ),
                words="From the kubelet's metrics (cAdvisor): empty where your Prometheus does not scrape them.",
                unit="bytes",
            ),
            parts.lines(
                "CPU per phone",
                Query(
                    _per_phone(f"rate(container_cpu_usage_seconds_total{{{HERE}}}[$__rate_interval])"),
                    "{{namespace}} {{fleet}}",
                ),
                words="Seconds of a core a second, from the kubelet's metrics (cAdvisor).",
                unit="s",
            ),
            parts.rows(
                "Versions",
                Query(f"count by (namespace, version, pjsua) (softphone_agent_build_info{{{HERE}}} {_THEIRS})"),
                ("namespace", "version", "pjsua"),
                "Two versions at a time: a roll-out is under way.",
                value="agents",
            ),
        ],
        [parts.failovers(of=_THEIRS)],
    )
