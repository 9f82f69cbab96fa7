"""The chart's monitors are those for which the Prometheus operator's code was asked how it has them scraped."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import prometheus_operator


@pytest.mark.parametrize("choice", prometheus_operator.CHOICES)
def test_the_prometheus_operator_was_asked_for_these_monitors(helm3: Path, choice: str) -> None:
    asked = prometheus_operator.seen()[choice]["monitors"]
    assert asked == prometheus_operator.monitors(choice, helm3), (
        "run: PYTHONPATH=tests python -m lab.prometheus_operator"
    )
