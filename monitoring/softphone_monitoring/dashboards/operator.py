"""Operator: whether it hears, keeps up, and writes in time."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, Query


def _rate(counter: str) -> str:
    return f"rate(softphone_operator_{counter}{{{HERE}}}[$__rate_interval])"


def dashboard() -> Dashboard:
    """The operators of the namespaces that are chosen."""
    return parts.board(
        "softphone-operator",
        "Softphones / Operator",
        "Objects, reconciles, watches, the API server, and how late statuses are.",
        [parts.choice("namespace", "Operator's namespace", "label_values(softphone_operator_objects, namespace)")],
        [
            parts.lines(
                "Objects",
                Query(f"max by (namespace, kind, state) (softphone_operator_objects{{{HERE}}})", "{{kind}} {{state}}"),
                words="Ready, NotReady, or Refused: the spec makes no sense, or names what is not there.",
            ),
            parts.lines(
                "Time since a watch was heard",
                Query(f"max by (kind) (softphone_operator_watch_age_seconds{{{HERE}}})", "{{kind}}"),
                words="A watch is made anew every two minutes; far more than that means that the operator is deaf.",
                unit="s",
            ),
            parts.lines(
                "Reconciles",
                Query(f"sum by (kind, result) ({_rate('reconcile_total')})", "{{kind}} {{result}}"),
                words="A second, by result.",
                unit="ops",
            ),
            parts.lines(
                "Duration of a reconcile",
                *(
                    Query(
                        parts.quantile(
                            share, "softphone_operator_reconcile_duration_seconds", HERE, "$__rate_interval", "kind"
                        ),
                        f"{{{{kind}}}} {words}",
                    )
                    for share, words in ((0.5, "half"), (0.99, "99 of 100"))
                ),
                words="API calls included.",
                unit="s",
            ),
            parts.heat(
                "Lag of the status",
                "softphone_operator_status_lag_seconds",
                HERE,
                "From a phone's transition to its status written.",
            ),
            parts.lines(
                "Lag of the status, quantiles",
                *(
                    Query(
                        parts.quantile(share, "softphone_operator_status_lag_seconds", HERE, "$__rate_interval"), words
                    )
                    for share, words in ((0.5, "half"), (0.99, "99 of 100"))
                ),
                words="Half, and 99 of 100 statuses were written within so long.",
                unit="s",
            ),
            parts.lines(
                "Requests to the API server",
                Query(f"sum by (verb, code) ({_rate('api_requests_total')})", "{{verb}} {{code}}"),
                words="A second, by method and answer. Code 0: no answer.",
                unit="reqps",
                stacked=True,
            ),
            parts.lines(
                "Notifications",
                Query(f"sum by (result) ({_rate('notifications_total')})", "{{result}}"),
                words="Messages a second to the receiver of losses. Failed ones are sent again.",
                unit="reqps",
            ),
        ],
    )
