"""The Grafana dashboards, one a file. Fixed uids: links to a dashboard outlive an upgrade of the chart."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import availability, calls, fleet, operator, overview, pbx, pool, softphone

DASHBOARDS: dict[str, Dashboard] = {
    "redundancy-overview": overview.dashboard(),
    "pbx": pbx.dashboard(),
    "fleet": fleet.dashboard(),
    "pool": pool.dashboard(),
    "softphone": softphone.dashboard(),
    "calls": calls.dashboard(),
    "operator": operator.dashboard(),
    "availability": availability.dashboard(),
}
"""File name without its ending -> dashboard."""
