"""docs/metrics.md and what dashboards may ask for come from what the programs expose."""

from __future__ import annotations

import pytest

from softphone_monitoring import exposed


def test_a_metric_is_told_by_the_name_of_its_series_and_without_what_prometheus_adds() -> None:
    of = {metric.name: (metric.type, set(metric.labels)) for metric in (*exposed.agent(), *exposed.operator())}
    assert of["softphone_failovers_total"] == ("counter", {"from", "to", "reason"})
    assert of["softphone_register_duration_seconds"] == ("histogram", {"pbx"})
    assert of["softphone_registered"] == ("gauge", {"softphone", "fleet"})
    assert of["softphone_operator_objects"] == ("gauge", {"kind", "state"})


def test_a_metric_of_which_nothing_is_seen_cannot_be_forgotten() -> None:
    with pytest.raises(ValueError, match="softphone_new"):
        exposed._told(b"# HELP softphone_new_total New.\n# TYPE softphone_new_total counter\n")
