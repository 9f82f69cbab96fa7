"""Counters begin at 0 for what the configuration lets expect, else a rate does not see their first step."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.report import PathResult
from softphone_agent.http.births import MOST_PAIRS, OUTCOMES, PATH_RESULTS, REASONS, entries, moves, paths
from softphone_agent.http.metrics import AgentMetrics, Picture
from softphone_agent.phone.observations import FailoverSeen, RedirectSeen, RegisterDone
from softphone_agent.registration.policy import Reason


def config(number: int, *phones: dict[str, Any], system: str = "acme") -> AgentConfig:
    """So many PBXes, p0 and on, and these phones."""
    pbxs = [{"name": f"p{i}", "address": f"sip:192.0.2.{i + 1}", "system": system} for i in range(number)]
    pbxs.append({"name": "foreign", "address": "sip:198.51.100.1", "system": "other"})
    given = [{"name": f"n{i}", "aor": f"sip:n{i}@pbx.test", **fields} for i, fields in enumerate(phones)]
    return AgentConfig.model_validate({"pbxs": pbxs, "phones": given})


def series(metrics: AgentMetrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series of a scrape, with its value."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def configured(by: AgentConfig) -> AgentMetrics:
    metrics = AgentMetrics(Picture(), "1", "2")
    metrics.configured(by)
    return metrics


@pytest.mark.parametrize(
    ("phones", "vias"),
    [
        ([{"pri": "p0", "sec": "p1"}], {"pri", "sec"}),
        ([{"pri": "p0"}], {"pri"}),
        ([{"mode": "Browser", "cur": "p1"}], {"cur"}),
        ([{"pri": "p0", "sec": "p1", "registration": {"pathCheckSeconds": 0}}], set()),
        ([{"pri": "p0"}, {"mode": "Browser", "cur": "p1"}], {"pri", "cur"}),
    ],
)
def test_path_checks_begin_at_0_for_the_ways_that_phones_check(phones: list[dict[str, Any]], vias: set[str]) -> None:
    found = paths(config(2, *phones))
    assert {via for via, _ in found} == vias
    assert {result for _, result in found} == (set(PATH_RESULTS) if vias else set())
    counted = {dict(labels)["via"] for name, labels in series(configured(config(2, *phones))) if "path_checks" in name}
    assert counted == vias
    assert {*PATH_RESULTS, "Unchecked"} == set(PathResult.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("number", "phones", "named", "ways"),
    [
        (0, [{"pri": "sip:192.0.2.9"}], ["192.0.2.9:5060"], []),
        (2, [{"pri": "p0", "sec": "p1"}], ["p0", "p1"], [("p0", "p1"), ("p1", "p0")]),
        (2, [{"mode": "Browser", "cur": "p1"}], ["p1"], [("p0", "p1"), ("p1", "p0")]),
        (1, [{"pri": "foreign", "home": "p0"}], ["foreign", "p0"], [("foreign", "p0"), ("p0", "foreign")]),
        (1, [], [], []),
    ],
    ids=["a URI", "primary and secondary", "Browser", "another system", "no phone"],
)
def test_what_phones_name_and_may_be_sent_to_can_be_expected(
    number: int, phones: list[dict[str, Any]], named: list[str], ways: list[tuple[str, str]]
) -> None:
    given = config(number, *phones)
    assert (entries(given), moves(given)) == (named, ways)


def test_every_way_of_a_system_of_five_can_be_expected_also_between_a_home_and_its_stand_in() -> None:
    assert len(moves(config(5, {"pri": "p0", "sec": "p1"}))) == 20 == MOST_PAIRS
    assert ("p3", "p4") in moves(config(5, {"pri": "p0", "sec": "p1"}))


def test_of_many_ways_those_come_first_that_phones_name() -> None:
    found = moves(config(30, *({"pri": "p7", "sec": "p9"} for _ in range(1000))))
    assert len(found) == MOST_PAIRS
    assert found[:2] == [("p7", "p9"), ("p9", "p7")]
    assert all({"p7", "p9"} & set(pair) for pair in found)


def test_a_fail_over_raises_only_series_that_were_there() -> None:
    metrics = configured(config(3, {"pri": "p0", "sec": "p1"}))
    before = series(metrics)
    counters = {key for key in before if key[0].endswith("_total") or "_bucket" in key[0] or key[0].endswith("_count")}
    assert {before[key] for key in counters} == {0.0}
    metrics.observe(
        [RedirectSeen("p0"), FailoverSeen("p2", "p1", "PingFailed"), RegisterDone("p1", "unreachable", "", 1)]
    )
    metrics.observe(
        [RegisterDone(pbx, outcome, code, None) for pbx in ("p0", "p1", "p2") for outcome, code in OUTCOMES]
    )
    assert series(metrics).keys() == before.keys()


def test_the_reasons_are_those_that_the_rules_know() -> None:
    assert set(REASONS) - {"Redirected", "FailBack"} <= {reason.value for reason in Reason}


def test_another_configuration_adds_its_own_and_counts_on() -> None:
    metrics = configured(config(2, {"pri": "p0", "sec": "p1"}))
    metrics.observe([RedirectSeen("p0")])
    metrics.configured(config(3, {"pri": "p0", "sec": "p2"}))
    assert series(metrics)["softphone_redirects_total", frozenset({("pbx", "p0")})] == 1.0
    assert series(metrics)["softphone_redirects_total", frozenset({("pbx", "p2")})] == 0.0


@pytest.mark.parametrize(("number", "most"), [(3, 20_000), (10, 45_000)])
def test_the_page_of_a_single_phone_stays_small(number: int, most: int) -> None:
    size = len(configured(config(number, {"pri": "p0", "sec": "p1"})).exposition())
    assert size < most, size
