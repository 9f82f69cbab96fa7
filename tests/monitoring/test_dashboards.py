"""The dashboards: what Grafana takes, and nothing that no agent or operator tells."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring import asked, contract, exposed, files, recordings
from softphone_monitoring.asked import Asked

from .rule_cases import Series, scraped_by
from .test_rules import promtool

BOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted(files.BOARDS.glob("*.json"))
}
QUERIES = [query for board in BOARDS.values() for query in asked.of_dashboard(board)]
GRAFANAS_OWN = {"__rate_interval": "4m", "__interval": "15s", "__range": "1h"}

UIDS = {
    "redundancy-overview": "softphone-overview",
    "pbx": "softphone-pbx",
    "fleet": "softphone-fleet",
    "pool": "softphone-pool",
    "softphone": "softphone-phone",
    "calls": "softphone-calls",
    "operator": "softphone-operator",
    "availability": "softphone-availability",
}
"""People have links to these: they do not change."""

OF_OTHERS = {"container_memory_working_set_bytes", "container_cpu_usage_seconds_total"}
"""Series of the kubelet (cAdvisor): what an agent costs, its workers included, is not told by the agent."""

GRAFANA = json.loads((Path(__file__).parent / "data" / "grafana-11.6.schema.json").read_text())
"""What Grafana says of itself, other than by the library that the dashboards are made with."""

NOT_IN_THE_SCHEMA = {
    "annotations": {"expr", "titleFormat", "textFormat"},  # of Prometheus' data source
    "templating": {"auto", "auto_count", "auto_min"},  # of one kind of variable; the library writes them for all
}

_OF_CONSOLE = "People look at the console, and notice when it does not answer; these are for whoever looks after it."
UNUSED: dict[str, str] = dict.fromkeys((metric.name for metric in exposed.console()), _OF_CONSOLE)
"""Metrics of the contract that neither a dashboard nor a rule asks for, and why."""

each_board = pytest.mark.parametrize("name", UIDS)
each_query = pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.where}: {query.what}")


def test_uids_are_fixed() -> None:
    assert {name: board["uid"] for name, board in BOARDS.items()} == UIDS


@each_board
def test_grafanas_library_reads_back_what_it_wrote(name: str) -> None:
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(BOARDS[name]), cls=JSONEncoder))
    written = json.loads(json.dumps(BOARDS[name]))
    for annotation in written["annotations"].get("list", []):
        # Prometheus' data source knows them, the library's model of an annotation does not.
        for field in ("titleFormat", "textFormat"):
            annotation.pop(field, None)
    assert read == written


def faults(board: dict[str, Any]) -> Iterator[str]:
    """What Grafana's schema has against a dashboard."""

    def checked(what: str, schema: dict[str, Any], part: Any) -> Iterator[str]:
        for fault in jsonschema.Draft7Validator({**schema, "definitions": GRAFANA["definitions"]}).iter_errors(part):
            # Of things that may be this or that: what is wrong with each.
            yield from (f"{what}{error.json_path}: {error.message}" for error in fault.context or [fault])

    known = deepcopy(board)
    for where, fields in NOT_IN_THE_SCHEMA.items():
        for part in known[where].get("list", []):
            for field in fields:
                part.pop(field, None)
    yield from checked("", GRAFANA["dashboard"], known)
    for panel in board["panels"]:
        kind, what = panel["type"], f"{panel['title']}, "
        yield from checked(f"{what}options", GRAFANA["options"][kind], panel["options"])
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
        if custom is not None:
            yield from checked(f"{what}custom", GRAFANA["custom"][kind], custom)


@each_board
def test_grafanas_schema_takes_it(name: str) -> None:
    assert not list(faults(BOARDS[name]))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda panel: panel.update(titel="x"), "'titel' was unexpected"),
        (lambda panel: panel["options"].update(colorMode="rainbow"), "'rainbow' is not one of"),
        (lambda panel: panel["options"].update(colourMode="none"), "'colourMode' was unexpected"),
        (lambda panel: panel["gridPos"].update(w="6"), "'6' is not of type 'number'"),
        (lambda panel: panel["fieldConfig"]["defaults"]["thresholds"].update(mode="relative"), "'relative' is not one"),
    ],
)
def test_grafanas_schema_refuses_what_is_wrong(spoil: Callable[[dict[str, Any]], None], fault: str) -> None:
    board = deepcopy(BOARDS["fleet"])
    spoil(board["panels"][0])
    assert any(fault in words for words in faults(board)), list(faults(board))


