"""Every query of every document, run by Prometheus itself over a fail-over: a reader gets the whole number.

A counter with labels may be born with its first event, at its full value, and increase() does not see that.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import documents
from monitoring import queries
from monitoring.rule_cases import Series
from monitoring.test_rules import promtool
from softphone_operator.observe.metrics import Metrics

VALUES = {"NAMESPACE": "rehearsal", "POD": "fleet-load-0"}
AGENT = 'namespace="rehearsal",pod="fleet-load-0"'
OPERATOR = 'namespace="system",pod="op-0"'
QUERIES = [(documents.name(page), query) for page in documents.DOCUMENTS for query in dict.fromkeys(queries.of(page))]
COUNTERS = {
    f'softphone_failovers_total{{{AGENT},from="slave",to="master",reason="PingFailed"}}': 7,
    f'softphone_register_requests_total{{{AGENT},pbx="master",outcome="accepted",code="200"}}': 7,
    f'softphone_register_requests_total{{{AGENT},pbx="slave",outcome="unreachable",code=""}}': 8,
    f'softphone_register_requests_total{{{AGENT},pbx="master",outcome="rejected",code="403"}}': 3,
    f'softphone_register_duration_seconds_bucket{{{AGENT},pbx="master",le="0.005"}}': 0,
    f'softphone_register_duration_seconds_bucket{{{AGENT},pbx="master",le="0.01"}}': 7,
    f'softphone_register_duration_seconds_bucket{{{AGENT},pbx="master",le="+Inf"}}': 7,
    f'softphone_operator_api_requests_total{{{OPERATOR},verb="PATCH",code="403"}}': 6,
}
BEGUN = {
    f'softphone_outage_seconds_bucket{{{AGENT},le="2"}}': 0,
    f'softphone_outage_seconds_bucket{{{AGENT},le="3"}}': 7,
    f'softphone_outage_seconds_bucket{{{AGENT},le="+Inf"}}': 7,
    f"softphone_worker_restarts_total{{{AGENT}}}": 2,
    f'softphone_operator_reconcile_total{{{OPERATOR},kind="PBX",result="error"}}': 4,
}
"""What the programs tell from the start: these begin at 0."""
GAUGES: Series = {
    f'softphone_registrations{{{AGENT},fleet="load",pbx="master",role="Standby",location=""}}': "7x60",
    f'softphones{{{AGENT},fleet="load",state="Registered"}}': "7x60",
    f'softphone_registered{{{AGENT},fleet="load",softphone="load-3"}}': "1x57 0 1x3",
    f'softphone_pbx_ping_seconds{{{AGENT},pbx="master"}}': "0.5x60",
    f'softphone_agent_build_info{{{AGENT},version="1"}}': "1x60",
    f"up{{{AGENT}}}": "1x60",
}
Samples = dict[str, float]
ANSWERS: dict[str, list[Samples]] = {
    "docs/how-to/pbx-upgrade.md": [
        {'{pbx="master",role="Standby"}': 7},
        {'{from="slave",to="master",reason="PingFailed"}': 7},
        {"{}": 2.99},
        {
            '{pbx="master",outcome="accepted",code="200"}': 7,
            '{pbx="slave",outcome="unreachable"}': 8,
            '{pbx="master",outcome="rejected",code="403"}': 3,
        },
        {'{pbx="master"}': 0.00995},
    ],
    "docs/runbooks/SoftphoneAuthenticationFailing.md": [{'{pod="fleet-load-0"}': 3}],
    "docs/runbooks/SoftphoneConfigRefused.md": [
        {f'softphone_agent_build_info{{{AGENT},version="1"}}': 1},
    ],
    "docs/runbooks/SoftphoneExpiryStale.md": [{f"{{{AGENT}}}": 0}],
    "docs/runbooks/SoftphoneFleetRegisteredRatioLow.md": [
        {
            '{pbx="master",outcome="accepted",code="200"}': 7,
            '{pbx="slave",outcome="unreachable"}': 8,
            '{pbx="master",outcome="rejected",code="403"}': 3,
        }
    ],
    "docs/runbooks/SoftphoneMetricsAbsent.md": [{'{namespace="rehearsal",fleet="load"}': 1}],
    "docs/runbooks/SoftphoneOperatorDeaf.md": [{'{code="403"}': 6}],
    "docs/runbooks/SoftphoneOperatorFailing.md": [{'{kind="PBX"}': 4}, {'{code="403"}': 6}],
    "docs/runbooks/SoftphonePoolRegisteredRatioLow.md": [
        {
            '{pbx="master",outcome="accepted",code="200"}': 7,
            '{pbx="slave",outcome="unreachable"}': 8,
            '{pbx="master",outcome="rejected",code="403"}': 3,
        }
    ],
    "docs/runbooks/SoftphonesFlapping.md": [
        {f'{{{AGENT},fleet="load",softphone="load-3"}}': 2},
        {'{from="slave",to="master",reason="PingFailed"}': 7},
        {f'softphone_pbx_ping_seconds{{{AGENT},pbx="master"}}': 0.5},
        {f"{{{AGENT}}}": 2},
    ],
    "docs/scaling.md": [{'{pbx="master"}': 7}],
}
"""What a reader is to be told, in the order in which the queries stand in the page."""


def test_every_query_of_every_document_has_its_answer_here() -> None:
    asked = {page: len([1 for of, _ in QUERIES if of == page]) for page, _ in QUERIES}
    assert asked == {page: len(answers) for page, answers in ANSWERS.items()}


def test_what_the_operator_tells_from_the_start() -> None:
    fresh = Metrics().render().decode()
    begun = [name.partition("{")[0] for name in BEGUN if name.startswith("softphone_operator")]
    assert begun
    assert all(f"\n{name}{{" in fresh for name in begun)


@pytest.mark.lab
@pytest.mark.parametrize("before", ["_", "0"], ids=["born with its first events", "begun at 0"])
def test_a_reader_gets_the_whole_number(before: str, tmp_path: Path) -> None:
    """The fail-over is between two scrapes, two minutes ago."""
    series = (
        GAUGES
        | {name: f"{before}x57 {value}x3" for name, value in COUNTERS.items()}
        | {name: f"0x57 {value}x3" for name, value in BEGUN.items()}
    )
    answers = [answer for page in dict.fromkeys(page for page, _ in QUERIES) for answer in ANSWERS[page]]
    tests = [
        {
            "expr": queries.filled(query, VALUES),
            "eval_time": "60m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in answer.items()],
        }
        for (_, query), answer in zip(QUERIES, answers, strict=True)
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": tests}]}))
    promtool("test", "rules", file)
