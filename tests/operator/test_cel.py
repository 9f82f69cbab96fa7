"""The CEL rules of the CRDs, evaluated by a CEL library over the same specs as the operator: both say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml

from softphone_operator.api.crd import RULES, crd
from softphone_operator.api.kinds import KINDS

DATA = Path(__file__).parent / "data"
CASES = sorted((DATA / "refused").glob("*.yaml"))
ACCEPTED = sorted((DATA / "agents").glob("*.input.yaml"))
# The same registrar by another name: only who knows the PBX objects can see it.
BEYOND_CEL = {"sec-same-address", "sec-same-registrar", "sec-same-uri"}


def with_defaults(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as the API server sees it when it evaluates the rules."""
    (found,) = [each for each in KINDS if each.name == kind]
    schema = crd(found)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    return defaults | spec


def broken(kind: str, spec: dict[str, Any]) -> Iterator[str]:
    """The messages of the rules that a spec breaks, each with the whole path of its field."""
    for path, rules in RULES[kind].items():
        place: Any = {"spec": with_defaults(kind, spec)}
        for name in path:
            place = place.get(name) if isinstance(place, dict) else None
        if place is None:
            continue
        for rule in rules:
            if not cel.evaluate(rule["rule"], {"self": place}):
                yield ".".join([*path[1:], rule["message"]])


def messages(kind: str) -> list[str]:
    return [".".join([*path[1:], r["message"]]) for path, found in RULES[kind].items() for r in found]


def subject(case: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind and the spec of a case."""
    kinds = {kind.singular.removeprefix("softphone") or kind.singular: kind.name for kind in KINDS}
    (name,) = kinds.keys() & set(case)
    return kinds[name], case[name]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rules_and_the_operator_agree_about_a_wrong_spec(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    kind, spec = subject(case)
    by_rules = set(broken(kind, spec))
    by_operator = {message for message in messages(kind) if message in case["message"]}
    assert by_rules == (set() if path.stem in BEYOND_CEL else by_operator)


@pytest.mark.parametrize("kind", RULES)
def test_each_rule_is_broken_by_some_case(kind: str) -> None:
    subjects = [subject(yaml.safe_load(path.read_text())) for path in CASES]
    told = {message for of, spec in subjects if of == kind for message in broken(kind, spec)}
    assert told == set(messages(kind))


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_the_rules_let_through_what_the_operator_accepts(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    assert list(broken("Softphone", case["spec"] if "spec" in case else case["softphone"])) == []


def test_there_are_forty_wrong_specs() -> None:
    assert len(CASES) >= 40
