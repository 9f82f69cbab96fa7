"""Rules, alerts and dashboards as code. `python -m softphone_monitoring` writes what is made of them into the chart."""
