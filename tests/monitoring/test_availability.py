"""For how long phones were registered: the rules of the last 30 days, run by Prometheus itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.rule_cases import Series, scraped_by
from monitoring.test_rules import promtool
from softphone_monitoring import asked, files, recordings, rules

HERE = 'namespace="calls",pod="softphone-alice"'
ALICE = f'softphone_registered{{{HERE},fleet="",softphone="alice"}}'
SUSPENDED = f'softphones{{{HERE},fleet="",state="Suspended"}}'
SYSTEM = f'softphone_pbx_info{{{HERE},pbx="master",system="acme",location="x"}}'
HELD = f'softphone_registrations{{{HERE},fleet="",pbx="master",role="Home",location="x"}}'
WANTED = f'softphones{{{HERE},fleet="",state="Registered"}}'
WAITING = f'softphones{{{HERE},fleet="",state="Waiting"}}'
REACHABLE = f'softphone_pbx_reachable{{{HERE},pbx="master"}}'


def status(registered: str, replicas: str) -> Series:
    of = 'namespace="system",pod="op-0",fleet_namespace="calls",fleet="load"'
    told = {"registered": registered, "replicas": replicas}
    return {f'softphone_operator_fleet_phones{{{of},state="{state}"}}': values for state, values in told.items()}


PHONE, FLEET = '{namespace="calls", softphone="alice"}', '{namespace="calls", fleet="load"}'
PBX, OF_SYSTEM = '{namespace="calls", pbx="master"}', '{namespace="calls", system="acme"}'
NOTHING: dict[str, float] = {}

# Rounded to a tenth: before Prometheus 3 a quarter of an hour has 16 samples of a minute each, since then 15.
CASES: list[tuple[str, Series, int, str, dict[str, float]]] = [
    ("a phone that is always registered", {ALICE: "1x60"}, 30, recordings.PHONE_SHARE, {PHONE: 1.0}),
    ("three of fifteen minutes out", {ALICE: "1x20 0x2 1x40"}, 30, recordings.PHONE_SHARE, {PHONE: 0.8}),
    ("its agent is gone: it is not registered", {ALICE: "1x17 stale"}, 30, recordings.PHONE_SHARE, {PHONE: 0.2}),
    ("and after an hour it counts as deleted", {ALICE: "1x17 stale"}, 120, recordings.PHONE_SHARE, NOTHING),
    ("a suspended phone does not count", {ALICE: "0x60", SUSPENDED: "1x60"}, 30, recordings.PHONE_SHARE, NOTHING),
    ("over a month", {ALICE: "1x60 0x180"}, 240, recordings.PHONE_MONTH, {PHONE: 0.3}),
    ("a fleet, by its status", status("5x60", "10x60"), 30, recordings.FLEET_SHARE, {FLEET: 0.5}),
    ("a fleet over a month", status("5x60", "10x60"), 60, recordings.FLEET_MONTH, {FLEET: 0.5}),
    (
        "a system of which one of four phones is out",
        {SYSTEM: "1x60", HELD: "3x60", WANTED: "3x60", WAITING: "1x60"},
        30,
        recordings.SYSTEM_SHARE,
        {OF_SYSTEM: 0.8},
    ),
    (
        "a system of which no phone is registered anywhere",
        {SYSTEM: "1x60", WANTED: "0x60", WAITING: "4x60"},
        30,
        recordings.SYSTEM_MONTH,
        {OF_SYSTEM: 0.0},
    ),
    ("a PBX that is silent for a third", {REACHABLE: "1x15 0x4 1x40"}, 30, recordings.PBX_SHARE, {PBX: 0.7}),
    ("a PBX over a month", {REACHABLE: "1x60"}, 60, recordings.PBX_MONTH, {PBX: 1.0}),
    ("two phones at a PBX for an hour", {HELD: "2x60"}, 60, recordings.PBX_HELD_MONTH, {PBX: 2.0}),
]


def test_each_rule_has_a_case() -> None:
    tried = {name for _, _, _, name, _ in CASES}
    assert {rule.name for rule in recordings.RECORDINGS if rule.seldom} == tried | {recordings.PBX_HELD}


@pytest.mark.lab
def test_prometheus_finds_for_how_long_phones_were_registered(tmp_path: Path) -> None:
    tests: list[dict[str, Any]] = []
    for title, series, minute, name, found in CASES:
        for jobs in (("pods",), ("annotations", "podmonitor")):
            given = scraped_by(jobs, series)
            samples = [{"labels": labels, "value": value} for labels, value in found.items()]
            tests.append(
                {
                    "name": f"{title}, {len(jobs)} jobs",
                    "interval": "1m",
                    "input_series": [{"series": one, "values": values} for one, values in given.items()],
                    "promql_expr_test": [
                        {"expr": f"round({name}, 0.1)", "eval_time": f"{minute}m", "exp_samples": samples}
                    ],
                }
            )
    order = [group["name"] for group in rules.document()["groups"]]
    cases = tmp_path / "cases.yaml"
    document = {"rule_files": [str(files.RULES)], "evaluation_interval": "1m", "group_eval_order": order}
    cases.write_text(yaml.safe_dump({**document, "tests": tests}))
    promtool("test", "rules", cases)


def test_who_asks_for_the_last_month_is_known() -> None:
    seldom = {query.where for query in (*asked.of_rules(), *asked.of_dashboard(_board())) if query.is_seldom}
    assert seldom == {"rules", "softphone-availability"}


def _board() -> dict[str, Any]:
    board: dict[str, Any] = json.loads((files.BOARDS / "availability.json").read_text())
    return board