@each_board
def test_the_data_source_is_chosen_by_a_variable(name: str) -> None:
    board = BOARDS[name]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    first, *others = board["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    for part in [*others, *board["panels"], *targets, *board["annotations"].get("list", [])]:
        assert part["datasource"] == chosen


@each_board
def test_panels_say_what_they_show_and_do_not_overlap(name: str) -> None:
    panels = BOARDS[name]["panels"]
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@each_board
def test_every_variable_is_there(name: str) -> None:
    there = {variable["name"] for variable in BOARDS[name]["templating"]["list"]} | set(GRAFANAS_OWN)
    for query in asked.of_dashboard(BOARDS[name]):
        assert asked.variables(query.expr) <= there, query


@pytest.mark.parametrize("query", [*asked.of_rules()], ids=lambda query: query.what)
def test_rules_know_no_variables(query: Asked) -> None:
    assert asked.filled(query.expr, {}) == query.expr


def test_an_expression_is_taken_apart() -> None:
    expr = '(sum(a{x="1"}) or vector(0)) / sum(rate(b:c{y=~"{z"}[5m])) and d > 0 or 0 * sum(a{x="1"})'
    assert asked.without_zero(expr) == '(sum(a{x="1"})) / sum(rate(b:c{y=~"{z"}[5m])) and d > 0 or 0 * sum(a{x="1"})'
    assert asked.selectors(expr) == ('a{x="1"}', 'b:c{y=~"{z"}')


@each_query
def test_a_query_asks_only_for_what_exists(query: Asked) -> None:
    known = contract.metrics()
    # Recorded series are there only where the rules are installed: dashboards do without them, but for that of a month.
    recorded = {rule.name for rule in recordings.RECORDINGS} if query.where == "softphone-availability" else set()
    assert contract.asked_for(query.expr) <= set(known) | recorded
    assert set(re.findall(r"\bcontainer_\w+", query.expr)) <= OF_OTHERS


@pytest.mark.parametrize("query", [*QUERIES, *asked.of_rules()], ids=lambda query: f"{query.where}: {query.what}")
def test_a_query_names_only_labels_that_exist(query: Asked) -> None:
    known = contract.metrics()
    bare = re.sub(r'"[^"]*"', '""', query.expr)
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", bare):
        metric = known.get(re.sub(r"_(bucket|sum|count)$", "", name)) or known.get(name)
        if metric:
            named = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers))
            assert named <= metric.labels | contract.FROM_THE_SCRAPE, name
    labels = {label for name in contract.asked_for(query.expr) if name in known for label in known[name].labels}
    recorded = {"namespace", "fleet", "pbx", "role", "system"}
    grouped = {
        label for words in re.findall(r"(?:by|on|group_left) \(([^)]*)\)", bare) for label in re.findall(r"\w+", words)
    }
    target = {"job", "instance"} if "up" in contract.asked_for(query.expr) else set()
    made = set(re.findall(r', "(\w+)", "\$1"', query.expr))  # by label_replace
    assert grouped <= made | labels | contract.FROM_THE_SCRAPE | target | {"le"} | (recorded if ":" in bare else set())


def test_every_metric_is_used_or_says_why_not() -> None:
    used = frozenset[str]().union(*(contract.asked_for(query.expr) for query in [*QUERIES, *asked.of_rules()]))
    assert set(contract.metrics()) - used == set(UNUSED)


@pytest.mark.lab
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    values = {
        **GRAFANAS_OWN,
        "namespace": "calls",
        "pbx": "master",
        "fleet": "load",
        "pool": "office",
        "softphone": "alice",
        "check": "sites",
    }
    recorded = [
        {"record": f"query:{number}", "expr": asked.filled(query.expr, values)} for number, query in enumerate(QUERIES)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", "--lint=none", file)


def query(where: str, what: str) -> str:
    (found,) = [query.expr for query in QUERIES if (query.where, query.what) == (where, what)]
    return asked.filled(
        found,
        {
            **GRAFANAS_OWN,
            "namespace": "calls",
            "fleet": "load",
            "pool": "office",
            "softphone": "alice",
            "pbx": "master",
            "check": "sites",
        },
    )


def calculate(folder: Path, series: Series, expected: Mapping[tuple[str, str], Sequence[tuple[str, float]]]) -> None:
    """Have Prometheus itself answer these queries after half an hour of these series."""
    tests = [
        {
            "expr": query(*which),
            "eval_time": "30m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
        }
        for which, samples in expected.items()
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    file = folder / "cases.yaml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": tests}]}))
    promtool("test", "rules", file)


