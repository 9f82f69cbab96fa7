"""Pool: many different phones in few agents."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, MORE_IS_BETTER, NONE_IS_BEST, Query

_POOLS = 'pool_namespace=~"$namespace",pool=~"$pool"'
_BY_STATUS = "max by (pool_namespace, pool, state)"
"""Each of several operators tells of all pools."""
_AGENTS = f'{HERE},pod=~"pool-$pool-[0-9]+.*"'
"""The agents' own series have the name of no pool, since a phone may move; their pods are called by it."""


def _sum(state: str) -> str:
    return f'sum({_BY_STATUS} (softphone_operator_pool_phones{{{_POOLS},state="{state}"}}))'


def dashboard() -> Dashboard:
    """One SoftphonePool, or several side by side."""
    return parts.board(
        "softphone-pool",
        "Softphones / Pool",
        "The phones of pools, where they are, who is not registered, and what they cost.",
        [
            parts.NAMESPACES,
            parts.choice(
                "pool", "Pool", 'label_values(softphone_operator_pool_phones{pool_namespace=~"$namespace"}, pool)'
            ),
        ],
        [
            parts.number(
                "Registered",
                f"{_sum('registered')} / {_sum('phones')}",
                "Share of the phones that have a binding, by the pools' statuses. Suspended ones count as without.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
                span=6,
            ),
            parts.number("Phones", _sum("phones"), "All phones, also those that are suspended.", span=6),
            parts.number(
                "Agents", f'count(softphones{{{_AGENTS},state="Registered"}})', "Agents that are scraped.", span=6
            ),
            parts.number(
                "Configuration refused",
                f"sum(softphone_config_refused{{{_AGENTS}}})",
                "Agents that refuse their newest configuration and go on with the one before.",
                steps=NONE_IS_BEST,
                span=6,
            ),
            parts.lines(
                "Phones by the pool's status",
                Query(
                    f"{_BY_STATUS} (softphone_operator_pool_phones{{{_POOLS}}})",
                    "{{pool_namespace}} {{pool}}: {{state}}",
                ),
                words="As the operator counts them: no gap until Prometheus finds an agent's new pod.",
            ),
            parts.lines(
                "Phones by PBX and role",
                Query(f"sum by (pbx, role) (softphone_registrations{{{_AGENTS}}})", "{{pbx}} {{role}}"),
                words="How the phones are spread over the PBXes.",
                stacked=True,
            ),
            parts.rows(
                "Not registered",
                Query(f"max by (namespace, softphone, pod) (softphone_registered{{{_AGENTS}}}) == 0"),
                ("namespace", "softphone", "pod"),
                "Phones without a binding, suspended ones too. Needs the series of each phone (metrics.perPhone).",
            ),
            parts.bars(
                "Registered phones by agent",
                Query(f"sum by (pod) (softphone_registrations{{{_AGENTS}}})", "{{pod}}"),
                "Which agent lacks phones.",
            ),
            parts.lines(
                "Fail-overs",
                Query(
                    "sum by (from, to, reason) ("
                    + parts.grown(f"softphone_failovers_total{{{_AGENTS}}}", "$__rate_interval")
                    + ")",
                    "{{from}} to {{to}}: {{reason}}",
                ),
                words="Bindings that moved.",
            ),
            parts.lines(
                "Memory of each agent",
                # Of the pod, or of the container where that is all the kubelet tells: the pod's only other one sleeps.
                Query(f"max by (namespace, pod) (container_memory_working_set_bytes{{{_AGENTS}}})", "{{pod}}"),
                words="From the kubelet's metrics (cAdvisor): empty where your Prometheus does not scrape them.",
                unit="bytes",
            ),
        ],
        [parts.failovers('pod=~"pool-$pool-[0-9]+.*"')],
    )
