"""`PYTHONPATH=tests python -m lab.prometheus_operator` asks the Prometheus operator's code anew: see there."""

from lab import prometheus_operator

prometheus_operator.renew()
