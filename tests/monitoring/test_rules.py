"""Rules and alerts: whole, documented, fresh, and each fires when it must and only then."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import rule_cases
from softphone_monitoring import contract, files, rules

RUNBOOKS = contract.REPOSITORY / rules.RUNBOOKS
PAGE = contract.REPOSITORY / "docs" / "monitoring.md"
PARTS = ["## What it means", "## How to look", "## What to do"]

Labels = dict[str, str]


@dataclass(frozen=True)
class Matcher:
    """What Alertmanager asks of a label: `name = value`, `name != value` or `name =~ value`."""

    name: str
    operator: str
    value: str

    @classmethod
    def of(cls, text: str) -> Matcher:
        found = re.fullmatch(r'(\w+) (=~|!=|=) "?([^"]*)"?', text)
        assert found, text
        return cls(*found.groups())

    def holds(self, labels: Labels) -> bool:
        value = labels.get(self.name, "")
        if self.operator == "=~":
            return bool(re.fullmatch(self.value, value))
        return (value == self.value) is (self.operator == "=")


@dataclass(frozen=True)
class Inhibition:
    """One of the page's `inhibit_rules`, as Alertmanager understands it."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    @classmethod
    def of(cls, rule: dict[str, Any]) -> Inhibition:
        source, target = (tuple(map(Matcher.of, rule[f"{side}_matchers"])) for side in ("source", "target"))
        return cls(source, target, tuple(rule["equal"]))

    def __str__(self) -> str:
        return f"{self.source[0].value} mutes {self.target[0].value}"

    def has_source(self, labels: Labels) -> bool:
        return all(matcher.holds(labels) for matcher in self.source)

    def has_target(self, labels: Labels) -> bool:
        return all(matcher.holds(labels) for matcher in self.target)

    def mutes(self, target: Labels) -> Callable[[Labels], bool]:
        return lambda source: (
            self.has_source(source)
            and self.has_target(target)
            and all(source.get(name, "") == target.get(name, "") for name in self.equal)
        )


def _inhibitions() -> list[Inhibition]:
    block = "inhibit_rules:" + PAGE.read_text().partition("inhibit_rules:")[2].partition("\n\n")[0]
    return [Inhibition.of(rule) for rule in yaml.safe_load(block)["inhibit_rules"]]


def alert(name: str, **labels: str) -> Labels:
    return {"alertname": f"Softphone{name}", "namespace": "calls", **labels}


INHIBITIONS = _inhibitions()
FIRED = [{"alertname": case.alert, **case.labels} for case in rule_cases.CASES]
"""The labels that alerts have when they fire, as promtool found them."""


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
    names = {matcher.value for rule in INHIBITIONS for matcher in (*rule.source, *rule.target) if matcher.value}
    assert names
    assert {name for value in names for name in value.split("|")} <= {alert.name for alert in rules.ALERTS}


@pytest.mark.parametrize("rule", INHIBITIONS, ids=str)
def test_an_inhibition_goes_by_labels_that_both_alerts_have(rule: Inhibition) -> None:
    """Alertmanager takes two labels that are missing for equal: then one alert would mute all others."""
    sources = [labels for labels in FIRED if rule.has_source(labels)]
    assert sources
    assert all(source.get(name) for source in sources for name in rule.equal)
    for alert in {labels["alertname"] for labels in FIRED if rule.has_target(labels)}:
        muted = [labels for labels in FIRED if labels["alertname"] == alert and any(map(rule.mutes(labels), sources))]
        assert muted, alert
        assert all(labels.get(name) for labels in muted for name in rule.equal)


@pytest.mark.parametrize(
    ("source", "target", "muted"),
    [
        (alert("SystemDown", system="acme"), alert("PBXUnreachable", pbx="master", system="acme"), True),
        (alert("SystemDown", system="acme"), alert("PBXUnreachable", pbx="other", system="other"), False),
        (alert("SystemDown", system="acme"), alert("PBXUnreachable", pbx="lonely"), False),
        (alert("SystemDown", system="acme"), alert("Unregistered", softphone="alice", system="acme"), True),
        (alert("SystemDown", system="acme"), alert("Unregistered", softphone="bob", system="other"), False),
        (alert("SystemDown", system="acme"), alert("FleetRegisteredRatioLow", fleet="load"), False),
        (alert("PBXUnreachable", pbx="master", system="acme"), alert("sOnStandby", pbx="slave", system="acme"), True),
        (alert("PBXUnreachable", pbx="master", system="acme"), alert("sOnStandby", pbx="far", system="other"), False),
        (alert("PBXUnreachable", pbx="lonely"), alert("sOnStandby", pbx="lonely too"), False),
        (alert("PBXUnreachable", pbx="master", system="acme"), alert("sFlapping", pod="fleet-load-0"), False),
        (alert("AuthenticationFailing", pbx="master"), alert("Unregistered", softphone="bob", system="acme"), False),
        (alert("OperatorAbsent"), alert("MetricsAbsent", fleet="load"), False),
    ],
)
def test_who_mutes_whom(source: Labels, target: Labels, muted: bool) -> None:
    elsewhere = {**target, "namespace": "other"}
    assert [any(rule.mutes(of)(source) for rule in INHIBITIONS) for of in (target, elsewhere)] == [muted, False]


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