@pytest.mark.lab
@pytest.mark.parametrize("jobs", [("pods",), ("annotations", "podmonitor")], ids=len)
def test_what_the_less_obvious_queries_calculate(jobs: tuple[str, ...], tmp_path: Path) -> None:
    agent, other = 'namespace="calls",pod="fleet-load-0"', 'namespace="calls",pod="softphone-alice"'
    move, home = 'from="slave",to="master",reason="PingFailed"', 'from="master",to="slave",reason="Redirected"'
    of_kubelet = {
        f'container_memory_working_set_bytes{{{agent},container="agent"}}': "3900x60",
        f'container_memory_working_set_bytes{{{agent},container=""}}': "4000x60",
        f'container_cpu_usage_seconds_total{{{agent},container="agent"}}': "0+3x60",
    }
    of_pods = {
        f'softphones{{{agent},fleet="load",state="Registered"}}': "0x60",
        f'softphones{{{agent},fleet="load",state="Waiting"}}': "10x60",
        f'softphone_registered{{{other},softphone="alice",fleet=""}}': "1x60",
    }
    of_operators = {
        "softphone_operator_fleet_phones"
        f'{{namespace="system",pod="op-{number}",fleet_namespace="{place}",fleet="load",state="replicas"}}': "10x60"
        for number in range(2)
        for place in ("calls", "tests")
    }
    of_operators |= {
        "softphone_operator_pool_phones"
        f'{{namespace="system",pod="op-{number}",pool_namespace="{place}",pool="{name}",state="{state}"}}': values
        for number in range(2)
        for place in ("calls", "tests")
        for name in ("office", "other")
        for state, values in (("phones", "8x60"), ("registered", "6x60"))
    }
    of_pods |= {
        f'softphone_registered{{namespace="calls",pod="pool-{name}-1-abc",softphone="{phone}",fleet=""}}': "0x60"
        for name, phone in (("office", "anna"), ("other", "bob"))
    }
    fleets = '{namespace="calls",fleet="load"}'
    expected = {
        # 4000 bytes and 3 s of a core a minute, for ten phones
        ("softphone-fleet", "Memory per phone"): [(fleets, 400.0)],
        ("softphone-fleet", "CPU per phone"): [(fleets, 0.005)],
        # no registration at all has no series, and is 0 all the same
        ("softphone-overview", "Registered ratio by fleet"): [(fleets, 0.0)],
        # each of two operators tells of all fleets, also of those in namespaces that are not chosen
        ("softphone-fleet", "Phones by the fleet's status"): [
            ('{fleet_namespace="calls",fleet="load",state="replicas"}', 10.0)
        ],
        ("softphone-pool", "Registered"): [("{}", 0.75)],
        ("softphone-pool", "Not registered"): [('{namespace="calls",pod="pool-office-1-abc",softphone="anna"}', 0.0)],
    }
    calculate(tmp_path, scraped_by(jobs, of_pods | of_operators) | of_kubelet, expected)
    # A counter is born with 7, which increase() does not see. Another agent's phone went home at the same time.
    moves = {
        f"softphone_failovers_total{{{agent},{move}}}": "_x30 7x30",
        f"softphone_failovers_total{{{other},{home}}}": "_x30 1x30",
    }
    moved = {
        ("softphone-overview", "Fail-overs"): [
            (f'{{namespace="calls",{move}}}', 7.0),
            (f'{{namespace="calls",{home}}}', 1.0),
        ],
        ("softphone-overview", "annotation fail-overs"): [(f"{{{move}}}", 7.0), (f"{{{home}}}", 1.0)],
        ("softphone-pbx", "annotation fail-overs"): [(f"{{{move}}}", 7.0), (f"{{{home}}}", 1.0)],
        # of its own agents only
        ("softphone-fleet", "annotation fail-overs"): [(f"{{{move}}}", 7.0)],
        ("softphone-phone", "annotation fail-overs"): [(f"{{{home}}}", 1.0)],
    }
    calculate(tmp_path, of_pods | moves, moved)


def test_fail_overs_of_a_pbx_are_those_to_it_and_from_it() -> None:
    (found,) = [each for each in QUERIES if (each.where, each.what) == ("softphone-pbx", "annotation fail-overs")]
    assert 'from=~"$pbx"' in found.expr
    assert 'to=~"$pbx"' in found.expr


def test_rules_and_dashboards_mean_the_same_by_a_phone_that_wants_a_binding() -> None:
    wanted = re.search(r'state!~"([^"]*)"', recordings.WANTED)
    assert wanted
    for query in QUERIES:
        for states in re.findall(r'state!~"([^"]*)"', query.expr):
            assert states == wanted[1], query
