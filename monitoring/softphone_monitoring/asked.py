"""Every query of dashboards and rules, with Grafana's variables filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from softphone_monitoring import rules

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_SELECTOR = re.compile(r"(?<![\w:])[a-zA-Z_][\w:]*{[^}]*}")
_ZERO = re.compile(r" or vector\(0\)")
_VALUES = re.compile(r"label_values\((.+), (\w+)\)\Z")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query and where it stands."""

    where: str
    """Dashboard or "rules"."""
    what: str
    """The panel's title, the variable's, annotation's or rule's name."""
    expr: str

    @property
    def is_seldom(self) -> bool:
        """Whether it asks for series that are calculated every quarter of an hour only."""
        return any(rule.name in self.expr for rule in rules.RECORDINGS if rule.seldom)


def of_dashboard(board: Mapping[str, Any]) -> Iterator[Asked]:
    """The queries of a dashboard's JSON: panels, variables, annotations."""
    name = board["uid"]
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield Asked(name, panel["title"], target["expr"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found = _VALUES.match(variable["query"])
            if not found:
                raise ValueError(f"{name}: the variable {variable['name']} is no label_values(series, label)")
            yield Asked(name, f"variable {variable['name']}", f"count by ({found[2]}) ({found[1]})")
    for annotation in board.get("annotations", {}).get("list", ()):
        yield Asked(name, f"annotation {annotation['name']}", annotation["expr"])


def of_rules() -> Iterator[Asked]:
    """Recording rules, and of alerts both what they measure and the condition."""
    for rule in rules.RECORDINGS:
        yield Asked("rules", rule.name, rule.expr)
    for alert in rules.ALERTS:
        yield Asked("rules", f"{alert.name}, measured", alert.measured)
        yield Asked("rules", alert.name, alert.expr)


def without_zero(expr: str) -> str:
    """The expression without the 0 that it shows where there is nothing: with that it always has an answer."""
    return _ZERO.sub("", expr)


def selectors(expr: str) -> tuple[str, ...]:
    """The series with matchers that an expression asks for. One that finds nothing may hide behind an `or`."""
    return tuple(dict.fromkeys(_SELECTOR.findall(expr)))


def variables(expr: str) -> frozenset[str]:
    """The variables in an expression."""
    return frozenset(_VARIABLE.findall(expr))


def filled(expr: str, values: Mapping[str, str]) -> str:
    """The expression with values in place of its variables; raises KeyError for one without."""
    return _VARIABLE.sub(lambda found: values[found[1]], expr)
