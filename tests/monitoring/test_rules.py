"""Rules and alerts: whole, documented, fresh, and each fires when it must and only then."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from monitoring import rule_cases
from softphone_monitoring import contract, files, rules

RUNBOOKS = contract.REPOSITORY / rules.RUNBOOKS
PAGE = contract.REPOSITORY / "docs" / "monitoring.md"
PARTS = ["## What it means", "## How to look", "## What to do"]


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_generated_files_are_fresh() -> None:
    for path, text in files.files().items():
        assert path.read_text() == text, f"{path} is stale: run make generate"


@pytest.mark.parametrize("alert", rules.ALERTS, ids=lambda alert: alert.name)
def test_an_alert_has_a_page_that_says_what_to_do(alert: rules.Alert) -> None:
    page = (RUNBOOKS / f"{alert.name}.md").read_text()
    assert page.startswith(f"# {alert.name}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == PARTS


def test_the_page_of_monitoring_lists_all_alerts() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    assert listed == [(alert.name, alert.name, alert.severity, alert.wait) for alert in rules.ALERTS]


def test_inhibitions_name_alerts_that_exist() -> None:
    inhibitions = PAGE.read_text().partition("inhibit_rules:")[2].partition("With several")[0]
    named = set(re.findall(r"Softphone\w+", inhibitions))
    assert named
    assert named <= {alert.name for alert in rules.ALERTS}


def test_there_is_no_page_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {alert.name for alert in rules.ALERTS}


def test_every_alert_has_series_that_fire_it_and_some_that_do_not() -> None:
    assert {case.alert for case in rule_cases.CASES} == {alert.name for alert in rules.ALERTS}
    assert all(re.fullmatch(r"[1-9]\d*m", alert.wait) for alert in rules.ALERTS)


def test_rules_ask_only_for_what_exists() -> None:
    known = {*contract.metrics(), *(rule.name for rule in rules.RECORDINGS), "up"}
    for rule in rules.RECORDINGS:
        assert contract.asked_for(rule.expr) <= known, rule.name
    for alert in rules.ALERTS:
        assert contract.asked_for(alert.expr) <= known, alert.name
        assert contract.asked_for(alert.measured) <= contract.asked_for(alert.expr), alert.name


@pytest.mark.lab
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(rules.RECORDINGS) + len(rules.ALERTS)} rules found" in promtool("check", "rules", files.RULES)


@pytest.mark.lab
def test_every_alert_fires_when_it_must_and_only_then(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(yaml.safe_dump(rule_cases.test_file(str(files.RULES))))
    promtool("test", "rules", cases)
